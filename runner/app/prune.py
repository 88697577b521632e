"""`rawat prune`: old runs go as a whole, and leave a tombstone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from runner.app import identity
from runner.app.history import Wanted
from runner.app.prepare import settings_of
from runner.app.read import runs
from runner.app.request import Context
from runner.app.signing import signer_of
from runner.app.wiring import records_of
from runner.engine.bus import moment
from runner.errors import GateClosed
from runner.frozen import frozen
from runner.index.sqlite import open_index
from runner.journal.tombstones import bury, finish
from runner.units import duration_s

_TOLD = ("playbook", "kind", "ticket", "started_at", "ended_at", "hosts", "outcome", "exit_code", "done", "required")


@frozen
class Old:
    """`rows` may go (lines of runner.record.line); `kept` are old enough too, each with why it stays."""

    rows: Sequence[Mapping[str, Any]]
    kept: Sequence[tuple[str, str]]
    before: str


def old_runs(context: Context, *, older: str, kind: str = "") -> Old:
    """
    Runs of our own, begun longer ago than `older` and the policy's retention.

    Raises InvalidInput for no duration, GateClosed where the policy keeps them longer than is asked for.
    """
    settings = settings_of(context)
    age_s = duration_s(older)
    if age_s < settings.policy.retention_s:
        days = settings.policy.retention_s / 86400
        raise GateClosed(
            f"the policy keeps runs for {days:g} days", hint="ask for older ones, or change policy.retention"
        )
    before = moment(datetime.now(UTC) - timedelta(seconds=age_s))
    listed = runs(context, limit=1_000_000, wanted=Wanted(kind=kind, until=before), imported=False)
    rows, kept = [], []
    for row in reversed(listed.rows):
        why = _why_not(row)
        if why:
            kept.append((str(row["run"]), why))
        else:
            rows.append(row)
    return Old(rows=rows, kept=kept, before=before)


def prune(context: Context, old: Old, *, reason: str) -> Sequence[str]:
    """Remove them, oldest first; ids of those that went. What a killed prune left is removed too."""
    settings = settings_of(context)
    records = records_of(settings)
    signer = signer_of(settings, context.environment)
    person = identity.who(context.environment)
    by = signer.principal if signer else identity.name_of(person)
    gone = list(finish(records.path))
    for row in old.rows:
        said = {**{name: row[name] for name in _TOLD}, "by": by, "who": person, "reason": reason}
        bury(records.path, str(row["run"]), at=moment(datetime.now(UTC)), said=said, signer=signer)
        gone.append(str(row["run"]))
    if signer and gone:
        from runner.journal.checkpoint import write_checkpoint

        write_checkpoint(records.path, signer)
    with open_index(settings.index) as index:
        for run in gone:
            index.drop(run)
    return gone


def _why_not(row: Mapping[str, Any]) -> str:
    if row["outcome"] in ("running", "interrupted"):
        return f"it is {row['outcome']}"
    if row["outcome"] == "in doubt":
        return "nobody knows how it ended"
    if any(item["item"] == "review" for item in row["open"]):
        return "its review is open"
    return ""
