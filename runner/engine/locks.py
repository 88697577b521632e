"""Waiting for what somebody else holds: a host that another run works on, a resource that steps share."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from runner.engine.surroundings import Surroundings
from runner.errors import LockBusy
from runner.events import Waited

T = TypeVar("T")
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0


def held(around: Surroundings, take: Callable[[], T], *, host: str, step: str, wait_s: float) -> T:
    """
    What `take` gives, asked again for as long as it is busy; the time is on record as waiting for a lock.

    Raises LockBusy, with its holder, when `wait_s` is over or the run was asked to stop.
    """
    began = around.clock.monotonic()
    pause_s = FIRST_PAUSE_S
    busy = ""
    try:
        while True:
            try:
                return take()
            except LockBusy as error:
                busy = error.message
                left = wait_s - (around.clock.monotonic() - began)
                if left <= 0 or around.clock.wait(around.stop.event, min(left, pause_s)):
                    raise
                pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
    finally:
        if busy:
            took_ms = int((around.clock.monotonic() - began) * 1000)
            around.bus.emit(Waited(host=host, step=step, cause="lock", took_ms=took_ms, detail=busy[:200]))
