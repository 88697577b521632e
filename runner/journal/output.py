"""A step's output on disk: redacted, capped, and with the digest of the whole."""

from __future__ import annotations

import codecs
import hashlib
import os
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import JournalError
from runner.hygiene import without_answers
from runner.journal.append import make_folder
from runner.redact import Redactor
from runner.seams import Stream

if TYPE_CHECKING:
    from runner.journal.reserve import Reserve

HEAD_BYTES = 8 << 20
TAIL_BYTES = 8 << 20
TAIL_LINES_BYTES = 16 << 10
SHOWN_BYTES = 16 << 10
"""Of what comes at once, the end is shown: whoever looks on sees the last line."""


class OutputLog:
    """
    One file per step and attempt, both streams as they came. Made when the first byte comes.

    Of more than HEAD_BYTES + TAIL_BYTES the middle is left out, and a line in the file says how much. `sha256` and
    `lines` are of the whole, redacted, and `encoding` of the whole as it came. With `keep` False nothing is stored or
    shown, only counted. What is closed is on disk; `seal`, from another thread, ends a file that somebody still writes.
    Once the `reserve` is given, what comes is left out, too.
    """

    def __init__(
        self, path: Path, shown: str, redactor: Redactor, *, keep: bool = True, reserve: Reserve | None = None
    ) -> None:
        self.path = path
        self._shown = shown
        self._keep = keep
        self._reserve = reserve
        self._filters = {"stdout": redactor.stream(), "stderr": redactor.stream()}
        self._decoders = {name: codecs.getincrementaldecoder("utf-8")("backslashreplace") for name in self._filters}
        self._strict = {name: codecs.getincrementaldecoder("utf-8")() for name in self._filters}
        self._binary = False
        self._bytes = {"stdout": 0, "stderr": 0}
        self._hash = hashlib.sha256()
        self._lines = 0
        self._kept = 0
        self._tail: deque[bytes] = deque()
        self._tail_bytes = 0
        self._dropped = 0
        self._last = b""
        self._descriptor: int | None = None
        self._sealed = False
        self._lock = threading.Lock()

    def write(self, stream: Stream, data: bytes) -> str:
        self._bytes[stream] += len(data)
        self._judge(stream, data)
        if not self._keep:
            return ""
        return self._store(stream, self._filters[stream].feed(data))

    def _judge(self, stream: str, data: bytes, *, last: bool = False) -> None:
        """Whether it is text so far: UTF-8 without a zero byte. Nothing more is looked at once it is not."""
        strict = self._strict[stream]
        if self._binary:
            return
        self._binary = b"\0" in data
        if not last and data.isascii() and not strict.getstate()[0]:
            return
        try:
            strict.decode(data, last)
        except UnicodeDecodeError:
            self._binary = True

    def close(self) -> Mapping[str, Any]:
        for stream in ("stdout", "stderr"):
            self._judge(stream, b"", last=True)
            self._store(stream, self._filters[stream].end())
        if self._tail:
            if self._dropped:
                self._put(f"\n[rawat: {self._dropped} bytes left out here]\n".encode())
            for piece in self._tail:
                self._put(piece)
        there = self._descriptor is not None
        with self._lock:
            self._end()
        if not self._bytes["stdout"] and not self._bytes["stderr"]:
            return {}
        return {
            "file": self._shown if there else "",
            "stdout_bytes": self._bytes["stdout"],
            "stderr_bytes": self._bytes["stderr"],
            "lines": self._lines,
            "sha256": self._hash.hexdigest() if self._keep else "",
            "truncated": self._dropped > 0,
            "redactions": sum(stream.count for stream in self._filters.values()),
            "encoding": "binary" if self._binary else "utf-8",
        }

    def seal(self) -> None:
        """Nothing more is written, whoever tries."""
        with self._lock:
            self._sealed = True
            self._end()

    def _end(self) -> None:
        if self._descriptor is None:
            return
        try:
            os.fsync(self._descriptor)
        except OSError as error:
            raise JournalError(f"{self.path}: the output cannot be made durable: {error.strerror}") from error
        finally:
            os.close(self._descriptor)
            self._descriptor = None

    def tail(self, lines: int = 10) -> str:
        """The last lines for people, as text; bytes that are not UTF-8 as \\x.. ."""
        text = self._last.decode("utf-8", "backslashreplace")
        return "\n".join(without_answers(text.rstrip("\n"))[-lines:])

    def _store(self, stream: str, data: bytes) -> str:
        if not data:
            return ""
        self._hash.update(data)
        self._lines += data.count(b"\n")
        self._last = data[-TAIL_LINES_BYTES:] if len(data) >= TAIL_LINES_BYTES else self._last + data
        self._last = self._last[-TAIL_LINES_BYTES:]
        room = max(0, HEAD_BYTES - self._kept)
        if room:
            self._put(data[:room])
            self._kept += min(room, len(data))
        if len(data) > room:
            self._remember(data[room:])
        return self._shown_of(stream, data)

    def _shown_of(self, stream: str, data: bytes) -> str:
        decoder = self._decoders[stream]
        if len(data) > SHOWN_BYTES:
            decoder.reset()
            # from the next whole character on
            data = data[-SHOWN_BYTES:].lstrip(bytes(range(0x80, 0xC0)))
        return decoder.decode(data)

    def _remember(self, data: bytes) -> None:
        self._tail.append(data)
        self._tail_bytes += len(data)
        while self._tail_bytes - len(self._tail[0]) >= TAIL_BYTES:
            gone = self._tail.popleft()
            self._tail_bytes -= len(gone)
            self._dropped += len(gone)

    def _put(self, data: bytes) -> None:
        with self._lock:
            if self._sealed:
                raise JournalError(f"{self.path}: this sitting is sealed; nothing more is written to it")
            view = memoryview(data)
            try:
                if self._reserve is None or not self._reserve.given:
                    if self._descriptor is None:
                        make_folder(self.path.parent)
                        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
                        self._descriptor = os.open(self.path, flags, 0o600)
                    while view:
                        view = view[os.write(self._descriptor, view) :]
            except (OSError, JournalError) as error:
                cause = error.__cause__ if isinstance(error, JournalError) else error
                if self._reserve is None or not self._reserve.give(getattr(cause, "errno", None)):
                    words = getattr(cause, "strerror", None) or str(error)
                    raise JournalError(f"{self.path}: the output cannot be kept: {words}") from error
            self._dropped += len(view)
