"""Whose turn is when, beyond the plan's batches: the machine that rawat itself runs on comes last."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runner.engine.surroundings import Surroundings
from runner.events import HostPutLast
from runner.model import Facts

WHY = "it is the machine that rawat runs on"


def is_here(around: Surroundings, facts: Facts) -> bool:
    """Whether a host is this machine: the same machine id alone may be that of a clone."""
    return bool(facts.machine_id) and (facts.machine_id, facts.boot_id) == around.machine


def turns(
    around: Surroundings, batches: Sequence[Sequence[str]], facts: Mapping[str, Facts]
) -> tuple[tuple[str, ...], ...]:
    """
    The batches as they are to be taken: where a step may unsettle a machine, ours is a batch of its own, the last.

    That is put on record, by HostPutLast.
    """
    kinds = {step.kind for step in around.playbook.walk() if step.kind != "group" and not step.local}
    if not any(getattr(around.kinds.get(kind), "unsettles", False) for kind in kinds):
        return tuple(tuple(batch) for batch in batches)
    here = tuple(name for name, known in facts.items() if is_here(around, known))
    others = tuple(tuple(name for name in batch if name not in here) for batch in batches)
    if not here or not any(others):
        return tuple(tuple(batch) for batch in batches)
    for name in here:
        around.bus.emit(HostPutLast(host=name, why=WHY))
    return (*(batch for batch in others if batch), here)


def first(batches: Sequence[Sequence[str]], names: frozenset[str]) -> tuple[tuple[str, ...], ...]:
    """These hosts in a batch of their own, before all others."""
    if not names:
        return tuple(tuple(batch) for batch in batches)
    ahead = tuple(name for batch in batches for name in batch if name in names)
    others = (tuple(name for name in batch if name not in names) for batch in batches)
    return (ahead, *(batch for batch in others if batch))
