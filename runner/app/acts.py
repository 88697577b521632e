"""A person's word on a run: signed by a key where one is configured, stored as a word always."""

from __future__ import annotations

from runner.app import identity
from runner.app.prepare import settings_of
from runner.app.read import record_of
from runner.app.request import Context
from runner.app.signing import signer_of
from runner.document.source import likely
from runner.engine.bus import moment
from runner.engine.clock import SystemClock
from runner.errors import InvalidInput
from runner.frozen import frozen
from runner.index.sqlite import open_index
from runner.journal.acts import add_act
from runner.record import RunRecord, checklist


@frozen
class Said:
    """The record after it was said, and as whom it was signed (empty: by nobody)."""

    record: RunRecord
    signed_as: str


def sign(context: Context, name: str, *, item: str, verdict: str, note: str) -> Said:
    """A person's word on a checklist item. Raises InvalidInput for an item that the run does not have."""
    records, record, running = record_of(context, name)
    items = {entry.id: entry for entry in checklist(record)}
    if item not in items:
        raise InvalidInput(f"run {record.run} has no checklist item '{item}'{likely(item, items)}")
    if running:
        raise InvalidInput(f"run {record.run} is under way; sign when it has ended")
    if verdict in ("na", "waive") and not note:
        raise InvalidInput(f"'{verdict}' needs a reason", hint="give it with --note")
    settings = settings_of(context)
    signer = signer_of(settings, context.environment)
    person = identity.who(context.environment)
    add_act(
        records.path,
        "sign-off",
        at=moment(SystemClock().now()),
        run=record.run,
        plan=record.plan,
        said={"item": item, "verdict": verdict, "note": note, "by": identity.name_of(person), "who": person},
        signer=signer,
    )
    record = records.record(record.run)
    with open_index(settings.index) as index:
        index.put(record)
    return Said(record=record, signed_as=signer.principal if signer else "")
