"""What takes back the steps of a host."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from runner.engine.items import SKIPPED, items_of
from runner.engine.past import Before
from runner.frozen import frozen
from runner.model import Outcome, Playbook, Step


@frozen
class Undo:
    """Steps that take back what a step did, with the names as they were then."""

    steps: tuple[Step, ...]
    suffix: str
    item: Mapping[str, Any]


def undo_of(
    playbook: Playbook, before: Mapping[str, Before], names: Mapping[str, Any], register: Callable[..., None]
) -> list[Undo]:
    """
    What a rollback has to carry out, in the order in which it was done; `before` is how the steps stood when it began.

    Their results are registered on the way: `names` has them after each. Raises TemplateFailed where a list cannot be
    had again.
    """
    found: list[Undo] = []
    for steps in playbook.phases.values():
        _gather(steps, before, names, register, found)
    return found


def _gather(
    steps: Sequence[Step],
    before: Mapping[str, Before],
    names: Mapping[str, Any],
    register: Callable[..., None],
    found: list[Undo],
) -> bool:
    """Whether any of them did something, or may have."""
    touched = False
    for step in steps:
        if step.kind == "group":
            behind = len(found)
            did = _gather(step.steps, before, names, register, found)
            if did and step.undo:
                found.insert(behind, Undo(steps=step.undo, suffix="", item={}))
        else:
            ended = {name: before[name] for name in _instances(step, before) if before[name].state == "done"}
            did = any(map(_did, ended.values()))
            if did and step.undo:
                found += _of(step, ended, names)
            if ended:
                _register(step, ended, register)
        touched = touched or did
    return touched


def _of(step: Step, ended: Mapping[str, Before], names: Mapping[str, Any]) -> Iterable[Undo]:
    items = [] if step.loop is None else items_of(step, names)
    for name, before in ended.items():
        suffix = name.removeprefix(step.id)
        if _did(before) and (not suffix or int(suffix[1:]) <= len(items)):
            item = {"item": items[int(suffix[1:]) - 1]} if suffix else {}
            yield Undo(steps=step.undo, suffix=suffix, item=item)


def _register(step: Step, ended: Mapping[str, Before], register: Callable[..., None]) -> None:
    if step.loop is None:
        register(step, ended[step.id].values, from_record=True)
        return
    numbers = {int(name.rpartition(".")[2]): before.values for name, before in ended.items()}
    register(step, [numbers.get(number, SKIPPED) for number in range(1, max(numbers) + 1)], from_record=True)


def _instances(step: Step, before: Mapping[str, Before]) -> list[str]:
    """Its own, items in the order of their numbers."""
    if step.loop is None:
        return [step.id] if step.id in before else []
    items = [name for name in before if name.rpartition(".")[0] == step.id]
    return sorted(items, key=lambda name: int(name.rpartition(".")[2]))


def _did(before: Before) -> bool:
    return before.outcome is not Outcome.OK or before.changed is not False
