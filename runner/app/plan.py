"""What `rawat plan` says: every step with the lines that would be sent, and what only a host can tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.app.approve import approvals_word
from runner.app.gates import gates_of
from runner.app.known import joined, masks, never, wished
from runner.app.prepare import Prepared
from runner.app.wiring import KINDS
from runner.engine.clock import SystemClock
from runner.engine.naming import host_names
from runner.engine.plan import Plan
from runner.model import Facts, Host, Step
from runner.playbook.evaluation import paths_in
from runner.playbook.template import TemplateFailed
from runner.seams import Wish


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
        names = host_names(host, plan.variables[host.name], masks(plan), run_id="{run.id}")
        if never(step, names):
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
    try:
        wish, whole = wished(plan, step, host, names, facts)
        return _lines(kind, wish, holes=not whole), wish.user
    except TemplateFailed as error:
        return (f"({error.message})",), None


def _lines(kind: Any, wish: Wish, *, holes: bool) -> tuple[str, ...]:
    """Where values are missing, a kind may find a name in braces instead of a list or a mapping."""
    try:
        return tuple(kind.preview(wish))
    except (TypeError, AttributeError, LookupError, ValueError) as error:
        if not holes:
            raise
        raise TemplateFailed("it depends on values that are not known yet") from error


def _unknown(plan: Plan, step: Step) -> dict[str, str]:
    """Dotted names that have no value yet, each with the step that will tell it."""
    if step.kind == "group":
        return {}
    sources = {other.register: f"from {other.phase}/{other.id}" for other in plan.playbook.walk() if other.register}
    found = {}
    for path in paths_in(joined(step.params)):
        name = path.partition(".")[0]
        if name in sources:
            found[path] = sources[name]
        elif name == "facts":
            found[path] = "from the host"
    return found
