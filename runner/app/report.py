"""A run's record told in a format and a language that a person asks for."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from runner.app.prepare import settings_of
from runner.app.read import record_of
from runner.app.request import Context
from runner.errors import DamagedRecord, InvalidInput
from runner.journal.append import sha256
from runner.journal.sitting import SUMS
from runner.registry import Registry
from runner.report.words import zone_of
from runner.seams import Reading, Reporter

BUILT_IN = {
    "html": "runner.report.html:Html",
    "json": "runner.report.data:Data",
    "csv": "runner.report.table:Csv",
    "junit": "runner.report.junit:Junit",
    "markdown": "runner.report.markdown:Markdown",
}
REPORTERS: Registry[type[Reporter]] = Registry("rawat.reporters", BUILT_IN)


def report(context: Context, name: str, *, form: str, language: str) -> str:
    """Raises InvalidInput for a run, a format or a language that there is not, DamagedRecord for a bad record."""
    reporter = REPORTERS.get(form)()
    records, record, running = record_of(context, name)
    reading = Reading(
        language=language,
        zone=zone_of(settings_of(context).timezone),
        running=running,
        seals=tuple(seals(records.path / record.run)),
    )
    return reporter.write(record, reading)


def save(path: Path, text: str) -> None:
    """Write a report, for its owner alone and whole or not at all; raises InvalidInput where it cannot be."""
    data = text.encode("utf-8", "backslashreplace")
    try:
        if path.exists() and not path.is_file():  # a pipe, a terminal
            path.write_bytes(data)
            return
        descriptor, new = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
            Path(new).replace(path)
        except OSError:
            Path(new).unlink()
            raise
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be written: {error.strerror}") from error


def seals(run: Path) -> Iterator[Mapping[str, Any]]:
    """What closes each sitting of a run, in order; a sitting that is not sealed has none."""
    for folder in sorted((entry for entry in run.iterdir() if entry.name.isdigit()), key=lambda entry: int(entry.name)):
        sums = folder / SUMS
        if not sums.is_file():
            continue
        try:
            said = json.loads((folder / "statement.json").read_bytes())
        except (OSError, ValueError) as error:
            raise DamagedRecord("the statement cannot be read", where=str(folder / "statement.json")) from error
        signer = said.get("signer")
        yield {
            "sitting": int(folder.name),
            "sealed_at": str(said.get("sealed_at", "")),
            "sums_sha256": sha256(sums.read_bytes()),
            "signed": (folder / f"{SUMS}.sig").is_file(),
            "signer": str(signer.get("principal", "")) if isinstance(signer, dict) else str(signer or ""),
            "sources": dict(said.get("sources") or {}),
        }
