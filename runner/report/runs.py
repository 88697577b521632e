"""Many runs, for people and for spreadsheets: a line each, or an item each that waits for somebody."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from runner.hygiene import one_line, visible
from runner.record.compare import Difference
from runner.redact import cut
from runner.report.table import safe
from runner.report.words import clock_face, local, short

RESUMED = frozenset({"interrupted", "failed", "cancelled", "in doubt"})
"""What came to this can be gone on with, and then its steps prove what is open."""
LAST = 10
"""So wide is the last column at least, and one that is cut short."""
STEPS = "the steps that prove it"
_SIGNED = {True: "yes", False: "no", None: "-"}
_COLUMNS = (
    "run", "started_at", "ended_at", "playbook", "kind", "ticket", "hosts", "failed", "took_ms", "outcome", "exit_code",
    "done", "required", "signed", "people", "names", "open",
)  # fmt: skip


def runs_table(rows: Sequence[Mapping[str, Any]], zone: ZoneInfo | None, *, zone_name: str, width: int = 0) -> str:
    """Rows of the index, newest first, in columns; not wider than `width` where it is given."""
    zoned = f"started ({zone_name})"
    head = ("run", zoned, "playbook", "hosts", "took", "result", "checklist", "signed", "ticket")
    return _columns([head, *(_run_row(row, zone) for row in rows)], width, spare=(7, 3), long=2)


def _run_row(row: Mapping[str, Any], zone: ZoneInfo | None) -> tuple[str, ...]:
    result = str(row["outcome"]) + (f" ({row['failed']})" if row["failed"] else "")
    goes_on = result == "interrupted" and row["started_at"]  # else it ended before it began
    done, required = row["done"], row["required"]
    ticks = f"{done}/{required}" + ("" if done == required else " open")
    return (
        short(str(row["run"])),
        local(str(row["started_at"]), zone),
        one_line(str(row["playbook"])),
        str(row["hosts"]),
        clock_face(int(row["took_ms"])),
        result,
        ticks if row["outcome"] not in ("interrupted", "running") else "-",
        _SIGNED[row.get("signed")],
        one_line(str(row["ticket"])) + (f"  rawat resume {short(str(row['run']))}" if goes_on else ""),
    )


def open_table(rows: Sequence[Mapping[str, Any]], zone: ZoneInfo | None, *, width: int = 0) -> str:
    """An item in each line: which run, what, and whom it waits for; not wider than `width` where it is given."""
    lines = [("run", "playbook", "item", "waits for", "next")]
    for row in rows:
        run = short(str(row["run"]))
        for item in row["open"]:
            due = f", by {local(item['due'], zone)}" if item["due"] else ""
            how = "--review" if item["item"] == "review" else f"--item {one_line(item['item'])}"
            goes_on = row["outcome"] in RESUMED and item["waits_for"].startswith(STEPS)
            lines.append(
                (run, one_line(str(row["playbook"])), one_line(item["item"]), one_line(item["waits_for"]) + due,
                 f"rawat resume {run}" if goes_on else f"rawat sign {run} {how}")
            )  # fmt: skip
    return _columns(lines, width, long=3)


def runs_csv(rows: Iterable[Mapping[str, Any]]) -> str:
    """RFC 4180 with a head line; no cell is a formula."""
    to = io.StringIO()
    writer = csv.writer(to, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\r\n")
    writer.writerow(_COLUMNS)
    for row in rows:
        cells = {**row} | {
            "signed": _SIGNED[row.get("signed")],
            "people": ", ".join(row["people"]),
            "names": ", ".join(row["names"]),
            "open": ", ".join(item["item"] for item in row["open"]),
        }
        writer.writerow([safe(cells[column]) for column in _COLUMNS])
    return to.getvalue()


def diff_text(before: str, after: str, text: str, differences: Sequence[Difference]) -> str:
    """The playbook's lines first, then what differs, part by part."""
    lines = [f"{short(before)} -> {short(after)}"]
    if text:
        lines += ["", "playbook", *(f"  {visible(line)}" for line in text.splitlines())]
    for part in dict.fromkeys(difference.part for difference in differences):
        lines += ["", part]
        lines += [
            f"  {one_line(found.what)}: {_there(found.before)} -> {_there(found.after)}"
            for found in differences
            if found.part == part
        ]
    if len(lines) == 1:
        lines.append("no difference but the moment")
    return "\n".join(lines)


def _there(text: str) -> str:
    return one_line(text) or "not there"


def _columns(lines: Sequence[tuple[str, ...]], width: int, *, spare: Sequence[int] = (), long: int) -> str:
    """
    Cells in columns. Where those are wider than `width` (0: never), columns of `spare` are left out, and `long` is cut
    short; what stands in the last one goes below where it does not fit: it is of no use in part.
    """
    widths = {column: max(len(line[column]) for line in lines) for column in range(len(lines[0]) - 1)}
    last = min(LAST, max(len(line[-1]) for line in lines))
    for column in (*spare, long):
        over = sum(widths.values()) + 2 * len(widths) + last - width
        if width and over > 0:
            if column == long:
                widths[column] = max(LAST, widths[column] - over)
            else:
                del widths[column]
    return "\n".join(_row(line, widths, width) for line in lines)


def _row(line: tuple[str, ...], widths: Mapping[int, int], width: int) -> str:
    cells = "  ".join(cut(line[column], room).ljust(room) for column, room in widths.items())
    if width and len(cells) + 2 + len(line[-1]) > width:
        return f"{cells.rstrip()}\n  {line[-1]}"
    return f"{cells}  {line[-1]}".rstrip()
