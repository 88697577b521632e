"""Room that is kept free for the end of a record, should its disk fill while a run is under way."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

RESERVE = "reserve"
"""In a run's folder while a sitting of it is written, and after a kill; it is no part of the record."""
BYTES = 256 << 10
"""The ends of some dozens of steps, the statement and the sums."""
_FULL = (errno.ENOSPC, errno.EDQUOT)


class Reserve:
    """A file that takes up room, until a write finds the disk full: `full` is told of that, once."""

    def __init__(self, run: Path, full: Callable[[], None] = lambda: None) -> None:
        self.given = False
        """Whether the disk was found full: what is left of the room is for the end."""
        self._path = run / RESERVE
        self._full = full
        self._there = False
        self._lock = threading.Lock()

    def make(self) -> None:
        """What a sitting left that was killed is taken over. Where none can be made the run goes on without."""
        with suppress(OSError):
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            self._there = True
            try:
                os.posix_fallocate(descriptor, 0, BYTES)
            finally:
                os.close(descriptor)

    def give(self, number: int | None = errno.ENOSPC) -> bool:
        """Whether there may be room now, or since a moment, for what failed with this error: try it once more."""
        if number not in _FULL:
            return False
        with self._lock:
            first, self.given = self._there, self.given or self._there
            self.remove()
        if first:
            self._full()
        return self.given

    def remove(self) -> None:
        if self._there:
            self._there = False
            with suppress(OSError):
                self._path.unlink()


def is_reserve(path: Path) -> bool:
    """Whether it is what a sitting left that was killed, and nothing that stands behind its name."""
    try:
        small = path.name == RESERVE and path.is_file() and not path.is_symlink() and path.stat().st_size <= BYTES
        return small and not path.read_bytes().strip(b"\0")
    except OSError:
        return False
