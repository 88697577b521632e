"""The proof that a copy can be brought back: restored beside the source, compared, and removed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from runner.errors import InvalidInput
from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.dialects.base import Source, Values
from runner.steps.dialects.databases import CONNECTION, SOURCES, source, unknown
from runner.steps.dialects.forms import form_of
from runner.steps.parts import schema as part
from runner.steps.parts.answers import Answers, failure
from runner.steps.parts.kind import HostKind, several
from runner.steps.parts.schema import as_list
from runner.steps.parts.texts import environment, script
from runner.units import counted, text_of_duration

Rows = Mapping[str, Sequence[Any]]


class RestoreTest(HostKind):
    name: ClassVar[str] = "restore_test"
    family: ClassVar[str] = "database"
    # Each attempt has a scratch copy of its own, and removes what a killed one left.
    idempotent: ClassVar[bool] = True
    evidence: ClassVar[bool] = True
    secret: ClassVar[tuple[str, ...]] = ("password", "key")
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "Prove that a backup can be restored",
        "Compares the copy's digest with its manifest, decrypts and unpacks it, restores it into a scratch "
        "database, a scratch cluster or a scratch folder, checks the result, and compares rows and checksums of "
        "every table, where sequences and AUTO_INCREMENT stand, and how many views, routines and so on there are, with "
        "what was saved. The scratch copy is removed whatever happens; what "
        "a killed attempt left behind is removed by the next one; the source is "
        "never touched. It may run on another host to which copy and manifest were brought, and the globals where "
        "there are any: a file of globals that the manifest knows of must be there, be the one that was saved and be "
        "whole to its last line. It is not restored: roles belong to the whole server. On another server, roles that "
        "policies and user mappings name must be there, and for `plain` also owners and those with grants.\n\n"
        "The scratch database has the encoding and locale of the source. Where its server is on the same host, there "
        "must be as much room for it as the source takes. Events of MariaDB are restored disabled, and nothing of "
        "scratch is written to its binary log where the user may leave it out (`binlog admin`, or super).\n\n"
        "Files are compared with their archive, and where the tools are there (`getfattr`, `getfacl`), when it is "
        "saved and when it is proven, also their extended attributes (`user.*`), ACLs and, as root, capabilities with "
        "those of the source; `checked` says which of them were not.\n\n"
        "A copy of a whole server is checked file by file (pg_verifybackup), started on a socket of its own, and "
        "asked. It archives nothing and preloads no library that `preload` does not name; no background worker is "
        "started in it (pg_cron and others), and no subscription reaches its publisher. What was proven is marked by a "
        "file `...proven` beside the copy, so that no retention removes the last proven one. "
        "Values: `tables` (rows restored), `rows`, `equal` (null where "
        "nothing was counted), `differences`, `seconds` (opening and restoring alone: the time to recover), "
        "`total_seconds`, `age_s` (age of the data), `sha256`, `checked`, `objects`, `checksums`, `source` (what "
        "the copy is of), `globals` (the file that was read), `proven`, `swept`.",
        {
            "engine": part.choice("What the copy is of.", SOURCES),
            "artefact": part.host_path("The copy, as `backup` made it; usually `{{ dump.path }}`."),
            "compare": part.flag(
                "Compare with the manifest beside the copy; without it only the restore is proven.", True
            ),
            "database": part.text(
                "PostgreSQL only: the database to connect to for making and dropping the scratch one.",
                default="postgres",
            ),
            "scratch": part.host_path(
                "Where to make a scratch folder, where one is needed. Left out: beside the copy, else `/var/tmp`."
            ),
            "jobs": part.whole("PostgreSQL: how many tables are restored at once.", minimum=1, maximum=64),
            "amcheck": part.flag(
                "PostgreSQL only: also run `pg_amcheck` on the restored copy, where it is installed.", False
            ),
            "preload": part.one_or_more(
                {"type": "string", "pattern": "^[A-Za-z0-9_][A-Za-z0-9_-]*$"},
                "PostgreSQL, copies of a whole server: libraries that the scratch cluster is started with "
                "(`shared_preload_libraries`), where its data cannot be read without them, such as `timescaledb`. Left "
                "out: none of what the source preloads. Those that act on the world (`citus`) do not belong here; "
                "what runs in the background is not started, whatever is named.",
                examples=["timescaledb", ["age", "pg_stat_statements"]],
            ),
            "identity": part.host_path(
                "Encrypted copies: a file on the host with the private key (age or gpg).", type=["string", "null"]
            ),
            "key": {
                "type": ["string", "null"],
                "description": "Encrypted copies: the private key itself; a secret. age gets it through a pipe.",
            },
            **CONNECTION,
        },
        required=["engine", "artefact"],
        examples=[
            {"engine": "postgresql", "artefact": "{{ dump.path }}"},
            {"engine": "postgresql", "artefact": "{{ dump.path }}", "key": "{{ backup_key }}", "amcheck": True},
            {"engine": "sqlite", "artefact": "/var/backups/rawat/credit-20261124T020000Z.db"},
        ],
    )

    def act(self, wish: Wish, found: Check | None) -> Script:
        params = wish.params
        what, values, paths = _fitting(params)
        form = what.forms[form_of(what.forms, params["artefact"])]
        plain = {
            **values,
            "compare": "no" if params.get("compare") is False else "yes",
            "amcheck": "yes" if params.get("amcheck") is True else "no",
            "jobs": str(params.get("jobs") or 1),
            "packing": "yes" if form.packing else "no",
            "repository": "",
            "preload": ",".join(as_list(params.get("preload"))),
        }
        texts = ("marked", "scratch_folder", "open", *what.texts, *form.restore, "restore")
        paths = {
            **paths,
            "artefact": params["artefact"],
            "below": params.get("scratch", ""),
            "identity": params.get("identity") or "",
        }
        env = {**what.env(params), **environment({"RAWAT_KEY": params.get("key")})}
        return Script(text=script(texts, plain, paths), env=env)

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        said = Answers(done.stdout)
        was, now = _rows(said, "was"), _rows(said, "now")
        compare = wish.params.get("compare") is not False and bool(said.text("counted"))
        differences = _differences(was, now) + _objects(said) if compare and done.exit.ok else []
        tables = {name: line[0] for name, line in now.items()}
        values: dict[str, Any] = {
            "artefact": said.text("path"),
            "sha256": said.text("sha256"),
            "source": (said.data("source") or [{}])[-1],
            "tables": tables,
            "rows": sum(tables.values()),
            "checksums": {name: line[1] for name, line in now.items() if len(line) > 1},
            "objects": (said.data("objects_now") or [{}])[-1],
            "equal": not differences if compare and done.exit.ok else None,
            "differences": differences,
            "seconds": said.decimal("seconds"),
            "total_seconds": said.decimal("total_seconds"),
            "age_s": said.number("age"),
            "checked": said.text("checked"),
            "globals": said.text("globals"),
            "scratch": said.text("scratch"),
            "proven": said.text("proven"),
            "swept": list(said.every("swept")),
        }
        if strays := said.number("foreign_key_violations"):
            values["foreign_key_violations"] = strays
        if not done.exit.ok:
            return Verdict(ok=False, problem=failure(done), values=values)
        if differences:
            return Verdict(ok=False, changed=False, problem=several(differences), values=values)
        rows = f"{counted(len(now), 'table')}, {counted(values['rows'], 'row')}"
        compared = f"{rows}, equal" if compare else f"restored, {rows}, not compared"
        if not compare and values["checked"]:
            compared += f" ({values['checked']})"
        summary = f"{compared}; restored in {text_of_duration(values['seconds'] or 0)}"
        return Verdict(ok=True, changed=False, values=values, summary=summary)

    def preview(self, wish: Wish) -> Sequence[str]:
        params = wish.params
        if unknown(params["engine"]):
            return [f"restore {params['artefact']} into a scratch copy and compare"]
        what, _, _ = _fitting(params)
        lines = [f"sha256sum {params['artefact']}, against its manifest" if params.get("compare") is not False else ""]
        return [
            *filter(None, lines),
            *what.restore_lines(params, form_of(what.forms, params["artefact"]), params["artefact"]),
            "then the scratch copy is removed",
        ]


_OWN = {"database": ("postgresql",), "amcheck": ("postgresql",), "jobs": ("postgresql",), "preload": ("postgresql",)}


def _fitting(params: Mapping[str, Any]) -> tuple[Source, Values, Values]:
    """The source, and the assignments of its texts; raises InvalidInput where the parameters do not fit."""
    engine, artefact = params["engine"], str(params["artefact"])
    what = source(engine)
    if unfit := [key for key, engines in _OWN.items() if params.get(key) and engine not in engines]:
        raise InvalidInput(f"{', '.join(unfit)}: means nothing with engine: {engine}")
    if params.get("key") and params.get("identity"):
        raise InvalidInput("key, identity: one of them is enough")
    connection = {key: value for key, value in params.items() if key in CONNECTION}
    match engine:
        case "postgresql":
            main = str(params.get("database") or "postgres")
            values, paths = what.connection({**connection, "database": main})
            return what, {**values, "maintenance": main}, paths
        case "sqlite":
            values, paths = what.connection({**connection, "database": artefact})
        case "files":
            values, paths = what.connection({**connection, "path": artefact})
            values = {"format": form_of(what.forms, artefact)}
        case _:
            values, paths = what.connection({**connection, "database": "scratch"})
    return what, values, paths


def _rows(said: Answers, key: str) -> Rows:
    """By table: how many rows, and their checksum where one was made."""
    return {str(line[0]): line[1:] for line in said.data(key)}


def _differences(was: Rows, now: Rows) -> list[str]:
    """Every table whose rows are not the same on both sides."""
    found = []
    for name in sorted(was.keys() | now.keys()):
        if name not in now:
            found.append(f"{name}: {was[name][0]} rows saved, the table is not in the restored copy")
        elif name not in was:
            found.append(f"{name}: not among what was saved, {now[name][0]} rows restored")
        elif was[name][0] != now[name][0]:
            found.append(f"{name}: {was[name][0]} rows saved, {now[name][0]} restored")
        elif list(was[name]) != list(now[name]):
            sums = [(line[name][1:] or ("none",))[0] for line in (was, now)]
            found.append(f"{name}: {was[name][0]} rows, but not the same: checksum {sums[0]} saved, {sums[1]} restored")
    return found


def _objects(said: Answers) -> list[str]:
    was, now = ((said.data(key) or [{}])[-1] for key in ("objects_was", "objects_now"))
    found = [f"{name}: {was[name]} saved, {now.get(name)} restored" for name in was if was[name] != now.get(name)]
    for name, saved, restored in said.data("behind"):
        stands = "it is not in the restored copy" if restored is None else f"in the restored copy it is {restored}"
        found.append(f"{name}: its next number was {saved} when it was saved, {stands}")
    return found
