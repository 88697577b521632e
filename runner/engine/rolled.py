"""Rollbacks of earlier sittings: which steps of a host they left standing, and the one that was broken off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from runner.events import Event, HostFinished, RollbackStarted, SittingStarted, StepFinished, StepStarted
from runner.model import FINALLY, UNDO, Outcome


@dataclass
class Rolled:
    """
    Of one host. `stands`: main steps that ended, well or not, since the last rollback that came to its end. `because`
    is the reason of one that did not, else empty; `back` are its steps that ended well.
    """

    stands: set[str] = field(default_factory=set)
    because: str = ""
    back: set[str] = field(default_factory=set)
    _open: set[str] = field(default_factory=set)
    _here: bool = False
    """Whether it was at work in the sitting that is told now."""

    def hear(self, event: HostFinished | RollbackStarted | StepFinished | StepStarted) -> None:
        match event:
            case RollbackStarted():
                self.because, self._here = self.because or event.because, True
            case HostFinished():
                if self._here and not self._open:
                    self._over()
            case StepStarted(phase=phase):
                if phase == UNDO:
                    self.back.discard(event.step)
                    self._open.add(event.step)
                elif phase != FINALLY and self.because:  # nothing goes on before what was broken off is through
                    self._over()
            case StepFinished(phase=phase):
                if phase == UNDO:
                    self._undo_ended(event)
                elif phase != FINALLY:
                    self.stands.add(event.step)

    def next_sitting(self) -> None:
        self._here = False

    def _undo_ended(self, event: StepFinished) -> None:
        if event.outcome != Outcome.UNKNOWN:
            self._open.discard(event.step)
        if event.outcome == Outcome.OK:
            self.back.add(event.step)

    def _over(self) -> None:
        self.because, self._here = "", False
        for some in (self.stands, self.back, self._open):
            some.clear()


def rollbacks(events: Iterable[Event]) -> Mapping[str, Rolled]:
    """By host, from the events of all sittings in their order."""
    hosts: dict[str, Rolled] = {}
    for event in events:
        if isinstance(event, SittingStarted):
            for rolled in hosts.values():
                rolled.next_sitting()
        elif isinstance(event, HostFinished | RollbackStarted | StepFinished | StepStarted):
            hosts.setdefault(event.host, Rolled()).hear(event)
    return hosts
