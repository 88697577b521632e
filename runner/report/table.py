"""Every attempt of every step on every host as a row, for spreadsheets."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from runner.hygiene import one_line
from runner.model import Exit
from runner.record import Attempt, HostRecord, RunRecord, StepRecord
from runner.report.words import signed_word
from runner.seams import Reading

COLUMNS = (
    "run", "playbook", "ticket", "host", "host_outcome", "batch", "phase", "step", "title", "kind", "user", "attempt",
    "started_at", "took_ms", "host_ms", "waited_ms", "outcome", "exit_code", "exit", "changed", "summary", "problem",
    "notes", "skipped_because", "command", "command_sha256", "output_bytes", "output_lines", "output_sha256",
    "output_file", "record",
)  # fmt: skip
Cell = str | int | None

_FORMULA = re.compile(r"[\s\"]*[=+\-@＝＋－＠]")
_NEXT_CELL = re.compile(r"(;[\s\"]*)(?=[=+\-@＝＋－＠])")


class Csv:
    """
    RFC 4180 with a head line; texts in quotes, numbers not. A runner.seams.Reporter.

    No cell is a formula (OWASP ASVS 1.2.10), also where the list separator is `;` and a spreadsheet divides a line
    elsewhere: a `'` stands before what would be one. Texts are on one line. The exact texts are in the JSON.
    """

    name: ClassVar[str] = "csv"

    def write(self, record: RunRecord, reading: Reading) -> str:
        to = io.StringIO()
        writer = csv.writer(to, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
        writer.writerow(COLUMNS)
        for row in rows(record, signed_word(record.sealed, reading.seals)):
            writer.writerow([safe(row.get(column)) for column in COLUMNS])
        return to.getvalue()


def rows(record: RunRecord, signed: str = "") -> Iterator[Mapping[str, Cell]]:
    """Rows by column, not yet made safe. A host that nothing was done on has one row without a step."""
    head: dict[str, Cell] = {"run": record.run, "playbook": record.playbook, "ticket": record.ticket, "record": signed}
    for host in record.hosts.values():
        mine = head | {"host": host.name, "host_outcome": host.outcome or "unfinished", "batch": host.batch}
        if not host.steps:
            yield mine | {"outcome": host.outcome, "problem": host.because}
        for step in host.steps.values():
            yield from _of_step(mine, host, step)


def safe(cell: Cell) -> Cell:
    """A text that no spreadsheet takes for a formula; numbers as they are."""
    if cell is None:
        return ""
    if isinstance(cell, int):
        return cell
    text = one_line(cell).replace("##[", "## [")
    text = _NEXT_CELL.sub(r"\1'", text)
    return f"'{text}" if _FORMULA.match(text) or cell[:1] in ("\t", "\r", "\n", "\0") else text


def _of_step(mine: dict[str, Cell], host: HostRecord, step: StepRecord) -> Iterator[Mapping[str, Cell]]:
    known: dict[str, Cell] = {
        "phase": step.phase, "step": step.id, "title": step.title, "kind": step.kind,
        "user": step.user or _text(host.peer.get("user")),
    }  # fmt: skip
    if not step.attempts:
        yield mine | known | {"outcome": step.outcome, "skipped_because": step.why}
    for attempt in step.attempts:
        yield mine | known | _of_attempt(attempt)


def _of_attempt(attempt: Attempt) -> dict[str, Cell]:
    output = attempt.output
    code = (attempt.exit or {}).get("code")
    return {
        "attempt": attempt.number,
        "started_at": attempt.started_at,
        "took_ms": attempt.took_ms,
        "host_ms": attempt.host_ms,
        "waited_ms": sum(attempt.waited.values()),
        "outcome": attempt.outcome or "unknown",
        "exit_code": code if isinstance(code, int) else None,
        "exit": exit_text(attempt.exit),
        "changed": "" if attempt.changed is None else "yes" if attempt.changed else "no",
        "summary": attempt.summary,
        "problem": attempt.problem,
        "notes": "; ".join(attempt.notes),
        "command": attempt.command,
        "command_sha256": attempt.command_sha256,
        "output_bytes": sum(int(output.get(stream) or 0) for stream in ("stdout_bytes", "stderr_bytes"))
        if output
        else None,
        "output_lines": output.get("lines") if isinstance(output.get("lines"), int) else None,
        "output_sha256": _text(output.get("sha256")),
        "output_file": _text(output.get("file")),
    }


def exit_text(found: Mapping[str, Any] | None) -> str:
    """`exit 0`, `signal KILL`, `timed out after 5 s, killed: proven`; a form that is not known as it stands."""
    if not found:
        return ""
    try:
        return str(Exit.from_json(found))
    except TypeError:
        return ", ".join(f"{key} {value}" for key, value in found.items())


def _text(value: object) -> str:
    return "" if value is None else str(value)
