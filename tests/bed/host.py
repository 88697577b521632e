"""One host of the lab: a Debian with systemd as pid 1 in namespaces of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.bed.cgroup import Cgroup
from tests.bed.network import Network
from tests.bed.process import BedError, descendants, run, until
from tests.bed.root import ACCOUNTS

BOOT = Path(__file__).with_name("boot.sh")
BOOT_LIMIT_S = 300.0
ENTER = ["--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup", "--time"]
CLEAN = ["env", "-i", "HOME=/root", "LANG=C.UTF-8", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"]
BOUNDED = ["setpriv", "--bounding-set=-sys_time,-sys_module", "--"]
"""Nothing inside a host, however started, may set the real machine's clock or load modules (boot.sh does the same)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSpec:
    """
    What a test wants of a host.

    services: units enabled besides sshd, as in `("postgresql",)` or `("mariadb",)`; the host counts as up when
    they are active. packages: toy packages of the lab's repository, installed in version v1 (`bed-held` is then held).
    """

    name: str
    services: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()


class Host:
    """A running (or switched off) host. Made by Lab; use its methods from any thread."""

    def __init__(
        self, *, spec: HostSpec, number: int, root: Path, folder: Path, cgroup: Cgroup, network: Network
    ) -> None:
        self.spec = spec
        self.name = spec.name
        self.number = number
        self.address = network.address(number)
        self.network = network
        self.folder = folder
        self.cgroup = cgroup
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None
        self._boot_ids: list[str] = []
        self._init: tuple[int, int] | None = None
        self._last_exit: int | None = None
        self._stopping = False  # no event: a Ctrl-C in the middle of its lock would leave that taken

    # -- identity ------------------------------------------------------------------------------------------------

    def prepare(self, *, authorized_key: str, hosts_file: str) -> None:
        """Write what makes it itself (name, machine id, host key, logins, services) before its first boot."""
        for part in ("upper", "work", "merged"):
            (self.folder / part).mkdir(parents=True)
        self.write("/etc/hostname", f"{self.name}\n")
        self.write("/etc/hosts", hosts_file)
        self.write("/etc/machine-id", f"{uuid.uuid4().hex}\n", mode=0o444)
        self.new_host_key()
        for account, uid in ACCOUNTS.items():
            self.write(f"/home/{account}/.ssh/authorized_keys", authorized_key, mode=0o600, owner=uid)
        for service in self.spec.services:
            wanted = self.folder / "upper/etc/systemd/system/multi-user.target.wants"
            wanted.mkdir(parents=True, exist_ok=True)
            (wanted / f"{service}.service").symlink_to(f"/lib/systemd/system/{service}.service")

    def write(self, path: str, text: str, *, mode: int = 0o644, owner: int = 0) -> None:
        """
        Write a file of the host while it is off (while it is on, use exec).

        Folders above that the file's owner has in the root keep their mode and owner.
        """
        upper = self.folder / "upper"
        below = Path(path.lstrip("/"))
        for folder in reversed(below.parents[:-1]):
            target, model = upper / folder, self._root / folder
            if not target.exists():
                target.mkdir()
                if model.exists():
                    shutil.copystat(model, target)
                    os.chown(target, model.stat().st_uid, model.stat().st_gid)
        file = upper / below
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)
        os.chown(file, owner, owner)

    def new_host_key(self) -> None:
        """Make a new ed25519 host key; sshd uses it from the next boot on (faults.new_host_key restarts it too)."""
        key = self.folder / "host_key"
        for file in (key, key.with_suffix(".pub")):
            file.unlink(missing_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", self.name, "-f", str(key)])
        if not self.on:
            self.write("/etc/ssh/ssh_host_ed25519_key", key.read_text(encoding="utf-8"), mode=0o600)
            self.write("/etc/ssh/ssh_host_ed25519_key.pub", self.host_key + "\n")

    @property
    def host_key(self) -> str:
        """The public host key, as in `ssh-ed25519 AAAA...`."""
        return " ".join((self.folder / "host_key.pub").read_text(encoding="utf-8").split()[:2])

    # -- power ---------------------------------------------------------------------------------------------------

    @property
    def on(self) -> bool:
        """Is it switched on (booting, up or going down)?"""
        return self._thread is not None and self._thread.is_alive()

    @property
    def boot_ids(self) -> tuple[str, ...]:
        """Boot id of every boot so far, newest last."""
        return tuple(self._boot_ids)

    def power_on(self) -> None:
        """Start it; returns at once (see wait_ready). It boots again by itself whenever it reboots itself."""
        if self.on:
            raise BedError(f"{self.name} is on already")
        self._stopping = False
        self._thread = threading.Thread(target=self._supervise, name=f"bed-{self.name}", daemon=True)
        self._thread.start()

    def power_off(self) -> None:
        """Pull the power cord: silence on the wire, then every process is gone at once. Returns when it is so."""
        self._stopping = True
        thread = self._thread
        if thread is None or not thread.is_alive():
            return
        with contextlib.suppress(BedError):
            self.network.link(self.number, up=False)
        until(f"{self.name}: without power", lambda: self._killed(thread))

    def _killed(self, thread: threading.Thread) -> bool:
        """Kill all of it once more (a boot may just have begun); is its supervision over?"""
        self.cgroup.kill()
        thread.join(timeout=0.2)
        return not thread.is_alive()

    def _supervise(self) -> None:
        """Boot until the host switches itself off (SIGINT ends its pid 1) or is killed; SIGHUP means: it rebooted."""
        while not self._stopping:
            self.network.attach(self.number)
            for part in ("machine", "outside"):
                self.cgroup.child(part).make()
            self._boot_ids.append(str(uuid.uuid4()))
            with (self.folder / "boot.log").open("ab") as log:
                self._process = subprocess.Popen(
                    self._boot_argv(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            self._last_exit = self._process.wait()
            self.cgroup.kill()
            self.network.detach(self.number)
            if self._last_exit != -signal.SIGHUP:
                break

    def _boot_argv(self) -> list[str]:
        """The command that boots the host: uptime from 0, own namespaces, boot.sh as pid 1."""
        age_s = {clock: str(-int(time.clock_gettime(clock))) for clock in (time.CLOCK_BOOTTIME, time.CLOCK_MONOTONIC)}
        clocks = [
            "--time",
            "--boottime",
            age_s[time.CLOCK_BOOTTIME],
            "--monotonic",
            age_s[time.CLOCK_MONOTONIC],
        ]
        space = ["--pid", "--mount", "--uts", "--ipc", *clocks]
        unshare = ["unshare", "--fork", "--kill-child", *space, "--", "sh", str(BOOT)]
        world = [
            str(self._root),
            str(self.folder),
            str(self.cgroup.child("machine").path),
            self.name,
            self._boot_ids[-1],
        ]
        enter = ["nsenter", f"--net=/run/netns/{self.network.namespace(self.number)}", "--"]
        return self.cgroup.child("outside").wrap([*enter, *unshare, *world])

    # -- looking inside ------------------------------------------------------------------------------------------

    @property
    def init_pid(self) -> int | None:
        """
        Pid, on the machine, of the host's pid 1; None when it is off, or not systemd yet.

        Before that it may still stand in the machine's own file system, where nobody must run anything.
        """
        process = self._process
        if process is None or process.returncode is not None:
            return None
        if self._init is None or self._init[0] != process.pid:
            child = next(iter(descendants(process.pid)), None)
            if child is None or _name(child) != "systemd":
                return None
            self._init = (process.pid, child)
        return self._init[1]

    def command(self, command: str | Sequence[str]) -> list[str]:
        """The machine's command line that runs this inside the host as root; a str is for the host's sh."""
        pid = self.init_pid
        if pid is None:
            raise BedError(f"{self.name} is off (its pid 1 ended with {self._last_exit})\n{self.log()}")
        inner = ["/bin/sh", "-c", command] if isinstance(command, str) else list(command)
        enter = ["nsenter", "--target", str(pid), *ENTER, "--"]
        return self.cgroup.child("outside").wrap([*enter, *BOUNDED, *CLEAN, *inner])

    def exec(
        self, command: str | Sequence[str], *, check: bool = True, timeout_s: float = 600.0, stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run something as root inside the host, not over the network. Raises BedError if it fails and check."""
        return run(self.command(command), check=check, timeout_s=timeout_s, stdin=stdin, cwd=Path("/"))

    def listens(self, port: int) -> bool:
        """Does anything in the host listen on this TCP port (read from the kernel's table, no connection made)?"""
        pid = self.init_pid
        if pid is None:
            return False
        rows: list[str] = []
        for table in ("tcp", "tcp6"):
            with contextlib.suppress(OSError):
                rows += Path(f"/proc/{pid}/net/{table}").read_text(encoding="utf-8").splitlines()[1:]
        fields = [row.split() for row in rows]
        return any(row[3] == "0A" and row[1].endswith(f":{port:04X}") for row in fields)

    def wait_ready(self, *, limit_s: float = BOOT_LIMIT_S) -> None:
        """Wait until sshd listens, systemd has booted and the wanted services are active. Raises BedError with logs."""
        end = time.monotonic() + limit_s
        try:
            until(f"{self.name}: sshd listens", lambda: self.listens(22) or self._fail_if_off(), limit_s=limit_s)
            until(f"{self.name}: booted", self._booted, limit_s=max(0.1, end - time.monotonic()), every_s=0.1)
        except BedError as error:
            raise BedError(f"{error}\n{self.log()}") from error

    def wait_rebooted(self, boot_id: str, *, limit_s: float = BOOT_LIMIT_S) -> None:
        """Wait until the host is up again with another boot id than this one."""
        until(f"{self.name}: boots again", lambda: self._boot_ids[-1:] != [boot_id], limit_s=limit_s)
        self.wait_ready(limit_s=limit_s)

    def log(self, lines: int = 60) -> str:
        """The end of the boot log and of the journal, also of a host that is off."""
        boot = self.folder / "boot.log"
        said = boot.read_text(encoding="utf-8", errors="replace")[-2000:] if boot.exists() else ""
        journal = self.folder / "upper/var/log/journal"
        read = ["journalctl", "--no-pager", "-q", "-n", str(lines), "-D", str(journal)]
        told = run(read, check=False).stdout if journal.exists() and shutil.which("journalctl") else ""
        return f"--- {self.name}: boot log\n{said}\n--- {self.name}: journal\n{told}"

    def _booted(self) -> bool:
        told = self.exec(["systemctl", "is-system-running"], check=False).stdout.strip()
        if told not in ("running", "degraded"):
            return False
        if not self.spec.services:
            return True
        return self.exec(["systemctl", "is-active", "--quiet", *self.spec.services], check=False).returncode == 0

    def _fail_if_off(self) -> bool:
        if not self.on:
            raise BedError(f"{self.name} is off: its pid 1 ended with {self._last_exit}")
        return False


def _name(pid: int) -> str:
    """Name of a process; empty when it is gone."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    except OSError:
        return ""
