"""What `rawat plan` says: every step with the lines that would be sent, and what only a host can tell."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from runner.app.approve import approvals_word
from runner.app.gates import gates_of
from runner.app.hole import Hole
from runner.app.prepare import Prepared
from runner.app.wiring import KINDS
from runner.document.schema import check_value
from runner.engine.clock import SystemClock
from runner.engine.naming import host_names, render_params, user_of
from runner.engine.plan import Plan
from runner.model import Facts, Host, Step
from runner.playbook.evaluation import holds, names_in, paths_in
from runner.playbook.template import TemplateFailed
from runner.redact import Secret
from runner.seams import Wish

_EXPRESSION = re.compile(r"\{\{-?(.*?)-?\}\}", re.DOTALL)


def describe(prepared: Prepared, *, live: Mapping[str, Mapping[str, str]] | None = None) -> dict[str, Any]:
    """
    The plan as JSON values; touches no host.

    `live` maps hosts and steps to what a look said of them.
    """
    plan = prepared.plan
    gates = gates_of(prepared, SystemClock().now())
    undoes = {
        inner.id: step.id for step in plan.playbook.walk() for first in step.undo for inner in first.walk()
    }  # fmt: skip
    steps = [
        {
            **_step(plan, step, live or {}),
            "gates": [gate.text for gate in gates if gate.step == step.id],
            "undoes": undoes.get(step.id, ""),
        }
        for step in plan.playbook.walk()
        if step.kind != "group" and step.id not in plan.skip and undoes.get(step.id) not in plan.skip
    ]
    unknown: dict[str, str] = {}
    for step in plan.playbook.walk():
        unknown |= {name: where for name, where in _unknown(plan, step).items() if name not in unknown}
    return {
        "schema": "rawat-plan@1",
        **plan.to_json(),
        "title": plan.playbook.title,
        "owner": plan.playbook.owner,
        "steps": steps,
        "checklist": [item.to_json() for item in plan.playbook.checklist],
        "approvals": approvals_word(prepared.settings, plan.digest),
        "left_out": [dict(left) for left in plan.left_out],
        "unknown": [{"name": name, "from": where} for name, where in sorted(unknown.items())],
    }


def _step(plan: Plan, step: Step, live: Mapping[str, Mapping[str, str]]) -> dict[str, Any]:
    proves = [item.id for item in plan.playbook.checklist if step.id in item.proof]
    variants: dict[tuple[str, ...], list[str]] = {}
    users = set()
    skipped = []
    for host in plan.hosts:
        names = host_names(host, plan.variables[host.name], _masks(plan), run_id="{run.id}")
        if _never(step, names):
            skipped.append(host.name)
            continue
        lines, user = preview(plan, step, host, names, None)
        variants.setdefault(lines, []).append(host.name)
        users.add(user or "")
    said = sorted({looks[step.id] for looks in live.values() if step.id in looks})
    return {
        "id": step.id,
        "title": step.title,
        "phase": step.phase,
        "kind": step.kind,
        "become": ", ".join(sorted(filter(None, users))),
        "when": step.when or "",
        "once": step.once,
        "local": step.local,
        "requires": [requirement.item for requirement in step.requires],
        "proves": proves,
        "skipped_on": skipped,
        "commands": [{"hosts": hosts, "lines": list(lines)} for lines, hosts in variants.items()],
        "live": "; ".join(said),
        "live_by_host": {host: looks[step.id] for host, looks in live.items() if step.id in looks},
    }


def preview(
    plan: Plan, step: Step, host: Host, names: Mapping[str, Any], facts: Facts | None
) -> tuple[tuple[str, ...], str | None]:
    """The lines of a step on a host, and whom it works as."""
    kind = KINDS.get(step.kind)()
    missing = _missing(step, names)
    holes: dict[str, Hole] = {}
    asked = _holed(step.params, missing, holes)
    filled: dict[str, Any] = {**names, **{name: Hole(name) for name in missing}, **holes}
    try:
        params = render_params(kind, asked, filled)
        if not missing:
            check_params(kind, params)
        user = user_of(step, plan.playbook, filled)
        wish = Wish(
            params=params,
            host=host,
            facts=facts,
            run_id="{run.id}",
            step=step.id,
            user=user,
            root=plan.playbook.root,
            folder=plan.playbook.root,
            names=filled,
        )
        return _lines(kind, wish, holes=bool(missing)), user
    except TemplateFailed as error:
        return (f"({error.message})",), None


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
    """Raises TemplateFailed where values made parameters that the kind does not take."""
    if wrong := check_value(params, kind.schema):
        raise TemplateFailed("; ".join(wrong))


def _lines(kind: Any, wish: Wish, *, holes: bool) -> tuple[str, ...]:
    """Where values are missing, a kind may find a name in braces instead of a list or a mapping."""
    try:
        return tuple(kind.preview(wish))
    except (TypeError, AttributeError, LookupError, ValueError) as error:
        if not holes:
            raise
        raise TemplateFailed("it depends on values that are not known yet") from error


def _masks(plan: Plan) -> dict[str, Secret]:
    return {name: Secret(name, f"{{secret {name}}}") for name in plan.playbook.secrets}


def _missing(step: Step, names: Mapping[str, Any]) -> set[str]:
    text = json.dumps(step.params, default=str) + " " + str(step.become or "")
    return {name for name in names_in(_joined(step.params)) | names_in(str(step.become or "")) if name not in names} | (
        {"facts"} if "facts" in text else set()
    )


def _joined(value: Any) -> str:
    """All texts of a value, one after another, to ask them for names."""
    if isinstance(value, str):
        return value
    if isinstance(value, Mapping):
        return " ".join(map(_joined, value.values()))
    if isinstance(value, list | tuple):
        return " ".join(map(_joined, value))
    return ""


def _never(step: Step, names: Mapping[str, Any]) -> bool:
    """Whether the condition is known now, and false."""
    if step.when is None or not all(name in names for name in names_in(step.when, expression=True)):
        return False
    try:
        return not holds(step.when, names)
    except TemplateFailed:
        return False


def _unknown(plan: Plan, step: Step) -> dict[str, str]:
    """Dotted names that have no value yet, each with the step that will tell it."""
    if step.kind == "group":
        return {}
    sources = {other.register: f"from {other.phase}/{other.id}" for other in plan.playbook.walk() if other.register}
    found = {}
    for path in paths_in(_joined(step.params)):
        name = path.partition(".")[0]
        if name in sources:
            found[path] = sources[name]
        elif name == "facts":
            found[path] = "from the host"
    return found
