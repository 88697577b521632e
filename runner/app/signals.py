"""What signals mean for a run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from runner.engine.surroundings import Stop
from runner.events import CANCEL

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
    SIGINT: begin nothing new but a rollback that what runs asks for; again: with `on_cancel` "kill" end what runs on
    the hosts, as at a deadline; again, or at once without: leave it running. SIGTERM and SIGHUP: seal within two
    seconds, with "kill" ending what runs.

    A SIGHUP that was ignored before stays so: that is how `nohup` asks to go on when the terminal closes.

    SIGUSR2 is `rawat cancel`, SIGUSR1 `rawat cancel --kill`: begin nothing new, and wait for, or end, what runs now,
    however often they come. `kill` is called in a thread of its own, once.
    """
    handlers = _Handlers(stop, kill, on_cancel, heard)
    by_signal: dict[int, Callable[[int, object], None]] = {
        signal.SIGINT: handlers.interrupt,
        signal.SIGTERM: handlers.terminate,
        signal.SIGHUP: handlers.terminate,
        signal.SIGUSR1: handlers.cancel,
        signal.SIGUSR2: handlers.cancel,
    }
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        del by_signal[signal.SIGHUP]
    before = {number: signal.signal(number, handler) for number, handler in by_signal.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


class _Handlers:
    """Each is called within a signal's handler: it sets flags and starts threads, and waits for nothing."""

    def __init__(self, stop: Stop, kill: Callable[[], None], on_cancel: OnCancel, heard: Heard) -> None:
        self._stop = stop
        self._kill = kill
        self._kills = on_cancel == "kill"
        self._heard = heard
        self._killing = False

    def interrupt(self, number: int, frame: object) -> None:
        to_kill = self._kills and not self._killing
        if not self._stop.asked:
            self._heard("SIGINT", "end", "kill" if to_kill else "leave")
            self._stop.ask("SIGINT")
        elif to_kill:
            self._heard("SIGINT", "kill", "leave")
            self._kill_soon()
        else:
            self._heard("SIGINT", "leave", None)
            self._stop.leave.set()

    def terminate(self, number: int, frame: object) -> None:
        name = signal.Signals(number).name
        self._heard(name, "kill" if self._kills else "end", None)
        self._stop.ask(name)
        if self._kills:
            self._kill_soon()
        timer = threading.Timer(SEAL_WITHIN_S, self._stop.leave.set)
        timer.daemon = True
        timer.start()

    def cancel(self, number: int, frame: object) -> None:
        kills = number == signal.SIGUSR1 or self._killing
        self._heard(CANCEL, "kill" if kills else "end", "leave")
        self._stop.ask(CANCEL)
        if kills:
            self._kill_soon()

    def _kill_soon(self) -> None:
        if not self._killing:
            self._killing = True
            threading.Thread(target=self._kill, name="rawat-kill", daemon=True).start()
