"""MariaDB and MySQL, through their client and dump programs."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, ClassVar
from xml.etree import ElementTree

from runner import shell
from runner.errors import InvalidInput
from runner.redact import Secret
from runner.steps.dialects.base import Answer, Values, at_work, milliseconds
from runner.steps.dialects.forms import Form, Forms
from runner.steps.dialects.statement import bare, filled, number, single
from runner.steps.parts.texts import environment

_NIL = "{http://www.w3.org/2001/XMLSchema-instance}nil"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PLAIN = re.compile(r"[A-Za-z0-9 _.,:/@%+=-]*")
_COUNT = "rawat_row_count"
_GAVE_UP = re.compile(r"^ERROR (1205|1969|3024) ", re.MULTILINE)
_CHECK = ("check_mysql",)


class MySql:
    name: ClassVar[str] = "mariadb"
    texts: ClassVar[tuple[str, ...]] = ("mysql",)
    forms: ClassVar[Forms] = {
        "sql": Form(
            ending="sql", backup=("mysql_dump", "backup_mysql"), restore=("mysql_dump", *_CHECK, "restore_mysql")
        ),
        "mariabackup": Form(
            ending="mariabackup",
            backup=("backup_mariabackup",),
            restore=(*_CHECK, "restore_mariabackup"),
            folder=True,
            whole=True,
            packed="gzip",
        ),
    }

    def connection(self, params: Mapping[str, Any]) -> tuple[Values, Values]:
        database = str(params.get("database") or "")
        if not database:
            raise InvalidInput("database: MariaDB needs the name of a database")
        if "`" in database or "\n" in database or database in (".", ".."):
            raise InvalidInput(f"database: {database!r} is a name that its tools cannot handle")
        host = str(params.get("host") or "")
        return {
            "database": database,
            "host": "" if host.startswith("/") else host,
            "socket": host if host.startswith("/") else "",
            "port": str(params.get("port") or ""),
            "user": str(params.get("user") or ""),
        }, {}

    def env(self, params: Mapping[str, Any]) -> Mapping[str, str | Secret]:
        return environment({"RAWAT_PASSWORD": params.get("password")})

    def query(self, query: str, params: Mapping[str, Any], *, write: bool) -> str:
        text = bare(filled(query, params, literal, backslash=True), backslash=True) + "\n"
        head = [] if write else ["set session transaction read only;"]
        tail = [f"select row_count() as {_COUNT};"] if write and single(query, backslash=True) else []
        return "\n".join([*head, text + ";", *tail, ""])

    def answer(self, query: str, output: bytes) -> Answer:
        if not single(query, backslash=True):
            return Answer([])
        text = _NOT_XML.sub("\ufffd", output.decode("utf-8", "replace"))
        count, rows = None, []
        for part in text.split('<?xml version="1.0"?>')[1:]:
            found = [_row(row) for row in ElementTree.fromstring(part.strip()).iter("row")]
            if len(found) == 1 and list(found[0]) == [_COUNT]:
                count = found[0][_COUNT]
            else:
                rows = found
        return Answer(rows, count if count is not None and count >= 0 and not rows else None)

    def limits(self, statement_s: float, lock_s: float | None = None) -> str:
        lock = math.ceil(statement_s if lock_s is None else lock_s)
        locks = f"set session lock_wait_timeout = {lock}, innodb_lock_wait_timeout = {lock}; " if lock else ""
        # Only the server knows which of the two it is, and each refuses the other's words.
        whole, ms = milliseconds(statement_s) / 1000, milliseconds(statement_s)
        ours = f"'set session max_statement_time = {whole}', 'set session max_execution_time = {ms}'"
        return (
            f"{locks}set @rawat = if(version() like '%MariaDB%', {ours}); "
            "prepare rawat from @rawat; execute rawat; deallocate prepare rawat;"
        )

    def gave_up(self, said: str) -> bool:
        return _GAVE_UP.search(said) is not None

    def backup_lines(self, params: Mapping[str, Any], form: str, file: str) -> list[str]:
        if form == "mariabackup":
            target = f"--target-dir={shell.quote(file)}"
            return [f"{at_work(params, 'mariadb-backup')} --backup {target}", f"mariadb-backup --prepare {target}"]
        options = "--single-transaction --quick --routines --triggers --events --hex-blob"
        target = f"--result-file={shell.quote(file)}"
        return [f"{at_work(params, 'mariadb-dump')} {options} {target} {shell.quote(str(params['database']))}"]

    def restore_lines(self, params: Mapping[str, Any], form: str, artefact: str) -> list[str]:
        if form == "mariabackup":
            return ["mariadbd --datadir={scratch} --skip-networking", "check table {every table}"]
        client = at_work(params, "mariadb")
        return [f"{client} -e 'create database {{scratch}}'", f"{client} {{scratch}} < {shell.path(artefact)}"]


def literal(value: Any) -> str:
    """A value as a literal that reads the same in every SQL mode."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "TRUE" if value else "FALSE"
        case int() | float():
            return f"({value!r})"
        case str():
            return f"'{value}'" if _PLAIN.fullmatch(value) else f"_utf8mb4 X'{value.encode().hex().upper()}'"
        case _:
            return literal(json.dumps(value))


def _row(row: ElementTree.Element) -> dict[str, Any]:
    cells = ((field.get("name", ""), field) for field in row.iter("field"))
    return {name: None if cell.get(_NIL) == "true" else number(cell.text or "") for name, cell in cells}
