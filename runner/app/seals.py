"""What closes each sitting of a run, and who says to have signed it: read for showing, judged by `rawat verify`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runner.errors import DamagedRecord
from runner.journal.append import sha256
from runner.journal.folder import newest_begun
from runner.journal.sitting import SIGNATURE, STATEMENT, SUMS


def signed(run: Path) -> bool | None:
    """Whether the newest sitting has a signature; None where it is not sealed."""
    newest = run / str(newest_begun(run))
    return (newest / SIGNATURE).is_file() if (newest / SUMS).is_file() else None


def seals(run: Path) -> Iterator[Mapping[str, Any]]:
    """What closes each sitting of a run, in order; a sitting that is not sealed has none."""
    for folder in sorted((entry for entry in run.iterdir() if entry.name.isdigit()), key=lambda entry: int(entry.name)):
        sums = folder / SUMS
        if not sums.is_file():
            continue
        try:
            said = json.loads((folder / STATEMENT).read_bytes())
        except (OSError, ValueError) as error:
            raise DamagedRecord("the statement cannot be read", where=str(folder / STATEMENT)) from error
        signer = said.get("signer") or {}
        yield {
            "sitting": int(folder.name),
            "sealed_at": str(said.get("sealed_at", "")),
            "sums_sha256": sha256(sums.read_bytes()),
            "signed": (folder / SIGNATURE).is_file(),
            "key": {part: str(signer.get(part, "")) for part in ("principal", "fingerprint", "key_type")},
            "signer": _name(signer.get("principal") or ""),
            "sources": dict(said.get("sources") or {}),
        }


def _name(principal: object) -> str:
    """A name that can stand in a command which somebody copies into a shell; empty where it could not."""
    return str(principal) if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._@+-]*", str(principal)) else ""
