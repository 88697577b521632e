"""`rawat verify`: of a folder without any settings, or of the records of the settings."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from runner.app.prepare import settings_of
from runner.app.request import Context
from runner.app.wiring import readable, records_of
from runner.document.paths import expanded
from runner.errors import InvalidInput
from runner.journal import verify as verifying
from runner.journal.folder import Records


def verify(
    context: Context,
    name: str,
    *,
    expect_head: str = "",
    signers: Path | None = None,
    outside: verifying.Outside,
) -> verifying.Verdict:
    """
    A folder of records, for which no settings are read; or a run, or all records of the settings.

    Raises InvalidInput where there is nothing to verify.
    """
    if expect_head and not re.fullmatch("[0-9a-f]{64}", expect_head):
        message = f"--expect-head: '{expect_head}' is no head of a ledger, which is 64 digits and letters a to f"
        raise InvalidInput(message, hint="give it whole, as `rawat verify` and `rawat anchor` told it")
    if signers is not None and not signers.is_file():
        raise InvalidInput(f"there is no file {signers}")
    path = expanded(name) if name else None
    if path is not None and path.is_file():
        from runner.journal.packs import unpacked

        with unpacked(path, Path(tempfile.gettempdir())) as (folder, _):
            verdict = verifying.verify(Records(folder), expect_head=expect_head, signers=signers, outside=outside)
        return verdict.told_of(folder, str(path))
    if path is not None and path.is_dir():
        return verifying.verify(
            _some(readable(Records(path))), expect_head=expect_head, signers=signers, outside=outside
        )
    settings = settings_of(context)
    records = _some(records_of(settings))
    told = tuple(Path(place) for place in settings.anchors if "://" not in place and Path(place).exists())
    outside = verifying.Outside(
        places=outside.places or told,
        authority=outside.authority or settings.anchor_authority,
        required=outside.required or settings.policy.anchor,
    )
    runs = (records.find(name),) if name else ()
    return verifying.verify(records, runs, expect_head=expect_head, signers=signers, outside=outside)


def _some(records: Records) -> Records:
    """Nothing is not intact."""
    if not (records.path / "ledger.jsonl").is_file() and not records.runs():
        message = f"there are no records in {records.path}"
        raise InvalidInput(message, hint="choose a folder with a ledger.jsonl in it: verify DIR, or --records DIR")
    return records
