"""A lab: some hosts on a bridge of their own, the logins to reach them, and everything cleaned up afterwards."""

from __future__ import annotations

import atexit
import fcntl
import itertools
import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.bed import packages, root
from tests.bed.cgroup import Cgroup, hierarchy
from tests.bed.host import Host, HostSpec
from tests.bed.network import GATEWAY, MOST_HOSTS, Network
from tests.bed.process import BedError, alive, process_stat, run
from tests.bed.repository import Repository

_PLAIN_APT = "echo 'Dir::Etc::Parts \"/none\";' >/run/bed/apt.conf; export APT_CONFIG=/run/bed/apt.conf"
"""Without what hosts have around each upgrade, needrestart and debconf: a fifth of the time, for packages we know."""
INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
_numbers = itertools.count()


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How the runner reaches one host of the lab."""

    name: str
    address: str
    port: int
    user: str
    key: Path
    known_hosts: Path


class Lab:
    """
    Hosts that run for as long as this object is open; several labs may be open at once, in any process.

        with Lab.start([HostSpec(name="pg", services=("postgresql",)), HostSpec(name="plain")]) as lab:
            lab.host("pg").exec("runuser -u postgres -- psql -c 'select 1'")
            subprocess.run(lab.command(["rawat", "run", ...]))
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.folder = labs() / name
        self.network = Network(lab=name)
        self.cgroup = Cgroup(path=hierarchy() / f"rawat-bed-{name}")
        self.key = self.folder / "client_key"
        self.known_hosts = self.folder / "known_hosts"
        self.repository = Repository(folder=self.folder / "repository", lab_command=self._in_cgroup)
        self.hosts: dict[str, Host] = {}

    @classmethod
    def start(cls, specs: Sequence[HostSpec]) -> Lab:
        """
        Build what is missing, boot all hosts, and return when they are ready.

        What a killed run left behind is removed first. On any failure, Ctrl-C included, nothing is left.
        Raises BedError with the logs of the host that did not come up.
        """
        root.need_root_user()
        if len(specs) > MOST_HOSTS or len({spec.name for spec in specs}) != len(specs):
            raise BedError(f"a lab has up to {MOST_HOSTS} hosts, each with its own name")
        packages.ensure(packages.LAB)
        base = root.build()
        Repository.build()
        lab = cls(f"rb{os.getpid()}x{next(_numbers)}")
        with ExitStack() as undo:
            undo.callback(lab.stop)
            atexit.register(lab.stop)
            with _exclusive():
                _sweep()
                lab._claim(len(specs))
            lab._boot(specs, base)
            undo.pop_all()
        return lab

    def _claim(self, hosts: int) -> None:
        """Write down whose lab this is, before anything of it exists."""
        self.folder.mkdir(parents=True)
        stat = process_stat(os.getpid())
        (self.folder / "owner").write_text(f"{os.getpid()} {stat[2] if stat else 0}\n", encoding="utf-8")
        _raise_inotify(hosts)

    def _boot(self, specs: Sequence[HostSpec], base: Path) -> None:
        self.cgroup.make()
        self.network.create()
        self.repository.start()
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", str(self.key)])
        names = [f"{self.network.address(number)} {spec.name}" for number, spec in enumerate(specs)]
        hosts_file = "\n".join(["127.0.0.1 localhost", "::1 localhost", f"{GATEWAY} gateway", *names]) + "\n"
        for number, spec in enumerate(specs):
            host = Host(
                spec=spec,
                number=number,
                root=base,
                folder=self.folder / "hosts" / spec.name,
                cgroup=self.cgroup.child(spec.name),
                network=self.network,
            )
            host.prepare(authorized_key=self.public_key, hosts_file=hosts_file)
            self.hosts[spec.name] = host
            host.power_on()
        self.write_known_hosts()
        pool = ThreadPoolExecutor(4)
        try:
            list(pool.map(_ready, self.hosts.values()))
        finally:  # whoever still waits for a host learns that it is off
            pool.shutdown(wait=False, cancel_futures=True)

    # -- use -----------------------------------------------------------------------------------------------------

    @property
    def public_key(self) -> str:
        """The client's public key, one line."""
        return self.key.with_suffix(".pub").read_text(encoding="utf-8")

    def host(self, name: str) -> Host:
        """The host of that name."""
        return self.hosts[name]

    def command(self, argv: Sequence[str]) -> list[str]:
        """The command line that runs argv inside the lab's network, as the tests run the product."""
        return self.network.command(list(argv))

    def run(
        self, argv: Sequence[str], *, check: bool = True, timeout_s: float = 600.0
    ) -> subprocess.CompletedProcess[str]:
        """Run argv inside the lab's network to its end. Raises BedError when it fails, unless check is False."""
        return run(self.command(argv), check=check, timeout_s=timeout_s)

    def inventory(self, user: str = "maint") -> tuple[Login, ...]:
        """How to reach each host as this user (`maint`, `maintpw`, `nosudo`), in the order they were asked for."""
        return tuple(
            Login(
                name=host.name,
                address=host.address,
                port=22,
                user=user,
                key=self.key,
                known_hosts=self.known_hosts,
            )
            for host in self.hosts.values()
        )

    def ssh(
        self, host: str, command: str, *, user: str = "maint", check: bool = False
    ) -> subprocess.CompletedProcess[str]:
        """Run a command on a host with OpenSSH's own client, host key checking strict."""
        options = [
            "-F",
            "none",
            "-i",
            str(self.key),
            "-o",
            "BatchMode=yes",
            "-o",
            "StrictHostKeyChecking=yes",
        ]
        options += ["-o", f"UserKnownHostsFile={self.known_hosts}", "-o", "ConnectTimeout=60"]
        return self.run(["ssh", *options, f"{user}@{self.host(host).address}", command], check=check)

    def write_known_hosts(self) -> None:
        """(Re)write the known_hosts file from the hosts' present keys."""
        lines = [f"{host.name},{host.address} {host.host_key}\n" for host in self.hosts.values()]
        self.known_hosts.write_text("".join(lines), encoding="utf-8")

    def _in_cgroup(self, argv: list[str]) -> list[str]:
        return self.cgroup.child("repository").make().wrap(self.network.command(argv))

    # -- end -----------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Switch all off and remove every trace; may be called twice."""
        atexit.unregister(self.stop)
        for host in self.hosts.values():
            host.power_off()
        self.repository.stop()
        with _exclusive():
            remove(self.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _ready(host: Host) -> None:
    """Wait until it has booted, and give it its packages."""
    host.wait_ready()
    if host.spec.packages:
        words = shlex.join(host.spec.packages)
        host.exec(f"{_PLAIN_APT}; apt-get -qq update && apt-get -y -qq install {words}")
    if "bed-held" in host.spec.packages:
        host.exec("apt-mark hold bed-held")


def labs() -> Path:
    """Folder with one entry per lab that is running, or was left behind."""
    return root.cache() / "labs"


def leftovers() -> tuple[str, ...]:
    """Names of labs whose process is gone."""
    gone: list[str] = []
    for folder in sorted(labs().glob("rb*")):
        words: list[str] = []
        with suppress(FileNotFoundError):  # another process may be removing it at this moment
            words = (folder / "owner").read_text(encoding="utf-8").split()
        if len(words) != 2 or not alive(int(words[0]), int(words[1])):
            gone.append(folder.name)
    return tuple(gone)


def sweep() -> tuple[str, ...]:
    """Remove the labs that killed runs left behind; returns their names. Root only."""
    with _exclusive():
        return _sweep()


def _sweep() -> tuple[str, ...]:
    gone = leftovers()
    for name in gone:
        remove(name)
    return gone


def remove(name: str) -> None:
    """Remove a lab by its name alone: processes, namespaces, cgroups, files; after the last, the raised limit too."""
    cgroup = Cgroup(path=hierarchy() / f"rawat-bed-{name}")
    cgroup.kill()
    Network(lab=name).remove()
    cgroup.remove()
    shutil.rmtree(labs() / name, ignore_errors=True)
    before = labs() / "inotify-before"
    if before.exists() and not any(labs().glob("rb*")):
        INOTIFY.write_text(before.read_text(encoding="utf-8"), encoding="utf-8")
        before.unlink()


def _raise_inotify(hosts: int) -> None:
    """Each host's systemd needs some inotify instances; remember the machine's own limit, to put it back."""
    now, wanted = int(INOTIFY.read_text(encoding="utf-8")), 256 + 16 * hosts
    before = labs() / "inotify-before"
    if now < wanted:
        if not before.exists():
            before.write_text(f"{now}\n", encoding="utf-8")
        INOTIFY.write_text(f"{wanted}\n", encoding="utf-8")


@contextmanager
def _exclusive() -> Iterator[None]:
    """One process at a time makes, sweeps or removes labs."""
    labs().mkdir(parents=True, exist_ok=True)
    with (labs() / ".lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
