"""A step with what is known of it before anybody connects: its values filled in, what is not known in braces."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from runner.app.hole import Hole
from runner.app.secrets import no_values
from runner.app.wiring import KINDS
from runner.document.schema import check_value
from runner.engine.items import by_item, wanted
from runner.engine.naming import render_params, user_of
from runner.engine.plan import Plan
from runner.errors import InvalidInput
from runner.model import Facts, Host, Step
from runner.playbook.evaluation import holds, names_in
from runner.playbook.template import TemplateFailed
from runner.redact import Secret
from runner.seams import Wish

_EXPRESSION = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)


def wished(plan: Plan, step: Step, host: Host, names: Mapping[str, Any], facts: Facts | None) -> tuple[Wish, bool]:
    """
    The step with what is known now filled in, and whether that is all of it.

    Raises TemplateFailed, and InvalidInput where values made parameters that the kind does not take.
    """
    kind = KINDS.get(step.kind)()
    missing = _missing(step, names)
    holes: dict[str, Hole] = {}
    asked = _holed(step.params, missing, holes)
    filled: dict[str, Any] = {**names, **{name: Hole(name) for name in missing}, **holes}
    params = render_params(kind, asked, filled)
    if not missing:
        check_params(kind, params)
    wish = Wish(
        params=params,
        host=host,
        facts=facts,
        run_id="{run.id}",
        step=step.id,
        user=user_of(step, plan.playbook, filled),
        root=plan.playbook.root,
        folder=plan.playbook.folder_of(step),
        names=filled,
        limit_s=step.timeout_s or float("inf"),
    )
    return wish, not missing


def _holed(value: Any, missing: set[str], holes: dict[str, Hole]) -> Any:
    """
    Each `{{ expression }}` that asks for a name without a value becomes a hole with the expression's own words.

    To let it be worked out would show what is not so: the length of a list that is not known is not that of its name.
    """

    def hole(found: re.Match[str]) -> str:
        expression = found[1].strip()
        if not names_in(expression, expression=True) & missing:
            return found[0]
        name = f"hole_{len(holes)}"
        holes[name] = Hole(expression)
        return f"{{{{ {name} }}}}"

    if isinstance(value, str):
        return _EXPRESSION.sub(hole, value)
    if isinstance(value, Mapping):
        return {key: _holed(inner, missing, holes) for key, inner in value.items()}
    return [_holed(inner, missing, holes) for inner in value] if isinstance(value, list | tuple) else value


def check_params(kind: Any, params: Any) -> None:
    """Raises InvalidInput where values made parameters that the kind does not take."""
    if wrong := check_value(params, kind.schema):
        raise InvalidInput("; ".join(wrong))


def masks(plan: Plan) -> dict[str, Secret]:
    """What stands for the secrets before their values are asked for."""
    return {name: Secret(name, f"{{secret {name}}}") for name in plan.playbook.secrets} | no_values(plan.playbook)


def _missing(step: Step, names: Mapping[str, Any]) -> set[str]:
    text = json.dumps(step.params, default=str) + " " + str(step.become or "")
    return {name for name in names_in(joined(step.params)) | names_in(str(step.become or "")) if name not in names} | (
        {"facts"} if "facts" in text else set()
    )


def joined(value: Any) -> str:
    """All texts of a value, one after another, to ask them for names."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return " ".join(map(joined, value.values()))
    if isinstance(value, list | tuple):
        return " ".join(map(joined, value))
    return ""


def never(step: Step, names: Mapping[str, Any]) -> bool:
    """Whether the condition is known now, and false: of a list whose items it names, for all of them."""
    if step.when is None:
        return False
    asked = names_in(step.when, expression=True)
    if each := by_item(step):
        asked = (asked - {"item"}) | names_in(joined(step.loop))
    if not all(name in names for name in asked):
        return False
    try:
        return not any(wanted(step, names)) if each else not holds(step.when, names)
    except TemplateFailed:
        return False
