"""paramiko's buffer between its thread and ours, without copying all that comes into one array and out again."""

from __future__ import annotations

import threading
from collections import deque

from paramiko.buffered_pipe import BufferedPipe, PipeTimeout


class LightPipe(BufferedPipe):  # type: ignore[type-arg]  # generic in its types alone
    """Pieces as they came; a channel that has it cannot be selected on (`Channel.fileno`)."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: deque[bytes] = deque()
        self._size = 0
        self._shut = False
        self._come = threading.Condition()

    def __len__(self) -> int:
        return self._size

    def feed(self, data: bytes | str) -> None:
        part = data.encode() if isinstance(data, str) else data
        with self._come:
            self._parts.append(part)
            self._size += len(part)
            self._come.notify_all()

    def close(self) -> None:
        with self._come:
            self._shut = True
            self._come.notify_all()

    def read_ready(self) -> bool:
        return self._size > 0

    def read(self, nbytes: int, timeout: float | None = None) -> bytes:
        """At most `nbytes`; nothing where it was closed. Raises PipeTimeout."""
        with self._come:
            if not self._come.wait_for(lambda: self._size or self._shut, timeout):
                raise PipeTimeout
            return self._taken(nbytes)

    def empty(self) -> bytes:
        with self._come:
            return self._taken(self._size)

    def _taken(self, most: int) -> bytes:
        taken: list[bytes] = []
        room = most
        while self._parts and room:
            part = self._parts.popleft()
            if len(part) > room:
                self._parts.appendleft(part[room:])
                part = part[:room]
            taken.append(part)
            room -= len(part)
        self._size -= most - room
        return taken[0] if len(taken) == 1 else b"".join(taken)
