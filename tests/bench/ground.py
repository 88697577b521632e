"""Where it is measured: a loopback sshd under an ordinary account, folders for each tool, and files that count."""

from __future__ import annotations

import compileall
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bed.proxy import Proxy
from tests.bed.sshd import LoopbackSshd, account

ADDRESSES = 16
"""sshd listens on no more; with more hosts an address stands for several of them."""

MEMORY = Path("/dev/shm")
"""
Here is the spool of all "hosts". On one disk, file systems that keep deleted inodes back for a while (ext4 does) make
every run slower than the one before: each of real hosts has a disk of its own, and one run at a time.
"""

RAWAT = Path(sys.executable).with_name("rawat")
OURS = Path(__file__).parents[2] / "runner"


class CountedWrongly(Exception):
    """A tool did not do what it was measured for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    folder: Path
    server: LoopbackSshd

    def address(self, number: int) -> str:
        """Of host 1, 2, 3 and so on."""
        return f"127.0.0.{(number - 1) % ADDRESSES + 1}"

    def counters(self, name: str) -> Counters:
        folder = self.folder / "counters" / name
        folder.mkdir(parents=True)
        folder.chmod(0o777)
        return Counters(folder)

    def project(self, name: str, *, hosts: int, steps: list[str], proxy: Proxy | None = None) -> Path:
        """A folder in which `rawat run p.yml` runs the shell lines on so many hosts, all at once."""
        folder = self.folder / "rawat" / name
        folder.mkdir(parents=True)
        lines = ["rawat: 1", "hosts:"]
        for number in range(1, hosts + 1):
            address, port = (proxy.host, proxy.port) if proxy else (self.address(number), self.server.port)
            lines.append(
                f"  h{number}: {{address: {address}, port: {port}, user: {self.server.user}, "
                f"identity_file: {self.server.key}}}"
            )
        (folder / "inventory.yml").write_text("\n".join(lines) + "\n", encoding="utf-8")
        (folder / "rawat.yml").write_text(
            f"rawat: 1\nssh_config: /dev/null\nknown_hosts: [{self.server.known_hosts}]\n"
            "policy: {same_machine: allow}\n",
            encoding="utf-8",
        )
        head = "rawat: 1\nname: bench\nkind: other\nhosts: all\nrollout: {parallel: 1000}\nphases:\n  implement:\n"
        body = "".join(f"    - {{id: s{number}, command: '{line}'}}\n" for number, line in enumerate(steps, 1))
        (folder / "p.yml").write_text(head + body, encoding="utf-8")
        return folder


class Counters:
    """Every step of every tool appends one byte to the file of its connection; there is one connection per host."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.line = f'printf . >>"{folder}/$SSH_CONNECTION"'

    def check(self, tool: str, *, hosts: int, steps: int) -> None:
        """Raises CountedWrongly; begins again at zero otherwise."""
        files = list(self._folder.iterdir())
        found = sorted(file.stat().st_size for file in files)
        if found != [steps] * hosts:
            raise CountedWrongly(f"{tool}: {hosts} hosts with {steps} steps each should be counted; found {found}")
        for file in files:
            file.unlink()


@contextmanager
def ground() -> Iterator[Ground]:
    """All of it in one temporary folder that is gone afterwards; our modules compiled, as those of the peers are."""
    compileall.compile_dir(OURS, quiet=1)
    with TemporaryDirectory(prefix="rawat-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        addresses = [f"127.0.0.{number}" for number in range(1, ADDRESSES + 1)]
        login = account() if os.geteuid() == 0 else None
        options = ("MaxStartups 1000:1:1000", "MaxSessions 100")
        with (
            TemporaryDirectory(prefix="rawat-bench-", dir=MEMORY if MEMORY.is_dir() else None) as spool,
            LoopbackSshd(
                folder / "sshd",
                addresses=addresses,
                account=login,
                options=options,
                environment=(f"RAWAT_SPOOL={spool}/spool",),
            ) as server,
        ):
            Path(spool).chmod(0o1777)
            yield Ground(folder=folder, server=server)
