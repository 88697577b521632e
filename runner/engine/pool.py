"""A few threads for many hosts. Daemons, so that a run that must end at once does."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from runner import cores
from runner.engine.surroundings import Stop

T = TypeVar("T")

MANY = 8
"""From so many threads on they share one core. Fewer may have much output, which two cores take in sooner than one."""

LISTEN_S = 0.2
"""How late a thread that waits for others may hear that a run was asked to stop, in seconds."""

STUCK_S = 0.5
"""When no item was begun for so long, though some wait, threads that do nothing but wait keep them from it."""


class Abandoned(Exception):
    """The run was asked to end before its threads did."""


def for_each(
    items: Iterable[T],
    work: Callable[[T], None],
    *,
    at_once: int,
    most: int = 0,
    stop: Stop,
    meanwhile: Callable[[], None] = lambda: None,
    heard: Callable[[], None] = lambda: None,
    take: Callable[[T], bool] = lambda item: True,
    give: Callable[[T], None] = lambda item: None,
) -> list[T]:
    """
    `work` on every item, `at_once` of them together, as many more every STUCK_S in which none is begun, up to `most`.
    What was not begun when `stop` was asked is returned.

    An item begins when `take` says yes to it, in the order given otherwise; `give` is called when it is done.
    `meanwhile` is called once, while the threads are at work; `heard`, by the thread that waits for them, within
    LISTEN_S of `stop` being asked, and perhaps again. What a thread raises is raised here once all have ended.
    Raises Abandoned where `stop.leave` is set: threads are left behind.
    """
    queue = _Queue(items, stop, take, give)
    threads = 0

    def start(number: int) -> None:
        nonlocal threads
        args = (queue, work, threads + number >= MANY)
        for _ in range(number):
            threading.Thread(target=_work_off, args=args, name=f"rawat-host-{threads}", daemon=True).start()
            threads += 1

    start(min(at_once, len(queue.waiting)))
    meanwhile()
    while queue.ended < threads:
        if threads < most and queue.stuck:
            start(min(at_once, most - threads, len(queue.waiting)))
        if stop.asked:
            heard()
        if stop.leave.is_set():
            raise Abandoned
        with queue.changed:
            if queue.ended < threads:
                queue.changed.wait(LISTEN_S)
    if queue.errors:
        raise queue.errors[0]
    return list(queue.waiting)


class _Queue(Generic[T]):
    """What waits to be begun. `ended` counts the threads that found nothing more to do, or raised `errors`."""

    def __init__(self, items: Iterable[T], stop: Stop, take: Callable[[T], bool], give: Callable[[T], None]) -> None:
        self.waiting = deque(items)
        self.changed = threading.Condition()
        self.errors: list[BaseException] = []
        self.ended = 0
        self._taken_at = time.monotonic()
        self._stop = stop
        self._take = take
        self._give = give

    @property
    def stuck(self) -> bool:
        """Whether some wait, and none of them was begun for a while; not asked again before the next while is over."""
        with self.changed:
            if not self.waiting or self._stop.asked or time.monotonic() - self._taken_at < STUCK_S:
                return False
            self._taken_at = time.monotonic()
            return True

    def next(self) -> list[T]:
        """The first item that may begin, waited for; none when there is nothing more to do."""
        with self.changed:
            while self.waiting and not self.errors and not self._stop.asked:
                for item in self.waiting:
                    if self._take(item):
                        self.waiting.remove(item)
                        self._taken_at = time.monotonic()
                        return [item]
                self.changed.wait(LISTEN_S)
            self.ended += 1
            self.changed.notify_all()
            return []

    def done(self, item: T, error: BaseException | None) -> None:
        with self.changed:
            if error is not None:
                self.errors.append(error)
            self._give(item)
            self.changed.notify_all()


def _work_off(queue: _Queue[T], work: Callable[[T], None], gather: bool) -> None:
    """One thread: an item after another."""
    if gather:
        cores.gather()
    while found := queue.next():
        error: BaseException | None = None
        try:
            work(found[0])
        except BaseException as raised:  # noqa: BLE001 - handed to the thread that waits
            error = raised
        queue.done(found[0], error)
