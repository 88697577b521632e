"""A few threads for many hosts. Daemons, so that a run that must end at once does."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable
from typing import TypeVar

from runner import cores
from runner.engine.surroundings import Stop

T = TypeVar("T")

MANY = 8
"""From so many threads on they share one core. Fewer may have much output, which two cores take in sooner than one."""

LISTEN_S = 0.2
"""How late whoever waits for the threads may hear that a run was asked to stop."""


class Abandoned(Exception):
    """The run was asked to end before its threads did."""


def for_each(
    items: Iterable[T],
    work: Callable[[T], None],
    *,
    at_once: int,
    stop: Stop,
    meanwhile: Callable[[], None] = lambda: None,
    heard: Callable[[], None] = lambda: None,
    take: Callable[[T], bool] = lambda item: True,
    give: Callable[[T], None] = lambda item: None,
) -> list[T]:
    """
    `work` on every item, `at_once` of them together; what was not begun when `stop` was asked is returned.

    An item begins when `take` says yes to it, in the order given otherwise; `give` is called when it is done.
    `meanwhile` is called once, while the threads are at work; `heard`, by the thread that waits for them, within
    LISTEN_S of `stop` being asked, and perhaps again. What a thread raises is raised here once all have ended.
    Raises Abandoned where `stop.leave` is set: threads are left behind.
    """
    waiting = deque(items)
    lock = threading.Condition()
    errors: list[BaseException] = []
    alive = many = min(at_once, len(waiting))

    def next_item() -> list[T]:
        """The first item that may begin, or none when there is nothing more to do."""
        while waiting and not errors and not stop.asked:
            for item in waiting:
                if take(item):
                    waiting.remove(item)
                    return [item]
            lock.wait(0.2)
        return []

    def worker() -> None:
        nonlocal alive
        if many >= MANY:
            cores.gather()
        while True:
            with lock:
                found = next_item()
                if not found:
                    alive -= 1
                    lock.notify_all()
                    return
            try:
                work(found[0])
            except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
                with lock:
                    errors.append(error)
            finally:
                with lock:
                    give(found[0])
                    lock.notify_all()

    for number in range(alive):
        threading.Thread(target=worker, name=f"rawat-host-{number}", daemon=True).start()
    meanwhile()
    while alive:
        if stop.asked:
            heard()
        if stop.leave.is_set():
            raise Abandoned
        with lock:
            if alive:
                lock.wait(LISTEN_S)
    if errors:
        raise errors[0]
    return list(waiting)
