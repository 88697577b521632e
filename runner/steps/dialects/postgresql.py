"""PostgreSQL, through psql, pg_dump and pg_restore."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, ClassVar

from runner import shell
from runner.errors import InvalidInput
from runner.redact import Secret
from runner.steps.dialects.base import Answer, Values, at_work, milliseconds
from runner.steps.dialects.forms import Form, Forms
from runner.steps.dialects.statement import bare, filled, number, single
from runner.steps.parts.texts import environment

NULL = "\u2400rawat-null\u2400"
"""How psql writes NULL for us; no text that a database holds."""

_NUMBERS = re.compile(r"(smallint|integer|bigint|oid|real|double precision|numeric(\(.*\))?)")
_TYPES, _ROWS, _COUNT = "rawat:types", "rawat:rows", "rawat:count="


def _logical(ending: str, *, folder: bool = False) -> Form:
    return Form(
        ending=ending, backup=("backup_postgresql",), restore=("restore_postgresql",), folder=folder, globals=True
    )


class PostgreSql:
    name: ClassVar[str] = "postgresql"
    texts: ClassVar[tuple[str, ...]] = ("postgresql",)
    forms: ClassVar[Forms] = {
        "custom": _logical("dump"),
        "directory": _logical("dir", folder=True),
        "plain": _logical("sql"),
        "base": Form(
            ending="base",
            backup=("backup_postgresql_base",),
            restore=("cluster_postgresql", "restore_postgresql_base"),
            folder=True,
            whole=True,
            packed="gzip",
        ),
        "pgbackrest": Form(
            ending="pgbackrest",
            backup=("backup_pgbackrest",),
            restore=("cluster_postgresql", "restore_pgbackrest"),
            whole=True,
            reference=True,
            packing=False,
        ),
    }

    def connection(self, params: Mapping[str, Any]) -> tuple[Values, Values]:
        if not params.get("database"):
            raise InvalidInput("database: PostgreSQL needs the name of a database")
        named = {key: str(params.get(key) or "") for key in ("host", "port", "user")}
        return {"database": str(params["database"]), **named}, {}

    def env(self, params: Mapping[str, Any]) -> Mapping[str, str | Secret]:
        return environment({"PGPASSWORD": params.get("password")})

    def query(self, query: str, params: Mapping[str, Any], *, write: bool) -> str:
        text = bare(filled(query, params, literal)) + "\n"
        head = ["\\set ON_ERROR_STOP on", f"\\pset null '{NULL}'"]
        if not write:
            head.append("set session characteristics as transaction read only;")
        if not single(query):
            return "\n".join([*head, text + ";", ""])
        # Types first, then the rows: only so a text `42` can be told from a number.
        return "\n".join(
            [
                *head,
                f"\\echo {_TYPES}",
                text + "\\gdesc",
                f"\\echo {_ROWS}",
                text + ";",
                f"\\echo {_COUNT}:ROW_COUNT",
                "",
            ]
        )

    def answer(self, query: str, output: bytes) -> Answer:
        if not single(query):
            return Answer([])
        text = output.decode("utf-8", "replace")
        _, _, text = text.partition(_TYPES + "\n")
        types_text, _, rest = text.partition(_ROWS + "\n")
        rows_text, _, count_text = rest.rpartition(_COUNT)
        types = [row[1] for row in list(csv.reader(io.StringIO(types_text)))[1:] if len(row) == 2]
        table = list(csv.reader(io.StringIO(rows_text, newline="")))
        count = int(count_text) if count_text.strip().isdigit() else None
        if not table or not types:
            return Answer([], count)
        return Answer([dict(zip(table[0], map(_typed, row, types), strict=False)) for row in table[1:]], count)

    def limits(self, statement_s: float, lock_s: float | None = None) -> str:
        lock = "" if lock_s is None else f"set lock_timeout = '{milliseconds(lock_s)}ms'; "
        return f"{lock}set statement_timeout = '{milliseconds(statement_s)}ms';"

    def gave_up(self, said: str) -> bool:
        return "due to statement timeout" in said or "due to lock timeout" in said

    def backup_lines(self, params: Mapping[str, Any], form: str, file: str) -> list[str]:
        beside = shell.quote(str(PurePosixPath(file).with_name("globals")))
        file = shell.quote(file)
        if form == "base":
            base = f"{at_work(params, 'pg_basebackup')} -D {file} -X stream -c fast --manifest-checksums=SHA256"
            return [base, f"pg_verifybackup {file}"]
        if form == "pgbackrest":
            back = f"pgbackrest --stanza={shell.quote(str(params['stanza']))}"
            return [f"{back} --type={params.get('type', 'full')} backup", f"{back} verify"]
        words = [at_work(params, "pg_dump"), f"--format={form}", "--snapshot={snapshot}", f"--file={file}"]
        words += [f"--jobs={params['jobs']}"] if params.get("jobs") else []
        lines = [" ".join([*words, shell.quote(str(params["database"]))])]
        if params.get("globals") is not False:
            roles = [at_work(params, "pg_dumpall"), "--globals-only", f"--file={beside}"]
            roles += [] if params.get("role_passwords") else ["--no-role-passwords"]
            lines.insert(0, " ".join([*roles, f"--database={shell.quote(str(params['database']))}"]))
        return lines if form == "plain" else [*lines, f"pg_restore -f /dev/null {file}"]

    def restore_lines(self, params: Mapping[str, Any], form: str, artefact: str) -> list[str]:
        if form == "base":
            return ["pg_verifybackup {scratch}", "pg_ctl -D {scratch} -w start"]
        if form == "pgbackrest":
            return ["pgbackrest --set={label} --pg1-path={scratch} restore", "pg_ctl -D {scratch} -w start"]
        return [
            at_work(params, "psql") + " -c 'create database \"{scratch}\" template template0'",
            at_work(params, "pg_restore") + f" --exit-on-error --no-owner --dbname={{scratch}} {shell.path(artefact)}",
        ]


def literal(value: Any) -> str:
    """A value as a literal that PostgreSQL reads the same under every setting."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int():
            return f"({value})" if value < 0 else str(value)
        case float():
            return f"({value!r})" if math.isfinite(value) else f"'{value}'::float8"
        case str():
            if "\0" in value:
                raise InvalidInput("params: PostgreSQL has no text with a NUL character")
            quoted = value.replace("'", "''")
            return " E'" + quoted.replace("\\", "\\\\") + "'" if "\\" in value else f"'{quoted}'"
        case _:
            return literal(json.dumps(value))


def _typed(text: str, kind: str) -> Any:
    if text == NULL:
        return None
    if kind == "boolean":
        return text == "t"
    return number(text) if _NUMBERS.fullmatch(kind) else text
