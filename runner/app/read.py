"""What is asked of records: runs, one run, its outputs, an answer that it waits for, the index anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from runner.app import identity
from runner.app.answers import give_answer as write_answer
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
from runner.journal.folder import Records
from runner.record import RunRecord, completion, exit_code, outcome
from runner.settings import Settings


@frozen
class Listed:
    """A run as `rawat runs` shows it; the fields of the index."""

    rows: Sequence[Mapping[str, Any]]
    damaged: Sequence[str]


def runs(context: Context, *, limit: int = 20) -> Listed:
    """The newest runs, from the index where it knows them sealed, from the journal otherwise."""
    settings = settings_of(context)
    records = records_of(settings)
    known = {str(row["run"]): row for row in _indexed(settings, records)}
    rows, damaged = [], []
    for run in reversed(records.runs()[-limit:]):
        if run in known and known[run]["outcome"] != "unfinished":
            rows.append({**known[run], "signed": signed(records.path / run)})
            continue
        try:
            rows.append({**_row(records, run), "signed": signed(records.path / run)})
        except DamagedRecord as error:
            damaged.append(error.message)
    return Listed(rows=rows, damaged=damaged)


def record_of(context: Context, name: str) -> tuple[Records, RunRecord, bool]:
    """(records, the run's record, whether it is under way)."""
    records = records_of(settings_of(context))
    run = records.find(name)
    return records, records.record(run), records.running(run)


def outputs(context: Context, name: str, host: str = "", step: str = "") -> Iterator[tuple[str, str, int, str, Path]]:
    """(host, step, attempt, outcome, file) of every output that was kept, in the order of the record."""
    records, record, _ = record_of(context, name)
    if host and host not in record.hosts:
        raise InvalidInput(f"{host} is not in run {record.run}{likely(host, record.hosts)}")
    found = False
    for known in record.hosts.values():
        for done in known.steps.values() if not host or known.name == host else ():
            if step and step not in (done.id, done.base):
                continue
            for attempt in done.attempts:
                if attempt.output.get("file"):
                    found = True
                    folder = _sitting_of(records.path / record.run, str(attempt.output["file"]))
                    yield known.name, done.id, attempt.number, attempt.outcome, folder / str(attempt.output["file"])
    if step and not found:
        steps = {other.id for known in record.hosts.values() for other in known.steps.values()}
        if step not in steps:
            raise InvalidInput(f"no step {step} ran in {record.run}{likely(step, steps)}")


def give_answer(context: Context, name: str, *, host: str, step: str, yes: bool) -> Path:
    """Answer a question of a run that waits. Raises InvalidInput where it does not."""
    records, record, running = record_of(context, name)
    if not running:
        raise InvalidInput(f"run {record.run} is not under way; nobody waits for an answer")
    if host not in record.hosts:
        raise InvalidInput(f"{host} is not in run {record.run}{likely(host, record.hosts)}")
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
        for run in records.runs():
            try:
                index.put(records.record(run))
                number += 1
            except DamagedRecord as error:
                damaged.append(error.message)
    return number, damaged


def _indexed(settings: Settings, records: Records) -> Sequence[Mapping[str, Any]]:
    if not records.path.is_dir() or not Path(settings.index.removeprefix("sqlite:")).exists():
        return ()
    try:
        with open_index(settings.index) as index:
            return index.runs(limit=1000)
    except JournalError:
        return ()


def _row(records: Records, run: str) -> dict[str, Any]:
    record = records.record(run)
    done, required = completion(record)
    word = outcome(record)
    if word == "unfinished":
        word = "running" if records.running(run) else "interrupted"
    return {
        "run": run,
        "playbook": record.playbook,
        "kind": record.kind,
        "started_at": record.started_at,
        "took_ms": record.took_ms,
        "hosts": len(record.hosts),
        "failed": sum(host.outcome not in ("ok", "", "skipped") for host in record.hosts.values()),
        "outcome": word,
        "exit_code": exit_code(record),
        "done": done,
        "required": required,
        "ticket": record.ticket,
        "who": dict(record.who),
    }


def _sitting_of(run: Path, file: str) -> Path:
    """The newest sitting that holds an output."""
    numbers = sorted((int(entry.name) for entry in run.iterdir() if entry.name.isdigit()), reverse=True)
    return next((run / str(number) for number in numbers if (run / str(number) / file).exists()), run / "1")
