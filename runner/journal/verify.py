"""Is a folder of records what was written? Every chain link, every digest, every binding between the parts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runner.errors import DamagedRecord
from runner.frozen import frozen
from runner.journal import ledger
from runner.journal.acts import act_files
from runner.journal.append import sha256
from runner.journal.folder import Records, SittingRead
from runner.journal.sitting import SUMS, listed

INTACT, ALTERED, NOT_SEALED, NOT_SIGNED = 0, 1, 3, 4


@frozen
class Finding:
    """One thing that is not as it must be; `code` is the exit code it alone would give."""

    code: int
    where: str
    message: str


@frozen
class Verdict:
    """`runs` that were looked at and what was found; `code` is altered over not sealed over not signed."""

    runs: tuple[str, ...]
    findings: tuple[Finding, ...]
    head: str = ""
    lines: int = 0

    @property
    def code(self) -> int:
        found = {finding.code for finding in self.findings}
        return next((code for code in (ALTERED, NOT_SEALED, NOT_SIGNED) if code in found), INTACT)


def verify(records: Records, runs: tuple[str, ...] = (), *, expect_head: str = "") -> Verdict:
    """Check the ledger and the runs given (all, where none are). Needs no lock, no index, no network."""
    findings: list[Finding] = []
    try:
        entries = ledger.read(records.path)
    except DamagedRecord as error:
        return Verdict(runs=runs, findings=(Finding(code=ALTERED, where=error.where, message=error.message),))
    present = records.runs()
    findings += _ledger(records, entries, present)
    opened = {str(entry.data.get("run")) for entry in entries if entry.data.get("type") == "OPEN"}
    unknown = tuple(run for run in present if run not in opened)
    findings += [_unknown(records.path / run) for run in unknown]
    digests = {entry.digest for entry in entries}
    if expect_head and expect_head not in digests:
        message = f"the ledger does not contain the line {expect_head[:16]}… that was kept elsewhere"
        findings.append(Finding(code=ALTERED, where=str(records.path / "ledger.jsonl"), message=message))
    for run in runs or present:
        findings += _run(records, run, entries) if run not in unknown else ()
    head = entries[-1].digest if entries else ""
    return Verdict(runs=runs or present, findings=tuple(findings), head=head, lines=len(entries))


def _ledger(records: Records, entries: list[ledger.Entry], present: tuple[str, ...]) -> Iterator[Finding]:
    """Every line is of a kind that is known, and speaks of a run that is there and was opened before."""
    opened: set[tuple[str, object]] = set()
    for entry in entries:
        run, kind = str(entry.data.get("run", "")), entry.data.get("type")
        sitting = (run, entry.data.get("sitting"))
        message = ""
        if kind not in ("LEDGER", "OPEN", "SEAL", "ACT"):
            message = f"a line of the kind {kind!r}, which no version writes"
        elif kind == "OPEN" and run not in present:
            message = f"run {run} was opened here and is gone"
        elif kind == "SEAL" and sitting not in opened:
            message = f"sitting {sitting[1]} of run {run} is sealed here and was never opened"
        elif kind == "ACT" and run not in {name for name, _ in opened}:
            message = f"an act of run {run}, which was never opened"
        if kind == "OPEN":
            opened.add(sitting)
        if message:
            where = f"{records.path / 'ledger.jsonl'}:{entry.number + 1}"
            yield Finding(code=ALTERED, where=where, message=message)


def _unknown(folder: Path) -> Finding:
    """A run that the ledger does not know: put there later, or ended before it was opened, with nothing done."""
    if any(folder.rglob("events.jsonl")):
        return Finding(code=ALTERED, where=str(folder), message="the ledger knows no such run")
    return Finding(code=NOT_SEALED, where=str(folder), message="it ended before it began; no host was connected to")


def _run(records: Records, run: str, entries: list[ledger.Entry]) -> Iterator[Finding]:
    folder = records.path / run
    try:
        sittings = records.sittings(run)
    except DamagedRecord as error:
        yield Finding(code=ALTERED, where=error.where, message=error.message)
        return
    mine = [entry for entry in entries if entry.data.get("run") == run]
    for sitting in sittings:
        yield from _sitting(sitting, [entry for entry in mine if entry.data.get("sitting") == sitting.number])
    yield from _acts(folder, {str(entry.data.get("act")): entry for entry in mine if entry.data.get("type") == "ACT"})
    for path in folder.iterdir():
        if path.name not in ("acts", "answers") and not path.name.isdigit():
            yield Finding(code=ALTERED, where=str(path), message="this does not belong to the record")


def _sitting(sitting: SittingRead, entries: list[ledger.Entry]) -> Iterator[Finding]:
    where = str(sitting.folder)
    opened = next((entry for entry in entries if entry.data.get("type") == "OPEN"), None)
    sealed = next((entry for entry in entries if entry.data.get("type") == "SEAL"), None)
    if opened is None:
        yield Finding(code=ALTERED, where=where, message="the ledger has no OPEN line for this sitting")
        return
    events = str(sitting.folder / "events.jsonl")
    if sitting.first_prev and sitting.first_prev != opened.digest:
        yield Finding(code=ALTERED, where=f"{events}:1", message="the events do not begin at the ledger's OPEN line")
    if sealed is None:
        if (sitting.folder / SUMS).exists():
            message = "its seal is not in the ledger: interrupted while it was sealed, or the ledger was cut"
            yield Finding(code=NOT_SEALED, where=where, message=message)
        elif sitting.running:
            yield Finding(code=NOT_SEALED, where=where, message="this run is under way")
        else:
            yield Finding(code=NOT_SEALED, where=where, message="interrupted: it was never sealed")
        return
    if sitting.torn:
        yield Finding(code=ALTERED, where=events, message="the last line of a sealed sitting is cut")
    if sealed.data.get("events_head") != sitting.head:
        yield Finding(code=ALTERED, where=events, message="the events do not end where the seal says")
    yield from _sums(sitting.folder, str(sealed.data.get("sums_sha256")))
    yield from _statement(sitting, opened, sealed)
    if not (sitting.folder / f"{SUMS}.sig").exists():
        yield Finding(code=NOT_SIGNED, where=where, message="not signed: intact, but nobody vouches for it by a key")


def _sums(folder: Path, digest: str) -> Iterator[Finding]:
    """Every file that was sealed is there and unchanged, and no other."""
    path = folder / SUMS
    if not path.is_file():
        yield Finding(code=ALTERED, where=str(path), message="the sums of a sealed sitting are gone")
        return
    raw = path.read_bytes()
    if sha256(raw) != digest:
        yield Finding(code=ALTERED, where=str(path), message="the sums are not those that the ledger sealed")
    wanted: dict[str, str] = {}
    for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), 1):
        value, _, name = line.partition("  ")
        parts = Path(name).parts
        if not name or name.startswith("/") or ".." in parts:
            yield Finding(code=ALTERED, where=f"{path}:{number}", message=f"'{name}' leads out of the record")
        else:
            wanted[name] = value
    present = {file.relative_to(folder).as_posix(): file for file in listed(folder)}
    for name, value in wanted.items():
        if name not in present:
            yield Finding(code=ALTERED, where=str(folder / name), message="this file is gone")
        elif present[name].is_symlink() or _digest(present[name]) != value:
            yield Finding(code=ALTERED, where=str(folder / name), message="this file is not what was sealed")
    for name in present.keys() - wanted.keys():
        yield Finding(code=ALTERED, where=str(folder / name), message="this file was added after the seal")


def _statement(sitting: SittingRead, opened: ledger.Entry, sealed: ledger.Entry) -> Iterator[Finding]:
    """The statement speaks of this run, these events, this plan, and this place in the ledger."""
    path = sitting.folder / "statement.json"
    try:
        said = json.loads(path.read_bytes())
    except (OSError, ValueError):
        yield Finding(code=ALTERED, where=str(path), message="the statement cannot be read")
        return
    truth: Mapping[str, Any] = {
        "run": sealed.data.get("run"),
        "sitting": sitting.number,
        "sealed_at": sealed.data.get("at"),
        "exit_code": sealed.data.get("exit_code"),
        "events_head": sitting.head,
        "plan_sha256": _digest(sitting.folder / "plan.json"),
        "inventory_sha256": _digest(sitting.folder / "inventory.json"),
        "ledger": {"open": opened.number, "open_sha256": opened.digest},
    }
    for key, value in truth.items():
        if said.get(key) != value:
            yield Finding(code=ALTERED, where=str(path), message=f"its '{key}' does not go with the rest of the record")


def _acts(folder: Path, known: Mapping[str, ledger.Entry]) -> Iterator[Finding]:
    """Every act follows from the one before, and stands in the ledger."""
    before = ""
    files = act_files(folder / "acts")
    for path in files:
        raw = path.read_bytes()
        digest = sha256(raw)
        if path.name not in known or known[path.name].data.get("sha256") != digest:
            yield Finding(code=ALTERED, where=str(path), message="this act is not the one that the ledger knows")
        try:
            data = json.loads(raw)
        except ValueError:
            data = {}
        bound = known[path.name].data if path.name in known else {}
        if (data.get("prev"), data.get("run"), data.get("at")) != (before, folder.name, bound.get("at")):
            yield Finding(code=ALTERED, where=str(path), message="this act does not follow from the one before it")
        before = digest
    for name in known.keys() - {path.name for path in files}:
        yield Finding(code=ALTERED, where=str(folder / "acts" / name), message="this act is gone")


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
