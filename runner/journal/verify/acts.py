"""What people said: each act follows from the one before, stands in the ledger, and is signed by whom it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from runner.events import SittingStarted
from runner.journal.acts import act_files, acts_folder
from runner.journal.append import sha256
from runner.journal.folder import SittingRead
from runner.journal.ledger import Entry
from runner.journal.sitting import STATEMENT
from runner.journal.verify.look import Look, check_signed, read_file, read_object
from runner.journal.verify.verdict import Finding, altered, not_sealed, not_signed
from runner.journal.words import signature_of
from runner.record.fold import names_of
from runner.record.review import by_executor
from runner.signing import SIGN_OFF


def check_acts(look: Look, run: str, sittings: Sequence[SittingRead]) -> Iterator[Finding]:
    """The acts of a run; a review is by somebody else than whoever ran it, unless the policy allowed that."""
    lines = {str(entry.data.get("act")): entry for entry in look.of_run(run, "ACT")}
    seals = {str(entry.data.get("sums_sha256")): entry.number for entry in look.of_run(run, "SEAL")}
    started = [event for sitting in sittings for event in sitting.events[:1] if isinstance(event, SittingStarted)]
    plans = {event.plan for event in started}
    executors = [name for event in started for name in names_of(event.who)]
    keys = [_signer(sitting) for sitting in sittings]
    allowed = any(event.policy.get("self_review") for event in started)
    folder = acts_folder(look.records, run=run)
    for path, act in _known(folder, lines):
        seal = str(act.get("seal", ""))
        line = lines[path.name]
        if seal and seals.get(seal, line.number) >= line.number:
            yield altered(path, "it speaks of a seal that this run did not have then")
        if not seal and act.get("plan") not in plans:
            yield altered(path, "it speaks of no seal and no plan of this run")
        if act.get("act") == "review" and not allowed and by_executor(act, executors, keys):
            message = "reviewed by whoever ran it: a second signature of the same person vouches for nothing"
            yield not_signed(path, message)
    yield from _findings(look, folder, lines, {"run": run})


def check_plans(look: Look, of: frozenset[str] | None = None) -> Iterator[Finding]:
    """The acts beside no run: words on plans, on all of them or on those of some runs."""
    lines: dict[str, dict[str, Entry]] = {}
    for entry in look.entries:
        if entry.data.get("type") == "ACT" and "run" not in entry.data:
            lines.setdefault(str(entry.data.get("plan")), {})[str(entry.data.get("act"))] = entry
    folder = look.records / "plans"
    there = {path.name for path in folder.iterdir() if path.is_dir()} if folder.is_dir() else set()
    for plan in sorted(lines.keys() | there if of is None else of & (lines.keys() | there)):
        yield from _findings(look, folder / plan, lines.get(plan, {}), {"plan": plan})


def _findings(look: Look, folder: Path, lines: Mapping[str, Entry], whose: Mapping[str, str]) -> Iterator[Finding]:
    before = ""
    files = act_files(folder)
    for path in files:
        raw = read_file(path) or b""
        digest = sha256(raw)
        line = lines.get(path.name)
        if line is None:
            if path == files[-1]:
                yield not_sealed(
                    path, "this act is not in the ledger: it was interrupted, or put here; it does not count"
                )
            else:
                yield altered(path, "the ledger knows no such act: it was put here later")
            continue
        if line.data.get("sha256") != digest:
            yield altered(path, "this act is not the one that the ledger knows: it was changed")
        act = read_object(path) or {}
        said = (act.get("prev"), act.get("at"), *(act.get(key) for key in whose))
        if said != (before, line.data.get("at"), *whose.values()):
            yield altered(path, "this act does not follow from the one before it, or is of another run")
        before = digest
        yield from _signed(look, path, raw, line, act)
    for name in sorted(lines.keys() - {path.name for path in files}):
        yield altered(folder / name, "this act is gone")
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path not in files and path.name.removesuffix(".sig") not in lines:
            yield altered(path, "this does not belong to the acts")


def _signed(look: Look, path: Path, raw: bytes, line: Entry, act: Mapping[str, Any]) -> Iterator[Finding]:
    signature = signature_of(path)
    if "sig_sha256" not in line.data and not signature.exists() and act.get("signer") is None:
        yield not_signed(
            path, f"the word of {act.get('by') or 'somebody'} is not signed by a key: a name that anybody can write"
        )
        return
    yield from check_signed(look, signature, raw, line.data, act.get("signer"), SIGN_OFF, str(line.data.get("at")))


def _known(folder: Path, lines: Mapping[str, Entry]) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """The acts that the ledger knows, with what they say."""
    for path in act_files(folder):
        act = read_object(path)
        if path.name in lines and act is not None:
            yield path, act


def _signer(sitting: SittingRead) -> Mapping[str, Any]:
    said = (read_object(sitting.folder / STATEMENT) or {}).get("signer")
    return said if isinstance(said, dict) else {}
