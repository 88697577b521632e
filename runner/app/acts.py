"""A person's word on a run: signed by a key where one is configured, stored as a word always."""

from __future__ import annotations

from collections.abc import Mapping

from runner.app import identity
from runner.app.prepare import settings_of
from runner.app.read import record_of
from runner.app.request import Context
from runner.app.seals import seals
from runner.app.signing import signer_of
from runner.document.source import likely
from runner.engine.bus import moment
from runner.engine.clock import SystemClock
from runner.errors import GateClosed, InvalidInput
from runner.frozen import frozen
from runner.index.sqlite import open_index
from runner.journal.acts import add_act
from runner.journal.folder import Records
from runner.model import PHASES
from runner.record import RunRecord, by_executor, checklist


@frozen
class Said:
    """The record after it was said, and as whom it was signed (empty: by nobody)."""

    record: RunRecord
    signed_as: str


def sign_item(context: Context, name: str, *, item: str, verdict: str, note: str) -> Said:
    """A word on a checklist item, also while the run is under way. Raises InvalidInput for an item there is not."""
    records, record, running = record_of(context, name)
    items = {entry.id: entry for entry in checklist(record)}
    if item not in items:
        raise InvalidInput(f"run {record.run} has no checklist item '{item}'{likely(item, items)}")
    if verdict in ("na", "waive") and not note:
        raise InvalidInput(f"'{verdict}' needs a reason", hint="give it with --note")
    return _say(context, records, record, "sign-off", running, {"item": item, "verdict": verdict, "note": note})


def sign_planned(context: Context, name: str, *, item: str, verdict: str, note: str) -> str:
    """
    A word on an item of a saved plan, before it runs: it counts for every run of that very plan. As whom it was signed.

    Raises InvalidInput for a plan or an item there is not, GateClosed where the plan comes out as another one now.
    """
    from runner.app.approve import prepare_saved

    prepared = prepare_saved(context, name)
    known = [*PHASES, *(entry.id for entry in prepared.plan.playbook.checklist)]
    if item not in known:
        raise InvalidInput(f"the plan has no checklist item '{item}'{likely(item, known)}")
    if verdict in ("na", "waive") and not note:
        raise InvalidInput(f"'{verdict}' needs a reason", hint="give it with --note")
    signer = signer_of(prepared.settings, context.environment)
    person = identity.who(context.environment)
    by = signer.principal if signer else identity.name_of(person)
    said = {"item": item, "verdict": verdict, "note": note, "by": by, "who": person}
    at = moment(SystemClock().now())
    add_act(prepared.settings.records, "sign-off", at=at, plan=prepared.plan.digest, said=said, signer=signer)
    return signer.principal if signer else ""


def sign_review(context: Context, name: str, *, verdict: str, note: str) -> Said:
    """
    A word on the run as a whole, when it has ended.

    Raises InvalidInput where it has not, and GateClosed where whoever ran it may not review it.
    """
    records, record, running = record_of(context, name)
    if running or not record.sealed:
        raise InvalidInput(f"run {record.run} is not sealed; review it when it has ended")
    if verdict not in ("pass", "fail"):
        raise InvalidInput(f"a review is pass or fail, not {verdict}")
    if verdict == "fail" and not note:
        raise InvalidInput("a review that fails needs a reason", hint="give it with --note")
    return _say(context, records, record, "review", running, {"verdict": verdict, "note": note})


def sign_delay(context: Context, name: str, *, cause: str, minutes: int | None, note: str) -> Said:
    """What delayed the run, as a person sees it."""
    if not minutes:
        raise InvalidInput("--delay needs --minutes")
    records, record, running = record_of(context, name)
    return _say(context, records, record, "delay", running, {"cause": cause, "minutes": minutes, "note": note})


def _say(
    context: Context, records: Records, record: RunRecord, what: str, running: bool, said: Mapping[str, object]
) -> Said:
    settings = settings_of(context)
    signer = signer_of(settings, context.environment)
    person = identity.who(context.environment)
    by = signer.principal if signer else identity.name_of(person)
    act = {**said, "by": by, "who": person, "signer": signer.to_json() if signer else None}
    if what == "review" and not record.policy.get("self_review"):
        keys = [seal["key"] for seal in seals(records.path / record.run)]
        if by_executor(act, record.executors, keys):
            raise GateClosed(
                f"{by} ran it, and the policy asks for a review by somebody else",
                hint="another person signs with another key; policy.self_review: allow lifts it",
            )
    at = moment(SystemClock().now())
    add_act(records.path, what, at=at, run=record.run, plan=record.plan, said=act, signer=signer)
    record = records.record(record.run)
    if not running:
        with open_index(settings.index) as index:
            index.put(record)
    return Said(record=record, signed_as=signer.principal if signer else "")
