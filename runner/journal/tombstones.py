"""What is left of a run that was removed on purpose: a signed word of what it was, which the ledger knows."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.journal import ledger
from runner.journal.append import make_folder, sync_folder
from runner.journal.words import signature_of, write_word

if TYPE_CHECKING:
    from runner.signing.make import KeySigner

SCHEMA = "rawat-tombstone@1"
FOLDER = "tombstones"


def tombstone_of(records: Path, run: str) -> Path:
    return records / FOLDER / f"{run}.json"


def bury(records: Path, run: str, *, at: str, said: Mapping[str, Any], signer: KeySigner | None) -> Path:
    """
    Write the tombstone, its signature and the ledger's PRUNE line; then the run's folder goes. The tombstone's path.

    `said` is what it tells of the run. Where rawat is killed in between, the line stands and `finish` removes the rest.
    Raises SigningFailed with nothing written, JournalError.
    """
    seals = [
        {"sitting": entry.data.get("sitting"), "sums_sha256": entry.data.get("sums_sha256")}
        for entry in ledger.read(records)
        if entry.data.get("type") == "SEAL" and entry.data.get("run") == run
    ]
    data = {
        "schema": SCHEMA,
        "run": run,
        "at": at,
        **said,
        "seals": seals,
        "signer": signer.to_json() if signer else None,
    }
    path = tombstone_of(records, run)
    make_folder(path.parent)
    for name in (path, signature_of(path)):
        name.unlink(missing_ok=True)  # of an attempt that was killed before the ledger knew it
    ledger.add(records, "PRUNE", at, run=run, **write_word(path, data, signer))
    remove(records, run)
    return path


def remove(records: Path, run: str) -> None:
    """The folder in one step out of sight, then away."""
    aside = records / FOLDER / f".{run}"
    if (records / run).is_dir():
        (records / run).rename(aside)
        sync_folder(records)
    if aside.is_dir():
        shutil.rmtree(aside)


def finish(records: Path) -> tuple[str, ...]:
    """Remove what a killed `rawat prune` left: runs whose PRUNE line stands. Their ids."""
    pruned = [str(entry.data["run"]) for entry in ledger.read(records) if entry.data.get("type") == "PRUNE"]
    left = [run for run in pruned if (records / run).is_dir() or (records / FOLDER / f".{run}").is_dir()]
    for run in left:
        remove(records, run)
    return tuple(left)
