"""The proof that backups can be restored, from what the steps that made and tested them found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runner.frozen import frozen
from runner.model import Outcome
from runner.record import HostRecord, RunRecord, StepRecord
from runner.report.html_parts import Fact, Line, step_anchors
from runner.report.language import Language
from runner.seams import Reading


@frozen
class Restored:
    """A copy on a host, and whether it was brought back: `tables` as (name, rows saved, rows restored, same)."""

    host: str
    step: str
    anchor: str
    facts: tuple[Fact, ...]
    tables: tuple[tuple[str, str, str, bool | None], ...]
    more_tables: int
    proven: bool | None


def restored(record: RunRecord, reading: Reading, t: Language) -> tuple[Restored, ...]:
    """Every copy that was made or tested; a test goes with the copy whose digest it read, on the same host."""
    anchors = step_anchors(record)
    found = []
    for host in record.hosts.values():
        saves = [(step, _values(step)) for step in host.steps.values() if step.kind == "backup" and _values(step)]
        tests = [(step, _values(step)) for step in host.steps.values() if step.kind == "restore_test" and _values(step)]
        for step, saved in saves:
            test = next((pair for pair in tests if pair[1].get("sha256") == saved.get("sha256")), None)
            if test:
                tests.remove(test)
            found.append(_pair(host, step, saved, test, anchors, reading, t))
        found += [_pair(host, step, {}, (step, back), anchors, reading, t) for step, back in tests]
    return tuple(found)


def _pair(
    host: HostRecord,
    step: StepRecord,
    saved: Mapping[str, Any],
    test: tuple[StepRecord, Mapping[str, Any]] | None,
    anchors: Mapping[tuple[str, str], str],
    reading: Reading,
    t: Language,
) -> Restored:
    back = test[1] if test else {}
    proven = None if test is None else test[0].outcome == Outcome.OK
    was, now = _tables(saved), _tables(back)
    names = list(dict.fromkeys((*was, *now)))
    rows = tuple((name, _rows(was, name, t), _rows(now, name, t), _same(was, now, name)) for name in names[:50])
    return Restored(
        host=host.name, step=step.id, anchor=anchors.get((host.name, step.id), ""), proven=proven, tables=rows,
        more_tables=max(0, len(names) - 50), facts=tuple(_copy_facts(saved, back, reading, t)),
    )  # fmt: skip


def _copy_facts(saved: Mapping[str, Any], back: Mapping[str, Any], reading: Reading, t: Language) -> Iterator[Fact]:
    yield _fact(t.text("Copy"), str(saved.get("path") or back.get("artefact") or "-"), "code")
    yield _fact(t.text("SHA-256 of the copy"), str(saved.get("sha256") or back.get("sha256") or "-"), "code")
    if isinstance(saved.get("bytes"), int | float):
        exact = t.count("{n} byte", "{n} bytes", saved["bytes"])
        yield _fact(t.text("Size"), f"{t.size(saved['bytes'])} ({exact})")
    if saved.get("started"):
        moment = t.text("yes, of one moment") if saved.get("consistent") else t.text("not of one moment")
        yield _fact(t.text("Made"), t.moment(str(saved["started"]), reading.zone))
        yield _fact(t.text("Consistent"), moment)
    if isinstance(back.get("seconds"), int | float):
        yield _fact(t.text("Time to restore"), t.spoken(round(back["seconds"] * 1000)))
    if isinstance(back.get("age_s"), int | float):
        yield _fact(t.text("Age of the data at the test"), t.spoken(round(back["age_s"] * 1000)))
    if back.get("scratch"):
        yield _fact(t.text("Restored into"), str(back["scratch"]), "code")
    if back.get("checked"):
        yield _fact(t.text("Check of the restored copy"), str(back["checked"]))
    for difference in back.get("differences") or ():
        yield _fact(t.text("Difference"), str(difference))


def _values(step: StepRecord) -> Mapping[str, Any]:
    return step.attempts[-1].values if step.attempts else {}


def _tables(values: Mapping[str, Any]) -> Mapping[str, Any]:
    tables = values.get("tables")
    return tables if isinstance(tables, Mapping) else {}


def _rows(tables: Mapping[str, Any], name: str, t: Language) -> str:
    rows = tables.get(name)
    return t.number(rows) if isinstance(rows, int) else "–"


def _same(was: Mapping[str, Any], now: Mapping[str, Any], name: str) -> bool | None:
    return was.get(name) == now.get(name) if was and now else None


def _fact(label: str, text: str, style: str = "") -> Fact:
    return Fact(label=label, lines=(Line(text=text, style=style),))
