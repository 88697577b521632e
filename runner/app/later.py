"""Names that only steps of a run will give a value: what can be said of a step that asks for them, and what not."""

from __future__ import annotations

from collections.abc import Mapping, Set
from typing import Any, NoReturn

from runner.app.sources import needs_of
from runner.app.wiring import KINDS
from runner.engine.items import by_item
from runner.engine.plan import Plan
from runner.model import Step
from runner.playbook.evaluation import holds, names_in
from runner.playbook.names import texts_of
from runner.playbook.template import TemplateFailed


class Unknown:
    """There will be a value: whoever asks for it now has no answer."""

    __hash__ = None  # type: ignore[assignment]

    def _no(self, *_: Any) -> NoReturn:
        raise TypeError("it is not known yet")

    __bool__ = __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __len__ = __iter__ = __contains__ = _no
    __getattr__ = __getitem__ = __call__ = __str__ = __add__ = __radd__ = __sub__ = __rsub__ = _no


def later_names(plan: Plan, never: Set[str]) -> frozenset[str]:
    """The names that steps of the plan register, without those that are `never` done."""
    out = never | plan.skip.keys()
    return frozenset(step.register for step in plan.playbook.walk() if step.register and step.id not in out)


def holds_whatever(when: str, names: Mapping[str, Any], later: frozenset[str]) -> bool | None:
    """
    Whether a condition holds with and without the names that have no value yet; None where that makes a difference.

    Raises TemplateFailed where it asks for none of them.
    """
    asked = (names_in(when, expression=True) & later) - names.keys()
    if not asked:
        return holds(when, names)
    try:
        found = {holds(when, {**names, **more}) for more in ({}, {name: Unknown() for name in asked})}
    except TemplateFailed:
        return None
    return found.pop() if len(found) == 1 else None


def missing_for(
    plan: Plan, step: Step, names: Mapping[str, Any], later: frozenset[str], *, when: bool = False
) -> list[str]:
    """The names without a value yet that a step asks for, in its file too; with `when`, in its condition as well."""
    asked = set(needs_of(plan, step))
    for text in texts_of(step, KINDS):
        if text.at != ("when",) or when or by_item(step):
            own = {step.register} if text.result else set()
            asked |= names_in(text.text, expression=text.expression) - own
    return sorted((asked & later) - names.keys())
