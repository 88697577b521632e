"""Rollbacks of earlier sittings: which steps of a host they left standing, and the one that did not come to its end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from runner.events import Event, HostFinished, RollbackStarted, StepFinished, StepStarted
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

    def hear(self, event: HostFinished | RollbackStarted | StepFinished | StepStarted) -> None:
        match event:
            case RollbackStarted():
                self.because = self.because or event.because
            case HostFinished(rolled_back=True) if self.because:
                self._over()
            case StepStarted(phase=phase):
                if phase == UNDO:
                    self.back.discard(event.step)
                elif phase != FINALLY and self.because:  # nothing goes on before a rollback is through
                    self._over()
            case StepFinished(phase=phase):
                if phase != UNDO and phase != FINALLY:
                    self.stands.add(event.step)
                elif phase == UNDO and event.outcome == Outcome.OK:
                    self.back.add(event.step)

    def _over(self) -> None:
        self.because = ""
        self.stands.clear()
        self.back.clear()


def rollbacks(events: Iterable[Event]) -> Mapping[str, Rolled]:
    """By host, from the events of all sittings in their order."""
    hosts: dict[str, Rolled] = {}
    for event in events:
        if isinstance(event, HostFinished | RollbackStarted | StepFinished | StepStarted):
            hosts.setdefault(event.host, Rolled()).hear(event)
    return hosts
