"""What signals mean for a run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Literal

from runner.engine.surroundings import Stop
from runner.events import CANCEL

OnCancel = Literal["leave", "kill"]
Becomes = Literal["end", "kill", "leave"]
"""Of what runs on hosts: it may end, it is ended there, it is not waited for."""
Heard = Callable[[str, Becomes, Becomes | None], None]
"""Told of a signal, on a thread of its own: its name, what becomes of what runs, what would after another Ctrl-C."""
SEAL_WITHIN_S = 1.5
"""How long SIGTERM waits for what runs before the record is sealed without it."""
HEEDED_WITHIN_S = 0.5
"""How long the main thread stands still for a signal: what it decides behind it shall know of it."""
TOLD_WITHIN_S = 2.0
"""How long the end of a run waits for a signal that came before it to be told."""


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
    meanings = _Meanings(stop, kill, on_cancel, heard)
    by_signal: dict[int, Callable[[int], None]] = {
        signal.SIGINT: meanings.interrupt,
        signal.SIGTERM: meanings.terminate,
        signal.SIGHUP: meanings.terminate,
        signal.SIGUSR1: meanings.cancel,
        signal.SIGUSR2: meanings.cancel,
    }
    if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
        del by_signal[signal.SIGHUP]
    came: SimpleQueue[tuple[int, SimpleQueue[None]]] = SimpleQueue()

    def heed() -> None:
        while (signalled := came.get())[0]:
            by_signal[signalled[0]](signalled[0])
            signalled[1].put(None)

    def hand_over(number: int, frame: object = None) -> None:
        done: SimpleQueue[None] = SimpleQueue()
        came.put((number, done))
        with suppress(Empty):
            done.get(timeout=HEEDED_WITHIN_S)

    # One after another, and on a thread of their own: a handler may run within another, or while the main thread holds
    # the lock of the very event that it sets. To put something into such a queue is safe even then.
    thread = threading.Thread(target=heed, name="rawat-signals", daemon=True)
    thread.start()
    before = {number: signal.signal(number, hand_over) for number in by_signal}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        came.put((0, SimpleQueue()))
        thread.join(TOLD_WITHIN_S)


class _Meanings:
    """What each signal does: it sets flags and starts threads, and waits for nothing. What is told is so by then."""

    def __init__(self, stop: Stop, kill: Callable[[], None], on_cancel: OnCancel, heard: Heard) -> None:
        self._stop = stop
        self._kill = kill
        self._kills = on_cancel == "kill"
        self._heard = heard
        self._killing = False

    def interrupt(self, number: int) -> None:
        to_kill = self._kills and not self._killing
        if not self._stop.asked:
            self._stop.ask("SIGINT")
            self._heard("SIGINT", "end", "kill" if to_kill else "leave")
        elif to_kill:
            self._kill_soon()
            self._heard("SIGINT", "kill", "leave")
        else:
            self._stop.leave.set()
            self._heard("SIGINT", "leave", None)

    def terminate(self, number: int) -> None:
        name = signal.Signals(number).name
        self._stop.ask(name)
        if self._kills:
            self._kill_soon()
        timer = threading.Timer(SEAL_WITHIN_S, self._stop.leave.set)
        timer.daemon = True
        timer.start()
        self._heard(name, "kill" if self._kills else "end", None)

    def cancel(self, number: int) -> None:
        kills = number == signal.SIGUSR1 or self._killing
        self._stop.ask(CANCEL)
        if kills:
            self._kill_soon()
        self._heard(CANCEL, "kill" if kills else "end", "leave")

    def _kill_soon(self) -> None:
        if not self._killing:
            self._killing = True
            threading.Thread(target=self._kill, name="rawat-kill", daemon=True).start()
