"""
Is a folder of records what was written, who vouches for it, and does anything outside say so too?

Needs no lock, no index, no network and no configuration, and writes nothing: a copy that may only be read will do.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from runner.errors import DamagedRecord, InvalidInput
from runner.frozen import replace
from runner.journal import ledger
from runner.journal.folder import Records
from runner.journal.ledger import Entry, plans_of
from runner.journal.reserve import is_reserve
from runner.journal.verify.acts import check_acts, check_plans
from runner.journal.verify.anchors import Outside, check_anchors
from runner.journal.verify.imports import check_imports, packed_runs
from runner.journal.verify.lines import check_checkpoint, check_ledger
from runner.journal.verify.look import Look
from runner.journal.verify.sitting import check_sitting
from runner.journal.verify.tombstones import check_tombstones
from runner.journal.verify.verdict import (
    ALTERED,
    INTACT,
    NOT_ANCHORED,
    NOT_SEALED,
    NOT_SIGNED,
    Finding,
    Verdict,
    altered,
    not_sealed,
)
from runner.signing.allowed import read_allowed

LOOKS = 3
"""So often at most: whoever keeps the ledger growing shall not keep an answer back."""

__all__ = [
    "ALTERED", "INTACT", "NOT_ANCHORED", "NOT_SEALED", "NOT_SIGNED", "Finding", "Outside", "Verdict", "verify",
]  # fmt: skip


def verify(
    records: Records,
    runs: tuple[str, ...] = (),
    *,
    expect_head: str = "",
    signers: Path | None = None,
    outside: Outside = Outside(),  # noqa: B008 - an immutable value
) -> Verdict:
    """
    Check the ledger and the runs given (all, where none are).

    `signers` is an allowed_signers file that is trusted more than the one in the folder; `expect_head` a ledger head
    that was kept elsewhere. Raises InvalidInput where it may not be read.

    Nothing is locked: where the ledger has grown meanwhile, what was called altered may have been under way, and is
    looked at again.
    """
    verdict = _looked(records, runs, expect_head, signers, outside)
    for _ in range(LOOKS - 1):
        if verdict.code != ALTERED or not _grown(records, verdict.head):
            break
        suspect = set(verdict.findings)
        verdict = _looked(records, runs, expect_head, signers, outside)
        found = (finding for finding in verdict.findings if finding.code != ALTERED or finding in suspect)
        verdict = replace(verdict, findings=tuple(found))
    return verdict


def _grown(records: Records, head: str) -> bool:
    try:
        return ledger.end(records.path)[2] != head
    except DamagedRecord:
        return False


def _looked(
    records: Records, runs: tuple[str, ...], expect_head: str, signers: Path | None, outside: Outside
) -> Verdict:
    try:
        entries = ledger.read(records.path)  # before the folder: what a line speaks of is there when it is written
    except DamagedRecord as error:
        return Verdict(runs=runs or records.runs(), findings=(_damaged(error),))
    present = records.runs()
    pruned = _runs(entries, "PRUNE")
    packed = packed_runs(records.path)
    left_out = _runs(entries, "OPEN") - packed - pruned if packed is not None else frozenset()
    look = Look(
        records=records.path,
        entries=tuple(entries),
        present=present,
        signers=read_allowed(signers or records.path / "allowed_signers"),
        signers_are_ours=signers is not None,
        digests={entry.digest: entry.number for entry in entries},
        elsewhere=pruned | left_out,
    )
    chosen = runs or present
    try:
        whole = not runs and packed is None
        findings = list(_all(look, records, chosen, expect_head, whole=whole))
        if whole:
            ours = signers or records.path / "allowed_signers"
            findings += check_imports(
                look, lambda there, head: verify(there, expect_head=head, signers=ours if ours.is_file() else None)
            )
        anchors, more = check_anchors(look, chosen, outside, expect_head)
    except PermissionError as error:
        raise InvalidInput(
            f"{error.filename}: cannot be read: {error.strerror}", hint="verify a copy that you may read"
        ) from error
    return Verdict(
        runs=chosen,
        findings=(*findings, *more),
        head=entries[-1].digest if entries else "",
        lines=len(entries),
        signers=tuple(sorted(look.names)),
        anchors=anchors,
        left_out=len(left_out),
    )


def _runs(entries: Iterable[Entry], kind: str) -> frozenset[str]:
    return frozenset(str(entry.data.get("run")) for entry in entries if entry.data.get("type") == kind)


def _all(look: Look, records: Records, chosen: tuple[str, ...], expect_head: str, *, whole: bool) -> Iterator[Finding]:
    yield from check_ledger(look)
    if ledger.torn(look.records):
        yield not_sealed(look.ledger, "its last line has no end: cut short while it was written, or cut later")
    yield from check_checkpoint(look)
    if expect_head and expect_head not in look.digests:
        message = (
            f"the ledger does not contain the line {expect_head[:16]}… that was kept elsewhere: it was rolled back, "
            "rewritten, or is another ledger"
        )
        yield altered(look.ledger, message)
    yield from check_plans(look, None if whole else plans_of(look.entries, chosen))
    yield from check_tombstones(look)
    opened = _runs(look.entries, "OPEN")
    for run in look.present:
        if run not in opened:
            yield _unknown(look.records / run)
    for run in chosen:
        if run in opened and run in look.present:
            yield from _run(look, records, run)


def _run(look: Look, records: Records, run: str) -> Iterator[Finding]:
    folder = look.records / run
    try:
        sittings = records.sittings(run)
    except DamagedRecord as error:
        yield _damaged(error)
        return
    except FileNotFoundError:
        yield altered(folder, "its folder was removed while it was looked at")
        return
    numbers = [sitting.number for sitting in sittings]
    for number in look.sittings_of(run):
        if number not in numbers:
            yield altered(folder / str(number), "this sitting was opened in the ledger and is gone")
    for sitting in sittings:
        yield from check_sitting(look, run, sitting, sittings)
    yield from check_acts(look, run, sittings)
    for path in sorted(folder.iterdir()):
        if path.name not in ("acts", "answers") and not path.name.isdigit() and not is_reserve(path):
            yield altered(path, "this does not belong to the record: it was put there by somebody else")


def _damaged(error: DamagedRecord) -> Finding:
    """The place once: an error says it for itself, a finding beside."""
    return altered(error.where, error.message.removeprefix(f"{error.where}: "))


def _unknown(folder: Path) -> Finding:
    """A run that the ledger does not know: put there later, or ended before it was opened, with nothing done."""
    if any(folder.rglob("events.jsonl")):
        return altered(folder, "the ledger knows no such run: it was put here from elsewhere, or the ledger was cut")
    return not_sealed(folder, "it ended before it began; no host was connected to")
