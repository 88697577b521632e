"""The incident playbooks of databases, on real ones that have the fault: named, then gone, and the figures show it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from runner.playbook.shipped import shipped_playbook
from tests.acceptance.project import Project, Said
from tests.integration.databases import ask, until
from tests.integration.lab_project import step_of
from tests.unit.steps.driver import Hand

QUERY = "select id, note from loans where branch = 'b 77' and \"open-ed\" order by note"


@pytest.fixture
def slow(pg: dict[str, Any], hand: Hand) -> Iterator[dict[str, Any]]:
    """A database without the index that its application needs, half of it dead rows, with room for few connections."""
    main = {**pg, "database": "postgres"}
    ask(hand, main, "create database slow connection limit 6", change=True)
    where = {**pg, "database": "slow"}
    sql = """create role app login; create table loans (id int primary key, branch text, "open-ed" bool, note text)
      with (autovacuum_enabled = off);
    insert into loans select g, 'b ' || g % 100, true, repeat(md5(g::text), 3) from generate_series(1, 60000) g;
    insert into loans select g, 'b ' || g, true, repeat(md5(g::text), 3) from generate_series(60001, 90000) g;
    delete from loans where id > 60000; analyze loans; create table sorted as select id, note from loans;
    grant all on loans, sorted to app"""
    ask(hand, where, sql, change=True)
    yield where
    ask(hand, main, "drop database slow with (force)", change=True)
    ask(hand, main, "drop role app", change=True)


@contextmanager
def session(where: dict[str, Any], sql: str) -> Iterator[subprocess.Popen[str]]:
    """A client of the application that says something, and then nothing more."""
    words = ["psql", "-X", "-q", "-A", "-t", "-U", "app", "-h", where["host"], "-p", str(where["port"]), "-d", "slow"]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as it:
        assert it.stdin and it.stdout
        it.stdin.write(f"{sql}; select 'said';\n")
        it.stdin.flush()
        assert it.stdout.readline() == "said\n"
        yield it
        it.stdin.close()
        it.kill()


def refused(where: dict[str, Any]) -> str:
    words = ["psql", "-X", "-q", "-A", "-t", "-U", "app", "-h", where["host"], "-p", str(where["port"]), "-d", "slow"]
    return subprocess.run([*words, "-c", "select 1"], capture_output=True, text=True, check=False).stderr


def values(where: dict[str, Any]) -> list[str]:
    given = {"database": "slow", "server": where["host"], "db_user": "owner", "query": QUERY, "goal_ms": 5}
    given |= {"idle_s": 0.5, "idle_transaction_s": 0.5, "index_rows": 1000, "dead_rows": 1000, "work_mem_mb": 16}
    return [word for key, value in given.items() for word in ("-e", f"{key}={json.dumps(value)}")]


def test_a_slow_database_is_looked_at_then_made_fast(slow: dict[str, Any], hand: Hand, tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    book, env = str(shipped_playbook("slow-database")), {"PGPORT": str(slow["port"])}

    def run(*words: str) -> Said:
        return project.rawat("run", book, *values(slow), *words, environment=env)

    with session(slow, "begin; insert into loans values (-1, 'x', false, '')"), session(slow, "select"):
        with session(slow, "select"), session(slow, "select"), session(slow, "select"), session(slow, "select"):
            assert "too many connections" in refused(slow)
            until(lambda: step_is_old(hand, slow), seconds=10)
            said = run()
            assert said.code == 0, said.out + said.err
            record = project.record()
            looked = {
                name: step_of(record, "h1", name)["values"] for name in ("sessions", "transactions", "dead", "missing")
            }
            assert looked["sessions"]["row"]["percent"] == 100
            assert [row["who"] for row in looked["transactions"]["rows"]] == ["app"]
            assert looked["dead"]["dead_after"] >= 30000
            assert looked["missing"]["row"]["columns"] == "branch"
            assert "too many connections" in refused(slow)
            assert indexes(hand, slow) == ["loans_pkey"]
            said = run("-e", "apply=act")
            assert said.code == 0, said.out + said.err
        assert refused(slow) == ""
    record = project.record()
    before, after = (step_of(record, "h1", name)["values"]["row"]["ms"] for name in ("before", "after"))
    assert after < before / 3
    assert indexes(hand, slow) == ["loans_pkey", "rawat_loans_branch"]
    dead = ask(hand, slow, "select n_dead_tup from pg_stat_user_tables where relname = 'loans'").values["value"]
    assert dead < 1000


def test_sorts_on_disk_get_memory_and_what_is_no_help_is_taken_back(
    slow: dict[str, Any], hand: Hand, tmp_path: Path
) -> None:
    project = Project(tmp_path / "project")
    book, env = str(shipped_playbook("slow-database")), {"PGPORT": str(slow["port"])}
    query = "select id from sorted order by note, id"
    words = [*values(slow), "-e", f"query={json.dumps(query)}", "-e", "apply=act"]
    said = project.rawat("run", book, *words, "-e", "goal_ms=100000", environment=env)
    assert said.code == 0, said.out + said.err
    assert step_of(project.record(), "h1", "memory")["values"]["row"]["spilled_kb"] > 4096
    setting = """select array_to_string(setconfig, ' ') from pg_db_role_setting s
      join pg_database d on d.oid = s.setdatabase where datname = 'slow'"""
    assert ask(hand, slow, setting).values["value"] == "work_mem=16MB"
    ask(hand, {**slow, "database": "postgres"}, "alter database slow reset work_mem", change=True)
    # An index that is made for a statement that takes its time elsewhere is no help, and is dropped again.
    query = "select pg_sleep(0.2) from (select count(*) as n from loans where branch = 'b 77') as c where n > 0"
    said = project.rawat("run", book, *words, "-e", f"query={json.dumps(query)}", environment=env)
    assert said.code == 1, said.out + said.err
    assert "still slow, and nothing that was done for it is a help" in said.out
    assert step_of(project.record(), "h1", "index")["outcome"] == "ok"
    assert indexes(hand, slow) == ["loans_pkey"]


def step_is_old(hand: Hand, where: dict[str, Any]) -> bool:
    sql = "select count(*) from pg_stat_activity where usename = 'app' and state_change < now() - interval '0.6 s'"
    return bool(ask(hand, where, sql).values["value"] == 6)


def indexes(hand: Hand, where: dict[str, Any]) -> list[str]:
    sql = "select indexname from pg_indexes where tablename = 'loans' order by 1"
    return [row["indexname"] for row in ask(hand, where, sql).values["rows"]]
