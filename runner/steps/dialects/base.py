"""What a database dialect must offer to the kinds `sql`, `backup`, `restore_test` and `optimize`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from runner.errors import InvalidInput
from runner.redact import Secret
from runner.steps.dialects.forms import Forms

Values = Mapping[str, str]


class Source(Protocol):
    """
    What `backup` and `restore_test` work on.

    `texts` are the shell texts of `runner/steps/sh/` that define its functions, besides those that a form names;
    `connection` gives the assignments and `env` the environment that they read.
    """

    name: ClassVar[str]
    texts: ClassVar[tuple[str, ...]]
    forms: ClassVar[Forms]
    """The forms of a backup by their names, the usual one first."""

    def connection(self, params: Mapping[str, Any]) -> tuple[Values, Values]:
        """Assignments of plain values, and of paths. Raises InvalidInput where the parameters do not fit."""
        ...

    def env(self, params: Mapping[str, Any]) -> Mapping[str, str | Secret]: ...

    def backup_lines(self, params: Mapping[str, Any], form: str, file: str) -> list[str]:
        """The command lines that matter, for people."""
        ...

    def restore_lines(self, params: Mapping[str, Any], form: str, artefact: str) -> list[str]: ...


class Dialect(Source, Protocol):
    """A database that can be asked. All text is UTF-8."""

    def query(self, query: str, params: Mapping[str, Any], *, write: bool) -> str:
        """The text that its client reads: `params` filled in, answers marked. Raises InvalidInput."""
        ...

    def answer(self, query: str, output: bytes) -> Answer:
        """What the client said to `query`."""
        ...

    def limits(self, statement_s: float, lock_s: float | None = None) -> str:
        """
        SQL after which each statement of the session is given up when it takes longer, or waits longer for a lock.

        0: without a limit. Where no limit for locks is given the one of the statement holds. Raises InvalidInput.
        """
        ...

    def gave_up(self, said: str) -> bool:
        """Whether a client's words mean that a limit was reached."""
        ...


class Answer:
    """Rows as mappings from column to value, and how many rows were read or touched."""

    __slots__ = ("count", "rows")

    def __init__(self, rows: list[dict[str, Any]], count: int | None = None) -> None:
        self.rows = rows
        self.count = len(rows) if count is None else count


def milliseconds(seconds: float) -> int:
    """As servers want it: whole, not 0 where there is a limit, and no more than PostgreSQL takes (24 days)."""
    return min(max(1, round(seconds * 1000)), 2**31 - 1) if seconds else 0


def refuse(params: Mapping[str, Any], engine: str, *names: str) -> None:
    """Raise InvalidInput where one of `names` is given, which means nothing to `engine`."""
    given = [name for name in names if params.get(name)]
    if given:
        raise InvalidInput(f"{', '.join(given)}: means nothing with engine: {engine}")


def at_work(params: Mapping[str, Any], word: str) -> str:
    """A host and port in front of a command's other words, for people."""
    more = [f"{option}={params[key]}" for key, option in (("host", "--host"), ("port", "--port")) if params.get(key)]
    return " ".join([word, *more])
