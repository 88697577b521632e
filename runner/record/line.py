"""The one line that stands for a run where many are listed, filtered and searched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from runner.record.checklist import ItemRecord, checklist, completion, open_items
from runner.record.review import review
from runner.record.values import RunRecord
from runner.record.verdict import exit_code, outcome

FIELDS = (
    "run", "playbook", "kind", "ticket", "started_at", "ended_at", "took_ms", "hosts", "failed", "outcome", "exit_code",
    "done", "required", "sittings", "who", "names", "people", "open",
)  # fmt: skip


def line(record: RunRecord) -> dict[str, Any]:
    """
    JSON values by FIELDS. `hosts` and `failed` are numbers, `names` all hosts, `people` everybody who had a part in it.

    `open`: what waits for somebody, as `{"item", "text", "waits_for", "due"}`.
    """
    items = checklist(record)
    done, required = completion(items)
    return {
        "run": record.run,
        "playbook": record.playbook,
        "kind": record.kind,
        "ticket": record.ticket,
        "started_at": record.started_at,
        "ended_at": record.ended_at,
        "took_ms": record.took_ms,
        "hosts": len(record.hosts),
        "failed": sum(host.outcome not in ("ok", "", "skipped") for host in record.hosts.values()),
        "outcome": outcome(record),
        "exit_code": exit_code(record, items=items),
        "done": done,
        "required": required,
        "sittings": record.sitting,
        "who": dict(record.who),
        "names": list(record.hosts),
        "people": sorted({name for name in _people(record) if name}),
        "open": list(_open(record, items)),
    }


def _people(record: RunRecord) -> Iterator[str]:
    yield from record.executors
    yield from (str(sitting.who.get(part) or "") for sitting in record.sittings for part in ("user", "person"))
    for said in (*record.acts, *record.approvals, *record.people):
        yield str(said.get("by") or "")


def _open(record: RunRecord, items: Sequence[ItemRecord]) -> Iterator[dict[str, str]]:
    asked = {str(item["id"]) for item in record.items if item.get("by_hand")}
    for item in open_items(items):
        waits_for = "a person's word" if item.id in asked else "the steps that prove it, or a person's word"
        yield {"item": item.id, "text": item.text, "waits_for": waits_for, "due": ""}
    said = review(record)
    if said.state == "open":
        ran = ", ".join(dict.fromkeys(sitting.person for sitting in record.sittings))
        whom = "a review" if record.policy.get("self_review") else f"a review by somebody else than {ran}"
        yield {"item": "review", "text": "The run as a whole", "waits_for": whom, "due": said.due}
