"""Where the engine states facts: numbered, redacted, made durable, and only then told to whoever listens."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime

from runner.errors import JournalError
from runner.events import ClockJumped, Event, WatcherFailed, from_json
from runner.frozen import replace
from runner.redact import Redactor
from runner.seams import Clock, Journal, Stream, Watcher

TELL_EVERY_S = 0.04
CLOSING_TURNS = 50
"""So many times the end of a run looks after its watchers: a machine that stands still uses up one, not all."""
JUMP_S = 2.0
"""How far the clock of the day may part from the monotonic one between two events, before that goes on record."""


def moment(when: datetime) -> str:
    """RFC 3339, UTC, milliseconds."""
    return when.isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


class Bus:
    """
    `emit` returns once the event is on disk; raises JournalError where it cannot be, so that nothing is begun.
    With `later` nobody waits: it is on disk with the next event that somebody waits for, or TELL_EVERY_S after.

    Watchers hear on a thread of their own, in order, TELL_EVERY_S late at most: to wake it for each event would cost
    more than to tell it. One that raises is noted in the record and heard no more.
    """

    def __init__(
        self, journal: Journal, redactor: Redactor, clock: Clock, watchers: Sequence[Watcher] = (), *, after: int = 0
    ) -> None:
        self.redactor = redactor
        self._journal = journal
        self._clock = clock
        self._began = clock.monotonic()
        self._apart_s = clock.now().timestamp() - self._began
        self._lock = threading.Lock()
        self._seq = after
        self._closed = False
        self._soon = False
        self._closing = threading.Event()
        self._waiting: deque[tuple[int, Event]] = deque()
        self._watchers = list(watchers)
        self._queue: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._tell, name="rawat-watchers", daemon=True)
        self._thread.start()
        self.events: list[Event] = []
        """What was said so far, redacted."""

    def emit(self, event: Event, *, later: bool = False) -> Event:
        with self._lock:
            if self._closed:
                raise JournalError("this sitting is sealed; nothing more is written to it")
            now, monotonic = self._clock.now(), self._clock.monotonic()
            jump_s = now.timestamp() - monotonic - self._apart_s
            if abs(jump_s) > JUMP_S:
                self._apart_s += jump_s
                self._write(ClockJumped(by_ms=round(jump_s * 1000)), now, monotonic)
            number, event = self._write(event, now, monotonic)
            if later and not self._soon:
                self._soon = True
                self._queue.put(self._settle_all)
        if not later:
            self._settle(number)
        return event

    def _write(self, event: Event, now: datetime, monotonic: float) -> tuple[int, Event]:
        """With the lock held. The line's number, and the event as it stands there."""
        self._seq += 1
        event = replace(event, seq=self._seq, at=moment(now), mono_ms=int((monotonic - self._began) * 1000))
        line = event.to_json()
        if self.redactor:
            # the numbers of the event itself are ours: one may be that of a secret by chance
            line = {key: item if isinstance(item, int) else self.redactor.value(item) for key, item in line.items()}
            event = from_json(line)
        number = self._journal.write(line)
        self._waiting.append((number, event))
        self.events.append(event)
        return number, event

    def _settle_all(self) -> None:
        """What nobody waits for. A disk that takes no more is told to whoever says the next."""
        self._closing.wait(TELL_EVERY_S)
        with self._lock:
            self._soon = False
            number = self._waiting[-1][0] if self._waiting else 0
        if number:
            with suppress(JournalError):
                self._settle(number)

    def _settle(self, number: int) -> None:
        self._journal.sync(number)
        with self._lock:
            while self._waiting and self._waiting[0][0] <= number:
                _, ready = self._waiting.popleft()
                self._queue.put(self._telling(ready))

    def output(self, host: str, step: str, stream: Stream, text: str) -> None:
        """Live output, redacted already; for watchers only."""
        if text and self._watchers:
            self._queue.put(lambda: self._to_all(lambda watcher: watcher.output(host, step, stream, text)))

    def close(self, *, wait_s: float = 5.0) -> None:
        """Take nothing more; let the watchers hear what is left, for so long at most, and end."""
        with self._lock:
            self._closed = True
        self._queue.put(None)
        self._closing.set()
        for _ in range(CLOSING_TURNS):
            self._thread.join(wait_s / CLOSING_TURNS)
            if not self._thread.is_alive():
                return

    def _telling(self, event: Event) -> Callable[[], None]:
        return lambda: self._to_all(lambda watcher: watcher.hear(event))

    def _tell(self) -> None:
        while (message := self._queue.get()) is not None:
            message()
            if self._queue.empty():
                self._to_all(_rest)
                self._closing.wait(TELL_EVERY_S)
        for watcher in self._watchers:
            watcher.close()

    def _to_all(self, message: Callable[[Watcher], None]) -> None:
        for watcher in list(self._watchers):
            try:
                message(watcher)
            except Exception as error:  # noqa: BLE001 - one of the two places that isolate what plugs in
                self._watchers.remove(watcher)
                self._note(watcher, error)

    def _note(self, watcher: Watcher, error: Exception) -> None:
        with suppress(JournalError):  # the run was sealed meanwhile: there is no place left to note it in
            self.emit(WatcherFailed(watcher=type(watcher).__name__, message=str(error)))


def _rest(watcher: Watcher) -> None:
    watcher.rest()
