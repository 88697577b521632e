"""What was written into logs since a moment: lines that must not be there, and lines that must."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from runner.errors import InvalidInput
from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.parts import schema as part
from runner.steps.parts.answers import Answers, failure
from runner.steps.parts.kind import Probe
from runner.steps.parts.texts import script
from runner.units import whole_seconds

_PATTERN = {"type": "string", "pattern": "^[^\\r\\n]+$"}
_MARK = {
    "type": "object",
    "required": ["file", "inode", "bytes"],
    "properties": {
        "file": {"type": "string"},
        "inode": {"type": "integer"},
        "bytes": {"type": "integer"},
        "sum": {"type": "integer"},
    },
}


class Logs(Probe):
    name: ClassVar[str] = "logs"
    family: ClassVar[str] = "system"
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "What was logged since",
        "Looks at the journal, at files, or at both. `none` are patterns that no line may have, `some` patterns that a "
        "line must have: extended regular expressions, as `grep -E` reads them. Every pattern that is not kept is "
        "named, with how many lines had it and the last of them.\n\n"
        "The journal is read since the run first came to the host, in whatever sitting, or since `since`. A file says "
        "nothing of when a line was written: an earlier step without patterns marks how long it is (`register`), and "
        "`after` gives those `marks` to this one, which reads on from there, through rotations as well, packed ones "
        "and copies (`copytruncate`): by its inode, and by what stood before the mark. Where that is nowhere beside "
        "the file any more the step fails, since nobody knows what was written. Without `after` a file is read whole. "
        "Values: `lines` (how many were looked at), `found` (`pattern`, `count`, `last`), `marks`.",
        {
            "journal": part.flag("Look at the journal.", False),
            "units": part.one_or_more(
                part.text("A unit.", pattern="^[A-Za-z0-9@:._\\\\*?-]+$"), "Only what these units wrote in the journal."
            ),
            "priority": part.choice(
                "Only messages of the journal that are as grave as this, or graver.",
                ["emerg", "alert", "crit", "err", "warning", "notice", "info", "debug"],
            ),
            "files": part.one_or_more(part.host_path("A file."), "Files to look at."),
            "since": part.duration("How far back the journal is read. Left out: to the begin of the run.", None),
            "after": {
                "type": ["array", "null"],
                "items": _MARK,
                "description": "The `marks` of an earlier step: what was in the files then is left out.",
            },
            "none": part.one_or_more(_PATTERN, "Patterns that no line may have."),
            "some": part.one_or_more(_PATTERN, "Patterns that a line must have, each of them."),
            "except": {**_PATTERN, "description": "A pattern of lines that are left out of account."},
        },
        anyOf=[{"required": ["journal"]}, {"required": ["files"]}],
        dependentRequired={"units": ["journal"], "priority": ["journal"], "since": ["journal"], "after": ["files"]},
        examples=[
            {"journal": True, "units": "postgresql", "priority": "err", "none": "."},
            {"files": "/var/log/app.log", "after": "{{ mark.marks }}", "none": "ERROR|panic", "some": "started"},
        ],
    )

    def act(self, wish: Wish, found: Check | None) -> Script:
        params = wish.params
        marks = {mark["file"]: mark for mark in params.get("after") or ()}
        patterned = "none" in params or "some" in params
        files = []
        for file in part.as_list(params.get("files")):
            if "\n" in file or "\t" in file:
                raise InvalidInput(f"files: {file!r} has a line break or a tab in its name")
            mark = marks.get(file)
            place = f"-\t{'0' if patterned else '-'}\t-"
            if mark:
                place = f"{mark['inode']}\t{mark['bytes']}\t{mark.get('sum', '-')}"
            files.append(f"{place}\t{file}")
        values = {
            "from_journal": "yes" if params.get("journal") is True and patterned else "no",
            "since": str(int(_began(wish))),
            "back": str(whole_seconds(params["since"])) if "since" in params else "",
            "units": "\n".join(part.as_list(params.get("units"))),
            "priority": params.get("priority", ""),
            "files": "\n".join(files),
            "patterns": "\n".join([*part.as_list(params.get("none")), *part.as_list(params.get("some"))]),
            "leave_out": params.get("except", ""),
        }
        return Script(text=script(("logs",), values))

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        params, said = wish.params, Answers(done.stdout)
        if not done.exit.ok:
            return Verdict(ok=False, changed=False, problem=failure(done))
        counts = {int(row[0]): int(row[1]) for row in said.fields("count") if len(row) == 2}
        none, some = part.as_list(params.get("none")), part.as_list(params.get("some"))
        seen, wrong = [], []
        for number, pattern in enumerate([*none, *some], 1):
            count, last = counts.get(number, 0), said.text(f"found{number}")
            seen.append({"pattern": pattern, "count": count, "last": last})
            if number <= len(none) and count:
                wrong.append(f"log: expected no line with {pattern!r}, found {count}, the last: {last}")
            if number > len(none) and not count:
                wrong.append(f"log: expected a line with {pattern!r}, found none in {said.number('lines')}")
        marks = [
            {"file": row[3], "inode": int(row[0]), "bytes": int(row[1]), "sum": int(row[2])}
            for row in said.fields("mark")
            if len(row) == 4
        ]
        lines = said.number("lines") or 0
        values = {"lines": lines, "found": seen, "marks": _as_written(marks, params)}
        summary = f"{lines} lines looked at" if seen else f"{len(marks)} files marked"
        return Verdict(ok=not wrong, changed=False, problem="; ".join(wrong), values=values, summary=summary)

    def preview(self, wish: Wish) -> Sequence[str]:
        params = wish.params
        where = ["the journal"] if params.get("journal") else []
        where += part.as_list(params.get("files"))
        asked = [f"no line with {pattern!r}" for pattern in part.as_list(params.get("none"))]
        asked += [f"a line with {pattern!r}" for pattern in part.as_list(params.get("some"))]
        return [f"{', '.join(where)}: {', '.join(asked) or 'mark the end'}"]


def _began(wish: Wish) -> float:
    """When the run first came to the host: Unix time by its own clock; 0 while planning."""
    known = wish.names.get("run") or {}
    return float(known.get("began") or (wish.facts.clock if wish.facts else 0.0))


def _as_written(marks: Sequence[Mapping[str, Any]], params: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The host says the whole of a path that was written with `~/`; marks have it as it was asked for."""
    files = part.as_list(params.get("files"))
    return [{**mark, "file": file} for mark, file in zip(marks, files, strict=False)]
