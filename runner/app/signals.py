"""What signals mean for a run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from runner.engine.surroundings import Stop

SEAL_WITHIN_S = 1.5
"""How long SIGTERM waits for what runs before the record is sealed without it."""


@contextmanager
def heeded(stop: Stop) -> Iterator[None]:
    """SIGINT: begin nothing new; again: leave at once. SIGTERM and SIGHUP: seal within two seconds."""

    def interrupt(number: int, frame: object) -> None:
        if stop.asked:
            stop.leave.set()
        stop.ask("SIGINT")

    def terminate(number: int, frame: object) -> None:
        stop.ask(signal.Signals(number).name)
        timer = threading.Timer(SEAL_WITHIN_S, stop.leave.set)
        timer.daemon = True
        timer.start()

    handlers = {signal.SIGINT: interrupt, signal.SIGTERM: terminate, signal.SIGHUP: terminate}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
