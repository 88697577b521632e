"""A run's record told in a format and a language that a person asks for."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner.app.prepare import settings_of
from runner.app.read import record_of
from runner.app.request import Context
from runner.app.seals import seals
from runner.document.source import likely
from runner.errors import DamagedRecord, InvalidInput, unwritable
from runner.journal import ledger
from runner.journal.anchors import FOLDER, notes
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


PDF = "pdf"
"""Drawn from the HTML page, by a library that is not always there."""
ENDINGS = {".md": "markdown", ".xml": "junit"}
"""Of files whose ending is not the name of the format."""


def format_of(file: str | None) -> str:
    """What a file's name asks for: `night.pdf` is a PDF. html where it asks for nothing that there is."""
    ending = Path(file or "").suffix.lower()
    form = ENDINGS.get(ending, ending.removeprefix("."))
    return form if form == PDF or form in REPORTERS else "html"


def document(context: Context, name: str, *, form: str, language: str) -> bytes:
    """A report as the bytes of a file; `form` may be pdf too. Raises as `report` does."""
    if form == PDF:
        from runner.report.pdf import pdf

        return pdf(report(context, name, form="html", language=language))
    return report(context, name, form=form, language=language).encode("utf-8", "backslashreplace")


def report(context: Context, name: str, *, form: str, language: str) -> str:
    """Raises InvalidInput for a run, a format or a language that there is not, DamagedRecord for a bad record."""
    if form not in REPORTERS:
        known = [*REPORTERS.names(), PDF]
        raise InvalidInput(f"there is no format '{form}'{likely(form, known)}", hint=f"there are: {', '.join(known)}")
    reporter = REPORTERS.get(form)()
    records, record, running = record_of(context, name)
    reading = Reading(
        language=language,
        zone=zone_of(settings_of(context).timezone),
        running=running,
        seals=tuple(seals(records.path / record.run)),
        anchor=_anchor(records.path, record.run),
    )
    return reporter.write(record, reading)


def _anchor(records: Path, run: str) -> Mapping[str, Any] | None:
    """The first note of an anchor made since the run was sealed. A claim: `rawat verify` is who checks it."""
    if not (records / FOLDER).is_dir():
        return None
    try:
        lines = [
            entry.number
            for entry in ledger.read(records)
            if (entry.data.get("type"), entry.data.get("run")) == ("SEAL", run)
        ]
        made = [data for _, data in notes(records) if lines and int(data["lines"]) > lines[-1]]
    except DamagedRecord:
        return None
    return {name: str(made[0][name]) for name in ("kind", "where", "at")} if made else None


def save(path: Path, data: bytes) -> None:
    """Write a report, for its owner alone and whole or not at all; raises InvalidInput where it cannot be."""
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
        raise unwritable(path, error) from error
