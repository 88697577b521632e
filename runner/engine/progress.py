"""How far a host is, and what has come of it: names for templates, ends of steps, what a rollback would take back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runner.engine.naming import recalled
from runner.engine.past import Before, Past, redacted
from runner.engine.result import StepResult
from runner.engine.undo import Undo
from runner.frozen import replace
from runner.model import OnFailure, Outcome, Step

ORDER = (Outcome.OK, Outcome.SKIPPED, Outcome.CANCELLED, Outcome.REFUSED, Outcome.UNREACHABLE, Outcome.FAILED,
         Outcome.UNKNOWN)  # fmt: skip
"""From good to bad: a host ended as the worst of its steps did."""


class Halt(Exception):
    """No further step of a host begins; with `rollback`, what was done there is taken back."""

    def __init__(self, because: str, outcome: Outcome, *, rollback: bool = False) -> None:
        super().__init__(because)
        self.because = because
        self.outcome = outcome
        self.rollback = rollback


class Progress:
    """
    Of one host. `names` are what templates may use; `outcomes` how steps ended, by instance; `ran` the instances that
    were begun, now or in an earlier sitting (others could not be); `touched` counts steps that did something, or may
    have; `undo` is what takes them back, in the order in which they were done; `past` is what earlier sittings left.
    """

    def __init__(self, names: Mapping[str, Any], past: Past) -> None:
        self.names: dict[str, Any] = dict(names)
        self.past = past
        self.outcomes: dict[str, Outcome] = {}
        self.worst = Outcome.OK
        self.ran: set[str] = set()
        self.undo: list[Undo] = []
        self.touched = 0
        self.bad = 0
        """How many steps did not end well."""
        self._doubts = past.in_doubt

    @property
    def settled(self) -> bool:
        """Whether nothing of this or an earlier sitting is in doubt: what the host keeps of the run may go."""
        known = all(self.outcomes.get(name, Outcome.UNKNOWN) is not Outcome.UNKNOWN for name in self._doubts)
        return known and self.worst is not Outcome.UNKNOWN

    def ended(self, step: Step, instance: str, result: StepResult, item: Mapping[str, Any]) -> None:
        """A step came to its end: what it did is to be taken back should a rollback come."""
        self.outcomes[instance] = result.outcome
        self.ran.add(instance)
        did = result.outcome is not Outcome.OK or result.changed is not False
        self.touched += did
        if step.undo and did:
            self.undo.append(Undo(steps=step.undo, suffix=instance.removeprefix(step.id), item=item))

    def judge(self, step: Step, instance: str, result: StepResult) -> None:
        """Raises Halt where nothing may come after a step that ended so."""
        if result.outcome.good:
            return
        self.bad += 1
        self.worsen(result.outcome)
        because = f"{step.phase}/{instance}: {result.problem}"
        if result.outcome is Outcome.UNKNOWN:
            raise Halt(because, Outcome.UNKNOWN)
        if step.on_failure is not OnFailure.CONTINUE:
            back = step.on_failure is OnFailure.ROLLBACK and result.outcome is not Outcome.CANCELLED
            raise Halt(because, result.outcome, rollback=back)

    def worsen(self, outcome: Outcome) -> Outcome:
        """The worst so far, this one among them."""
        self.worst = worst((self.worst, outcome))
        return self.worst

    def register(self, step: Step, values: Any, *, from_record: bool) -> None:
        """What a step gives to later ones; what a record could not keep of it is marked as lost."""
        if step.register:
            lost = from_record and redacted(values)
            why = (
                f"the result of {step.id} held a secret, which no record keeps; it cannot be had back by a resumed run"
            )
            self.names[step.register] = _missing(why) if lost else recalled(values) if from_record else values

    def anew(self, attempts: Mapping[str, int]) -> None:
        """These instances start with an attempt of their own, after as many as were made, whatever came of those."""
        fresh = {name: Before(state="again", attempts=used) for name, used in attempts.items()}
        self.past = replace(self.past, steps={**self.past.steps, **fresh})


def worst(outcomes: Iterable[Outcome]) -> Outcome:
    return max(outcomes, key=ORDER.index, default=Outcome.OK)


def _missing(why: str) -> Any:
    from runner.playbook.evaluation import missing

    return missing(why)
