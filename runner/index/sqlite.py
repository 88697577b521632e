"""The index of runs in SQLite: for questions across runs. The journals are the truth; this can be made again."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from runner.errors import JournalError
from runner.record import RunRecord, completion, exit_code, outcome

VERSION = 1
_SCHEMA = """
create table run (
    run text primary key, playbook text not null, kind text not null, started_at text not null,
    took_ms integer not null, hosts integer not null, failed integer not null, outcome text not null,
    exit_code integer not null, done integer not null, required integer not null, ticket text not null,
    who text not null
);
create table step_time (
    run text not null references run on delete cascade, host text not null, step text not null, phase text not null,
    kind text not null, took_ms integer not null, outcome text not null, primary key (run, host, step)
);
create table cause_time (
    run text not null references run on delete cascade, cause text not null, took_ms integer not null,
    primary key (run, cause)
);
create index run_by_playbook on run (playbook, started_at);
create index step_by_step on step_time (step, run);
"""


class SqliteIndex:
    """A runner.seams.Index. Every call is one transaction; raises JournalError where the file cannot be used."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def put(self, record: RunRecord) -> None:
        """Take a run in, or anew."""
        done, required = completion(record)
        hosts = record.hosts.values()
        failed = sum(host.outcome not in ("ok", "", "skipped") for host in hosts)
        code = record.exit_code if record.exit_code is not None else exit_code(record)
        row = (
            record.run, record.playbook, record.kind, record.started_at, record.took_ms, len(record.hosts), failed,
            outcome(record), code, done, required, record.ticket, json.dumps(record.who),
        )  # fmt: skip
        with self._connection as transaction:
            transaction.execute("delete from run where run = ?", (record.run,))
            transaction.execute(f"insert into run values ({', '.join('?' * len(row))})", row)
            transaction.executemany(
                "insert into step_time values (?, ?, ?, ?, ?, ?, ?)",
                [
                    (record.run, host.name, step.id, step.phase, step.kind, step.took_ms, step.outcome)
                    for host in hosts
                    for step in host.steps.values()
                ],
            )
            transaction.executemany(
                "insert into cause_time values (?, ?, ?)",
                [(record.run, cause, took) for cause, took in record.time.items()],
            )

    def runs(self, *, limit: int = 50) -> Sequence[Mapping[str, Any]]:
        """Newest first."""
        cursor = self._connection.execute("select * from run order by run desc limit ?", (limit,))
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

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
        connection = sqlite3.connect(path, timeout=10.0)
        path.chmod(0o600)
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = full")
        connection.execute("pragma foreign_keys = on")
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
    with closing(sqlite3.connect(path, timeout=10.0)) as connection:
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
        for table in ("step_time", "cause_time", "run"):
            transaction.execute(f"drop table if exists {table}")
        transaction.executescript(_SCHEMA + f"pragma user_version = {VERSION};")
