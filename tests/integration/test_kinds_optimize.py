"""What a look at a database tells and leaves alone, and what the work does within its limits."""

from __future__ import annotations

import hashlib
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from runner.redact import Secret
from tests.integration.databases import ask, forget_statements, say_in_no_encoding, until
from tests.unit.steps.driver import Hand, Ran

LIMITS = {"index_size": "100kB", "table_size": "1MB", "transaction_age": "0s"}


def found(ran: Ran) -> set[tuple[str, str]]:
    return {(finding["what"], finding["object"]) for finding in ran.values["findings"]}


@contextmanager
def session(where: dict[str, Any], *statements: str) -> Iterator[subprocess.Popen[bytes]]:
    """A session of PostgreSQL that has carried the statements out and stays open."""
    words = ["psql", "-X", "-q", "-h", where["host"], "-p", str(where["port"]), "-U", "owner", where["database"]]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write("".join(f"{line};\n" for line in statements).encode() + b"\\echo ready\n")
        process.stdin.flush()
        while process.stdout.readline() != b"ready\n":
            pass
        yield process
        process.stdin.close()


@contextmanager
def transaction(where: dict[str, Any]) -> Iterator[None]:
    """A session of MariaDB that has read in a transaction and stays open."""
    words = ["mariadb", "--no-defaults", "-u", "root", f"--socket={where['host']}", "--unbuffered", "-N"]
    with subprocess.Popen([*words, where["database"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"start transaction; select count(*) from loans;\n")
        process.stdin.flush()
        process.stdout.readline()
        yield
        process.stdin.close()


@pytest.fixture
def untidy(hand: Hand, shop: dict[str, Any]) -> dict[str, Any]:
    ask(
        hand,
        shop,
        """create table "fa t" (id int primary key, note text, n int) with (autovacuum_enabled = off);
        insert into "fa t" select g, repeat('x', 100), g from generate_series(1, 40000) g;
        create index unused on "fa t" (note); create index one on "fa t" (n); create index two on "fa t" (n);
        create unique index law on "fa t" ((id::text));
        create index partly on "fa t" (n) where id > 5; analyze; delete from "fa t" where id % 10 <> 0;
        select pg_stat_force_next_flush()""",
        change=True,
    )
    return shop


class TestPostgreSql:
    def test_a_look_tells_what_is_wrong_and_cannot_change_anything(self, hand: Hand, untidy: dict[str, Any]) -> None:
        ask(hand, untidy, "create extension if not exists pg_stat_statements", change=True)
        forget_statements(hand, untidy)
        quoted = untidy["database"].replace('"', '""')
        ask(hand, untidy, f"""alter database "{quoted}" set effective_cache_size = '8TB'""", change=True)
        ask(hand, untidy, f"""alter database "{quoted}" set work_mem = '1TB'""", change=True)
        ask(hand, untidy, 'select count(*) from "fa t" where id between 17 and 4711', rows=1)
        reader = Hand(root=hand.root, env={"PGOPTIONS": "-c default_transaction_read_only=on"})
        with session(untidy, "begin", "select txid_current()"):
            limits = {**LIMITS, "xid_age": 1, "cache_hit_percent": 100}
            ran = reader.do("optimize", {**untidy, "limits": limits, "statements": 20})
        assert ran.verdict.ok, ran.problem
        assert ran.verdict.changed is False
        told = found(ran)
        assert {("unused index", "public.unused"), ("duplicate index", "public.two")} <= told
        assert ("duplicate index", "public.partly") not in told
        assert not any(what == "unused index" and name.rstrip('"').endswith(("_pkey", "law")) for what, name in told)
        assert any(what == "long transaction" for what, _ in told)
        assert {("transaction ids", untidy["database"]), ("cache", untidy["database"])} <= told
        assert {("setting", "effective_cache_size"), ("setting", "work_mem")} <= told
        index = ran.values["after"]["index public.unused"]
        assert index["bytes"] > 100_000
        assert index["bloat_percent"] is not None
        queries = [row["query"] for name, row in ran.values["after"].items() if name.startswith("statement ")]
        assert any("between $1 and $2" in query for query in queries), "texts without the values in them"
        assert 'VACUUM (ANALYZE) public."fa t"' in ran.values["jobs"]
        assert "1 duplicate index" in ran.verdict.summary
        assert ran.values["after"][f"database {untidy['database']}"]["xid_age"] > 0

    def test_what_an_interrupted_reindex_left_is_found_and_removed(self, hand: Hand, untidy: dict[str, Any]) -> None:
        # REINDEX waits for the open transaction, and is cut off while it waits.
        left = "select count(*) from pg_class where relname = 'one_ccnew'"
        with session(untidy, "begin", 'select count(*) from "fa t"', 'lock table "fa t" in row exclusive mode'):
            words = ["psql", "-X", "-q", "-h", untidy["host"], "-p", str(untidy["port"]), "-U", "owner"]
            for seconds in (1, 6, 36):  # a busy machine may take longer to come so far
                limit = f"set statement_timeout = '{seconds}s'"
                cut = [*words, "-c", limit, "-c", "reindex index concurrently one", untidy["database"]]
                subprocess.run(cut, check=False, capture_output=True)
                if ask(hand, untidy, left).values["value"]:
                    break
        ask(hand, untidy, "create index broken_by_hand on loans (id)", change=True)
        ask(
            hand,
            untidy,
            "update pg_index set indisvalid = false where indexrelid = 'broken_by_hand'::regclass",
            change=True,
        )
        assert ask(hand, untidy, left).values["value"] == 1
        looked = hand.do("optimize", {**untidy, "limits": LIMITS})
        assert {("invalid index", "public.one_ccnew"), ("invalid index", "public.broken_by_hand")} <= found(looked)
        assert "DROP INDEX CONCURRENTLY public.one_ccnew" in looked.values["jobs"]
        assert not any("broken_by_hand" in job for job in looked.values["jobs"]), "nobody knows whose it is"
        ran = hand.do("optimize", {**untidy, "apply": "act", "limits": LIMITS})
        assert ran.verdict.ok, ran.problem
        assert ask(hand, untidy, left).values["value"] == 0
        assert [row["statement"] for row in ran.values["took"]] == ran.values["did"]

    def test_stale_statistics_and_slow_statements_are_told_before_and_after(
        self, hand: Hand, untidy: dict[str, Any]
    ) -> None:
        ask(hand, untidy, "create extension if not exists pg_stat_statements", change=True)
        forget_statements(hand, untidy)
        sql = """create table stale (id int, n int) with (autovacuum_enabled = off);
        insert into stale values (1, 1);
        analyze stale; insert into stale select g, g from generate_series(1, 5000) g;
        select pg_stat_force_next_flush()"""
        ask(hand, untidy, sql, change=True)
        asked = {**untidy, "apply": "act", "limits": LIMITS, "statements": 5}
        cut = hand.do("optimize", {**asked, "statement_timeout": "1ms"})
        # PostgreSQL says "due to user request" where so short a time is over between two statements.
        assert "canceling statement due to" in cut.problem
        ran = hand.do("optimize", asked)
        assert ran.verdict.ok, ran.problem
        assert "ANALYZE public.stale" in ran.values["did"]
        stale = {moment: ran.values[moment]["table public.stale"]["stale"] for moment in ("before", "after")}
        assert (stale["before"] >= 5000, stale["after"]) == (True, 0)
        for moment in ("before", "after"):
            assert sum(name.startswith("statement ") for name in ran.values[moment]) == 5
        assert b"1 of 2, " in ran.done.stderr, "how far it is, for whoever looks on"

    def test_slow_statements_are_told_without_their_texts_where_another_database_has_no_encoding(
        self, hand: Hand, untidy: dict[str, Any]
    ) -> None:
        ask(hand, untidy, "create extension if not exists pg_stat_statements", change=True)
        say_in_no_encoding(untidy)
        asked = {**untidy, "limits": LIMITS, "statements": 5}
        ran = hand.do("optimize", asked)
        assert ran.verdict.ok, ran.problem
        slow = [row for name, row in ran.values["after"].items() if name.startswith("statement ")]
        assert len(slow) == 5 and all(row["calls"] and not row["query"] for row in slow)
        assert ("note", "statements_without_text") in found(ran)
        forget_statements(hand, untidy)
        assert ("note", "statements_without_text") not in found(hand.do("optimize", asked))

    def test_the_budget_ends_the_work_between_two_objects(self, hand: Hand, untidy: dict[str, Any]) -> None:
        ran = hand.do("optimize", {**untidy, "apply": "act", "limits": LIMITS, "budget": "10ms"})
        assert ran.verdict.ok, ran.problem
        assert len(ran.values["did"]) <= 1
        assert 'VACUUM (ANALYZE) public."fa t"' in [*ran.values["did"], *ran.values["left"]]
        assert "left for another time" in ran.verdict.summary
        assert hand.do("optimize", {**untidy, "apply": "act", "limits": LIMITS}).values["left"] == []

    def test_pg_repack_gives_disk_back_where_vacuum_does_not(self, hand: Hand, untidy: dict[str, Any]) -> None:
        size = "select pg_relation_size('\"fa t\"') as bytes"
        before = ask(hand, untidy, size).values["value"]
        ran = hand.do("optimize", {**untidy, "apply": "act", "limits": LIMITS})
        assert ask(hand, untidy, size).values["value"] == before
        assert ("bloated table", 'public."fa t"') in found(ran)
        ask(hand, untidy, "drop extension if exists pg_repack", change=True)
        asked = {**untidy, "apply": "act", "limits": LIMITS, "repack": True}
        missing = hand.do("optimize", asked)
        assert "the extension pg_repack is not installed" in missing.problem
        ask(hand, untidy, "create extension pg_repack", change=True)
        assert hand.look("optimize", asked).needed is True
        # What the role may take is for others: pg_repack holds a transaction open while it copies.
        ask(hand, untidy, "create role hurried superuser login", change=True)
        ask(hand, untidy, "alter role hurried set idle_in_transaction_session_timeout = '5ms'", change=True)
        ran = hand.do("optimize", {**asked, "user": "hurried"})
        ask(hand, untidy, "drop role hurried", change=True)
        assert ran.verdict.ok, ran.problem
        assert hand.look("optimize", asked).needed is False
        assert 'pg_repack public."fa t"' in ran.values["did"]
        after = ask(hand, untidy, size).values["value"]
        assert after < before / 4
        assert ran.values["freed_bytes"] >= before - after
        assert ask(hand, untidy, 'select count(*) from "fa t"').values["value"] == 4000


class TestMariaDb:
    def test_a_look_tells_what_is_wrong_and_cannot_change_anything(self, hand: Hand, store: dict[str, Any]) -> None:
        sql = "create table many (id int primary key, n int, m int, key one (n), key two (n), unique key uq (m))"
        ask(hand, store, sql, change=True)
        ask(hand, store, "create or replace user reader@localhost identified by 'pw'", change=True)
        ask(hand, store, f"grant select on `{store['database']}`.* to reader@localhost", change=True)
        mine = {**store, "user": "reader", "password": Secret("pw", "pw")}
        ran = hand.do("optimize", {**mine, "statements": 5})
        assert ran.verdict.ok, ran.problem
        told = found(ran)
        assert {("duplicate index", "many.two"), ("no primary key", "empty")} <= told
        assert not any(name == "many.uq" for _, name in told)
        assert ("note", "no_statements") in told, "performance_schema cannot be read by this user, and so it is said"

    def test_what_the_server_counts_is_told_and_no_setting_is_changed(self, hand: Hand, store: dict[str, Any]) -> None:
        pool = "select @@global.innodb_buffer_pool_size as bytes"
        before = ask(hand, store, pool).values["value"]
        ask(hand, store, "create table counted (id int primary key, n int, key unused (n))", change=True)
        ask(hand, store, "insert into counted select seq, seq from seq_1_to_2000", change=True)
        # long enough to be among the slowest, whatever ran on this server before
        ask(hand, store, "select count(*) from counted a join counted b on a.id between 17 and 1711")
        ask(hand, store, "set global innodb_buffer_pool_size = 8388608", change=True)
        try:
            with transaction(store):
                ran = hand.do("optimize", {**store, "statements": 50, "limits": {"transaction_age": "0s"}})
            assert ask(hand, store, pool).values["value"] < before
        finally:
            ask(hand, store, f"set global innodb_buffer_pool_size = {before}", change=True)
        assert ran.verdict.ok, ran.problem
        told = found(ran)
        assert {("setting", "innodb_buffer_pool_size"), ("unused index", "counted.unused")} <= told
        assert any(what == "long transaction" for what, _ in told)
        queries = [row["query"] for name, row in ran.values["after"].items() if name.startswith("statement ")]
        assert any("BETWEEN ? AND ?" in query for query in queries), "texts without the values in them"

    def test_a_table_that_would_be_locked_is_left_unless_asked(self, hand: Hand, store: dict[str, Any]) -> None:
        ask(hand, store, "create table old (id int primary key, s text) engine=MyISAM", change=True)
        ask(hand, store, "insert into old select seq, repeat('x', 200) from seq_1_to_50000", change=True)
        ask(hand, store, "delete from old where id % 10 <> 0", change=True)
        limits = {"free_size": "1MB", "free_percent": 5}
        until(lambda: hand.do("optimize", {**store, "limits": limits}).values["jobs"])
        ran = hand.do("optimize", {**store, "apply": "act", "limits": limits})
        assert ran.verdict.ok, ran.problem
        assert any("optimize table `old`: it would lock" in left for left in ran.values["left"])
        assert ran.values["freed_bytes"] == 0
        ran = hand.do("optimize", {**store, "apply": "act", "limits": limits, "blocking": True})
        assert ran.verdict.ok, ran.problem
        assert ran.values["freed_bytes"] > 1_000_000


class TestSqlite:
    def test_a_look_tells_and_leaves_the_file_as_it_is(self, lite: Hand, credit: dict[str, Any]) -> None:
        with closing(sqlite3.connect(credit["database"])) as base:
            base.executescript(
                "pragma journal_mode = delete; create index one on loans (name); create index two on loans (name);"
                "create index three on loans (name desc); create index four on loans (name) where id > 1"
            )
        before = hashlib.sha256(Path(credit["database"]).read_bytes()).hexdigest()
        ran = lite.do("optimize", credit)
        assert ran.verdict.ok, ran.problem
        assert found(ran) == {("duplicate index", "two")}
        assert hashlib.sha256(Path(credit["database"]).read_bytes()).hexdigest() == before
