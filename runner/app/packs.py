"""`rawat export` and `rawat import`: evidence for somebody else, and from somewhere else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runner.app import identity
from runner.app.history import Wanted
from runner.app.prepare import settings_of
from runner.app.pseudonyms import Pseudonyms
from runner.app.read import runs as listed
from runner.app.report import report
from runner.app.request import Context
from runner.app.wiring import records_of
from runner.engine.bus import moment
from runner.errors import InvalidInput
from runner.frozen import frozen
from runner.index.sqlite import open_index
from runner.journal.folder import Records
from runner.journal.packs import bring_in, copies, pack, unpacked
from runner.journal.verify import ALTERED, Verdict, verify


@frozen
class Imported:
    """`home` is None where it was refused: `verdict` says why."""

    verdict: Verdict
    runs: tuple[str, ...]
    home: Path | None


def export(context: Context, to: Path, wanted: Wanted, names: Sequence[str], *, pseudonyms: bool) -> tuple[str, ...]:
    """
    Pack the runs of our own that are named, or that are wanted, with a report of each; their ids.

    With `pseudonyms` there are reports alone, in which no person's name stands: such a pack can be read, not verified.
    Raises InvalidInput where no run fits, or one of them is under way.
    """
    records = records_of(settings_of(context))
    rows = listed(context, limit=1_000_000, wanted=wanted, imported=False).rows
    ids = {records.find(name) for name in names}
    chosen = [row for row in rows if row["run"] in ids] if names else rows
    if not chosen:
        raise InvalidInput("no run fits what was asked for; a pack of nothing proves nothing")
    running = [str(row["run"]) for row in chosen if row["outcome"] == "running"]
    if running:
        raise InvalidInput(f"run {running[0]} is under way; pack it when it has ended, or leave it out")
    if to.exists():
        raise InvalidInput(f"{to} is there already", hint="choose another name: packs are not written over")
    found = tuple(sorted(str(row["run"]) for row in chosen))
    who = identity.who(context.environment)
    said = {"by": identity.name_of(who), "asked_for": {**_asked(wanted), "runs": list(names)}, "pseudonyms": pseudonyms}
    reports = _reports(context, found)
    at = moment(datetime.now(UTC))
    if pseudonyms:
        people = Pseudonyms(_people(chosen, who))
        files = {people.text(name): people.text(text).encode() for name, text in reports.items()}
        copies(to, said={**said, "by": people.text(str(said["by"])), "at": at, "runs": list(found)}, files=files)
    else:
        more = {name: text.encode("utf-8", "backslashreplace") for name, text in reports.items()}
        pack(records.path, found, to, at=at, said=said, more=more)
    return found


def import_pack(context: Context, path: Path, *, signers: Path | None, unsigned: bool) -> Imported:
    """
    Verify a pack and bring it in. Who may sign is judged by `signers`, else by our own list, else by the pack's.

    Refused where it was altered, and, unless `unsigned`, where it is not sealed or not signed by somebody trusted.
    """
    settings = settings_of(context)
    records = records_of(settings)
    records.prepare()
    ours = records.path / "allowed_signers"
    with unpacked(path, records.path) as (folder, note):
        verdict = verify(Records(folder), signers=signers or (ours if ours.is_file() else None))
        verdict = verdict.told_of(folder, str(path))
        runs = Records(folder).runs()
        if verdict.code == ALTERED or (verdict.code and not unsigned):
            return Imported(verdict=verdict, runs=runs, home=None)
        by = identity.name_of(identity.who(context.environment))
        home = bring_in(records, folder, note, at=moment(datetime.now(UTC)), by=by, source=path)
    with open_index(settings.index) as index:
        for run in runs:
            index.put(Records(home).record(run))
    return Imported(verdict=verdict, runs=runs, home=home)


def _asked(wanted: Wanted) -> Mapping[str, Any]:
    return {name: getattr(wanted, name) for name in ("since", "until", "kind", "playbook", "host", "ticket")}


def _reports(context: Context, runs: Sequence[str]) -> Mapping[str, str]:
    return {
        f"reports/{run}.{suffix}": report(context, run, form=form, language="en")
        for run in runs
        for form, suffix in (("html", "html"), ("json", "json"))
    }


def _people(rows: Sequence[Mapping[str, Any]], who: Mapping[str, Any]) -> set[str]:
    names = {str(name) for row in rows for name in row["people"]} | {str(who.get("user") or "")}
    for row in rows:
        names |= {str(row["who"].get(part) or "") for part in ("user", "person")}
    return names | {name.partition("@")[0] for name in names}
