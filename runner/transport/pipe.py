"""paramiko's buffer between its thread and ours, without copying all that comes into one array and out again."""

from __future__ import annotations

import sys
from queue import Empty, SimpleQueue

from paramiko.buffered_pipe import BufferedPipe, PipeTimeout


class LightPipe(BufferedPipe):  # type: ignore[type-arg]  # generic in its types alone
    """
    Pieces as they came, for one reader; a channel that has it cannot be selected on (`Channel.fileno`).

    The end is an empty piece, which stays in the queue.
    """

    def __init__(self) -> None:
        super().__init__()
        self._parts: SimpleQueue[bytes] = SimpleQueue()
        self._first = b""
        self._shut = False

    def __len__(self) -> int:
        """In pieces, of which nobody wants to know more than whether there are any."""
        return bool(self._first) + self._parts.qsize() - self._shut

    def feed(self, data: bytes | str) -> None:
        if data:
            self._parts.put(data.encode() if isinstance(data, str) else data)

    def close(self) -> None:
        if not self._shut:
            self._shut = True
            self._parts.put(b"")

    def read_ready(self) -> bool:
        return len(self) > 0

    def empty(self) -> bytes:
        return self.read(sys.maxsize) if self.read_ready() else b""

    def read(self, nbytes: int, timeout: float | None = None) -> bytes:
        """At most `nbytes`; nothing where it was closed. Raises PipeTimeout."""
        try:
            part = self._first or self._parts.get(timeout=timeout)
        except Empty as error:
            raise PipeTimeout from error
        self._first = b""
        taken, size = [part], len(part)
        while part and size < nbytes and not self._parts.empty():  # for one reader what is there stays there
            part = self._parts.get_nowait()
            taken.append(part)
            size += len(part)
        if not part:
            self._parts.put(part)
        if size > nbytes:
            cut = len(part) - (size - nbytes)
            taken[-1], self._first = part[:cut], part[cut:]
        return taken[0] if len(taken) == 1 else b"".join(taken)
