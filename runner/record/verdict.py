"""What a run comes to: its exit code, and the whole record as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from runner.events import FULL_DISK
from runner.model import Outcome
from runner.record.checklist import ItemRecord, checklist, completion, open_items
from runner.record.review import delays, review
from runner.record.values import RunRecord, SittingRecord

SCHEMA = "rawat-record@1"


def exit_code(record: RunRecord, *, stopped_by: str | None = None, items: Sequence[ItemRecord] | None = None) -> int:
    """The exit code of a run as it stands, by the order of docs/exit-codes.md; `items`: its checklist, if known."""
    stopped = record.stopped_by if stopped_by is None else stopped_by
    outcomes = [host.outcome for host in record.hosts.values()]
    unknown = any(step.outcome == Outcome.UNKNOWN for host in record.hosts.values() for step in host.steps.values())
    if stopped == FULL_DISK:
        return 6
    if unknown or (record.in_doubt and not stopped):
        return 5
    if stopped:
        return 143 if stopped in ("SIGTERM", "SIGHUP") else 130
    reviewed = review(record).state
    items = checklist(record) if items is None else items
    refused = reviewed == "fail" or any(item.state == "fail" for item in items if item.by)
    if Outcome.FAILED in outcomes or refused:
        return 1
    if record.gates:
        return 8
    refusals = {host.exit_code for host in record.hosts.values() if host.exit_code}
    if 4 in refusals or Outcome.UNREACHABLE in outcomes:
        return 4
    if 7 in refusals:
        return 7
    if record.not_started:
        return 1
    return 9 if open_items(items) or reviewed == "open" else 0


def outcome(record: RunRecord | SittingRecord) -> str:
    """ok, failed, in doubt, cancelled, refused, or unfinished where the (last) sitting was not sealed."""
    if not record.sealed:
        return "unfinished"
    code = record.exit_code or 0
    words = {0: "ok", 9: "ok", 1: "failed", 4: "failed", 5: "in doubt", 7: "refused", 8: "refused"}
    return "cancelled" if code in (6, 130, 143) else words.get(code, "failed")


def to_json(record: RunRecord) -> dict[str, Any]:
    """The whole record as JSON values, what is computed included."""
    data = asdict(record)
    for name, host in record.hosts.items():
        data["hosts"][name]["time_ms"] = host.time
        data["hosts"][name]["took_ms"] = host.took_ms
        data["hosts"][name]["steps"] = [{**asdict(step), "took_ms": step.took_ms} for step in host.steps.values()]
    for sitting, told in zip(data["sittings"], record.sittings, strict=True):
        sitting["outcome"] = outcome(told)
    items = checklist(record)
    done, required = completion(items)
    return {
        "schema": SCHEMA,
        **data,
        "outcome": outcome(record),
        "exit": exit_code(record, items=items),
        "phases_ms": record.phases,
        "time_ms": record.time,
        "review": asdict(review(record)),
        "delays": list(delays(record)),
        "checklist": [asdict(item) for item in items],
        "checklist_done": done,
        "checklist_required": required,
        "in_doubt": [list(pair) for pair in record.in_doubt],
    }
