"""A project on disk and the command line as a person uses it: argv in; exit code, stdout and stderr out."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bed.sshd import LoopbackSshd
from tests.records import shown

RAWAT = (sys.executable, "-m", "runner")
PATIENT = "connect_timeout: 60s\n"
"""A machine that stands still for a while is no host that does not answer."""
HEAD = "rawat: 1\nname: t\nkind: other\nhosts: all\n"


@dataclass(frozen=True, kw_only=True)
class Said:
    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


class Project:
    """A folder with rawat.yml and an inventory of hosts on one loopback sshd, or of the local transport."""

    def __init__(self, folder: Path, sshd: LoopbackSshd | None = None, *, hosts: int = 1) -> None:
        self.folder = folder
        self.sshd = sshd
        folder.mkdir(parents=True, exist_ok=True)
        self.environment = {**os.environ, "RAWAT_SPOOL": str(folder / "spool"), "TERM": "dumb", "COLUMNS": "100"}
        (folder / "spool").mkdir(mode=0o700, exist_ok=True)
        known = f"known_hosts: [{sshd.known_hosts}]\n" if sshd else ""
        self.write(
            "rawat.yml",
            f"rawat: 1\nssh_config: /dev/null\n{known}policy: {{same_machine: allow}}\n{PATIENT}",
        )
        lines = ["rawat: 1", "hosts:"]
        for number in range(1, hosts + 1):
            how = "transport: local"
            if sshd:
                address = sshd.addresses[(number - 1) % len(sshd.addresses)]
                how = f"address: {address}, port: {sshd.port}, user: {sshd.user}, identity_file: {sshd.key}"
            lines.append(f"  h{number}: {{{how}, vars: {{n: {number}}}}}")
        self.write("inventory.yml", "\n".join(lines) + "\n")

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    def playbook(self, text: str, *, name: str = "p.yml", head: str = HEAD) -> str:
        self.write(name, head + text)
        return name

    def rawat(self, *words: str, environment: Mapping[str, str] | None = None, before: Sequence[str] = ()) -> Said:
        done = subprocess.run(
            [*before, *RAWAT, *words],
            cwd=self.folder,
            env={**self.environment, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        return Said(code=done.returncode, out=done.stdout, err=done.stderr)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """The command line in the background, in a process group of its own."""
        return subprocess.Popen(
            [*RAWAT, *words],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def record(self, run: str = "last") -> dict[str, Any]:
        return shown(self.folder, self.environment, run)


def wait_for(path: Path, process: subprocess.Popen[str], *, seconds: float = 240.0) -> None:
    """Until a file is there; fails where the process ends before."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if path.exists():
            return
        assert process.poll() is None, process.communicate()
        pause.wait(0.05)
    process.send_signal(signal.SIGKILL)
    raise AssertionError(f"{path} did not come; {process.communicate()}")
