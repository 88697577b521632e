"""An attempt to connect that is given less time than its parts may take: it is ended from outside."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from math import inf

from runner.errors import TransportError, Unreachable


class Within:
    """
    How long an attempt has. Greeting, keys, login, channel and first answer, of all hops, go over one socket: that is
    shut when the time is over, and whoever waits for any of them hears of it.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.over = threading.Event()
        self._until = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None

    @property
    def left_s(self) -> float:
        return max(0.0, self._until - time.monotonic())

    def goes_over(self, link: socket.socket) -> None:
        """All that follows; the socket of the try before, where there was one, is of no concern any more."""
        with self._lock:
            self._socket = link
        if self.over.is_set():
            self.end()

    def end(self) -> None:
        self.over.set()
        with self._lock, suppress(OSError):
            if self._socket is not None:
                self._socket.shutdown(socket.SHUT_RDWR)


@contextmanager
def within(seconds: float, host: str) -> Iterator[Within]:
    """Raises Unreachable instead of what an attempt ends with when its time is over. Costs a thread, but for `inf`."""
    limit = Within(seconds)
    if seconds == inf:
        yield limit
        return
    timer = threading.Timer(limit.left_s, limit.end)
    timer.daemon = True
    timer.start()
    try:
        yield limit
    except TransportError as error:
        if not limit.over.is_set():
            raise
        raise Unreachable(f"{host}: no answer within {seconds:.1f} s", host=host) from error
    finally:
        timer.cancel()
