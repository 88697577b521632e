"""What is asked of records: runs, one run, its outputs, an answer that it waits for, the index anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from heapq import merge
from operator import itemgetter
from pathlib import Path
from typing import Any

from runner.app import identity
from runner.app.answers import give_answer as write_answer
from runner.app.history import Wanted
from runner.app.prepare import settings_of
from runner.app.request import Context
from runner.app.seals import signed
from runner.app.wiring import records_of
from runner.document.source import likely
from runner.engine.bus import moment
from runner.engine.clock import SystemClock
from runner.errors import DamagedRecord, InvalidInput, JournalError
from runner.frozen import frozen
from runner.index.sqlite import open_index, remove_broken
from runner.journal.folder import Records, newest_begun
from runner.record import Attempt, RunRecord
from runner.record.line import line
from runner.settings import Settings


@frozen
class Listed:
    """Runs as `rawat runs` shows them (lines of runner.record.line), and what could not be read."""

    rows: Sequence[Mapping[str, Any]]
    damaged: Sequence[str]


def runs(
    context: Context,
    *,
    limit: int = 20,
    wanted: Wanted = Wanted(),  # noqa: B008 - immutable
    imported: bool = True,
) -> Listed:
    """
    The newest runs that are wanted, from the index where it knows them sealed, from the journal otherwise; with those
    that were brought in from elsewhere, or our own alone.
    """
    settings = settings_of(context)
    records = records_of(settings)
    known = _indexed(settings, records)
    rows: list[Mapping[str, Any]] = []
    damaged = []
    places = (records, *(records.imported() if imported else ()))
    # each in the order of its own ledger; of whole ledgers only the clocks can say which run came first
    for run, place in merge(*map(_newest_first, places), key=itemgetter(0), reverse=True):
        if len(rows) >= limit:
            break
        try:
            row = known.get(run) or _row(place, run)
            if row["sittings"] != newest_begun(place.path / run):  # somebody went on with it since
                row = _row(place, run)
        except DamagedRecord as error:
            damaged.append(error.message)
            continue
        if wanted.takes(row):
            rows.append({**row, "signed": signed(place.path / run)})
    return Listed(rows=rows, damaged=damaged)


def record_of(context: Context, name: str) -> tuple[Records, RunRecord, bool]:
    """(records, the run's record, whether it is under way)."""
    records, run = _found(records_of(settings_of(context)), name)
    return records, records.record(run), records.running(run)


def _found(records: Records, name: str) -> tuple[Records, str]:
    """Our own runs first, then those that were brought in."""
    try:
        return records, records.find(name)
    except InvalidInput:
        for place in records.imported():
            with suppress(InvalidInput):
                return place, place.find(name)
        raise


def outputs(context: Context, name: str, host: str = "", step: str = "") -> Iterator[tuple[str, str, Attempt, Path]]:
    """(host, step, attempt, file) of every output that was kept, in the order of the record."""
    records, record, _ = record_of(context, name)
    if host and host not in record.hosts:
        message = f"{host} is not in run {record.run}{likely(host, record.hosts)}"
        raise InvalidInput(message, hint=f"its hosts: {', '.join(list(record.hosts)[:20])}")
    found = False
    for known in record.hosts.values():
        for done in known.steps.values() if not host or known.name == host else ():
            if step and step not in (done.id, done.base):
                continue
            for attempt in done.attempts:
                if attempt.output.get("file"):
                    found = True
                    folder = _sitting_of(records.path / record.run, str(attempt.output["file"]))
                    yield known.name, done.id, attempt, folder / str(attempt.output["file"])
    if step and not found:
        steps = {other.id for known in record.hosts.values() for other in known.steps.values()}
        if step not in steps:
            message = f"no step {step} ran in {record.run}{likely(step, steps)}"
            raise InvalidInput(message, hint=f"its steps: {', '.join(sorted(steps)[:20])}")


def give_answer(context: Context, name: str, *, host: str, step: str, yes: bool) -> Path:
    """Answer a question of a run that waits. Raises InvalidInput where it does not."""
    records, record, running = record_of(context, name)
    if not running:
        raise InvalidInput(f"run {record.run} is not under way; nobody waits for an answer")
    if host not in record.hosts:
        raise InvalidInput(f"{host} is not in run {record.run}{likely(host, record.hosts)}")
    steps = record.hosts[host].steps.values()
    waiting = [found.id for found in steps if found.kind == "confirm" and found.attempts and not found.outcome]
    if step not in waiting:
        where = f"it waits at {', '.join(waiting)}" if waiting else "it waits for none"
        raise InvalidInput(f"{host} waits for no answer at {step}; {where}")
    return write_answer(
        records.path / record.run,
        host=host,
        step=step,
        yes=yes,
        by=identity.name_of(identity.who(context.environment)),
        at=moment(SystemClock().now()),
    )


def reindex(context: Context) -> tuple[int, list[str]]:
    """(runs taken in, what could not be read)."""
    settings = settings_of(context)
    records = records_of(settings)
    damaged = []
    number = 0
    remove_broken(settings.index)
    with open_index(settings.index) as index:
        index.clear()
        for place in (records, *records.imported()):
            for run in place.runs():
                try:
                    index.put(place.record(run))
                    number += 1
                except DamagedRecord as error:
                    damaged.append(error.message)
    return number, damaged


def _indexed(settings: Settings, records: Records) -> Mapping[str, Mapping[str, Any]]:
    if not records.path.is_dir() or not Path(settings.index.removeprefix("sqlite:")).exists():
        return {}
    try:
        with open_index(settings.index) as index:
            return {str(row["run"]): row for row in index.runs() if row["outcome"] != "unfinished"}
    except JournalError:
        return {}


def _newest_first(place: Records) -> Iterator[tuple[str, Records]]:
    return ((run, place) for run in place.newest_first())


def _row(records: Records, run: str) -> Mapping[str, Any]:
    row = line(records.record(run))
    if row["outcome"] != "unfinished":
        return row
    return row | {"outcome": "running" if records.running(run) else "interrupted"}


def _sitting_of(run: Path, file: str) -> Path:
    """The newest sitting that holds an output."""
    numbers = sorted((int(entry.name) for entry in run.iterdir() if entry.name.isdigit()), reverse=True)
    return next((run / str(number) for number in numbers if (run / str(number) / file).exists()), run / "1")
