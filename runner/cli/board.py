"""Where a run is, as its events tell it: what the live view and the plain lines are drawn from."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from runner.events import (
    FULL_DISK,
    BatchStarted,
    Event,
    HostConnected,
    HostFinished,
    HostRefused,
    HostStarted,
    LinkDropped,
    PersonAnswered,
    PersonAsked,
    SittingStarted,
    StepFinished,
    StepRecalled,
    StepSkipped,
    StepStarted,
    Waited,
)
from runner.hygiene import without_answers
from runner.model import PHASES, Outcome, ended_as

if TYPE_CHECKING:
    from runner.app.signals import Becomes


class Row:
    """
    A host's line: `doing` is empty where it does nothing now, `lost` says that its link is; times are of the monotonic
    clock.
    """

    def __init__(self, host: str, since: float = 0.0) -> None:
        self.host = host
        self.state = CONNECTING
        self.phase = self.doing = self.line = self.asked = ""
        self.since = since
        self.lost = False

    @property
    def out(self) -> str:
        """What it is out for, if it is: a step, or to be connected to and locked."""
        return f"{self.phase}/{self.doing}" if self.doing else "connecting" if self.state == CONNECTING else ""


_GOOD = frozenset({"ok", "skipped"})
CONNECTING = "connecting"
DONE_BEFORE = "done in an earlier sitting"
LINK_LOST = "link lost, connecting again"


BECOMES = {
    "end": "what runs may end, and be rolled back where a step asks for it",
    "kill": "what runs is ended on the hosts",
    "leave": "what runs is left running",
}
AGAIN = {"kill": "end it on the hosts", "leave": "do not wait for it"}


def stopping(how: str, becomes: Becomes = "end", again: Becomes | None = None) -> str:
    """What was heard, what becomes of what runs, and what another Ctrl-C would do."""
    if how == FULL_DISK:
        return "the disk of the records is full: nothing further is started, what runs may end"
    more = f"; Ctrl-C again: {AGAIN[again]}" if again else ""
    return f"stopped by {how}: nothing new is begun, {BECOMES[becomes]}{more}"


class Board:
    """
    Fed by one thread, drawn by another; `lock` is held by both. `stopping` says what a signal has begun; with hosts
    that are `done` since an earlier sitting nothing happens any more.
    """

    def __init__(self, done: Collection[str] = ()) -> None:
        self._done = done
        self.lock = threading.RLock()
        self.began = time.monotonic()
        self.run = self.playbook = self.ticket = ""
        self.batch, self.batches = 0, 1
        self.rows: dict[str, Row] = {}
        self.phases: dict[str, str] = {}
        self.declared: frozenset[str] = frozenset()
        self.stopping = ""

    def hear(self, event: Event) -> None:
        with self.lock:
            self._hear(event)

    def output(self, host: str, text: str) -> None:
        """The last line that a host's step has printed for people."""
        lines = [line for line in without_answers(text) if line.strip()]
        if lines:
            with self.lock:
                self.rows[host].line = lines[-1]

    @property
    def connecting(self) -> set[str]:
        """Hosts that are not reached yet, nor refused."""
        return {row.host for row in self.rows.values() if row.state == CONNECTING}

    def outstanding(self) -> list[Row]:
        """Hosts at work or not reached yet, the longest first."""
        with self.lock:
            return sorted((row for row in self.rows.values() if row.out), key=lambda row: row.since)

    def _hear(self, event: Event) -> None:
        match event:
            case SittingStarted():
                self.run, self.playbook = event.run, event.playbook
                self.ticket = str(event.why.get("ticket") or "")
                self.batches = len(event.batches)
                self.declared = frozenset(str(step["phase"]) for step in event.steps)
                self.rows = {host: Row(host, time.monotonic()) for host in event.hosts}
                for host in self.rows.keys() & self._done:
                    self.rows[host].state = DONE_BEFORE
            case BatchStarted():
                self.batch = event.batch
            case HostConnected():
                self.rows[event.host].state = "waiting for its batch"
            case HostRefused():
                self.rows[event.host].state = f"refused ({event.reason})"
            case HostStarted():
                self.rows[event.host].state = "at work"
            case StepStarted() | StepRecalled():  # also of a host that is not in the inventory any more
                row = self.rows.setdefault(event.host, Row(event.host, time.monotonic()))
                row.phase, row.doing, row.since, row.line = event.phase, event.step, time.monotonic(), ""
                if event.phase in PHASES:
                    self.phases.setdefault(event.phase, "running")
            case StepFinished():
                self.rows[event.host].doing = "" if event.last else self.rows[event.host].doing
                if event.phase in PHASES:
                    state = self.phases.setdefault(event.phase, "running")
                    if event.last and event.outcome not in _GOOD:
                        self.phases[event.phase] = _worse(state, ended_as(event.outcome, event.exit))
            case StepSkipped():
                if event.phase in PHASES:
                    self.phases.setdefault(event.phase, "running")
            case LinkDropped():
                self.rows[event.host].lost = True
            case Waited() if event.cause == "link":
                self.rows[event.host].lost = False
            case PersonAsked():
                self.rows[event.host].asked = event.question
            case PersonAnswered():
                self.rows[event.host].asked = ""
            case HostFinished():
                row = self.rows[event.host]
                row.state, row.doing = event.outcome, ""
            case _:
                pass

    def phase_state(self, phase: str) -> str:
        """ok, running, failed, cancelled, or an empty text where it was not reached."""
        state = self.phases.get(phase, "")
        if state != "running":
            return state
        later = PHASES[PHASES.index(phase) + 1 :]
        busy = any(row.doing and row.phase == phase for row in self.rows.values())
        over = any(phase in self.phases for phase in later) or all(
            row.state not in ("at work", "connecting", "waiting for its batch") for row in self.rows.values()
        )
        return "ok" if over and not busy else "running"


def _worse(state: str, ended: str) -> str:
    """The state of a phase in which one more step did not end well."""
    return "cancelled" if ended == Outcome.CANCELLED and state != "failed" else "failed"
