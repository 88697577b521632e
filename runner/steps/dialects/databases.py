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

_TEXT = {"type": ["string", "null"]}

CONNECTION: Mapping[str, part.Schema] = {
    "host": {
        **_TEXT,
        "description": "Where the server listens: an address, or a folder (PostgreSQL) or socket (MariaDB) with "
        "a slash in "
        "front. Left out or empty: as the login has it (`PGHOST`, `PGSERVICE`; `MYSQL_HOST`, ~/.my.cnf and "
        "the option files of the host), mostly the local one; so with port, user and password. Where it is named, no "
        "service leads elsewhere. Nothing else of the login's configuration counts: not `PGOPTIONS` or "
        "~/.psqlrc, not what option files say to clients and dumps.",
    },
    "port": {"type": ["integer", "null"], "minimum": 1, "maximum": 65535, "description": "Its port."},
    "user": {
        **_TEXT,
        "description": "The database user. Left out or empty: as the login has it, mostly the user that the "
        "step runs as.",
    },
    "password": {
        **_TEXT,
        "description": "The password; a secret. It travels in the environment, never in an argument.",
    },
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


def unknown(engine: object) -> bool:
    """Whether the engine itself is a name in braces still: what only a host can tell, while planning."""
    return str(engine).startswith("{")


def shown(params: Mapping[str, Any]) -> str:
    """The database as people see it in a plan."""
    place = f" on {params['host']}" if params.get("host") else ""
    return f"{params.get('database', params.get('path', ''))}{place}"
