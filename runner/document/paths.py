"""Paths as people write them: with a `~` in front."""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Iterable
from pathlib import Path

from runner.errors import InvalidInput

OWN_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
SYSTEM_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")


def expanded(path: str | Path) -> Path:
    """The path with the home folder in place of `~`. Raises InvalidInput where there is no such home."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        name = Path(path).parts[0][1:]
        why = (
            f"there is no user '{name}' here"
            if name
            else "you have no home folder here; set HOME, or write the path in full"
        )
        raise InvalidInput(f"{path}: {why}") from error


def resolved(path: Path) -> Path:
    """The real path as far as there is one; of links that lead round the path itself: opening it tells of that."""
    return Path(os.path.realpath(path))


def in_home(path: str) -> Path | None:
    """The same for a path of our own choice, that is left out where there is no home."""
    try:
        return expanded(path)
    except InvalidInput:
        return None


WRITER_S = 1.0
"""How long a pipe may have nobody who writes to it: who is about to has begun by then."""


def read_bytes(path: Path, most: int) -> bytes:
    """
    At most so many bytes of a file, or of a pipe, as `<(...)` of a shell is one. Raises OSError, and InvalidInput for a
    pipe to which nobody writes: it would be waited for for ever.
    """
    with open(path, "rb", opener=_at_once) as file:
        first = _first_byte(file.fileno(), path) if stat.S_ISFIFO(os.fstat(file.fileno()).st_mode) else b""
        os.set_blocking(file.fileno(), True)
        return first + file.read(most - len(first))


def _at_once(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def _first_byte(pipe: int, path: Path) -> bytes:
    """Empty where somebody holds the other end and says nothing yet."""
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    said = waiting.poll(WRITER_S * 1000)
    try:
        first = os.read(pipe, 1)
    except BlockingIOError:
        return b""
    if not first and not said:
        raise InvalidInput(f"{path}: a pipe, and nobody writes to it; name a file, or start first who writes")
    return first


def not_own(files: Iterable[str]) -> tuple[str, ...]:
    """Files of known hosts without the user's own: as for ssh, these give way to those that ssh_config names."""
    own = {str(in_home(file)) for file in OWN_KNOWN_HOSTS}
    return tuple(file for file in files if str(in_home(file)) not in own)
