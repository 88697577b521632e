"""The incident playbooks of databases, on real ones that have the fault: named, then gone, and the figures show it."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from runner.playbook.shipped import shipped_playbook
from tests.acceptance.project import Project, Said
from tests.integration.databases import ask, forget_statements, say_in_no_encoding, until
from tests.integration.lab_project import step_of
from tests.unit.steps.driver import Hand

QUERY = "select id, note from loans where branch = 'b 77' and \"open-ed\" order by note"


@pytest.fixture
def slow(pg: dict[str, Any], hand: Hand) -> Iterator[dict[str, Any]]:
    """A database without the index that its application needs, a third of it dead, with room for few connections."""
    main = {**pg, "database": "postgres"}
    ask(hand, main, "create database slow connection limit 6", change=True)
    where = {**pg, "database": "slow"}
    sql = """create role app login; create table loans (id int primary key, branch text, "open-ed" bool, note text)
      with (autovacuum_enabled = off);
    insert into loans select g, 'b ' || g % 1000, true, repeat(md5(g::text), 3) from generate_series(1, 200000) g;
    insert into loans select g, 'b ' || g, true, '' from generate_series(200001, 300000) g;
    delete from loans where id > 200000; analyze loans;
    create table sorted as select g as id, repeat(md5(g::text), 3) as note from generate_series(1, 60000) g;
    grant all on loans, sorted to app"""
    ask(hand, where, sql + "; create extension pg_stat_statements", change=True)
    forget_statements(hand, where)
    ask(hand, where, QUERY)
    yield where
    ask(hand, main, "drop database slow with (force)", change=True)
    ask(hand, main, "drop role app", change=True)


def session(where: dict[str, Any], sql: str) -> AbstractContextManager[subprocess.Popen[str]]:
    words = ["psql", "-X", "-q", "-A", "-t", "-U", "app", "-h", where["host"], "-p", str(where["port"]), "-d", "slow"]
    return client(words, sql)


@contextmanager
def client(words: list[str], sql: str) -> Iterator[subprocess.Popen[str]]:
    """A client of the application that says something, and then nothing more."""
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as it:
        assert it.stdin and it.stdout
        it.stdin.write(f"{sql}; select 'said';\n")
        it.stdin.flush()
        assert it.stdout.readline() == "said\n"
        yield it
        it.kill()


def statements_of(measured: dict[str, Any]) -> list[str]:
    return [row["query"] for name, row in measured["after"].items() if name.startswith("statement ")]


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
            until(lambda: step_is_old(hand, slow))
            said = run()
            assert said.code == 0, said.out + said.err
            record = project.record()
            looked = {
                name: step_of(record, "h1", name)["values"] for name in ("sessions", "transactions", "dead", "missing")
            }
            assert looked["sessions"]["row"]["percent"] == 100
            assert [row["who"] for row in looked["transactions"]["rows"]] == ["app"]
            assert looked["dead"]["dead_after"] >= 100000
            assert looked["missing"]["row"]["columns"] == "branch"
            assert any("from loans where branch = $1" in query for query in statements_of(looked["dead"]))
            assert "too many connections" in refused(slow)
            assert indexes(hand, slow) == ["loans_pkey"]
            say_in_no_encoding(slow)
            said = run("-e", "apply=act")
        assert refused(slow) == ""
        assert statements_of(step_of(project.record(), "h1", "dead")["values"]) == [""] * 10, "no texts, and no failure"
        forget_statements(hand, slow)
        left = "select count(*) from pg_stat_activity where usename = 'app'"
        assert ask(hand, slow, left).values["value"] == 0, "all six were idle for long"
    for _ in range(5):
        record = project.record()
        before, after = (step_of(record, "h1", name)["values"]["row"]["ms"] for name in ("before", "after"))
        if said.code == 0 and after < before / 3:
            break
        # of a machine that stands still while the statement runs it is measured once more
        ask(hand, slow, "drop index if exists rawat_loans_branch", change=True)
        said = run("-e", "apply=act")
    assert said.code == 0, said.out + said.err
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
    # An index that is made for a statement that takes its time elsewhere is no help, and is dropped again. Nothing is
    # asked of the table before the session is gone that holds all of it.
    for seconds in (1, 5, 25):  # against which it is little that a busy machine needs for the rest
        query = (
            f"select pg_sleep({seconds}) from (select count(*) as n from loans where branch = 'b 77') as c where n > 0"
        )
        with session(slow, "begin; lock table loans"):
            time.sleep(0.5)
            said = project.rawat("run", book, *words, "-e", f"query={json.dumps(query)}", environment=env)
        if said.code != 0:
            break
        ask(hand, slow, "drop index if exists rawat_loans_branch", change=True)
    assert said.code == 1, said.out + said.err
    assert "still slow, and nothing that was done for it is a help" in said.out
    record = project.record()
    assert step_of(record, "h1", "transactions")["values"]["row"]["locks"] is True
    assert [step_of(record, "h1", name)["outcome"] for name in ("dead", "plan-before")] == ["skipped", "skipped"]
    assert step_of(record, "h1", "end-transactions")["values"]["value"] == 1
    assert step_of(record, "h1", "index")["outcome"] == "ok"
    assert indexes(hand, slow) == ["loans_pkey"]


def step_is_old(hand: Hand, where: dict[str, Any]) -> bool:
    sql = "select count(*) from pg_stat_activity where usename = 'app' and state_change < now() - interval '0.6 s'"
    return bool(ask(hand, where, sql).values["value"] == 6)


def indexes(hand: Hand, where: dict[str, Any]) -> list[str]:
    sql = "select indexname from pg_indexes where tablename = 'loans' order by 1"
    return [row["indexname"] for row in ask(hand, where, sql).values["rows"]]


MARIA_QUERY = "select l.id, l.note from loans as l where l.branch = 'b 77' and l.`open-ed` order by l.note"


@pytest.fixture
def slow_maria(maria: dict[str, Any], hand: Hand) -> Iterator[dict[str, Any]]:
    """The same in MariaDB: a table without the index, half of it free space, ten connections."""
    main, where = {**maria, "database": "mysql"}, {**maria, "database": "slow"}
    settings = ask(hand, main, "select @@max_connections as many, @@sort_buffer_size as sorts").values["row"]
    ask(hand, main, "create database slow; create user app@localhost", change=True)
    ask(
        hand,
        main,
        "grant select, insert, alter, create on slow.* to app@localhost; set global max_connections = 10",
        change=True,
    )
    sql = """create table loans (id int primary key, branch varchar(20), `open-ed` bool, note varchar(100));
    insert into loans select seq, concat('b ', seq % 1000), true, repeat(md5(seq), 3) from seq_1_to_30000;
    insert into loans select seq, concat('b ', seq), true, repeat('x', 99) from seq_30001_to_60000;
    create table sorted as select id, note from loans where id <= 20000;
    delete from loans where id > 30000; analyze table loans"""
    ask(hand, where, sql, change=True)
    until(lambda: free_bytes(hand, where) > 5_000_000)
    yield where
    ask(hand, main, "drop database slow; drop user app@localhost", change=True)
    back = f"set global max_connections = {settings['many']}; set global sort_buffer_size = {settings['sorts']}"
    ask(hand, main, back, change=True)


def free_bytes(hand: Hand, where: dict[str, Any]) -> int:
    sql = "select data_free from information_schema.tables where table_schema = 'slow' and table_name = 'loans'"
    return int(ask(hand, where, sql).values["value"])


def maria_session(where: dict[str, Any], sql: str) -> AbstractContextManager[subprocess.Popen[str]]:
    return client(["mariadb", "--no-defaults", "-u", "app", f"--socket={where['host']}", "-N", "-n", "slow"], sql)


def maria_refused(where: dict[str, Any]) -> str:
    words = ["mariadb", "--no-defaults", "-u", "app", f"--socket={where['host']}", "slow", "-e", "select 1"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stderr


def maria_values(where: dict[str, Any]) -> list[str]:
    given = {"engine": "mariadb", "database": "slow", "server": where["host"], "db_user": "root", "query": MARIA_QUERY}
    given |= {"idle_s": 0.5, "idle_transaction_s": 0.5, "index_rows": 1000, "work_mem_mb": 8, "goal_ms": 5}
    given |= {"free_size": "4MB", "free_percent": 10}
    return [word for key, value in given.items() for word in ("-e", f"{key}={json.dumps(value)}")]


def maria_indexes(hand: Hand, where: dict[str, Any]) -> list[str]:
    sql = "select distinct index_name as i from information_schema.statistics where table_schema = 'slow' order by 1"
    return [row["i"] for row in ask(hand, where, sql).values["rows"]]


def test_a_slow_mariadb_is_looked_at_then_made_fast(slow_maria: dict[str, Any], hand: Hand, tmp_path: Path) -> None:
    project, where = Project(tmp_path / "project"), slow_maria
    book = str(shipped_playbook("slow-database"))
    ids = "select id from information_schema.processlist where user = 'app'"
    with ExitStack() as clients:
        clients.enter_context(maria_session(where, "begin; insert into loans values (-1, 'x', false, '')"))
        for _ in range(9):
            clients.enter_context(maria_session(where, "do 0"))
        assert "Too many connections" in maria_refused(where)
        until(lambda: ask(hand, where, f"{ids} and time_ms > 600").values["count"] == 10)
        said = project.rawat("run", book, *maria_values(where))
        assert said.code == 0, said.out + said.err
        record = project.record()
        names = ("sessions-mariadb", "transactions-mariadb", "dead", "missing-mariadb", "cache")
        sessions, open_, dead, missing, cache = (step_of(record, "h1", name)["values"] for name in names)
        assert (sessions["row"]["percent"], sessions["row"]["idle"]) == (100, 9)
        assert [row["who"] for row in open_["rows"]] == ["app"]
        assert dead["jobs"] == ["OPTIMIZE TABLE loans"]
        assert (missing["row"]["of_table"], missing["row"]["columns"]) == ("loans", "branch")
        assert cache["row"]["data"] > 10_000_000, "the files of its tables"
        assert any("insert into `loans`" in query.lower() for query in statements_of(dead))
        # Looking changed nothing.
        assert maria_indexes(hand, where) == ["PRIMARY"]
        assert ask(hand, where, ids).values["count"] == 10
        assert free_bytes(hand, where) > 5_000_000
        said = project.rawat("run", book, *maria_values(where), "-e", "apply=act")
        assert maria_refused(where) == ""
        assert ask(hand, where, ids).values["count"] == 0, "all ten were idle for long"
    record = project.record()
    ended = [
        step_of(record, "h1", f"{name}-mariadb")["values"]["value"] for name in ("free-connections", "end-transactions")
    ]
    assert ended == [9, 1]
    for _ in range(5):
        record = project.record()
        names = ("before-mariadb", "after-mariadb")
        before, after = (step_of(record, "h1", name)["values"]["row"]["ms"] for name in names)
        if said.code == 0 and after < before / 3:
            break
        ask(hand, where, "drop index if exists rawat_loans_branch on loans", change=True)
        said = project.rawat("run", book, *maria_values(where), "-e", "apply=act")
    assert said.code == 0, said.out + said.err
    assert after < before / 3
    assert maria_indexes(hand, where) == ["PRIMARY", "rawat_loans_branch"]
    assert free_bytes(hand, where) < 5_000_000
    assert ask(hand, where, "select count(*) as n from loans where id = -1").values["value"] == 0


def test_mariadb_sorts_get_memory_and_what_is_no_help_is_taken_back(
    slow_maria: dict[str, Any], hand: Hand, tmp_path: Path
) -> None:
    project, where = Project(tmp_path / "project"), slow_maria
    book, sorts = str(shipped_playbook("slow-database")), "select @@global.sort_buffer_size as bytes"
    ask(hand, where, "set global sort_buffer_size = 65536", change=True)

    def run(query: str, *words: str) -> Said:
        given = [*maria_values(where), "-e", "free_size=1GB", "-e", f"query={json.dumps(query)}"]
        return project.rawat("run", book, *given, *words)

    # A table that is read whole for each row of another, and a sort; behind a change of it that itself waits for a
    # transaction, so that everybody waits: nothing is measured before that is gone.
    query = """select max(id) from (select id, note from sorted order by note, id limit 19000) as s
      union all select count(*) from loans as a join loans as b on b.branch = a.note where a.id < 3"""
    query = f"select count(*) from ({query}) as u"
    words = ["mariadb", "--no-defaults", "-uapp", f"--socket={where['host']}", "slow"]
    waiting = "select id from information_schema.processlist where state like '%metadata lock'"
    with ExitStack() as clients:
        opened = clients.enter_context(
            maria_session(where, "set wait_timeout = 900; begin; select id into @id from loans limit 1")
        )
        changing = clients.enter_context(subprocess.Popen([*words, "-e", "alter table loans add x int"]))
        clients.callback(opened.kill)  # before the change is waited for, which waits for it
        until(lambda: ask(hand, where, waiting).values["count"] == 1)
        said = run(query, "-e", "idle_transaction_s=60", "-e", "patience=300ms")
        assert said.code == 1, "who waits for a table gives up: " + said.out + said.err
        assert "gave the statement up after 300 ms" in said.out
        assert ask(hand, where, waiting).values["count"] == 1
        said = run(query)
        assert said.code == 9, "what the cause is stays open: " + said.out + said.err
        record = project.record()
        assert step_of(record, "h1", "transactions-mariadb")["values"]["row"]["locks"] == 1
        assert step_of(record, "h1", "plan-before")["outcome"] == "skipped"
        said = run(query, "-e", "apply=act", "-e", "goal_ms=100000")
        assert said.code == 0, said.out + said.err
        assert changing.wait(240) == 0
    record = project.record()
    assert step_of(record, "h1", "missing-mariadb")["values"]["row"]["columns"] == "branch"
    assert step_of(record, "h1", "memory-mariadb")["values"]["row"]["passes"] > 1
    assert maria_indexes(hand, where) == ["PRIMARY", "rawat_loans_branch"]
    assert ask(hand, where, sorts).values["value"] == 8 * 1024**2
    # An index, and memory, for a statement that takes its time elsewhere: no help, and both are taken back.
    for seconds in (1, 5, 25):
        ask(hand, where, "set global sort_buffer_size = 65536", change=True)
        ask(hand, where, "drop index if exists rawat_loans_branch on loans", change=True)
        query = f"""select sleep({seconds}) from (select count(*) as n from loans join (select max(note) from
          (select id, note from sorted order by note, id limit 19000) as s) as m where branch = 'b 77') as c
          where n > 0"""
        said = run(query, "-e", "apply=act")
        if said.code != 0:
            break
    assert said.code == 1, said.out + said.err
    assert "still slow, and nothing that was done for it is a help" in said.out
    record = project.record()
    assert [step_of(record, "h1", name)["outcome"] for name in ("index", "more-memory")] == ["ok", "ok"]
    assert maria_indexes(hand, where) == ["PRIMARY"]
    assert ask(hand, where, sorts).values["value"] == 65536


@pytest.fixture
def moving(pg: dict[str, Any], maria: dict[str, Any], hand: Hand) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """A shop in MariaDB with what is hard to move, and an empty database in PostgreSQL."""
    main, there = {**maria, "database": "mysql"}, {**pg, "database": "postgres"}
    ask(
        hand,
        main,
        "create database shop character set utf8mb4; create user mover@'127.0.0.1' identified by 'sourceword'",
        change=True,
    )
    ask(hand, main, "grant select, show view on shop.* to mover@'127.0.0.1'; flush privileges", change=True)
    ask(hand, there, "create role mover login password 'targetword'", change=True)
    ask(hand, there, "create database shop owner mover", change=True)
    source, target = {**maria, "database": "shop"}, {**pg, "database": "shop"}
    sql = """create table branches (id int auto_increment primary key, name varchar(40) not null unique,
      open tinyint(1));
    insert into branches (name, open) values ('Bandung', 1), ('Malang ⚓ ''q''', 0), ('back\\\\slash', null);
    create table loans (id bigint unsigned auto_increment primary key, branch int, amount decimal(12,2), rate double,
      made datetime(3), seen timestamp null, due date, at time, kind enum('new','old'), tags set('a','b c'),
      `Key Word` text, scan blob, key (due), foreign key (branch) references branches (id));
    insert into loans (branch, amount, rate, made, seen, due, at, kind, tags, `Key Word`, scan) values
      (1, 12.50, 0.125, '2026-02-03 04:05:06.789', '2026-07-01 12:00:00', '2026-02-28', '23:59:58', 'new', 'a,b c',
        'x|y\\n', x'00ff'),
      (2, null, null, null, null, null, null, null, null, null, null),
      (1, -1, -2.5e3, '1999-12-31', null, '2000-02-29', '00:00:01', 'old', '', '', '');
    insert into loans (branch, amount, `Key Word`) select 1, seq, repeat(md5(seq), 2) from seq_1_to_5000;
    create table `or der` (`Sel ect` int primary key, note longtext)"""
    ask(hand, source, sql, change=True)
    yield source, target
    ask(hand, main, "drop database shop; drop user mover@'127.0.0.1'", change=True)
    ask(hand, there, "drop database shop with (force)", change=True)
    ask(hand, there, "drop role mover", change=True)


def test_a_database_moves_from_mariadb_to_postgresql_or_stays(
    moving: tuple[dict[str, Any], dict[str, Any]], hand: Hand, tmp_path: Path
) -> None:
    source, target = moving
    project = Project(tmp_path / "project")
    given = {"source_host": "127.0.0.1", "source_user": "mover", "source_database": "shop", "target_host": "127.0.0.1"}
    given |= {"source_port": ask(hand, source, "select @@port as p").values["value"], "target_port": target["port"]}
    given |= {"target_user": "mover", "target_database": "shop", "stop_writes": f"echo stopped >{tmp_path}/app"}
    given |= {"start_writes": f"echo mariadb >{tmp_path}/app", "cut_over": f"echo postgresql >{tmp_path}/app"}
    words = [word for key, value in given.items() for word in ("-e", f"{key}={json.dumps(value)}")]
    secrets = {"RAWAT_SECRET_SOURCE_PASSWORD": "sourceword", "RAWAT_SECRET_TARGET_PASSWORD": "targetword"}
    left = """select (select count(*) from pg_tables where schemaname = 'public') + (select count(*) from pg_type t
      join pg_namespace n on n.oid = t.typnamespace where nspname = 'public')"""

    book = str(shipped_playbook("migrate-mysql-to-postgresql"))

    def run(*more: str) -> Said:
        return project.rawat("run", book, *words, *more, environment=secrets)

    # Who does not say how writers are stopped would lose what they write meanwhile.
    at = words.index(f"stop_writes={json.dumps(given['stop_writes'])}")
    unstopped = project.rawat("run", book, *words[: at - 1], *words[at + 1 :], environment=secrets)
    assert (unstopped.code, "stop_writes" in unstopped.err) == (2, True), unstopped.out + unstopped.err
    # PostgreSQL has no NUL in its texts, and pgloader drops it without a word.
    ask(hand, source, "insert into `or der` values (1, concat('a', char(0), 'b'))", change=True)
    said = run("--yes")
    assert said.code == 1, said.out + said.err
    assert "These are different on the two sides: or der" in said.out
    assert ask(hand, target, left).values["value"] == 0
    assert (tmp_path / "app").read_text() == "mariadb\n"
    ask(hand, source, "create view seen as select 1", change=True)
    said = run("--yes")
    assert "There is nothing to move, or there are routines, triggers" in said.out
    ask(hand, source, "drop view seen; delete from `or der`", change=True)
    # Nobody is there to ask, then somebody says no: the application goes on with the source, and nothing is left.
    said = run("-e", "wait_for_word=1s")
    assert said.code == 1, said.out + said.err
    assert "the default said no to '3 tables are the same on both sides." in said.out
    project.environment |= secrets
    process = project.start("run", book, *words)
    assert process.stderr is not None
    command = next(line for line in process.stderr if "rawat answer" in line).split()[1:]
    assert project.rawat(*command[:-1], "no").code == 0
    out, _ = process.communicate(timeout=600)
    assert process.returncode == 1, out
    assert "said no to '3 tables are the same on both sides." in out
    record = project.record()
    steps = {step["id"]: step["outcome"] for step in record["hosts"]["h1"]["steps"]}
    assert steps["agreed"] == "failed"
    assert "cut-over" not in steps
    assert (tmp_path / "app").read_text() == "mariadb\n"
    assert ask(hand, target, left).values["value"] == 0
    said = run("--yes")
    assert said.code == 0, said.out + said.err
    assert (tmp_path / "app").read_text() == "postgresql\n"
    record = project.record()
    rows = {row["t"]: row["n"] for row in step_of(record, "h1", "target-rows")["values"]["rows"]}
    assert rows == {"branches": 3, "loans": 5003, "or der": 0, "": 0}
    assert "sourceword" not in json.dumps(record) + said.out
    read = """select name, open, amount::text, rate, made::text, seen at time zone 'UTC' as seen, at, kind, tags,
      "Key Word" as word from loans join branches b on b.id = branch where loans.id = 1"""
    assert ask(hand, target, read).values["row"] == {
        "name": "Bandung", "open": True, "amount": "12.50", "rate": 0.125, "made": "2026-02-03 04:05:06.789",
        "seen": "2026-07-01 12:00:00", "at": "23:59:58", "kind": "new", "tags": '{a,"b c"}', "word": "x|y\n",
    }  # fmt: skip
    ask(hand, target, "insert into loans (branch) values (1)", change=True)
    bad = hand.do("sql", {**target, "query": "insert into loans (branch) values (99)", "change": True})
    assert "violates foreign key" in bad.problem
