"""SQLite, through its shell where the host has one that writes JSON, else through the host's python3."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any, ClassVar

from runner import shell
from runner.errors import InvalidInput
from runner.redact import Secret
from runner.steps.dialects.base import Answer, Values, refuse
from runner.steps.dialects.forms import Form, Forms
from runner.steps.dialects.statement import bare, filled, single

_COUNT = "rawat_row_count"


class Sqlite:
    name: ClassVar[str] = "sqlite"
    texts: ClassVar[tuple[str, ...]] = ("sqlite",)
    forms: ClassVar[Forms] = {"db": Form(ending="db", backup=("backup_sqlite",), restore=("restore_sqlite",))}

    def connection(self, params: Mapping[str, Any]) -> tuple[Values, Values]:
        refuse(params, "sqlite", "host", "port", "user", "password")
        database = str(params.get("database") or "")
        if not database.startswith(("/", "~/", "{")):
            raise InvalidInput(f"database: {database!r} must be the absolute path of a file, or start with ~/")
        return {}, {"database": database}

    def env(self, params: Mapping[str, Any]) -> Mapping[str, str | Secret]:
        return {}

    def query(self, query: str, params: Mapping[str, Any], *, write: bool) -> str:
        text = bare(filled(query, params, literal)) + "\n"
        head = [] if write else ["pragma query_only = on;"]
        tail = [f"select changes() as {_COUNT};"] if write and single(query) else []
        return "\n".join([*head, text + ";", *tail, ""])

    def answer(self, query: str, output: bytes) -> Answer:
        if not single(query):
            return Answer([])
        rows, count, decoder = [], None, json.JSONDecoder(strict=False)
        text = output.decode("utf-8", "replace").strip()
        while text:
            found, end = decoder.raw_decode(text)
            text = text[end:].lstrip()
            if len(found) == 1 and list(found[0]) == [_COUNT]:
                count = found[0][_COUNT]
            else:
                rows = found
        return Answer(rows, None if rows else count)

    def limits(self, statement_s: float, lock_s: float | None = None) -> str:
        raise InvalidInput("timeout: means nothing with engine: sqlite")

    def gave_up(self, said: str) -> bool:
        return False

    def backup_lines(self, params: Mapping[str, Any], form: str, file: str) -> list[str]:
        return [
            f"sqlite3 {shell.path(str(params['database']))} {shell.quote(f'.backup {file}')}",
            f"sqlite3 {shell.quote(file)} 'pragma integrity_check'",
        ]

    def restore_lines(self, params: Mapping[str, Any], form: str, artefact: str) -> list[str]:
        return [f"cp {shell.path(artefact)} {{scratch}}/copy.db", "sqlite3 {scratch}/copy.db 'pragma integrity_check'"]


def literal(value: Any) -> str:
    """A value as a literal of SQLite; a text with a NUL character is built from its parts."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "1" if value else "0"
        case int() | float():
            if isinstance(value, float) and not math.isfinite(value):
                raise InvalidInput(f"params: SQLite has no number {value}")
            return f"({value!r})"
        case str():
            if "\0" in value:
                raise InvalidInput("params: a text with a NUL character cannot be sent")
            return "'" + value.replace("'", "''") + "'"
        case _:
            return literal(json.dumps(value))
