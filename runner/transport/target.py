"""Where a host is and how it is logged in to; no SSH library is needed to know."""

from __future__ import annotations

import getpass
import os
import select
import socket
import struct
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

from runner.document.paths import OWN_KNOWN_HOSTS, SYSTEM_KNOWN_HOSTS, in_home
from runner.errors import LoginRefused, Unreachable
from runner.frozen import frozen
from runner.model import Host

KNOWN_HOSTS = (*OWN_KNOWN_HOSTS, *SYSTEM_KNOWN_HOSTS)
_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")

SOON_S = 0.5
"""A host that has not answered by then is away, or far: others are not to wait for it."""
AHEAD_BYTES = 4096
MUCH_BYTES = 1 << 18
"""What is asked for at once while there is more than AHEAD_BYTES."""


@frozen
class Target:
    """
    One hop or the host itself. `identities_only`: keys of the agent are not tried. `inventories`: the files that were
    named, and are to be named again to trust its key.
    """

    name: str
    address: str
    port: int
    user: str
    identity_files: tuple[str, ...]
    known_hosts: tuple[str, ...]
    alias: str | None = None
    identities_only: bool = False
    inventories: tuple[str, ...] = ()

    def __str__(self) -> str:
        at = f"{self.address}:{self.port}"
        return f"{self.name} ({at})" if self.name != self.address else at


def route(host: Host, *, known_hosts: Sequence[str], inventories: Sequence[str] = ()) -> tuple[Target, ...]:
    """The hops in order, the host itself last; `known_hosts` are for hosts of which the inventory names none."""
    return tuple(_target(each, known_hosts, inventories) for each in (*host.jump, host))


def _ourselves(host: Host) -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:
        message = f"{host.name}: as whom to log in is not said, and the user with the id {os.getuid()} has no name here"
        raise LoginRefused(message, host=host.name, hint="write user: in the inventory") from error


def _target(host: Host, known_hosts: Sequence[str], inventories: Sequence[str]) -> Target:
    named = host.known_hosts or known_hosts
    files = (str(Path(file).expanduser()) if file[:1] == "~" else file for file in named)
    return Target(
        name=host.name,
        address=host.address,
        port=host.port or 22,
        user=host.user or _ourselves(host),
        identity_files=host.identity_files or tuple(key for key in _KEYS if _there(in_home(key))),
        known_hosts=tuple(dict.fromkeys(files)),
        alias=host.host_key_alias,
        identities_only=host.identities_only,
        inventories=tuple(inventories),
    )


def _there(path: Path | None) -> bool:
    """Whether there is a key; also where the folder is closed to us, so that it is told why it is not used."""
    try:
        return path is not None and path.exists()
    except OSError:
        return True


class PromptSocket(socket.socket):
    """
    Reads ahead where little is asked for: paramiko asks for the head of each packet alone.

    sshd leaves Nagle's algorithm on where there is no terminal: its second small packet waits for our acknowledgement
    of the first, which the kernel would hold back for 40 ms. So whoever waits for more calls `acknowledge`; what is
    answered at once is acknowledged by the answer.
    """

    _ahead = memoryview(b"")
    _asking = AHEAD_BYTES

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        if not self._ahead:
            try:
                data = super().recv(max(size, self._asking), flags)
            except BlockingIOError as error:  # what the kernel's own limit of `wake_every` comes as
                raise TimeoutError from error
            self._asking = MUCH_BYTES if len(data) >= AHEAD_BYTES else AHEAD_BYTES
            if len(data) <= size:
                return data
            self._ahead = memoryview(data)
        found = bytes(self._ahead[:size])
        self._ahead = self._ahead[size:]
        return found

    def read_ahead(self, size: int) -> bytes:
        """So many bytes if they are here already, else none."""
        if len(self._ahead) < size:
            return b""
        found = bytes(self._ahead[:size])
        self._ahead = self._ahead[size:]
        return found

    def wake_every(self, seconds: float) -> None:
        """As `settimeout`, kept by the kernel: Python would ask `poll` before each `recv` and each `send`."""
        self.settimeout(None)
        limit = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self.setsockopt(socket.SOL_SOCKET, option, limit)

    def acknowledge(self) -> None:
        """
        Tell the other side now what has come, and the next that comes; the kernel takes this back by itself.

        Not while more is here that was read ahead.
        """
        if not self._ahead:
            with suppress(OSError):
                self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


def dial(
    target: Target,
    *,
    timeout_s: float,
    silence_s: float,
    aside: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> socket.socket:
    """
    A connected TCP socket without delay, that the kernel ends when sent bytes stay unanswered for `silence_s`.

    Tries each address the name has, within one limit. Who does not answer soon is waited for within `aside()`. Raises
    Unreachable, in words of its own for a name that is not known, a refusal, a time-out.
    """
    until = time.monotonic() + timeout_s
    try:
        # as bytes where that is possible: for a text Python loads the tables of international names
        name = target.address.encode() if target.address.isascii() else target.address
        found = socket.getaddrinfo(name, target.port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise Unreachable(
            f"{target.name}: the name {target.address} is not known: {words}", host=target.name
        ) from error
    problems: list[str] = []
    for left, (family, kind, protocol, _, address) in zip(range(len(found), 0, -1), found, strict=True):
        try:
            link = PromptSocket(family, kind, protocol)
        except OSError as error:  # too many open files, or a family of addresses that this machine has not
            problems.append(f"{address[0]} port {target.port}: {_words(error, timeout_s)}")
            continue
        try:
            # a silent address leaves the others their share of the time
            _connect(link, address, max(0.05, (until - time.monotonic()) / left), aside)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link.acknowledge()
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(silence_s * 1000))
        except OSError as error:
            link.close()
            problems.append(f"{address[0]} port {target.port}: {_words(error, timeout_s / len(found))}")
        else:
            return link
    raise Unreachable(f"{target.name}: {'; '.join(dict.fromkeys(problems))}", host=target.name)


def _connect(
    link: socket.socket, address: Any, timeout_s: float, aside: Callable[[], AbstractContextManager[None]]
) -> None:
    """Raises OSError, TimeoutError among them."""
    soon_s = min(timeout_s, SOON_S)
    link.settimeout(soon_s)
    try:
        link.connect(address)
    except TimeoutError:
        answered = select.poll()
        answered.register(link, select.POLLOUT)
        with aside():
            if not answered.poll(int((timeout_s - soon_s) * 1000)):
                raise
        if number := link.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
            raise OSError(number, os.strerror(number)) from None


def _words(error: OSError, timeout_s: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout_s:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return error.strerror or (os.strerror(error.errno) if error.errno else str(error))
