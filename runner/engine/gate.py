"""What a step's `requires` locks: it opens once its items of the checklist are proven on that host."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from runner.engine.past import base
from runner.engine.surroundings import Surroundings
from runner.model import Outcome, Step


def closed(
    around: Surroundings, host: str, step: Step, outcomes: Mapping[str, Outcome], signed: Callable[[str], bool]
) -> Iterator[tuple[str, Sequence[str]]]:
    """
    The items that keep a step locked, with what each is missing; `outcomes` are those of the host's steps so far.

    An item that an earlier run proved, or a person overrode, was opened before the run began.
    """
    items = {item.id: item for item in around.playbook.checklist}
    for requirement in step.requires:
        if (host, step.id, requirement.item) in around.opened:
            continue
        item = items.get(requirement.item)
        missing = [name for name in item.proof if not _proven(name, outcomes)] if item else ["an earlier run"]
        if item and item.by_hand and not signed(item.id):
            missing = ["a person's word"]
        if missing:
            yield requirement.item, missing


def _proven(name: str, outcomes: Mapping[str, Outcome]) -> bool:
    ran = [outcome for instance, outcome in outcomes.items() if base(instance) == name]
    return bool(ran) and all(outcome is Outcome.OK for outcome in ran)
