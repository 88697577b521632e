"""The one place where a database's dialect is chosen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.errors import InvalidInput
from runner.steps.dialects.base import Dialect, Source
from runner.steps.dialects.folder import Folder
from runner.steps.dialects.mysql import MySql
from runner.steps.dialects.postgresql import PostgreSql
from runner.steps.dialects.sqlite import Sqlite
from runner.steps.parts import schema as part

ENGINES = ("postgresql", "mysql", "mariadb", "sqlite")

SOURCES = (*ENGINES, "files")

ENGINE = part.choice("The database system; `mysql` and `mariadb` mean the same.", ENGINES)

CONNECTION: Mapping[str, part.Schema] = {
    "host": part.text(
        "Where the server listens: an address, or a folder (PostgreSQL) or socket (MariaDB). Left out: local."
    ),
    "port": part.whole("Its port.", minimum=1, maximum=65535),
    "user": part.text("The database user. Left out: as the client decides, mostly the user that the step runs as."),
    "password": part.text("The password; a secret. It travels in the environment, never in an argument."),
}


def dialect(engine: str) -> Dialect:
    """Raises InvalidInput for an engine that there is none for."""
    match engine:
        case "postgresql":
            return PostgreSql()
        case "mysql" | "mariadb":
            return MySql()
        case "sqlite":
            return Sqlite()
        case _:
            raise InvalidInput(f"engine: {engine!r} is not one of {', '.join(ENGINES)}")


def source(engine: str) -> Source:
    """What can be backed up: every database, and files. Raises InvalidInput."""
    return Folder() if engine == "files" else dialect(engine)


def shown(params: Mapping[str, Any]) -> str:
    """The database as people see it in a plan."""
    place = f" on {params['host']}" if params.get("host") else ""
    return f"{params.get('database', params.get('path', ''))}{place}"
