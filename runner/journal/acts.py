"""What is said of a run beside or after it: sign-offs. Each act names the one before and the seal it speaks of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner.errors import InvalidInput
from runner.journal import ledger
from runner.journal.append import make_folder, sha256, sync_folder, write_new
from runner.journal.sitting import SUMS


def add_act(records: Path, run: str, what: str, *, at: str, said: Mapping[str, Any]) -> Path:
    """
    Write `acts/<number>-<what>.json` and the ledger's ACT line; the path of the file.

    `prev` is the digest of the act before (empty for the first), `seal` that of the newest SHA256SUMS.
    """
    folder = records / run / "acts"
    make_folder(folder)
    before = act_files(folder)
    data = {
        "schema": "rawat-act@1",
        "act": what,
        "run": run,
        "at": at,
        **said,
        "prev": sha256(before[-1].read_bytes()) if before else "",
        "seal": _seal(records / run),
    }
    path = folder / f"{len(before) + 1:04d}-{what}.json"
    text = (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode()
    write_new(path, text)
    sync_folder(folder)
    ledger.add(records, "ACT", at, run=run, act=path.name, sha256=sha256(text))
    return path


def act_files(folder: Path) -> list[Path]:
    """The acts of a run, in order."""
    return sorted(folder.glob("[0-9][0-9][0-9][0-9]-*.json")) if folder.is_dir() else []


def _seal(run: Path) -> str:
    """The digest of the newest sitting's SHA256SUMS; raises InvalidInput where no sitting is sealed."""
    numbers = sorted((int(entry.name) for entry in run.iterdir() if entry.name.isdigit()), reverse=True)
    sums = run / str(numbers[0]) / SUMS if numbers else run / SUMS
    if not sums.is_file():
        raise InvalidInput(f"{run.name} is not sealed; what is said of it would speak of nothing that is fixed")
    return sha256(sums.read_bytes())
