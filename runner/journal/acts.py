"""
What people say of a run or a plan, beside or after it: sign-offs, reviews, delay reasons, approvals.

Each act names the one before, and the seal or the plan that it speaks of; it counts once it stands in the ledger.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.errors import DamagedRecord, InvalidInput
from runner.journal import ledger
from runner.journal.append import make_folder, sha256
from runner.journal.folder import newest_begun
from runner.journal.sitting import SUMS
from runner.journal.words import signature_of, write_word

if TYPE_CHECKING:
    from runner.signing.make import KeySigner

SCHEMA = "rawat-act@1"


def add_act(
    records: Path,
    what: str,
    *,
    at: str,
    said: Mapping[str, Any],
    run: str = "",
    plan: str = "",
    signer: KeySigner | None = None,
) -> Path:
    """
    Write `<number>-<what>.json`, its signature where there is a signer, and the ledger's ACT line; the file's path.

    Of a `run`, or of a `plan` (its digest) that is no run yet. `prev` is the digest of the act before (empty for the
    first), `seal` that of the newest SHA256SUMS (empty where the run is not sealed). Raises SigningFailed with
    nothing written, InvalidInput where the run is not sealed and no plan is named.
    """
    seal = newest_seal(records / run) if run else ""
    if not seal and not plan:
        raise InvalidInput(f"{run} is not sealed; what is said of it would speak of nothing that is fixed")
    folder = acts_folder(records, run=run, plan=plan)
    make_folder(folder)
    with ledger.held(records):
        before = _known(records, folder, run=run, plan=plan)
        data = {
            "schema": SCHEMA,
            "act": what,
            **({"run": run, "seal": seal} if run else {}),
            "plan": plan,
            "at": at,
            **said,
            "signer": signer.to_json() if signer else None,
            "prev": sha256(before[-1].read_bytes()) if before else "",
        }
        path = folder / f"{len(before) + 1:04d}-{what}.json"
        whose = {"run": run} if run else {"plan": plan}
        ledger.add(records, "ACT", at, **whose, act=path.name, **write_word(path, data, signer))
    if signer:
        from runner.journal.checkpoint import write_checkpoint

        write_checkpoint(records, signer)
    return path


def acts_folder(records: Path, *, run: str = "", plan: str = "") -> Path:
    return records / run / "acts" if run else records / "plans" / plan


def act_files(folder: Path) -> list[Path]:
    """The acts in a folder, in order."""
    return sorted(folder.glob("[0-9][0-9][0-9][0-9]-*.json")) if folder.is_dir() else []


def read_acts(records: Path, *, run: str = "", plan: str = "") -> tuple[Mapping[str, Any], ...]:
    """What was said, in order: acts that the ledger knows. Raises DamagedRecord for one that cannot be read."""
    folder = acts_folder(records, run=run, plan=plan)
    files = act_files(folder)
    if not files:
        return ()
    known = _lines(records, run=run, plan=plan)
    return tuple(_read(path) for path in files if path.name in known)


def newest_seal(run: Path) -> str:
    """The digest of the newest sitting's SHA256SUMS; empty where it is not sealed."""
    sums = run / str(newest_begun(run) if run.is_dir() else 0) / SUMS
    return sha256(sums.read_bytes()) if sums.is_file() else ""


def _known(records: Path, folder: Path, *, run: str, plan: str) -> list[Path]:
    """The acts that the ledger knows; one that was interrupted before it got there is cleared away."""
    known = _lines(records, run=run, plan=plan)
    for path in act_files(folder):
        if path.name not in known:
            signature_of(path).unlink(missing_ok=True)
            path.unlink()
    return act_files(folder)


def _lines(records: Path, *, run: str, plan: str) -> set[str]:
    return {
        str(entry.data.get("act"))
        for entry in ledger.read(records)
        if entry.data.get("type") == "ACT"
        and (entry.data.get("run") == run if run else "run" not in entry.data and entry.data.get("plan") == plan)
    }


def _read(path: Path) -> Mapping[str, Any]:
    try:
        data = json.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise DamagedRecord("this act cannot be read", where=str(path)) from error
    if not isinstance(data, dict):
        raise DamagedRecord("this act is not an object", where=str(path))
    return data
