"""
The answers of a supervisor, taken apart.

An answer is a header `MARK KIND ID ...` on a line of its own; after the kinds o, e and h the bytes up to the next
mark are its content, after any other they are noise (an rc file, a left-over daemon), as is all before the first.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from runner.errors import ProtocolError
from runner.frozen import frozen

CONTENT = frozenset("oeh")
HEADER_LIMIT = 4096
_SEPARATOR = "\x1e"
"""Hardly any output holds it: to look for it takes a twentieth of the time that a mark of digits alone would take."""


def drawn() -> str:
    """A mark for one connection, of 128 random bits."""
    return _SEPARATOR + os.urandom(16).hex()


@frozen
class Header:
    """`kind` is one letter, `words` what follows it."""

    kind: str
    words: tuple[str, ...]


@frozen
class Content:
    """A piece of the content of the last header, or noise where `kind` is empty."""

    kind: str
    data: bytes


class Parser:
    """Feed it chunks as they come; how the stream was cut into chunks makes no difference to what comes out."""

    def __init__(self, mark: str) -> None:
        self._mark = mark.encode()
        self._first = self._mark[:1]
        self._held = b""
        self._kind = ""

    def feed(self, chunk: bytes) -> Iterator[Header | Content]:
        """Headers and pieces of content, in order. Raises ProtocolError where a header does not end."""
        data = self._held + chunk if self._held else chunk
        self._held = b""
        at = 0
        while True:
            found = data.find(self._mark, at) if data.find(self._first, at) >= 0 else -1
            if found < 0:
                keep = self._partial(data, at)
                if keep > at:
                    yield Content(kind=self._kind, data=data[at:keep])
                self._held = data[keep:]
                return
            if found > at:
                yield Content(kind=self._kind, data=data[at:found])
            end = data.find(b"\n", found)
            if end < 0:
                if len(data) - found > HEADER_LIMIT:
                    raise ProtocolError("the host's supervisor sent a header that does not end")
                self._held = data[found:]
                return
            kind, *words = data[found + len(self._mark) : end].decode("utf-8", "replace").split() or [""]
            self._kind = kind if kind in CONTENT else ""
            yield Header(kind=kind, words=tuple(words))
            at = end + 1

    def _partial(self, data: bytes, at: int) -> int:
        """Where a mark may begin that the next chunk completes; the end of `data` where none does."""
        begin = data.find(self._first, max(at, len(data) - len(self._mark) + 1))
        while begin >= 0:
            if self._mark.startswith(data[begin:]):
                return begin
            begin = data.find(self._first, begin + 1)
        return len(data)
