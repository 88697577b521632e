"""Waiting for a lock that somebody else holds: on a host that another run works on, say."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from runner.engine.link import Link
from runner.engine.surroundings import Surroundings
from runner.errors import LockBusy
from runner.events import Waited
from runner.redact import cut
from runner.seams import Session

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
            around.bus.emit(Waited(host=host, step=step, cause="lock", took_ms=took_ms, detail=cut(busy, 200)))


def session_of(
    around: Surroundings, link: Link, *, user: str | None = None, instance: str = "", local: bool = False
) -> Session:
    """
    A host's session that works as `user`, None: as the login's; another run that holds the host is waited for.

    The wait is that of `instance`, or of the host where that has not begun. Raises TransportError and LockBusy.
    """

    def take() -> Session:
        session = link.session(local=local)
        if user is not None:
            session.become(user)
        return session

    return held(around, take, host=link.host.name, step=instance, wait_s=around.lock_s)
