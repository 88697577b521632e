"""What a sitting's record says at its beginning and at its end."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from runner.app import identity
from runner.app.checkout import checkout
from runner.app.request import Context, Reason, Selection
from runner.engine.plan import Plan
from runner.events import SittingStarted
from runner.model import Step

if TYPE_CHECKING:
    from runner.journal.approvals import Approval
    from runner.settings import Settings
    from runner.signing.make import KeySigner


def started(
    run_id: str,
    plan: Plan,
    context: Context,
    reason: Reason,
    *,
    sitting: int = 1,
    selection: Selection | None = None,
    policy: Mapping[str, Any] | None = None,
    signer: KeySigner | None = None,
    approvals: Sequence[Approval] = (),
    settings: Settings | None = None,
) -> SittingStarted:
    """The first event of a sitting: what is going to be done, by whom, why, and what was asked for."""
    return SittingStarted(
        run=run_id,
        sitting=sitting,
        playbook=plan.playbook.name,
        title=plan.playbook.title,
        kind=plan.playbook.kind,
        plan=plan.digest,
        hosts=tuple(host.name for host in plan.hosts),
        left_out=plan.left_out,
        who=identity.who(context.environment) | ({"signer": signer.to_json()} if signer else {}),
        controller=identity.controller(context.environment, terminal=context.terminal),
        why=reason.to_json(),
        tool=identity.tool() | (_settings(settings) if settings else {}),
        source=checkout(plan.playbook.root),
        checklist=tuple(item.to_json() for item in plan.playbook.checklist),
        steps=tuple(_declared(step) for step in plan.playbook.walk()),
        batches=plan.batches,
        policy={"all_phases": plan.playbook.all_phases, **(policy or {})},
        approvals=tuple(word.to_json() for word in approvals),
        request={} if selection is None else selection.to_json(),
    )


def _settings(settings: Settings) -> dict[str, Any]:
    """The file of settings by its digest, and every switch that weakens something."""
    weakened = {
        "policy.same_machine: allow": settings.same_machine_allowed,
        "policy.self_review: allow": settings.policy.self_review,
    }
    digest = hashlib.sha256(settings.file.read_bytes()).hexdigest() if settings.file else ""
    return {
        "settings": str(settings.file or ""),
        "settings_sha256": digest,
        "weakened": [name for name, on in weakened.items() if on],
    }


def _declared(step: Step) -> dict[str, Any]:
    return {
        "id": step.id,
        "title": step.title,
        "phase": step.phase,
        "kind": step.kind,
        "steps": [inner.id for inner in step.steps],
    }


def statement(plan: Plan, reason: Reason, context: Context) -> dict[str, Any]:
    return {
        "playbook": plan.playbook.name,
        "plan_digest": plan.digest,
        "sources": {source.path: source.sha256 for source in plan.playbook.sources},
        "who": identity.who(context.environment),
        "why": reason.to_json(),
    }
