"""Where a host is and how it is logged in to, once ssh_config has had its say; no SSH library is needed to know."""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from runner.errors import InvalidInput, Unreachable
from runner.model import Host

KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2", "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
SSH_CONFIG = ("~/.ssh/config", "/etc/ssh/ssh_config")
_KEYS = ("~/.ssh/id_ed25519", "~/.ssh/id_ecdsa", "~/.ssh/id_rsa")


AHEAD_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One hop or the host itself. `identities_only`: keys of the agent are not tried. `notes`: what was ignored."""

    name: str
    address: str
    port: int
    user: str
    identity_files: tuple[str, ...]
    known_hosts: tuple[str, ...]
    alias: str | None = None
    identities_only: bool = False
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        at = f"{self.address}:{self.port}"
        return f"{self.name} ({at})" if self.name != self.address else at


class SshConfig:
    """
    The user's and the system's ssh_config, read once; the first value found for a keyword counts.

    Blocks under `Match exec` are left out: they run a local command. Files that are not there are empty.
    """

    def __init__(self, files: Sequence[str] = SSH_CONFIG) -> None:
        self._notes: list[str] = []
        self._texts = [text for file in files if (text := self._read(Path(file).expanduser())).strip()]
        self._parsed: list[Any] | None = None

    def lookup(self, name: str) -> tuple[Mapping[str, Any], tuple[str, ...]]:
        """The keywords for a host, in lower case, and notes of what was ignored."""
        if not self._texts:
            return {}, ()
        if self._parsed is None:
            import paramiko

            try:
                self._parsed = [paramiko.SSHConfig.from_text(text) for text in self._texts]
            except paramiko.ConfigParseError as error:
                raise InvalidInput(f"ssh_config cannot be read: {error}") from error
        found: dict[str, Any] = {}
        for config in self._parsed:
            for key, value in config.lookup(name).items():
                if key != "hostname" or value != name:
                    found.setdefault(key, value)
        return found, (*self._notes, *_ignored(found))

    def _read(self, path: Path) -> str:
        try:
            lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        except OSError:
            return ""
        kept: list[str] = []
        skip = False
        for line in lines:
            words = line.replace("=", " ").split()
            keyword = words[0].lower() if words else ""
            if keyword in ("host", "match"):
                skip = keyword == "match" and any(word.lower().lstrip("!") == "exec" for word in words)
                if skip:
                    self._notes.append(f"{path}: a `Match exec` block was ignored; it would run a local command")
            elif keyword == "include":
                self._notes.append(f"{path}: Include was ignored")
                continue
            if not skip:
                kept.append(line)
        return "\n".join(kept)


def _ignored(found: Mapping[str, Any]) -> list[str]:
    notes = []
    if str(found.get("stricthostkeychecking", "yes")).lower() in ("no", "off", "accept-new"):
        notes.append("ssh_config: StrictHostKeyChecking was ignored; host keys are always checked")
    if str(found.get("forwardagent", "no")).lower() != "no":
        notes.append("ssh_config: ForwardAgent was ignored; use a jump host")
    return notes


def route(host: Host, config: SshConfig, *, known_hosts: Sequence[str]) -> tuple[Target, ...]:
    """The hops in order, the host itself last. Raises Unreachable where ssh_config asks for a ProxyCommand."""
    found, notes = config.lookup(host.address)
    hops = host.jump
    jump = str(found.get("proxyjump", "none"))
    if not hops and jump.lower() != "none":
        hops = tuple(_hop(part.strip(), host) for part in jump.split(",") if part.strip())
    if not hops and str(found.get("proxycommand", "none")).lower() != "none":
        raise Unreachable(
            f"{host.name}: ssh_config asks for a ProxyCommand, and rawat runs no local command to connect",
            host=host.name,
            hint="name the jump host instead: ProxyJump in ssh_config, or `jump` in the inventory",
        )
    targets = [_target(hop, *config.lookup(hop.address), known_hosts) for hop in hops]
    return (*targets, _target(host, found, notes, known_hosts))


def _hop(text: str, host: Host) -> Host:
    """`[user@]host[:port]` or `ssh://...` of a ProxyJump; keys and known_hosts are those of the host behind it."""
    user, at, rest = text.removeprefix("ssh://").rstrip("/").rpartition("@")
    address, colon, port = rest.rpartition(":")
    if not colon or not port.isdigit() or (":" in address and not address.endswith("]")):
        address, port = rest, ""
    address = address.strip("[]")
    return replace(
        Host(name=address, address=address),
        user=user if at else None,
        port=int(port) if port else None,
        known_hosts=host.known_hosts,
    )


def _target(host: Host, found: Mapping[str, Any], notes: tuple[str, ...], known_hosts: Sequence[str]) -> Target:
    files = host.identity_files or tuple(found.get("identityfile", ()))
    listed = str(found.get("userknownhostsfile", "")).split()
    return Target(
        name=host.name,
        address=str(found.get("hostname", host.address)),
        port=host.port or int(found.get("port", 22)),
        user=host.user or str(found.get("user", "")) or getpass.getuser(),
        identity_files=files or tuple(key for key in _KEYS if Path(key).expanduser().exists()),
        known_hosts=(*host.known_hosts, *(name for name in listed if name != "none"), *known_hosts),
        alias=host.host_key_alias or found.get("hostkeyalias"),
        identities_only=str(found.get("identitiesonly", "no")).lower() == "yes",
        notes=notes,
    )


class PromptSocket(socket.socket):
    """
    Acknowledges at once, and reads ahead where little is asked for.

    sshd leaves Nagle's algorithm on where there is no terminal: its second small packet waits for our acknowledgement
    of the first, which the kernel would hold back for 40 ms. paramiko asks for the head of each packet alone.
    """

    _ahead = b""

    def recv(self, size: int, flags: int = 0, /) -> bytes:
        data = self._ahead
        if not data:
            data = super().recv(max(size, AHEAD_BYTES), flags)
            with suppress(OSError):
                # the kernel takes this back by itself
                self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        self._ahead = data[size:]
        return data[:size]


def dial(target: Target, *, timeout_s: float, silence_s: float) -> socket.socket:
    """
    A connected TCP socket without delay, that the kernel ends when sent bytes stay unanswered for `silence_s`.

    Tries each address the name has, within one limit. Raises Unreachable, in words of its own for a name that is
    not known, a refusal, a time-out.
    """
    until = time.monotonic() + timeout_s
    try:
        found = socket.getaddrinfo(target.address, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        words = getattr(error, "strerror", None) or str(error)
        raise Unreachable(
            f"{target.name}: the name {target.address} is not known: {words}", host=target.name
        ) from error
    problems: list[str] = []
    for family, kind, protocol, _, address in found:
        link = PromptSocket(family, kind, protocol)
        try:
            link.settimeout(max(0.05, until - time.monotonic()))
            link.connect(address)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(silence_s * 1000))
        except OSError as error:
            link.close()
            problems.append(f"{address[0]} port {target.port}: {_words(error, timeout_s)}")
        else:
            return link
    raise Unreachable(f"{target.name}: {'; '.join(dict.fromkeys(problems))}", host=target.name)


def _words(error: OSError, timeout_s: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout_s:g} s"
    if isinstance(error, ConnectionRefusedError):
        return "connection refused"
    return error.strerror or (os.strerror(error.errno) if error.errno else str(error))
