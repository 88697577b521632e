"""Plans that are kept to be approved, the words of people on them, and the gate that asks for these."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.app import identity
from runner.app.prepare import Prepared, prepare, settings_of
from runner.app.request import Context, Reason, Selection
from runner.app.secrets import find_sudo_password, given_secret
from runner.app.signing import FILE, signer_of
from runner.app.wiring import records_of
from runner.document.paths import expanded
from runner.engine.bus import moment
from runner.engine.clock import SystemClock
from runner.engine.plan import digest_of
from runner.errors import GateClosed, InvalidInput, JournalError, Problem
from runner.frozen import frozen
from runner.redact import Redactor
from runner.settings import Settings

if TYPE_CHECKING:
    from runner.journal.approvals import Approval
    from runner.signing.make import KeySigner

SCHEMA = "rawat-saved-plan@1"


@frozen
class SavedPlan:
    """A plan as it was kept: its digest, what the digest is made from, and the selection that made it."""

    path: Path
    digest: str
    content: dict[str, Any]
    selection: Selection


def save_plan(prepared: Prepared, context: Context) -> Path:
    """
    Keep a plan as `plans/<digest>.json` in the records; the same plan is kept once.

    Raises InvalidInput where a secret that is known now stands in it: the digest is of all that it says, so that
    nothing can be taken out of it.
    """
    from runner.journal.append import make_folder, write_new

    _without_secrets(prepared, context)
    records = records_of(prepared.settings)
    records.prepare()
    path = records.path / "plans" / f"{prepared.plan.digest}.json"
    make_folder(path.parent)
    data = {
        "schema": SCHEMA,
        "digest": prepared.plan.digest,
        "plan": prepared.plan.to_json(),
        "request": prepared.selection.to_json(),
        "saved_at": moment(SystemClock().now()),
        "who": identity.who(context.environment),
    }
    if not path.exists():
        write_new(path, (json.dumps(data, indent=2, ensure_ascii=False, default=str) + "\n").encode())
    return path


def _without_secrets(prepared: Prepared, context: Context) -> None:
    plan = prepared.plan
    secrets = [given_secret(name, context.environment) for name in plan.playbook.secrets]
    password = find_sudo_password(context.environment, None)
    redactor = Redactor([secret for secret in (*secrets, password) if secret is not None])
    kept = [plan.to_json(), prepared.selection.to_json()]
    if redactor.value(kept) == kept:
        return
    problems = {
        f"the variable '{name}' of {host} has a secret in it, {redactor.value(str(value))}": None
        for host, values in plan.variables.items()
        for name, value in values.items()
        if redactor.value(value) != value
    } or {"a secret stands in the plan, in a name, an address or what was asked for": None}
    raise InvalidInput(
        problems=tuple(Problem(message=f"{said}; a plan is kept as it is") for said in problems),
        hint="take it out of -e, inventory or playbook, and let the steps use the secret by its name",
    )


def saved_plan(context: Context, name: str) -> SavedPlan:
    """A plan by its file, or by a unique beginning of its digest. Raises InvalidInput, also where it was changed."""
    path = _find(records_of(settings_of(context)).path / "plans", context.folder / expanded(name), name)
    try:
        data = json.loads(path.read_bytes())
        content = {key: value for key, value in data["plan"].items() if key != "digest"}
        digest, selection = str(data["digest"]), Selection.from_json(data["request"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InvalidInput(f"{path}: this is no plan that `rawat plan --save` wrote") from error
    if data.get("schema") != SCHEMA or digest_of(content) != digest or data["plan"].get("digest") != digest:
        raise InvalidInput(f"{path}: the digest in it is not that of what it says; it was changed")
    return SavedPlan(path=path, digest=digest, content=content, selection=selection)


def prepare_saved(context: Context, name: str) -> Prepared:
    """
    The plan that was kept, made anew from playbook and inventory.

    Raises GateClosed where it comes out as another one: whoever approved that one did not approve this.
    """
    saved = saved_plan(context, name)
    prepared = prepare(saved.selection, context)
    if prepared.plan.digest != saved.digest:
        raise GateClosed(
            f"playbook, inventory or variables are not what they were: the plan is {prepared.plan.digest[:12]} now, "
            f"not {saved.digest[:12]}; approvals of that one are void",
            hint="rawat plan --save the new one, and have it approved",
        )
    return prepared


def approve(context: Context, name: str, *, decision: str, note: str) -> tuple[SavedPlan, str, Path]:
    """
    Sign `approve` or `reject` on a plan's digest: (the plan, as whom it was signed, the file).

    Raises GateClosed where no key is configured, or one whose word would not count, InvalidInput for what is no plan.
    """
    from runner.journal.acts import add_act
    from runner.signing import SIGN_OFF
    from runner.signing.allowed import read_allowed

    settings = settings_of(context)
    saved = saved_plan(context, name)
    if decision == "reject" and not note:
        raise InvalidInput("who rejects a plan says why", hint="give it with --note")
    signer = signer_of(settings, context.environment, needed="an approval is signed")
    assert signer is not None
    now = SystemClock().now()
    signers = read_allowed(settings.records / FILE)
    name_of, why = signers.judge(signer.public, signer.principal, SIGN_OFF, now)
    if not name_of:
        raise GateClosed(f"an approval by {signer.principal} would not count: {why}", hint="rawat key add NAME KEY.pub")
    person = identity.who(context.environment)
    said = {"note": note, "by": signer.principal, "who": person}
    at = moment(now)
    path = add_act(settings.records, decision, at=at, plan=saved.digest, said=said, signer=signer)
    return saved, signer.principal, path


def standing(settings: Settings, digest: str, executors: Sequence[str] = ()) -> tuple[Approval, ...]:
    """Everybody's latest word on a plan, judged by allowed_signers and the policy."""
    if not (records_of(settings).path / "plans" / digest).is_dir():
        return ()
    from runner.journal.approvals import approvals_of
    from runner.signing.allowed import read_allowed

    signers = read_allowed(settings.records / FILE)
    approvers = settings.policy.approvers
    return approvals_of(settings.records, digest, signers, executors=executors, approvers=approvers)


def check_approvals(
    prepared: Prepared, context: Context, reason: Reason, signer: KeySigner | None
) -> tuple[Approval, ...]:
    """
    The approvals that a run rests on. Raises GateClosed where the policy asks for more of a normal change, or
    somebody who counts rejected the plan.
    """
    settings, digest = prepared.settings, prepared.plan.digest
    person = identity.who(context.environment)
    key = [signer.principal, signer.public.fingerprint] if signer else []
    try:
        words = standing(settings, digest, [identity.name_of(person), *key])
    except JournalError as error:
        raise GateClosed(f"the approvals of plan {digest[:12]} cannot be trusted: {error.message}") from error
    good = tuple(word for word in words if not word.why_not)
    needed = settings.policy.approvals if reason.change == "normal" else 0
    rejected = [word for word in good if word.decision == "reject"]
    if rejected and reason.change == "normal":
        raise GateClosed(f"plan {digest[:12]} was rejected by {rejected[0].by}: {rejected[0].note}")
    approved = tuple(word for word in good if word.decision == "approve")
    if len(approved) < needed:
        others = "".join(f"; {word.by} does not count: {word.why_not}" for word in words if word.why_not)
        raise GateClosed(
            f"plan {digest[:12]} has {len(approved)} of {needed} approvals{others}",
            hint=f"rawat plan ... --save, then rawat approve {digest[:12]}",
        )
    return approved


def approvals_word(settings: Settings, digest: str) -> str:
    """What `rawat plan` says of the approvals of a plan."""
    needed = settings.policy.approvals
    words = [word for word in standing(settings, digest) if not word.why_not]
    names = ", ".join(f"{word.by} ({word.decision})" for word in words)
    if not needed:
        return f"none needed{f'; {names}' if names else ''}"
    count = sum(word.decision == "approve" for word in words)
    return f"{count} of {needed}{f': {names}' if names else ''}"


def _find(plans: Path, file: Path, name: str) -> Path:
    if file.is_file():
        return file
    found = sorted(plans.glob(f"{name}*.json")) if name.isalnum() else []
    if len(found) == 1:
        return found[0]
    what = "several plans in {} begin with" if found else "no plan in {} begins with"
    raise InvalidInput(f"{what.format(plans)} '{name}'", hint="rawat plan PLAYBOOK --save keeps one")
