"""Ask a database, or change it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from xml.etree.ElementTree import ParseError

from runner.redact import cut
from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.dialects.databases import CONNECTION, ENGINE, dialect, shown
from runner.steps.parts import schema as part
from runner.steps.parts.answers import cut_short, failure
from runner.steps.parts.kind import HostKind, Mistake
from runner.steps.parts.texts import script
from runner.units import duration_s, text_of_duration, text_of_size

_VALUE = {"type": ["string", "number", "boolean", "null"]}


class Sql(HostKind):
    name: ClassVar[str] = "sql"
    family: ClassVar[str] = "database"
    secret: ClassVar[tuple[str, ...]] = ("password",)
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "Ask a database",
        "Runs a query with the database's own client, read only unless `change: true`. Values: `rows` (a list "
        "of mappings), "
        "`row` (the first), `value` (its first column), `count` (rows read, or touched by a change). They are "
        "there for one "
        "statement; the output of several is kept as text only. PostgreSQL and SQLite say which columns are "
        "numbers; for "
        "MariaDB whatever is written as a number is one. A column of the same name twice shows the last.",
        {
            "engine": ENGINE,
            "database": part.text("The database's name; for SQLite the absolute path of its file (`~/` is allowed)."),
            "query": part.text("SQL. Values from outside are written `:name` and given under `params`."),
            "params": {
                "type": "object",
                "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
                "additionalProperties": {"anyOf": [_VALUE, {"type": "array", "items": _VALUE}]},
                "description": "Values by name, sent as literals and never as SQL. A list becomes `(a, b, c)`, "
                "for `in :ids`.",
            },
            "change": part.flag("Allow the query to change the database.", False),
            "rows": part.whole("How many rows the answer must have.", minimum=0),
            "timeout": part.duration(
                "When the server is to give a statement up, also one that waits for a lock (PostgreSQL and MariaDB; "
                "MySQL knows such a limit for `select` only, for others one for the wait for a lock, in whole "
                "seconds). Left out or 0: as the server is set. The step's own `timeout` ends the client, not "
                "what the server does.",
                None,
            ),
            **CONNECTION,
        },
        required=["engine", "database", "query"],
        examples=[
            {
                "engine": "postgresql",
                "database": "shopintar",
                "query": "select count(*) as late from loans where branch = :branch and due < now()",
                "params": {"branch": "Bandung"},
            },
            {"engine": "sqlite", "database": "/srv/app/credit.db", "query": "select id from loans", "rows": 12},
        ],
    )

    def reads_only(self, params: Any) -> bool:
        return isinstance(params, Mapping) and params.get("change", False) is False

    def mistakes(self, params: Any) -> Sequence[Mistake]:
        if not isinstance(params, Mapping) or params.get("engine") != "sqlite" or not params.get("timeout"):
            return []
        message = "'timeout' means nothing with engine: sqlite, which has no server; a step has a 'timeout' of its own"
        return [(("timeout",), message, "")]

    def act(self, wish: Wish, found: Check | None) -> Script:
        params = wish.params
        tongue = dialect(params["engine"])
        values, paths = tongue.connection(params)
        write = params.get("change") is True
        query = tongue.query(params["query"], params.get("params", {}), write=write)
        if limit_s := duration_s(params.get("timeout") or 0):
            query = f"{tongue.limits(limit_s)}\n{query}"
        plain = {**values, "write": "yes" if write else ""}
        return Script(
            text=script((*tongue.texts, f"sql_{tongue.texts[0]}"), plain, paths),
            env=tongue.env(params),
            stdin=query.encode(),
        )

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        params = wish.params
        reading = self.reads_only(params)
        if not done.exit.ok:
            return Verdict(ok=False, changed=False if reading else None, problem=_problem(params, done))
        if cut_short(done):
            problem = f"the answer is {text_of_size(done.stdout_bytes)}, too much to be read: ask for fewer rows"
            return Verdict(ok=False, changed=not reading, problem=problem)
        try:
            answer = dialect(params["engine"]).answer(params["query"], done.stdout)
        except (ValueError, ParseError) as error:
            return Verdict(ok=False, changed=not reading, problem=f"the client's answer cannot be read: {error}")
        first = answer.rows[0] if answer.rows else {}
        values = {
            "rows": answer.rows,
            "row": first,
            "value": next(iter(first.values()), None),
            "count": answer.count,
        }
        touched = not reading and not (answer.count == 0 and _counts(params["query"]))
        wanted = params.get("rows")
        problem = "" if wanted in (None, answer.count) else f"expected {wanted} rows, found {answer.count}"
        summary = _summary(answer.rows, answer.count)
        return Verdict(ok=not problem, changed=touched, problem=problem, values=values, summary=summary)

    def preview(self, wish: Wish) -> Sequence[str]:
        params = wish.params
        query = " ".join(str(params["query"]).split())
        given = params.get("params") or {}
        told = f"  with {', '.join(f'{name} = {value!r}' for name, value in given.items())}" if given else ""
        may = "" if self.reads_only(params) else ", may change it"
        until = f", given up after {params['timeout']}" if params.get("timeout") else ""
        return [f"{query}{told}", f"  in {params['engine']} {shown(params)}{may}{until}"]


def _counts(query: str) -> bool:
    """Whether a statement says by its count whether it changed anything."""
    return re.match(r"\s*(insert|update|delete|merge|replace)\b", query, re.IGNORECASE) is not None


def _problem(params: Mapping[str, Any], done: Completed) -> str:
    why, limit_s = failure(done), duration_s(params.get("timeout") or 0)
    if not limit_s or not dialect(params["engine"]).gave_up(done.stderr.decode("utf-8", "replace")):
        return why
    where = f"{params['engine']} {shown(params)}"
    return (
        f"{where} gave the statement up after {text_of_duration(limit_s)}, its 'timeout' ({why}): "
        "allow it longer, or see who holds what it waits for"
    )


def _summary(rows: Sequence[Mapping[str, Any]], count: int) -> str:
    if len(rows) == 1:
        return cut(", ".join(f"{name} {value}" for name, value in rows[0].items()), 200)
    return f"{count} rows"
