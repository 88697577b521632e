"""The list of a step with `with`: its items, and which of them are wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.model import Step
from runner.playbook.template import TemplateFailed, render

SKIPPED: Mapping[str, Any] = {"ok": True, "changed": False, "skipped": True}
"""What stands in the list of results for an item that was skipped: those behind it keep their numbers."""


def items_of(step: Step, names: Mapping[str, Any]) -> list[Any]:
    """Raises TemplateFailed, for what is no list too."""
    items = render(step.loop, names)
    if not isinstance(items, list | tuple):
        raise TemplateFailed(f"expected a list, found {items!r}")
    return list(items)


def by_item(step: Step) -> bool:
    """Whether `when` names the item, and so is decided for each."""
    if step.loop is None or step.when is None:
        return False
    from runner.playbook.evaluation import names_in

    return "item" in names_in(step.when, expression=True)


def wanted(step: Step, names: Mapping[str, Any]) -> list[bool]:
    """For each item whether it is wanted, as far as `when` names it. Raises TemplateFailed."""
    items = items_of(step, names)
    if not by_item(step):
        return [True] * len(items)
    from runner.playbook.evaluation import holds

    return [holds(step.when or "", {**names, "item": item}) for item in items]
