"""Steps of earlier sittings whose end nobody saw, and to which no step of this sitting comes: settled, or told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from runner.engine.gone import outlive, settle_gone, why_gone
from runner.engine.link import Link
from runner.engine.past import base
from runner.engine.progress import Halt, Progress
from runner.engine.surroundings import Surroundings
from runner.model import Outcome, Step


class Doubts:
    """Of one host. Whatever stays in doubt raises Halt, with what a person has to say."""

    def __init__(self, around: Surroundings, link: Link, progress: Progress) -> None:
        self._around = around
        self._link = link
        self._progress = progress
        self._alone = False

    def outlive(self) -> None:
        """Before anything else is begun on the host: nothing may run that an earlier sitting began."""
        past = self._progress.past
        doubted = () if self._alone else past.in_doubt
        known = {step.id: step for step in self._around.playbook.walk()} if doubted else {}
        for name in doubted:
            before = past.step(name)
            if name in self._progress.outcomes or before.reads_only:
                continue
            why = outlive(self._around, self._link, name, before, known.get(base(name)))
            if why:
                raise stays(name, f"{name} is in doubt, and nothing is begun beside it ({why})")
        self._alone = True

    def settle(self, names: Iterable[str], known: Mapping[str, Step] | None = None) -> None:
        """Have the host tell how these ended; `known` has those that are in the playbook now, by id."""
        for name in names:
            step = (known or {}).get(base(name))
            before = self._progress.past.step(name)
            result = settle_gone(self._around, self._link, name, before, step, names=self._progress.names)
            self._progress.outcomes[name] = result.outcome
            if result.outcome is Outcome.UNKNOWN:
                raise stays(name, f"{name} is in doubt, and {why_gone(step)} ({result.problem})")

    def settle_others(self, step: Step, suffix: str, instances: Sequence[str]) -> None:
        """Items in doubt that its list does not have now, or that were one step without a list, or the other way."""
        name = f"{step.id}{suffix}"
        others = (other for other in self._progress.past.in_doubt if other == name or other.rpartition(".")[0] == name)
        self.settle(other for other in others if other not in instances)

    def none_in(self, step: Step, instance: str) -> None:
        """For what is about to be skipped: nothing of it, or of the steps in it, may be in doubt."""
        inside = set(_ids(step))
        past = self._progress.past
        for name in past.in_doubt:
            own = base(name) in inside if instance == step.id else name == instance
            if own:
                raise stays(name, f"{name} is in doubt, and its `when` does not hold any more ({step.when})")


def stays(name: str, because: str) -> Halt:
    """What ends the host's work where a step stays in doubt."""
    return Halt(f"{because}; say how it ended: --settle {name}=done, or not-done", Outcome.UNKNOWN)


def _ids(step: Step) -> Iterator[str]:
    yield step.id
    for inner in step.steps:
        yield from _ids(inner)
