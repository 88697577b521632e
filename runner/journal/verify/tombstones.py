"""Runs that were removed on purpose: each by a line of the ledger and a tombstone that says what they were."""

from __future__ import annotations

from collections.abc import Iterator

from runner.journal.append import sha256
from runner.journal.ledger import Entry
from runner.journal.tombstones import FOLDER, tombstone_of
from runner.journal.verify.look import Look, check_signed, read_file, read_object
from runner.journal.verify.verdict import Finding, altered, not_signed
from runner.journal.words import signature_of
from runner.signing import SIGN_OFF


def check_tombstones(look: Look) -> Iterator[Finding]:
    """Every tombstone that the ledger knows is there, as it was written, of that run; and there is no other."""
    lines = {str(entry.data.get("run")): entry for entry in look.entries if entry.data.get("type") == "PRUNE"}
    for run, line in lines.items():
        yield from _tombstone(look, run, line)
    folder = look.records / FOLDER
    known = {name for run in lines for name in (f"{run}.json", f"{run}.json.sig", f".{run}")}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name not in known:
            yield altered(path, "the ledger knows no such tombstone: it was put here later")


def _tombstone(look: Look, run: str, line: Entry) -> Iterator[Finding]:
    path = tombstone_of(look.records, run)
    raw = read_file(path)
    if raw is None:
        yield altered(path, "the tombstone of a run that was pruned is gone")
        return
    if sha256(raw) != line.data.get("sha256"):
        yield altered(path, "this tombstone is not the one that the ledger knows: it was changed")
    said = read_object(path) or {}
    seals = [
        {"sitting": entry.data.get("sitting"), "sums_sha256": entry.data.get("sums_sha256")}
        for entry in look.of_run(run, "SEAL")
    ]
    if (said.get("run"), said.get("at"), said.get("seals")) != (run, line.data.get("at"), seals):
        yield altered(path, "this tombstone does not speak of the run that the ledger sealed")
    signature = signature_of(path)
    if "sig_sha256" not in line.data and not signature.exists() and said.get("signer") is None:
        yield not_signed(path, "pruned, and no key says by whom: anybody who may write here could have removed the run")
        return
    yield from check_signed(look, signature, raw, line.data, said.get("signer"), SIGN_OFF, str(line.data.get("at")))
