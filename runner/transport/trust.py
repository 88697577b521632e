"""Making a host known: fetch the key it shows, and keep it only where a person named its fingerprint."""

from __future__ import annotations

import base64
import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import HostKeyRefused
from runner.frozen import frozen, replace
from runner.model import Host
from runner.transport.known_hosts import Entry, fingerprint, host_name, lines, parse, text_of
from runner.transport.target import dial

if TYPE_CHECKING:
    from runner.transport.ssh import SshTransport


@frozen
class HostKey:
    """A key as a server showed it; nothing says that it is the right one. `name` is what known_hosts keeps it under."""

    name: str
    key_type: str
    blob: bytes

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.blob)

    @property
    def line(self) -> str:
        """A line for known_hosts, without its end."""
        return f"{self.name} {self.key_type} {base64.b64encode(self.blob).decode('ascii')}"


def scan(transport: SshTransport, host: Host) -> HostKey:
    """
    The key that the host shows now; nobody is logged in there. Jump hosts are connected to as for a run.

    Raises TransportError by its branches.
    """
    targets = transport.route(host)
    limits = transport.limits()
    sock = dial(targets[0], timeout_s=limits.connect_s, silence_s=limits.silence_s)
    from runner.transport import link as links
    from runner.transport.host_keys import KnownKeysOnly

    target = targets[-1]
    hops = links.connect(targets[:-1], sock, limits) if len(targets) > 1 else None
    try:
        with links.translated(target, "asking for its key", limits.connect_s):
            over: Any = sock
            if hops is not None:
                over = hops.transport.open_channel(
                    "direct-tcpip", (target.address, target.port), ("", 0), timeout=limits.channel_s
                )
            connection = links.made(over, KnownKeysOnly(target), limits)
            try:
                connection.start_client(timeout=limits.connect_s)
                key = connection.get_remote_server_key()
            finally:
                connection.close()
    finally:
        if hops is not None:
            hops.close()
        sock.close()
    name = target.alias or host_name(target.address, target.port)
    return HostKey(name=name, key_type=key.get_name(), blob=key.asbytes())


def trust(file: Path, key: HostKey, *, expected: str, replace: bool = False) -> str:
    """
    Keep the key in the file, and return its line, where its fingerprint is the expected one.

    Another key of that name and type is a reason to refuse, unless `replace`; then its lines make way. A name that
    is already known by this key changes nothing. The file is 0600 and on disk when this returns. Raises
    HostKeyRefused and OSError.
    """
    if key.fingerprint != expected:
        raise HostKeyRefused(f"{key.name} shows {key.fingerprint}, not {expected}; nothing was changed", host=key.name)
    if [entry.names for entry in parse(key.line, "") if entry.plain] != [key.name]:
        message = f"known_hosts cannot keep a key for {key.name!r}: there it is a pattern, or no name"
        raise HostKeyRefused(message, host=key.name, hint="give the host another address or host_key_alias")
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (file.parent / f".{file.name}.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        text = text_of(file) if file.exists() else ""
        about = [entry for entry in parse(text, str(file)) if entry.matches(key.name)]
        _not_revoked(about, key)
        kept = [entry for entry in about if not entry.marker]
        if any(entry.blob == key.blob for entry in kept):
            return key.line
        others = [entry for entry in kept if replace or entry.key_type == key.key_type]
        if others and not replace:
            raise HostKeyRefused(
                f"{key.name} is known by another key, {others[0].key_type} {others[0].fingerprint} ({others[0].where})",
                host=key.name,
                hint="if its owner confirms that the key was changed, say --replace",
            )
        if others:
            _rewrite(file, text, others, key.line)
        else:
            _append(file, text, key.line)
    return key.line


def _not_revoked(about: list[Entry], key: HostKey) -> None:
    for entry in about:
        if entry.marker == "revoked" and entry.blob == key.blob:
            raise HostKeyRefused(f"{key.name}: this key is revoked ({entry.where})", host=key.name)


def _append(file: Path, text: str, line: str) -> None:
    new = not file.exists()
    handle = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as out:
        out.write(f"{'' if not text or text.endswith(chr(10)) else chr(10)}{line}\n")
        out.flush()
        os.fsync(out.fileno())
    if new:
        _sync_folder(file.parent)


def _rewrite(file: Path, text: str, others: list[Entry], line: str) -> None:
    """
    By a new file that takes the old one's place, so that it is whole at any time.

    A line that is about other names too would make those unknown: it stays, the name is taken out of it.
    """
    numbers = {int(entry.where.rpartition(":")[2]): entry for entry in others}
    stay: list[str] = []
    for number, old in enumerate(lines(text), 1):
        entry = numbers.get(number)
        if entry is None:
            stay.append(old)
        elif "," in entry.names:
            name = line.split()[0]
            rest = ",".join(part for part in entry.names.split(",") if part.lower() != name.lower())
            if replace(entry, names=rest).matches(name):
                raise HostKeyRefused(f"{entry.where} knows {name} by a pattern; change that line by hand", host=name)
            stay.append(old.replace(entry.names, rest, 1))
        elif any(char in entry.names for char in "*?"):
            raise HostKeyRefused(f"{entry.where} knows it by a pattern; change that line by hand", host=entry.names)
    fresh = file.with_name(f".{file.name}.new")
    with suppress(FileNotFoundError):
        fresh.unlink()
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as out:
        out.write("".join(f"{kept}\n" for kept in [*stay, line]))
        out.flush()
        os.fsync(out.fileno())
    fresh.replace(file)
    _sync_folder(file.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
