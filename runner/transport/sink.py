"""Where a launch's output goes while it comes: to the caller, to a local file, and head and tail into memory."""

from __future__ import annotations

import os
import re
from collections import deque
from contextlib import suppress
from pathlib import Path

from runner.errors import TransportError
from runner.seams import KEEP_BYTES, OnOutput, Stream

_BY_NAME = re.compile(r"(?<!>>)(?<!>> )(?:/dev/(?:stdout|stderr|fd/[12])|/proc/(?:self|\$\$)/fd/[12])\b")


class Kept:
    """The first and the last half of `limit` bytes of a stream; all of it where it is no longer."""

    def __init__(self, limit: int = KEEP_BYTES) -> None:
        self._half = limit // 2
        self._head = bytearray()
        self._tail: deque[bytes] = deque()
        self._in_tail = 0
        self.total = 0

    def add(self, data: bytes) -> None:
        self.total += len(data)
        room = self._half - len(self._head)
        if room > 0:
            self._head += data[:room]
            data = data[room:]
        if not data:
            return
        self._tail.append(data[-self._half :])
        self._in_tail += len(self._tail[-1])
        while self._in_tail - len(self._tail[0]) >= self._half:
            self._in_tail -= len(self._tail.popleft())

    def value(self) -> bytes:
        tail = b"".join(self._tail)
        return bytes(self._head) + tail[-self._half :]


class Sink:
    """Both streams of one launch. A local file that cannot be written is told at the end, by `close`."""

    def __init__(self, on_output: OnOutput, save_to: Path | None, *, host: str) -> None:
        self._on_output = on_output
        self._host = host
        self._path = save_to
        self._file = -1 if save_to is None else _create(save_to, host)
        self._problem: OSError | None = None
        self.kept: dict[Stream, Kept] = {"stdout": Kept(), "stderr": Kept()}
        self.total = 0
        self.notes: list[str] = []

    def truncated(self, stream: Stream) -> None:
        """The script emptied the file its output goes to; what came before stays, what comes now is new."""
        note = f"the script truncated its own {stream}, as `>/dev/{stream}` does; some of it may be missing"
        if note not in self.notes:
            self.notes.append(note)

    def named(self, text: str) -> None:
        """The script that wrote all this; whether it emptied its output meanwhile cannot always be seen."""
        if not self.notes and self.total and ("/dev/" in text or "/proc/" in text) and _BY_NAME.search(text):
            self.notes.append(
                "the script opens its own output by name, as `>/dev/stdout` does, and so empties it: what it wrote "
                "before may be missing; `>&1` and `>>/dev/stdout` do not"
            )

    def add(self, stream: Stream, data: bytes) -> None:
        self.total += len(data)
        if stream == "stdout" and self._path is not None:
            self.kept["stdout"].total += len(data)
            self._write(data)
            return
        self.kept[stream].add(data)
        self._on_output(stream, data)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view and self._problem is None:
            try:
                view = view[os.write(self._file, view) :]
            except OSError as error:
                self._problem = error

    def close(self) -> None:
        """Raises TransportError where the local file is not whole."""
        if self._file < 0:
            return
        try:
            if self._problem is None:
                os.fsync(self._file)
        except OSError as error:
            self._problem = error
        finally:
            with suppress(OSError):
                os.close(self._file)
            self._file = -1
        if self._problem is not None:
            raise TransportError(f"{self._host}: cannot write {self._path}: {self._problem}", host=self._host)


def _create(path: Path, host: str) -> int:
    """A descriptor of the file, empty and 0600, never through a link."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        os.fchmod(handle, 0o600)
        os.ftruncate(handle, 0)
    except OSError as error:
        raise TransportError(f"{host}: cannot write {path}: {error.strerror or error}", host=host) from error
    return handle
