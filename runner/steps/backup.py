"""A copy that was proven whole before it got its name."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, ClassVar

from runner.errors import InvalidInput
from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.dialects.base import Source
from runner.steps.dialects.databases import CONNECTION, SOURCES, source, unknown
from runner.steps.parts import schema as part
from runner.steps.parts.answers import Answers, failure
from runner.steps.parts.kind import HostKind
from runner.steps.parts.texts import script
from runner.units import text_of_size

_FORMATS = ("custom", "plain", "sql", "db", "tar.gz", "tar.zst", "tar")


class Backup(HostKind):
    name: ClassVar[str] = "backup"
    family: ClassVar[str] = "database"
    secret: ClassVar[tuple[str, ...]] = ("password",)
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "Back up a database or files",
        "Looks for room first, writes under a hidden name, reads the copy to its end, and only then gives it its name "
        "`NAME-MOMENT.ENDING`, readable by its owner alone, with a manifest `...json` beside it: digest, size, "
        "moment, and the "
        "rows of each table. Nothing older is removed unless this copy is in place.\n\n"
        "Where the rows are counted: PostgreSQL in the snapshot that the dump uses; MariaDB in the dump itself, "
        "which is of one "
        "moment where every table is transactional; SQLite in the copy. Values: `path`, `sha256`, `bytes`, "
        "`started`, `seconds`, "
        "`engine`, `format`, `tables` (rows by table), `rows`, `counted`, `consistent`, `point` (PostgreSQL: "
        "LSN), `removed`.",
        {
            "engine": part.choice("What is saved: a database system, or `files`.", SOURCES),
            "database": part.text("The database's name; for SQLite the absolute path of its file (`~/` is allowed)."),
            "path": part.host_path("Files only: the folder or file to save."),
            "exclude": part.one_or_more(
                {"type": "string", "minLength": 1}, "Files only: patterns to leave out, as tar has them."
            ),
            "to": part.host_path("The folder for the copies; it is made, private, where it is missing."),
            "name": part.text(
                "The first part of the copy's name. Left out: the database's name, or the last part of the path.",
                pattern="^[A-Za-z0-9_][A-Za-z0-9._-]*$",
            ),
            "format": part.choice(
                "PostgreSQL: `custom` (usual) or `plain`; MariaDB: `sql`; SQLite: `db`; files: `tar.gz` "
                "(usual), `tar.zst` or "
                "`tar`.",
                _FORMATS,
            ),
            "keep": part.whole(
                "How many copies of this source to keep, this one included; 0 keeps all.", minimum=0, default=0
            ),
            "count": part.flag("Count the rows of each table, so that a restore can be compared.", True),
            **CONNECTION,
        },
        required=["engine", "to"],
        examples=[
            {"engine": "postgresql", "database": "shopintar", "to": "/var/backups/rawat", "keep": 7},
            {"engine": "sqlite", "database": "~/credit/credit.db", "to": "~/backups"},
            {"engine": "files", "path": "/etc", "to": "/var/backups/rawat", "exclude": ["*.tmp"]},
        ],
    )

    def act(self, wish: Wish, found: Check | None) -> Script:
        params = wish.params
        what, form = _fitting(params)
        values, paths = what.connection(params)
        plain = {
            "shown": f"{params['engine']} {_subject(params)}",
            "stem": _stem(params),
            "format": form,
            "extension": what.formats[form],
            "keep": str(params.get("keep", 0)),
            "count": "no" if params.get("count") is False else "yes",
            "source_line": _source_line(wish),
        }
        first = what.texts[0]
        texts = (*what.texts, f"backup_{first}", "backup")
        return Script(text=script(texts, {**values, **plain}, {**paths, "to": params["to"]}), env=what.env(params))

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        said = Answers(done.stdout)
        if not done.exit.ok:
            sizes = {"need_bytes": said.number("need"), "room_bytes": said.number("room")}
            return Verdict(ok=False, problem=failure(done), values=sizes)
        tables = {str(pair[0]): pair[1] for pair in said.data("table")}
        values: dict[str, Any] = {
            "path": said.text("path"),
            "manifest": said.text("path") + ".json",
            "sha256": said.text("sha256"),
            "bytes": said.number("bytes"),
            "started": said.text("started"),
            "seconds": said.decimal("seconds"),
            "engine": wish.params["engine"],
            "format": _fitting(wish.params)[1],
            "tool": said.text("tool"),
            "consistent": said.text("consistent") == "true",
            "counted": said.text("counted"),
            "point": (said.data("point") or [{}])[-1],
            "tables": tables,
            "rows": sum(tables.values()),
            "removed": list(said.every("removed")),
        }
        counts = f", {len(tables)} tables, {values['rows']:,} rows" if said.text("counted") else ""
        summary = f"{text_of_size(values['bytes'] or 0)}{counts}, sha256 {values['sha256'][:12]}"
        return Verdict(ok=True, changed=True, values=values, summary=summary)

    def preview(self, wish: Wish) -> Sequence[str]:
        params = wish.params
        if unknown(params["engine"]):
            return [f"back up {params['engine']} {_subject(params)} to {params['to']}"]
        what, form = _fitting(params)
        what.connection(params)
        stem, ending, folder = _stem(params), what.formats[form], str(params["to"]).rstrip("/")
        lines = what.backup_lines(params, form, f"{folder}/.rawat.{{random}}/{stem}.{ending}")
        lines.append(f"then {folder}/{stem}-{{moment}}.{ending} and its manifest, mode 0600")
        if params.get("keep"):
            lines.append(f"then remove all but the newest {params['keep']} copies of this source")
        return lines


def _fitting(params: Mapping[str, Any]) -> tuple[Source, str]:
    """The source and the format; raises InvalidInput where they do not fit."""
    what = source(params["engine"])
    form = str(params.get("format") or next(iter(what.formats)))
    if form not in what.formats:
        raise InvalidInput(f"format: {form!r} is none of {params['engine']}; it has {', '.join(what.formats)}")
    if what.name != "files" and (extra := [key for key in ("path", "exclude") if params.get(key)]):
        raise InvalidInput(f"{', '.join(extra)}: means nothing with engine: {params['engine']}")
    return what, form


def _subject(params: Mapping[str, Any]) -> str:
    return str(params.get("database") or params.get("path") or "")


def _stem(params: Mapping[str, Any]) -> str:
    """A name for files that needs no quoting; where the source's own had to be changed, its checksum keeps it apart."""
    if params.get("name"):
        return str(params["name"])
    subject = _subject(params).rstrip("/")
    last = PurePosixPath(subject).name if params["engine"] in ("sqlite", "files") else subject
    last = last.removesuffix(".db") if params["engine"] == "sqlite" else last
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", last).lstrip(".-") or "copy"
    return safe if safe == last else f"{safe}-{zlib.crc32(last.encode()):08x}"


def _source_line(wish: Wish) -> str:
    """The manifest's line that says what was saved; only copies with the very same line are ever removed."""
    params = wish.params
    place = {name: params[key] for key, name in (("host", "server"), ("port", "port")) if params.get(key)}
    what = {"host": wish.host.name, "engine": params["engine"], "database": _subject(params), **place}
    return f'  "source": {json.dumps(what)},'
