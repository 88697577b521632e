"""What every host of a run shares."""

from __future__ import annotations

import threading
from typing import Any

from runner.engine.bus import Bus
from runner.events import FULL_DISK
from runner.frozen import frozen
from runner.model import Playbook
from runner.registry import Registry
from runner.seams import Clock, Journal, People, Resources
from runner.units import text_of_duration


class Stop:
    """
    Somebody asked the run to stop: `how` is the signal or the command; the first word stands.

    `event`: nothing new is begun, but a rollback that what runs asks for. `leave`: do not wait for what runs, either.
    `full`: the disk of the record is: nothing at all is started on a host, and what runs may end.
    """

    def __init__(self) -> None:
        self.event = threading.Event()
        self.leave = threading.Event()
        self.how = ""
        self.full = False

    @property
    def asked(self) -> bool:
        return self.event.is_set()

    def ask(self, how: str) -> None:
        self.how = self.how or how
        self.event.set()

    def no_room(self) -> None:
        """Says more than what was said before: the exit code is that of a record which cannot be written."""
        self.full, self.how = True, FULL_DISK
        self.event.set()


@frozen
class Surroundings:
    playbook: Playbook
    kinds: Registry[type[Any]]
    bus: Bus
    journal: Journal
    clock: Clock
    people: People
    stop: Stop
    run_id: str
    reconnect_s: float = 300.0
    """How long a host whose link was lost is tried again, at most."""
    lock_s: float = 0.0
    """How long to wait for a host that another run holds, at most."""
    resources: Resources | None = None
    opened: frozenset[tuple[str, str, str]] = frozenset()
    """Gates that an earlier run opened, or a person: host, step, checklist item."""
    machine: tuple[str, str] = ("", "")
    """The machine that rawat runs on, by machine id and boot id; empty where that is not known."""
    owner: str = ""
    """One line that says who holds what this run holds."""
    until: float = float("inf")
    """When the time of the whole run is over, by the clock's monotonic time."""

    @property
    def left_s(self) -> float:
        return self.until - self.clock.monotonic()

    @property
    def late(self) -> str:
        """Why nothing new begins, where the time of the run is over; else empty."""
        return "" if self.left_s > 0 else self.over

    @property
    def over(self) -> str:
        return f"the time of the whole run, {text_of_duration(self.playbook.rollout.timeout_s)}, is over"
