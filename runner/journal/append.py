"""Files that only grow, line by line, and are on disk when it is said so."""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from errno import ENOSPC
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from runner.errors import JournalError

if TYPE_CHECKING:
    from runner.journal.reserve import Reserve

_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


def encode(data: Mapping[str, Any]) -> bytes:
    """One line of JSON with its line end; the bytes that are hashed and written."""
    return _ENCODER.encode(data).encode("utf-8", "surrogatepass") + b"\n"


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable; raises JournalError."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise JournalError(f"{folder}: cannot be made durable: {error.strerror}") from error


def sync_folders(top: Path) -> None:
    """The same for a folder and all below it, the innermost first: when a name is there, so is what it leads to."""
    for folder, _, _ in os.walk(top, topdown=False):
        sync_folder(Path(folder))


def make_folder(path: Path) -> None:
    """A folder and the missing ones above it, for their owner alone; raises JournalError."""
    try:
        for missing in [folder for folder in reversed((path, *path.parents)) if not folder.exists()]:
            missing.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise JournalError(f"{path}: cannot be made: {error.strerror}") from error


def write_new(path: Path, data: bytes) -> None:
    """A new file of mode 0600, whole and on disk; raises JournalError, also where it exists already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            _write_all(descriptor, data, path)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise JournalError(f"{path}: cannot be written: {error.strerror}") from error


class AppendFile:
    """
    A file opened to append: lines are chained as they come, and written with the next `sync`, in one `write`.

    May be used by several threads: no call to the kernel is made while lines are numbered, so that no thread waits
    for another one's. A short write is cut off again behind its last whole line and raises JournalError, and so does
    every call after it; unless the `reserve` makes room for it.
    """

    def __init__(self, path: Path, *, head: str, reserve: Reserve | None = None) -> None:
        self.path = path
        self.head = head
        self._lock = threading.Lock()
        self._sync = threading.Lock()
        self._waiting: list[bytes] = []
        self._written = 0
        self._synced = 0
        self._failed: str = ""
        self._reserve = reserve
        try:
            self._descriptor = os.open(
                path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
            )
            self._size = os.fstat(self._descriptor).st_size
        except OSError as error:
            raise JournalError(f"{path}: cannot be opened: {error.strerror}") from error

    def append(self, data: Mapping[str, Any]) -> str:
        """Write one line, and return its digest once it is on disk."""
        number = self.write(data)
        self.sync(number)
        return self.head

    def write(self, data: Mapping[str, Any]) -> int:
        """Take one line, chained to the one before by `prev`; its number, for `sync`."""
        with self._lock:
            self._usable()
            line = encode({**data, "prev": self.head})
            self._waiting.append(line)
            self.head = sha256(line)
            self._written += 1
            return self._written

    def sync(self, number: int) -> None:
        """Returns once line `number` is on disk; whoever comes while another syncs shares the next sync."""
        if self._synced >= number:
            return
        with self._sync:
            if self._synced >= number:
                return
            upto = self._put()
            try:
                os.fdatasync(self._descriptor)
            except OSError as error:
                self._give_up(f"{self.path}: cannot be made durable: {error.strerror}", error)
            self._synced = upto

    def _put(self) -> int:
        """Write what waits; the number of the last line in the file."""
        with self._lock:
            self._usable()
            data, upto = b"".join(self._waiting), self._written
            self._waiting.clear()
        if data:
            self._append(data)
        self._size += len(data)
        return upto

    def _append(self, data: bytes) -> None:
        written, error = self._tried(data)
        full = (
            written < len(data) and self._reserve is not None and self._reserve.give(error.errno if error else ENOSPC)
        )
        if full and self._cut_to(self._size):
            written, error = self._tried(data)
        if error is not None:
            self._give_up(f"{self.path}: cannot be written: {error.strerror}", error)
        if written < len(data):
            # where even that is not possible, what is left is a last line without its end, which nobody reads
            self._cut_to(self._size + data.rfind(b"\n", 0, written) + 1)
            self._give_up(f"{self.path}: only {written} of {len(data)} bytes could be written; is the disk full?")

    def _tried(self, data: bytes) -> tuple[int, OSError | None]:
        try:
            return os.write(self._descriptor, data), None
        except OSError as error:
            return 0, error

    def _cut_to(self, size: int) -> bool:
        try:
            os.ftruncate(self._descriptor, size)
        except OSError:
            return False
        return True

    def _usable(self) -> None:
        if self._failed:
            raise JournalError(self._failed)

    def _give_up(self, message: str, cause: OSError | None = None) -> NoReturn:
        self._failed = message
        raise JournalError(message) from cause

    def close(self) -> None:
        """What was not synced is, unless it could not be before."""
        try:
            if not self._failed:
                self.sync(self._written)
        finally:
            os.close(self._descriptor)


def _write_all(descriptor: int, data: bytes, path: Path) -> None:
    view = memoryview(data)
    while view:
        written = os.write(descriptor, view)
        if written == 0:
            raise JournalError(f"{path}: nothing more can be written; is the disk full?")
        view = view[written:]
