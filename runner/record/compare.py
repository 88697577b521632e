"""In what two runs differ: hosts, versions, steps, durations, outputs, checklist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runner.frozen import frozen
from runner.record.checklist import checklist
from runner.record.values import HostRecord, RunRecord, StepRecord

LONGER = 0.25
"""By which share a duration has to differ to be worth a line,"""
AT_LEAST_MS = 500
"""and by how much at least."""
_VERSIONS = ("os_id", "os_version", "kernel", "package_manager", "machine_id")


@frozen
class Difference:
    """`part` is run, hosts, versions, steps, durations, outputs or checklist; a text that is empty: not there."""

    part: str
    what: str
    before: str
    after: str


def compare(before: RunRecord, after: RunRecord) -> tuple[Difference, ...]:
    """Everything but the text of the playbook, in the order in which a reader asks."""
    return tuple(
        difference
        for difference in (
            *_facts(before, after),
            *_hosts(before, after),
            *_steps(before, after),
            *_checklist(before, after),
        )
        if difference.before != difference.after
    )


def _facts(before: RunRecord, after: RunRecord) -> Iterator[Difference]:
    for name in dict.fromkeys((*before.tool, *after.tool)):
        yield _of("versions", f"rawat's {name}" if name != "rawat" else "rawat", before.tool, after.tool, name)
    for name in ("commit", "dirty"):
        yield _of("versions", f"checkout: {name}", before.source, after.source, name)
    for name in ("ticket", "change", "window"):
        yield _of("run", name, before.why, after.why, name)
    yield Difference(part="run", what="plan", before=before.plan[:12], after=after.plan[:12])
    yield Difference(part="run", what="exit code", before=str(before.exit_code), after=str(after.exit_code))
    yield _longer("the whole run", before.took_ms, after.took_ms)


def _hosts(before: RunRecord, after: RunRecord) -> Iterator[Difference]:
    for name in dict.fromkeys((*before.hosts, *after.hosts)):
        one, two = before.hosts.get(name), after.hosts.get(name)
        yield Difference(part="hosts", what=name, before=_outcome(one), after=_outcome(two))
        if one is None or two is None:
            continue
        for key in _VERSIONS:
            yield _of("versions", f"{name}: {key}", one.facts, two.facts, key)
        yield _of("hosts", f"{name}: host key", one.peer, two.peer, "fingerprint")


def _steps(before: RunRecord, after: RunRecord) -> Iterator[Difference]:
    for name, one in before.hosts.items():
        two = after.hosts.get(name)
        if two is None:
            continue
        for step in dict.fromkeys((*one.steps, *two.steps)):
            yield from _step(f"{name}/{step}", one.steps.get(step), two.steps.get(step))


def _step(what: str, one: StepRecord | None, two: StepRecord | None) -> Iterator[Difference]:
    yield Difference(part="steps", what=what, before=_ended(one), after=_ended(two))
    if one is None or two is None or not one.attempts or not two.attempts:
        return
    first, second = one.attempts[-1], two.attempts[-1]
    yield Difference(part="steps", what=f"{what}: command", before=first.command, after=second.command)
    yield _longer(what, one.took_ms, two.took_ms)
    yield Difference(
        part="outputs",
        what=what,
        before=_printed(first.output, second.output),
        after=_printed(second.output, first.output),
    )


def _checklist(before: RunRecord, after: RunRecord) -> Iterator[Difference]:
    one = {item.id: item.state for item in checklist(before)}
    two = {item.id: item.state for item in checklist(after)}
    for item in dict.fromkeys((*one, *two)):
        yield Difference(part="checklist", what=item, before=one.get(item, ""), after=two.get(item, ""))


def _of(part: str, what: str, before: Mapping[str, Any], after: Mapping[str, Any], key: str) -> Difference:
    return Difference(part=part, what=what, before=_text(before.get(key)), after=_text(after.get(key)))


def _text(value: object) -> str:
    return "" if value is None else str(value)


def _outcome(host: HostRecord | None) -> str:
    return "" if host is None else host.outcome or "unfinished"


def _ended(step: StepRecord | None) -> str:
    return "" if step is None else step.outcome or "unfinished"


def _longer(what: str, before: int, after: int) -> Difference:
    apart = abs(after - before)
    far = apart >= AT_LEAST_MS and apart >= LONGER * max(1, min(before, after))
    return Difference(
        part="durations", what=what, before=f"{before} ms" if far else "", after=f"{after} ms" if far else ""
    )


def _printed(mine: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    if mine.get("sha256") == other.get("sha256"):
        return ""
    return f"{mine.get('lines', 0)} lines, sha256 {str(mine.get('sha256') or '-')[:12]}"
