"""The index of runs: one line for each, made anew where it is of another version."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from runner.index.sqlite import VERSION, open_index
from runner.record.line import line
from tests.unit.report.samples import good_night


def test_a_file_of_another_version_is_made_anew_and_a_run_has_one_line(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    with closing(sqlite3.connect(path)) as old, old:
        old.executescript(
            "create table run (run text primary key, playbook text); create table step_time (run text references run);"
            "create index one on step_time (run); insert into run values ('01', 'p'); pragma user_version = 2;"
        )
    record = good_night()
    with open_index(f"sqlite:{path}") as index:
        assert list(index.runs()) == []
        index.put(record)
        index.put(record)
        assert list(index.runs()) == [line(record)]
    with closing(sqlite3.connect(path)) as now:
        assert now.execute("select name from sqlite_master where type = 'table'").fetchall() == [("run",)]
        assert now.execute("pragma user_version").fetchone() == (VERSION,)
