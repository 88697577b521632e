"""OpenSSH's own server on loopback addresses, run by any user: the real protocol without a real host."""

from __future__ import annotations

import contextlib
import getpass
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.bed import packages
from tests.bed.process import BedError, descendants, end, process_stat, run, until

ACCOUNT = "rawatbed"
"""An ordinary account with a plain shell and an empty home, for logins that are not root's (made by `account`)."""

TRIES = 5


class LoopbackSshd:
    """
    One sshd, up when the constructor returns; a context manager.

    folder: an empty or new folder for keys, configuration and log. addresses: of 127.0.0.0/8, all on one port;
    many of them look like many hosts. options: further sshd_config lines, which win over the bed's own, as in
    `("MaxSessions 1",)`. environment: `NAME=value` of what is run here. account: whom the client logs in as, the
    current user if not given; another one needs root. Who runs the tests gets an empty home there: start-up files of a
    developer may take long, or wait for each other, and one that was killed may leave its lock behind. Raises BedError,
    with sshd's log, when it does not come up.
    """

    def __init__(
        self,
        folder: Path,
        *,
        addresses: Sequence[str] = ("127.0.0.1",),
        options: Sequence[str] = (),
        environment: Sequence[str] = (),
        account: str | None = None,
    ) -> None:
        packages.ensure(packages.LOOPBACK)
        self.folder = folder
        self.addresses = tuple(addresses)
        self.address = self.addresses[0]
        self.user = account or getpass.getuser()
        self.port = 0
        self.key = folder / "client_key"
        self.known_hosts = folder / "known_hosts"
        self.log = folder / "sshd.log"
        self._options = tuple(options)
        self._environment = tuple(environment)
        if account in (None, getpass.getuser()) and not any(word.startswith("HOME=") for word in environment):
            self._environment += (f"HOME={folder / 'home'}",)
        self._token = f"RAWAT_BED={secrets.token_hex(8)}"
        self._process: subprocess.Popen[bytes] | None = None
        if account not in (None, getpass.getuser()) and os.geteuid() != 0:
            raise BedError(f"only root's sshd can log in as {account}")
        (folder / "home").mkdir(parents=True, exist_ok=True)
        self._make_key("host_key")
        self._make_key("client_key")
        self._start()

    # -- use -----------------------------------------------------------------------------------------------------

    @property
    def host_key(self) -> str:
        """The public host key, as in `ssh-ed25519 AAAA...`."""
        return " ".join((self.folder / "host_key.pub").read_text(encoding="utf-8").split()[:2])

    @property
    def fingerprint(self) -> str:
        """The host key's fingerprint, as in `SHA256:...`."""
        return run(["ssh-keygen", "-lf", str(self.folder / "host_key.pub")]).stdout.split()[1]

    def ssh_argv(self, *command: str, address: str | None = None, port: int | None = None) -> list[str]:
        """The command line of OpenSSH's own client, with strict checking of the host key and no prompt."""
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
        options += [
            "-o",
            f"UserKnownHostsFile={self.known_hosts}",
            "-o",
            "ConnectTimeout=60",
            "-p",
            str(port or self.port),
        ]
        return ["ssh", *options, f"{self.user}@{address or self.address}", *command]

    def trust(self, address: str, port: int) -> None:
        """Let known_hosts know this server under another address too, as that of a proxy before it."""
        with self.known_hosts.open("a", encoding="utf-8") as file:
            file.write(f"[{address}]:{port} {self.host_key}\n")

    def sessions(self) -> int:
        """How many connections it serves at this moment."""
        return sum(self._parent(pid) == self._listener for pid in descendants(self._listener))

    def kill_sessions(self) -> int:
        """SIGKILL to the sshd processes of every connection, not to their commands; returns how many connections."""
        served = self.sessions()
        killed = {pid for pid in descendants(self._listener) if _name(pid).startswith("sshd")}
        for pid in killed:
            _kill(pid)
        until("the sessions are gone", lambda: not killed & set(descendants(self._listener)))
        return served

    def new_host_key(self, *, trusted: bool = False) -> None:
        """Change the host key under running sessions; known_hosts follows only when trusted."""
        self._make_key("host_key")
        os.kill(self._listener, signal.SIGHUP)
        scan = ["ssh-keyscan", "-T", "10", "-t", "ed25519", "-p", str(self.port), self.address]
        until("sshd shows its new host key", lambda: self.host_key in run(scan, check=False).stdout)
        if trusted:
            self._write_known_hosts()

    def stop(self) -> None:
        """End it, its sessions, and whatever they left running; may be called twice."""
        process, self._process = self._process, None
        if process is None:
            return
        below = descendants(process.pid)
        end(process)
        for pid in {*below, *_marked(self._token)}:
            _kill(pid)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- making it -----------------------------------------------------------------------------------------------

    @property
    def _listener(self) -> int:
        if self._process is None:
            raise BedError("this sshd was stopped")
        return self._process.pid

    @staticmethod
    def _parent(pid: int) -> int | None:
        stat = process_stat(pid)
        return None if stat is None or stat[0] in "ZX" else stat[1]

    def _make_key(self, name: str) -> None:
        key = self.folder / name
        for file in (key, key.with_suffix(".pub")):
            file.unlink(missing_ok=True)
        run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)])

    def _write_known_hosts(self) -> None:
        lines = [f"[{address}]:{self.port} {self.host_key}\n" for address in self.addresses]
        self.known_hosts.write_text("".join(lines), encoding="utf-8")

    def _configuration(self) -> str:
        keys = self.folder / "client_key.pub"
        if os.geteuid() == 0:  # another account may not read our folder; root's `cat` may
            authorized = (
                f"AuthorizedKeysFile none\nAuthorizedKeysCommand /bin/cat {keys}\nAuthorizedKeysCommandUser root\n"
            )
        else:
            authorized = f"AuthorizedKeysFile {keys}\n"
        extra = "".join(f"{line}\n" for line in self._options)
        listen = "".join(f"ListenAddress {address}:{self.port}\n" for address in self.addresses)
        # of most options the first line counts, of MaxStartups the last
        return (
            f"MaxStartups 200:30:400\n{extra}{listen}{authorized}"
            f"HostKey {self.folder / 'host_key'}\nPidFile none\nUsePAM no\nStrictModes no\n"
            "PasswordAuthentication no\nKbdInteractiveAuthentication no\nPermitRootLogin yes\nUseDNS no\nPrintMotd no\n"
            "PrintLastLog no\nLogLevel VERBOSE\nSubsystem sftp internal-sftp\n"
            f"SetEnv {' '.join((self._token, *self._environment))}\n"
        )

    def _start(self) -> None:
        program = shutil.which("sshd") or "/usr/sbin/sshd"  # needs its absolute path to restart itself
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        for _ in range(TRIES):  # between finding a free port and listening, somebody else may take it
            self.port = free_port(self.address)
            file = self.folder / "sshd_config"
            file.write_text(self._configuration(), encoding="utf-8")
            argv = [program, "-D", "-f", str(file), "-E", str(self.log)]
            null = subprocess.DEVNULL
            self.log.unlink(missing_ok=True)  # what an earlier try said
            self._process = process = subprocess.Popen(
                argv, stdin=null, stdout=null, stderr=null, start_new_session=True
            )
            with contextlib.suppress(BedError):
                until("sshd listens", lambda: process.poll() is not None or self._settled())  # noqa: B023
            if process.poll() is None and self._listens():
                self._write_known_hosts()
                return
            end(process)
        self._process = None
        raise BedError(f"sshd did not start\n{self._said()[-2000:]}")

    def _said(self) -> str:
        return self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""

    def _listens(self) -> bool:
        """At every address, as it says itself: whoever greets there may be another, who was faster."""
        said = self._said()
        return all(f"Server listening on {address} port {self.port}." in said for address in self.addresses)

    def _settled(self) -> bool:
        """Where one address is taken it goes on with the others."""
        return self._listens() or f"Bind to port {self.port} on" in self._said()


def account(shell: str = "/bin/bash") -> str:
    """Name of the bed's ordinary account with this login shell, made when it is not there. Root only."""
    name = ACCOUNT if shell == "/bin/bash" else f"{ACCOUNT}-{Path(shell).name}"
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(name).pw_name
    if os.geteuid() != 0:
        raise BedError(f"only root can make the account {name}")
    home = ["--create-home", "--skel", "/nonexistent", "--home-dir", f"/var/lib/{name}"]
    run(["useradd", "--system", *home, "--shell", shell, "--password", "*", name])
    return name


def free_port(address: str = "127.0.0.1") -> int:
    """A TCP port on which nobody listened a moment ago."""
    with socket.socket() as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])


def _name(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
    return ""


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _marked(token: str) -> list[int]:
    """Pids of processes whose environment has this word: what sessions left behind, detached or not."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                if token.encode() in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
    return found
