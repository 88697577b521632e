"""What signals mean for a run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from runner.engine.surroundings import Stop

OnCancel = Literal["leave", "kill"]
SEAL_WITHIN_S = 1.5
"""How long SIGTERM waits for what runs before the record is sealed without it."""


@contextmanager
def heeded(
    stop: Stop,
    kill: Callable[[], None],
    *,
    on_cancel: OnCancel = "leave",
    heard: Callable[[str], None] = lambda how: None,
) -> Iterator[None]:
    """
    SIGINT: begin nothing new; again: leave at once. SIGTERM and SIGHUP: seal within two seconds.

    What runs on hosts is left running, or with `on_cancel` "kill" ended there, as at a deadline: at the second SIGINT,
    at SIGTERM and SIGHUP. `heard` is told of each at once, by its name, within the handler. SIGUSR1 is
    `rawat cancel --kill`: begin nothing new, and end what runs now.
    """

    def interrupt(number: int, frame: object) -> None:
        heard("SIGINT")
        if stop.asked and on_cancel == "kill":
            kill_soon()
        elif stop.asked:
            stop.leave.set()
        stop.ask("SIGINT")

    def terminate(number: int, frame: object) -> None:
        heard(signal.Signals(number).name)
        stop.ask(signal.Signals(number).name)
        if on_cancel == "kill":
            kill_soon()
        timer = threading.Timer(SEAL_WITHIN_S, stop.leave.set)
        timer.daemon = True
        timer.start()

    def cancel(number: int, frame: object) -> None:
        heard("SIGINT")
        stop.ask("SIGINT")
        kill_soon()

    def kill_soon() -> None:
        threading.Thread(target=kill, name="rawat-kill", daemon=True).start()

    handlers = {
        signal.SIGINT: interrupt,
        signal.SIGTERM: terminate,
        signal.SIGHUP: terminate,
        signal.SIGUSR1: cancel,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
