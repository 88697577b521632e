"""The index of runs in SQLite: for questions across runs. The journals are the truth; this can be made again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from runner.errors import JournalError
from runner.record import RunRecord
from runner.record.line import line

BUSY_S = 5.0
"""For so long another program is waited for: a run that is over waits for nothing else."""
VERSION = 3
_SCHEMA = "create table run (run text primary key, line text not null);"


class SqliteIndex:
    """Every call is one transaction; raises JournalError where the file cannot be used."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def put(self, record: RunRecord) -> None:
        """Take a run in, or anew."""
        with self._connection as transaction:
            transaction.execute("insert or replace into run values (?, ?)", (record.run, json.dumps(line(record))))

    def runs(self) -> Iterator[Mapping[str, Any]]:
        """The lines of all runs, newest first; see runner.record.line."""
        for (text,) in self._connection.execute("select line from run order by run desc"):
            yield json.loads(text)

    def drop(self, run: str) -> None:
        with self._connection as transaction:
            transaction.execute("delete from run where run = ?", (run,))

    def clear(self) -> None:
        with self._connection as transaction:
            transaction.execute("delete from run")


@contextmanager
def open_index(url: str) -> Iterator[SqliteIndex]:
    """`sqlite:PATH`. A file of another version is made anew, empty. Raises JournalError."""
    path = Path(url.removeprefix("sqlite:"))
    connection: sqlite3.Connection | None = None
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        connection = sqlite3.connect(path, timeout=BUSY_S)
        path.chmod(0o600)
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        _migrate(connection)
        yield SqliteIndex(connection)
    except (sqlite3.Error, OSError) as error:
        raise JournalError(
            f"{path}: the index cannot be used: {error}", hint="`rawat reindex` makes it anew from the records"
        ) from error
    finally:
        if connection is not None:
            connection.close()


def remove_broken(url: str) -> None:
    """Where the file is no database any more, it goes, to be made anew. One that is only busy stays."""
    path = Path(url.removeprefix("sqlite:"))
    if not path.exists():
        return
    with closing(sqlite3.connect(path, timeout=BUSY_S)) as connection:
        try:
            broken = connection.execute("pragma quick_check").fetchone() != ("ok",)
        except sqlite3.OperationalError:
            return
        except sqlite3.DatabaseError:
            broken = True
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm") if broken else ():
        path.with_name(name).unlink(missing_ok=True)


def _migrate(connection: sqlite3.Connection) -> None:
    (version,) = connection.execute("pragma user_version").fetchone()
    if version == VERSION:
        return
    with connection as transaction:
        tables = transaction.execute("select name from sqlite_master where type = 'table'").fetchall()
        for (name,) in tables:
            transaction.execute(f'drop table "{name}"')
        transaction.executescript(_SCHEMA + f"pragma user_version = {VERSION};")
