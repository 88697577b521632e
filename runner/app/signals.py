"""What signals mean for a run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from runner.engine.surroundings import Stop

OnCancel = Literal["leave", "kill"]
Becomes = Literal["end", "kill", "leave"]
"""Of what runs on hosts: it may end, it is ended there, it is not waited for."""
Heard = Callable[[str, Becomes, Becomes | None], None]
"""Told of a signal within its handler: its name, what becomes of what runs, and what would after another Ctrl-C."""
SEAL_WITHIN_S = 1.5
"""How long SIGTERM waits for what runs before the record is sealed without it."""


@contextmanager
def heeded(
    stop: Stop,
    kill: Callable[[], None],
    *,
    on_cancel: OnCancel = "leave",
    heard: Heard = lambda how, becomes, again: None,
) -> Iterator[None]:
    """
    SIGINT: begin nothing new; again: with `on_cancel` "kill" end what runs on the hosts, as at a deadline; again, or
    at once without: leave it running. SIGTERM and SIGHUP: seal within two seconds, with "kill" ending what runs.

    SIGUSR2 is `rawat cancel`, SIGUSR1 `rawat cancel --kill`: begin nothing new, and wait for, or end, what runs now,
    however often they come.
    """
    killing = threading.Event()

    def interrupt(number: int, frame: object) -> None:
        if not stop.asked:
            heard("SIGINT", "end", "kill" if on_cancel == "kill" and not killing.is_set() else "leave")
            stop.ask("SIGINT")
        elif on_cancel == "kill" and not killing.is_set():
            heard("SIGINT", "kill", "leave")
            kill_soon()
        else:
            heard("SIGINT", "leave", None)
            stop.leave.set()

    def terminate(number: int, frame: object) -> None:
        name = signal.Signals(number).name
        heard(name, "kill" if on_cancel == "kill" else "end", None)
        stop.ask(name)
        if on_cancel == "kill":
            kill_soon()
        timer = threading.Timer(SEAL_WITHIN_S, stop.leave.set)
        timer.daemon = True
        timer.start()

    def cancel(number: int, frame: object) -> None:
        kills = number == signal.SIGUSR1 or killing.is_set()
        heard("rawat cancel", "kill" if kills else "end", "leave")
        stop.ask("SIGINT")
        if kills:
            kill_soon()

    def kill_soon() -> None:
        if not killing.is_set():
            killing.set()
            threading.Thread(target=kill, name="rawat-kill", daemon=True).start()

    handlers = {
        signal.SIGINT: interrupt,
        signal.SIGTERM: terminate,
        signal.SIGHUP: terminate,
        signal.SIGUSR1: cancel,
        signal.SIGUSR2: cancel,
    }
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
