"""The database kinds against real PostgreSQL, MariaDB and SQLite, private to these tests: the traps that were seen."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import threading
import time
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner.playbook.evaluation import holds
from runner.playbook.template import render
from runner.redact import Secret
from tests.acceptance.project import Project
from tests.integration.databases import (
    ROOT,
    WEIRD,
    ask,
    backup,
    cut_in_half,
    databases,
    flip_a_byte,
    folder_of,
    forget_digest,
    restore,
    run,
    small_disk,
    until,
)
from tests.unit.steps.driver import Hand

BOOKS = Path(__file__).parents[2] / "playbooks"


class TestPostgreSql:
    def test_rows_have_the_types_that_the_columns_have(self, hand: Hand, shop: dict[str, Any]) -> None:
        text = "it's $x \\ \n\"é :a ;"
        query = "select id, amount, open, code, :text as text, null as nothing from loans where id in :ids; -- x"
        ran = ask(hand, shop, query, params={"text": text, "ids": [1, 2]}, rows=2)
        assert ran.values["row"] == {
            "id": 1, "amount": 1.5, "open": False, "code": "001", "text": text, "nothing": None,
        }  # fmt: skip
        assert ran.values["value"] == 1
        assert ran.values["count"] == 2

    def test_a_query_changes_nothing_unless_it_may(self, hand: Hand, shop: dict[str, Any]) -> None:
        ran = hand.do("sql", {**shop, "query": "delete from loans"})
        assert not ran.verdict.ok
        assert "read-only" in ran.problem
        assert ask(hand, shop, "delete from loans where id <= 3", change=True).values["count"] == 3
        assert ask(hand, shop, "delete from loans where id < 0", change=True).verdict.changed is False
        assert ask(hand, shop, "vacuum loans", change=True).verdict.ok

    def test_a_password_is_no_argument_and_a_wrong_one_is_said(self, hand: Hand, shop: dict[str, Any]) -> None:
        ask(hand, shop, "drop role if exists maint; create role maint login password 'right' superuser", change=True)
        over = {**shop, "host": "127.0.0.1", "user": "maint"}
        right = hand.do("sql", {**over, "password": Secret("pw", "right"), "query": "select current_user as who"})
        assert right.values["value"] == "maint"
        wrong = hand.do("sql", {**over, "password": Secret("pw", "wrong"), "query": "select 1"})
        assert 'password authentication failed for user "maint"' in wrong.problem
        failed = hand.do("backup", {**over, "password": Secret("pw", "wrong"), "to": str(hand.root / "b")})
        assert "password authentication failed" in failed.problem
        assert list((hand.root / "b").iterdir()) == []
        full = {**over, "password": Secret("pw", "right"), "to": str(hand.root / "b"), "role_passwords": True}
        made = hand.do("backup", full)
        assert made.verdict.ok, made.problem
        globals_ = Path(made.values["globals"]).read_text()
        assert re.search(r"^ALTER ROLE maint WITH SUPERUSER .* PASSWORD 'SCRAM-SHA-256\$", globals_, re.MULTILINE)

    @pytest.mark.parametrize("form", ["custom", "plain"])
    def test_what_was_saved_can_be_restored(self, hand: Hand, shop: dict[str, Any], copies: Path, form: str) -> None:
        before = databases(hand, shop)
        made = backup(hand, shop, copies, format=form)
        assert made.verdict.ok, made.problem
        quoted = WEIRD.replace('"', '""')
        assert made.values["tables"] == {"public.loans": 1000, f'"we ird"."{quoted}"': 2, "public.empty": 0}
        assert made.values["counted"] == "snapshot"
        artefact = Path(made.values["path"])
        assert artefact.stat().st_mode & 0o777 == 0o600
        manifest = json.loads(Path(made.values["manifest"]).read_text())
        assert manifest["sha256"] == made.values["sha256"]
        assert manifest["point"]["lsn"]
        beside = artefact.with_name(artefact.name + ".globals")
        assert made.values["globals"] == str(beside)
        assert manifest["globals_sha256"] == hashlib.sha256(beside.read_bytes()).hexdigest()
        proof = restore(hand, shop, artefact, amcheck=True)
        assert proof.verdict.ok, proof.problem
        assert proof.values["globals"] == str(beside)
        assert proof.values["equal"] is True
        assert proof.values["tables"] == made.values["tables"]
        assert databases(hand, shop) == before

    def test_rows_that_come_while_it_is_dumped_are_not_counted(
        self, hand: Hand, shop: dict[str, Any], copies: Path
    ) -> None:
        stop = threading.Event()
        ask(hand, shop, "create sequence moves start 10001", change=True)

        def write() -> None:
            while not stop.is_set():
                ask(hand, shop, "insert into loans (id) values (nextval('moves'))", change=True)

        writer = threading.Thread(target=write)
        writer.start()
        try:
            made = [backup(hand, shop, copies) for _ in range(3)]
        finally:
            stop.set()
            writer.join()
        for ran in made:
            assert restore(hand, shop, ran.values["path"]).values["equal"] is True
        assert made[0].values["rows"] < made[2].values["rows"]

    @pytest.mark.parametrize("form", ["custom", "plain"])
    @pytest.mark.parametrize("harm", [cut_in_half, flip_a_byte])
    def test_a_damaged_copy_is_found_and_scratch_goes(
        self, hand: Hand, shop: dict[str, Any], copies: Path, form: str, harm: Any
    ) -> None:
        before = databases(hand, shop)
        artefact = backup(hand, shop, copies, format=form).values["path"]
        if form == "plain":
            self.harm_globals(hand, shop, artefact, harm)
        harm(artefact)
        ran = restore(hand, shop, artefact)
        assert "is not what was saved" in ran.problem
        if harm is cut_in_half:
            forget_digest(artefact)
            ran = restore(hand, shop, artefact)
            assert not ran.verdict.ok
            assert "cannot be restored" in ran.problem or "has no end" in ran.problem
        assert databases(hand, shop) == before

    def harm_globals(self, hand: Hand, shop: dict[str, Any], artefact: str, harm: Any) -> None:
        """The copy itself is well: what is wrong with its globals fails the proof by name. Afterwards nothing is."""
        beside = Path(artefact + ".globals")
        whole = beside.read_bytes()
        harm(str(beside))
        assert f"{beside} is not what was saved" in restore(hand, shop, artefact).problem
        if harm is cut_in_half:
            forget_digest(artefact, beside=".globals")
            assert f"{beside} has no end" in restore(hand, shop, artefact).problem
            beside.unlink()
            assert f"{beside} is not there" in restore(hand, shop, artefact).problem
        assert not Path(artefact + ".proven").exists()
        beside.write_bytes(whole)
        forget_digest(artefact, beside=".globals")

    def test_rows_missing_in_the_copy_are_named(self, hand: Hand, shop: dict[str, Any], copies: Path) -> None:
        made = backup(hand, shop, copies, globals=False)
        assert made.values["globals"] == ""
        assert {path.name for path in copies.iterdir()} == {Path(made.values[key]).name for key in ("path", "manifest")}
        manifest = Path(made.values["manifest"])
        assert "globals_sha256" not in manifest.read_text()
        manifest.write_text(manifest.read_text().replace('"public.loans", 1000', '"public.loans", 1001'))
        ran = restore(hand, shop, made.values["path"])
        assert ran.problem == "public.loans: 1001 rows saved, 1000 restored"
        assert ran.values["equal"] is False
        no_room(hand, shop, manifest)

    def test_a_dump_that_leads_elsewhere_is_refused(self, hand: Hand, shop: dict[str, Any], copies: Path) -> None:
        made = backup(hand, shop, copies, format="plain")
        path = Path(made.values["path"])
        path.write_text("\\connect postgres\n" + path.read_text())
        ran = restore(hand, shop, path, compare=False)
        assert not ran.verdict.ok
        forget_digest(str(path))
        assert "database of its own" in restore(hand, shop, path, compare=False).problem

    def test_only_older_copies_of_the_same_source_go_and_none_after_a_failure(
        self, hand: Hand, shop: dict[str, Any], copies: Path
    ) -> None:
        (second := hand.root / "mounted").mkdir()
        rule: dict[str, Any] = {"keep": 2, "name": "credit", "second": {"path": str(second)}}
        first = backup(hand, shop, copies, **rule)
        stranger = copies / "credit-20200101T000000Z.dump"
        stranger.write_text("not ours")
        other = copies / "credit-20200102T000000Z.dump"
        other.write_text("of another host")
        other.with_name(other.name + ".json").write_text(
            Path(first.values["manifest"]).read_text().replace('"host": "db1"', '"host": "db2"')
        )
        between = backup(hand, shop, copies, **rule)
        failed = backup(hand, {**shop, "database": "nowhere"}, copies, keep=1, name="credit")
        assert not failed.verdict.ok
        assert Path(first.values["path"]).exists()
        assert Path(first.values["globals"]).exists()
        third = backup(hand, shop, copies, **rule)
        assert third.values["removed"] == [Path(first.values["path"]).name]
        kept = {Path(ran.values[key]).name for ran in (between, third) for key in ("path", "manifest", "globals")}
        assert {path.name for path in second.iterdir()} == kept
        strangers = {stranger.name, other.name, other.name + ".json"}
        assert {path.name for path in copies.iterdir()} == kept | strangers
        assert third.values["second"]["sha256"] == third.values["sha256"]
        beside = Path(third.values["globals"])
        assert (second / beside.name).read_bytes() == beside.read_bytes()

    def test_dead_rows_go_and_no_disk_is_claimed(self, hand: Hand, shop: dict[str, Any]) -> None:
        ask(
            hand,
            shop,
            """create table fat (id int primary key, note text) with (autovacuum_enabled = off);
            insert into fat select g, repeat('x', 50) from generate_series(1, 100000) g; analyze;
            delete from fat where id % 10 <> 0; select pg_stat_force_next_flush()""",
            change=True,
        )
        limits = {"index_size": "1MB"}
        heap = "select pg_relation_size('fat') as bytes"
        size = ask(hand, shop, heap).values["value"]
        looked = hand.do("optimize", {**shop, "limits": limits})
        assert looked.values["jobs"] == ["VACUUM (ANALYZE) public.fat"]
        assert looked.verdict.changed is False
        ran = hand.do("optimize", {**shop, "apply": "act", "limits": limits})
        assert ran.verdict.ok, ran.problem
        assert ran.values["did"] == ["VACUUM (ANALYZE) public.fat", "REINDEX INDEX CONCURRENTLY public.fat_pkey"]
        assert ran.values["dead_before"] == 90_000
        assert ran.values["dead_after"] == 0
        assert ask(hand, shop, heap).values["value"] == size
        index = {moment: ran.values[moment]["index public.fat_pkey"]["bytes"] for moment in ("before", "after")}
        assert index["after"] < index["before"] / 4
        assert 0 < ran.values["freed_bytes"] < index["before"]
        assert hand.look("optimize", {**shop, "apply": "act", "limits": limits}).needed is False

    def test_a_lock_that_is_not_given_fails_the_step_and_names_it(self, hand: Hand, shop: dict[str, Any]) -> None:
        ask(
            hand,
            shop,
            """create table busy (id int) with (autovacuum_enabled = off);
            insert into busy select g from generate_series(1, 5000) g; delete from busy;
            select pg_stat_force_next_flush()""",
            change=True,
        )
        words = ["psql", "-X", "-q", "-h", shop["host"], "-p", str(shop["port"]), "-U", "owner", shop["database"]]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdin is not None and holder.stdout is not None
            holder.stdin.write(b"create temp table mine as select generate_series(1, 5000); delete from mine;\n")
            holder.stdin.write(b"do $$ begin perform pg_stat_force_next_flush(); end $$;\n")
            holder.stdin.write(b"begin; lock table busy in share update exclusive mode;\n\\echo held\n")
            holder.stdin.flush()
            assert holder.stdout.readline() == b"held\n"
            ran = hand.do("optimize", {**shop, "apply": "act", "lock_timeout": "300ms"})
            holder.stdin.close()
        assert "lock timeout" in ran.problem
        assert "VACUUM (ANALYZE) public.busy" in ran.problem
        assert [job for job in ran.values["did"] if "pg_temp" in job] == [], "nobody's temporary table"


def no_room(hand: Hand, where: dict[str, Any], manifest: Path) -> None:
    """A scratch database that would fill the disk of the server is not begun."""
    large = re.sub(r'"source_bytes": \d+', f'"source_bytes": {10**15}', manifest.read_text())
    assert str(10**15) in large
    manifest.write_text(large)
    ran = restore(hand, where, str(manifest).removesuffix(".json"))
    assert f"expected at least {10**15} bytes free in {where['host'].removesuffix('/s')}/data" in ran.problem
    assert "nothing was restored" in ran.problem


def whole(name: str, where: dict[str, Any], **names: Any) -> tuple[dict[str, Any], str]:
    """What a step of the shipped verification asks this database, and what it expects of the answer."""
    book = yaml.safe_load((BOOKS / "verification.yml").read_text())
    step = next(step for step in book["phases"]["test"] if step["id"] == name)
    return {**where, "query": render(step["sql"]["query"], names)}, step.get("expect", "true")


def test_verification_reads_every_value_of_postgresql(hand: Hand, pg: dict[str, Any], shop: dict[str, Any]) -> None:
    asked, _ = whole("whole-postgresql", shop)
    ran = hand.do("sql", asked)
    assert ran.verdict.ok, ran.problem
    path = (
        ask(hand, shop, "checkpoint; select 1", change=True)
        and ask(hand, shop, "select pg_relation_filepath('loans') as path").values["value"]
    )
    file = Path(pg["host"]) / "data" / path
    file.rename(file.with_suffix(".away"))
    try:
        ran = hand.do("sql", asked)
    finally:
        file.with_suffix(".away").rename(file)
    assert not ran.verdict.ok and "could not open file" in ran.problem


def test_verification_checks_every_table_of_mariadb(hand: Hand, maria: dict[str, Any], store: dict[str, Any]) -> None:
    ask(hand, store, "create table old (a int) engine=MyISAM; insert into old values (1), (2)", change=True)

    def found() -> bool:
        tables = hand.do("sql", whole("tables-mariadb", store)[0])
        names = {"tables": {"rows": tables.values["rows"]}}
        assert len(names["tables"]["rows"]) == 4
        asked, expect = whole("whole-mariadb", store, **names)
        ran = hand.do("sql", asked)
        assert ran.verdict.ok, ran.problem
        return holds(expect, {**names, "result": ran.values})

    assert found()
    ask(hand, store, "flush tables", change=True)
    data = next((Path(maria["host"]).parent / "data").glob("*/old.MYD"))
    data.write_bytes(data.read_bytes()[:7])
    assert not found()


def test_a_socket_that_is_named_is_the_server_whatever_the_login_says(maria: dict[str, Any], tmp_path: Path) -> None:
    """A client takes MYSQL_HOST, or the host of a ~/.my.cnf, before a socket: it would ask another server."""
    (tmp_path / ".my.cnf").write_text("[client]\nhost=127.0.0.2\nport=1\n")
    login = Hand(root=tmp_path, env={"HOME": str(tmp_path), "MYSQL_HOST": "127.0.0.3", "MYSQL_TCP_PORT": "2"})
    ask(login, {**maria, "database": "mysql"}, "select 1")


def test_the_servers_own_database_is_saved_and_proven(hand: Hand, maria: dict[str, Any], copies: Path) -> None:
    """Its tables of logs are saved without their rows, by another statement than others."""
    ran = backup(hand, {**maria, "database": "mysql"}, copies)
    assert ran.verdict.ok, ran.problem
    proof = restore(hand, maria, ran.values["path"])
    assert proof.verdict.ok and proof.values["equal"], proof.problem


@pytest.mark.parametrize("engine", ["postgresql", "mariadb", "option file"])
def test_a_password_is_in_no_argument_of_any_program(hand: Hand, engine: str, request: pytest.FixtureRequest) -> None:
    where: dict[str, Any] = request.getfixturevalue("shop" if engine == "postgresql" else "store")
    password = f"pw-{os.urandom(8).hex()}"
    if engine == "postgresql":
        words = f"drop role if exists told; create role told login superuser password '{password}'"
        over, nap = {**where, "host": "127.0.0.1"}, "select pg_sleep(0.4) is null as no"
    else:
        words = f"create or replace user told@localhost identified by '{password}'"
        over, nap = where, "select sleep(0.4) as no"
    ask(hand, where, words, change=True)
    wish = {**over, "user": "told", "query": nap}
    if engine == "option file":
        (hand.root / ".my.cnf").write_text(f"[client]\npassword={password}\n")
        hand = Hand(root=hand.root, env={"HOME": str(hand.root)})
    else:
        wish["password"] = Secret("pw", password)
    if engine != "postgresql":
        wish["database"] = "information_schema"
    seen: set[bytes] = set()

    def client_seen() -> bool:
        return any(b"psql" in words or b"mariadb\0" in words for words in seen)

    for _ in range(20):  # who is too slow to see it asks once more
        asking = threading.Thread(target=lambda: ask(hand, wish, nap))
        asking.start()
        while asking.is_alive():
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                with suppress(OSError):
                    seen.add(file.read_bytes())
            time.sleep(0.05)
        asking.join()
        if client_seen():
            break
    assert client_seen()
    assert not any(password.encode() in words for words in seen)


def test_the_shipped_playbooks_take_a_password_by_its_name_alone(
    hand: Hand, shop: dict[str, Any], store: dict[str, Any], tmp_path: Path
) -> None:
    """Both servers want one here; without it they are as they were: the client decides, and is refused."""
    password = f"pw-{os.urandom(8).hex()}"
    role = f"drop role if exists keeper; create role keeper login superuser password '{password}'"
    ask(hand, shop, role, change=True)
    ask(hand, store, f"create or replace user keeper@localhost identified by '{password}'", change=True)
    ask(hand, store, "grant all on *.* to keeper@localhost with grant option", change=True)
    project = Project(tmp_path / "project")
    given = {"db_user": "keeper", "backup_folder": str(tmp_path / "copies"), "steady": "100ms"}
    pg = {"server": "127.0.0.1", **{name: shop[name] for name in ("engine", "database", "port")}}
    maria = {"server": store["host"], **{name: store[name] for name in ("engine", "database")}}
    # SQLite wants none, and may be of the same run
    with closing(sqlite3.connect(tmp_path / "x.db")) as base:
        base.execute("create table t (a)")
    lite = {
        "engine": "sqlite",
        "database": str(tmp_path / "x.db"),
        "backup_folder": str(tmp_path / "copies"),
        "steady": "100ms",
    }
    hosts = {"lite": lite, "pg": given | pg, "maria": given | maria}
    hosts = {name: {"transport": "local", "vars": own} for name, own in hosts.items()}
    project.write("inventory.yml", yaml.safe_dump({"rawat": 1, "hosts": hosts}))
    refused = project.rawat("run", str(BOOKS / "verification.yml"), "--only", "answers")
    assert refused.code == 1
    assert "no password supplied" in refused.out and "Access denied for user 'keeper'" in refused.out
    said = project.rawat("run", str(BOOKS / "backup.yml"), environment={"RAWAT_SECRET_DB_PASSWORD": password})
    assert said.code == 0, said.out + said.err
    assert not [file for file in (project.folder / "records").rglob("*.json*") if password in file.read_text()]


def test_no_step_of_the_shipped_playbooks_has_a_user_without_its_password() -> None:
    for name in ("backup", "database-optimization", "verification", "slow-database"):
        text = (BOOKS / f"{name}.yml").read_text()
        users = re.findall(r'user: "\{\{ db_user \}\}"(?:, |\n +)(.*)', text)
        assert users and all(rest.startswith('password: "{{ db_password ') for rest in users), name


@pytest.mark.parametrize("engine", ["postgresql", "mariadb"])
def test_a_statement_is_given_up_after_its_timeout(hand: Hand, engine: str, request: pytest.FixtureRequest) -> None:
    where: dict[str, Any] = request.getfixturevalue("shop" if engine == "postgresql" else "store")
    if engine == "postgresql":
        words = ["psql", "-X", "-q", "-A", "-t", "-h", where["host"], "-p", str(where["port"]), "-U", "owner"]
        nap, busy = (
            "select pg_sleep(200)",
            "select pid from pg_stat_activity where state = 'active' and query like :nap",
        )
    else:
        words = ["mariadb", "--no-defaults", "-N", "-n", "-u", "root", f"--socket={where['host']}"]
        nap, busy = "select sleep(200)", "select id from information_schema.processlist where info like :nap"
    began = time.monotonic()
    with subprocess.Popen([*words, where["database"]], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdin is not None and holder.stdout is not None
        holder.stdin.write(b"begin; update loans set amount = 0 where id = 1; select 'held';\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == b"held\n"
        for query in (nap, f"select 1; {nap}", "alter table loans add more int", "update loans set amount = 3"):
            change = query[0] in "au"
            ran = hand.do("sql", {**where, "query": query, "change": change, "timeout": "100ms"})
            assert f"{engine} {where['database']} on {where['host']} gave the statement up after 100 ms" in ran.problem
            assert ran.verdict.changed is (None if change else False)
        assert ask(hand, where, busy, params={"nap": f"{nap[:-5]}%"}, timeout="200s").values["count"] == 0
        holder.stdin.close()
    assert time.monotonic() - began < 150
    assert ask(hand, where, "update loans set amount = 3", change=True, timeout="200s").values["count"] > 2
    assert ask(hand, where, "select amount, 'x' as x from loans where id = 1", timeout="200s").values["row"] == {
        "amount": 3.0, "x": "x",
    }  # fmt: skip


class TestMariaDb:
    def test_rows_and_nulls(self, hand: Hand, store: dict[str, Any]) -> None:
        text = "it's $x \\ \n\"é <&> ;"
        ran = ask(
            hand,
            store,
            "select id, amount, :t as text from loans where id in :ids order by id",
            params={"t": text, "ids": [1, 2]},
        )
        assert ran.values["rows"] == [{"id": 1, "amount": 1.5, "text": text}, {"id": 2, "amount": None, "text": text}]

    def test_a_query_changes_nothing_unless_it_may(self, hand: Hand, store: dict[str, Any]) -> None:
        assert "READ ONLY" in hand.do("sql", {**store, "query": "delete from loans"}).problem
        assert ask(hand, store, "delete from loans where id = 3", change=True).values["count"] == 1

    def test_a_wrong_password_is_said(self, hand: Hand, store: dict[str, Any]) -> None:
        ask(hand, store, "create or replace user maint@localhost identified by 'right'", change=True)
        ask(hand, store, "grant all on *.* to maint@localhost", change=True)
        mine = {**store, "user": "maint"}
        assert ask(hand, {**mine, "password": Secret("pw", "right")}, "select 1 as one").values["value"] == 1
        wrong = hand.do("backup", {**mine, "password": Secret("pw", "wrong"), "to": str(hand.root / "b")})
        assert "Access denied" in wrong.problem

    def test_what_was_saved_can_be_restored(self, hand: Hand, store: dict[str, Any], copies: Path) -> None:
        before = databases(hand, store)
        made = backup(hand, store, copies)
        assert made.verdict.ok, made.problem
        assert made.values["tables"] == {"loans": 3, 'we ir`d "x$y': 2, "empty": 0}
        assert (made.values["counted"], made.values["consistent"]) == ("dump", True)
        text = Path(made.values["path"]).read_text().lower()
        assert all(word in text for word in ("trigger tr", "procedure `p`", "view `v`"))
        proof = restore(hand, store, made.values["path"])
        assert proof.verdict.ok, proof.problem
        assert proof.values["equal"] is True
        assert proof.values["checked"] == "CHECK TABLE found nothing"
        no_room(hand, store, Path(made.values["manifest"]))
        assert databases(hand, store) == before

    def test_what_check_table_finds_fails_the_proof(self, hand: Hand, store: dict[str, Any], copies: Path) -> None:
        """A server whose CHECK TABLE finds damage: the client that is asked for it says so of one table."""
        made = backup(hand, store, copies)
        program = hand.root / "bin" / "mariadb"
        program.parent.mkdir()
        found = "x.loans\\tcheck\\tError\\tIncorrect key file for table 'loans'\\n"
        program.write_text(
            '#!/bin/sh\ncat >"$0.in"\ngrep -q "^check table" "$0.in" || exec '
            f'{shutil.which("mariadb")} "$@" <"$0.in"\nprintf "{found}"\n'
        )
        program.chmod(0o755)
        environment = {**os.environ, **(hand.env or {})}
        other = replace(hand, env={**environment, "PATH": f"{program.parent}:{environment['PATH']}"})
        ran = restore(other, store, made.values["path"])
        assert not ran.verdict.ok and "CHECK TABLE found damage in the restored copy" in ran.problem
        assert "Incorrect key file for table 'loans'" in ran.problem

    def test_a_routine_that_may_not_be_seen_is_no_silent_loss(
        self, hand: Hand, store: dict[str, Any], copies: Path
    ) -> None:
        ask(hand, store, "create or replace user looker@localhost identified by 'right'", change=True)
        rights = "select, show view, trigger, event, lock tables, execute"
        ask(hand, store, f"grant {rights} on `{store['database']}`.* to looker@localhost", change=True)
        failed = backup(hand, {**store, "user": "looker", "password": Secret("pw", "right")}, copies)
        assert "insufficient privileges" in failed.problem
        assert list(copies.iterdir()) == []

    def test_a_table_without_transactions_is_not_called_consistent(
        self, hand: Hand, store: dict[str, Any], copies: Path
    ) -> None:
        ask(hand, store, "create table old (a int) engine=MyISAM", change=True)
        made = backup(hand, store, copies)
        assert made.verdict.ok, made.problem
        assert made.values["consistent"] is False

    @pytest.mark.parametrize("harm", [cut_in_half, flip_a_byte])
    def test_a_damaged_copy_is_found_and_scratch_goes(
        self, hand: Hand, store: dict[str, Any], copies: Path, harm: Any
    ) -> None:
        before = databases(hand, store)
        artefact = backup(hand, store, copies).values["path"]
        harm(artefact)
        assert "is not what was saved" in restore(hand, store, artefact).problem
        if harm is cut_in_half:
            forget_digest(artefact)
            assert "has no end" in restore(hand, store, artefact).problem
        assert databases(hand, store) == before

    def test_scratch_goes_after_a_restore_that_failed_half_way(
        self, hand: Hand, store: dict[str, Any], copies: Path
    ) -> None:
        before = databases(hand, store)
        artefact = backup(hand, store, copies).values["path"]
        path = Path(artefact)
        path.write_text(path.read_text().replace("(2,", "(2,2,2,2,", 1))
        forget_digest(artefact)
        ran = restore(hand, store, artefact)
        assert "cannot be restored" in ran.problem
        assert databases(hand, store) == before

    def test_a_dump_that_leads_elsewhere_is_refused(self, hand: Hand, store: dict[str, Any], copies: Path) -> None:
        path = Path(backup(hand, store, copies).values["path"])
        path.write_text(f"USE `mysql`;\n{path.read_text()}")
        forget_digest(str(path))
        assert "database of its own" in restore(hand, store, path).problem

    @pytest.mark.skipif(not ROOT, reason="needs root: a small file system is mounted")
    def test_a_full_disk_fails_and_keeps_the_copy_before(
        self, hand: Hand, store: dict[str, Any], tmp_path: Path
    ) -> None:
        ask(hand, store, "create table photos (a longblob)", change=True)
        ask(hand, store, "insert into photos select repeat(char(200), 1500000)", change=True)
        with small_disk(tmp_path / "disk", "5m") as disk:
            good = backup(hand, store, disk, keep=1)
            assert good.verdict.ok, good.problem
            # Nothing of the size of the data is laid down in /tmp.
            with small_disk(tmp_path / "tmp", "1m") as little:
                tight = Hand(root=hand.root, env={"TMPDIR": str(little)})
                proof = restore(tight, store, good.values["path"])
                assert proof.verdict.ok, proof.problem
            # What is there now is little enough by the figures, yet its hexadecimal text will not fit.
            (disk / "filler").write_bytes(b"x" * 300_000)
            failed = backup(hand, store, disk, keep=1)
            assert not failed.verdict.ok
            assert "free" in failed.problem or "ended with" in failed.problem
            assert Path(good.values["path"]).exists()
            assert sorted(path.name for path in disk.iterdir() if path.name.startswith(".")) == []

    def test_a_table_that_is_held_fails_the_step_and_is_named(self, hand: Hand, store: dict[str, Any]) -> None:
        words = ["mariadb", "--no-defaults", "-N", "-n", "-u", "root", f"--socket={store['host']}", store["database"]]
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
            assert holder.stdin is not None and holder.stdout is not None
            holder.stdin.write(b"lock tables loans write; select 'held';\n")
            holder.stdin.flush()
            assert holder.stdout.readline() == b"held\n"
            ran = hand.do("optimize", {**store, "apply": "act", "statement_timeout": "2s"})
            holder.stdin.close()
        assert ran.problem.startswith(
            f"1 of 3 statements failed: {store['database']}.loans: Query execution was interrupted"
        )
        assert "Corrupt" not in ran.problem

    def test_free_space_goes(self, hand: Hand, store: dict[str, Any]) -> None:
        ask(hand, store, "create table `fa t` (id int primary key, s text)", change=True)
        ask(hand, store, "insert into `fa t` select seq, repeat('x', 200) from seq_1_to_100000", change=True)
        ask(hand, store, "delete from `fa t` where id % 10 <> 0", change=True)
        limits = {"free_size": "1MB", "free_percent": 5}
        until(lambda: hand.do("optimize", {**store, "limits": limits}).values["jobs"])
        (file,) = Path(store["host"]).parent.glob("data/*/fa@0020t.ibd")
        size = file.stat().st_size
        ran = hand.do("optimize", {**store, "apply": "act", "limits": limits})
        assert ran.verdict.ok, ran.problem
        assert "alter table `fa t` force, algorithm=inplace, lock=none" in ran.values["did"]
        freed = size - file.stat().st_size
        assert freed > 10_000_000
        assert abs(ran.values["freed_bytes"] - freed) < freed / 5, "what it says is what the disk got back"


class TestSqlite:
    def test_rows(self, lite: Hand, credit: dict[str, Any]) -> None:
        text = "it's $x \\ \n\"é ;"
        ran = ask(lite, credit, "select *, :t as text from loans where id in :ids", params={"t": text, "ids": [1, 2]})
        assert ran.values["rows"] == [
            {"id": 1, "name": "a", "amount": 1.5, "text": text},
            {"id": 2, "name": None, "amount": None, "text": text},
        ]

    def test_a_query_changes_nothing_unless_it_may(self, lite: Hand, credit: dict[str, Any]) -> None:
        assert "readonly" in lite.do("sql", {**credit, "query": "delete from loans"}).problem
        assert ask(lite, credit, "delete from loans where id = 3", change=True).values["count"] == 1
        ask(lite, credit, "create table x (a); insert into x values (';'); insert into x values (2)", change=True)
        assert ask(lite, credit, "select count(*) as n from x").values["value"] == 2

    def test_a_file_that_is_not_there_is_not_made(self, lite: Hand, tmp_path: Path) -> None:
        nowhere = tmp_path / "nowhere.db"
        ran = lite.do("sql", {"engine": "sqlite", "database": str(nowhere), "query": "select 1"})
        assert "is not there" in ran.problem
        assert not nowhere.exists()

    def test_what_was_saved_can_be_restored(self, lite: Hand, credit: dict[str, Any], copies: Path) -> None:
        with closing(sqlite3.connect(credit["database"])) as writer:
            writer.execute("insert into loans (name) values ('still in the log')")
            writer.commit()
            made = backup(lite, credit, copies)
        assert made.verdict.ok, made.problem
        assert made.values["tables"] == {"loans": 4, WEIRD: 1}
        before = Path(made.values["path"]).read_bytes()
        proof = restore(lite, credit, made.values["path"])
        assert proof.verdict.ok, proof.problem
        assert proof.values["equal"] is True
        assert Path(made.values["path"]).read_bytes() == before
        assert {path.suffix for path in copies.iterdir()} == {".db", ".json", ".proven"}

    @pytest.mark.parametrize("mode", ["wal", "delete"])
    def test_somebody_who_writes_all_the_time_does_not_keep_it_from_its_end(
        self, hand: Hand, credit: dict[str, Any], copies: Path, mode: str
    ) -> None:
        wide = ", ".join(f"c{number}" for number in range(700))
        with closing(sqlite3.connect(credit["database"])) as base:
            base.execute(f"pragma journal_mode = {mode}")
            base.executescript(
                f"create table wide ({wide}); insert into wide (c1, c2) values (1, ','); create table log (a)"
            )
            base.executescript(
                "create table fat (a); insert into fat select zeroblob(20000) from pragma_table_info('wide')"
            )
        done = threading.Event()
        late = time.monotonic() + 200

        def write() -> None:
            with closing(sqlite3.connect(credit["database"], timeout=200, isolation_level=None)) as base:
                base.execute("pragma synchronous = off")
                while not done.wait(0.001) and time.monotonic() < late:
                    base.execute("insert into log values (1)")

        writer = threading.Thread(target=write)
        writer.start()
        made = backup(hand, credit, copies)
        in_time = time.monotonic() < late
        done.set()
        writer.join()
        assert in_time
        assert made.verdict.ok, made.problem
        assert made.values["tables"]["wide"] == 1
        assert restore(hand, credit, made.values["path"]).values["equal"] is True

    def test_who_may_only_read_a_file_in_wal_mode_is_told_why_it_is_not_enough(self, space: Path) -> None:
        folder = folder_of(space, "reader", "postgres")
        (theirs := space / "theirs").mkdir()
        with closing(sqlite3.connect(theirs / "a.db")) as base:
            base.execute("pragma journal_mode = wal")
            base.execute("create table loans (a)")
        theirs.chmod(0o555)
        reader = Hand(root=folder, user="postgres" if ROOT else None)
        failed = backup(reader, {"engine": "sqlite", "database": str(theirs / "a.db")}, folder / "copies")
        theirs.chmod(0o755)
        assert "it is in WAL mode, where" in failed.problem
        assert "work as its owner" in failed.problem

    @pytest.mark.parametrize("harm", [cut_in_half, flip_a_byte])
    def test_a_damaged_copy_is_found_and_scratch_goes(
        self, lite: Hand, credit: dict[str, Any], copies: Path, harm: Any
    ) -> None:
        artefact = backup(lite, credit, copies).values["path"]
        harm(artefact)
        assert "is not what was saved" in restore(lite, credit, artefact).problem
        if harm is cut_in_half:
            forget_digest(artefact)
            assert "integrity_check" in restore(lite, credit, artefact).problem
        assert len(list(copies.iterdir())) == 2

    def test_no_room_is_said_before_anything_is_begun(self, lite: Hand, credit: dict[str, Any], tmp_path: Path) -> None:
        if not ROOT:
            pytest.skip("needs root: a small file system is mounted")
        ask(lite, credit, "create table fat (a)", change=True)
        ask(lite, credit, "insert into fat values (zeroblob(2000000))", change=True)
        with small_disk(tmp_path / "disk", "1m") as disk:
            ran = backup(lite, credit, disk)
            assert "nothing was started" in ran.problem
            assert ran.values["need_bytes"] > ran.values["room_bytes"]
            assert list(disk.iterdir()) == []
            tight = Hand(root=lite.root, shell=lite.shell, env={**(lite.env or {}), "TMPDIR": str(disk)})
            made = backup(tight, credit, tmp_path / "copies")
            assert made.verdict.ok, made.problem

    def test_a_file_becomes_smaller_where_pages_were_free(self, lite: Hand, credit: dict[str, Any]) -> None:
        ask(lite, credit, "create table fat (a)", change=True)
        ask(lite, credit, "insert into fat values (zeroblob(2000000))", change=True)
        ask(lite, credit, "delete from fat", change=True)
        limits = {"free_size": "1MB"}
        assert lite.do("optimize", {**credit, "limits": limits}).values["jobs"] == ["VACUUM", "ANALYZE"]
        ran = lite.do("optimize", {**credit, "apply": "act", "limits": limits})
        assert ran.verdict.ok, ran.problem
        assert ran.values["freed_bytes"] > 1_900_000
        assert lite.look("optimize", {**credit, "apply": "act", "limits": limits}).needed is False

    def test_a_writer_that_does_not_let_go_fails_the_step(self, lite: Hand, credit: dict[str, Any]) -> None:
        with closing(sqlite3.connect(credit["database"], isolation_level=None)) as writer:
            writer.execute("begin immediate")
            ran = lite.do("optimize", {**credit, "apply": "act", "lock_timeout": "200ms"})
            writer.execute("rollback")
        assert "locked" in ran.problem


class TestFiles:
    @pytest.mark.parametrize("form", ["tar.gz", "tar"])
    def test_what_was_saved_can_be_restored(self, hand: Hand, tmp_path: Path, copies: Path, form: str) -> None:
        source = tmp_path / "so urce's"
        (source / "in side").mkdir(parents=True)
        (source / "a\nb $c").write_bytes(os.urandom(50_000))
        (source / "in side" / "skip.tmp").write_text("y")
        (source / "link").symlink_to("nowhere")
        where = {"engine": "files"}
        made = backup(hand, {**where, "path": str(source)}, copies, format=form, exclude="*.tmp")
        assert made.verdict.ok, made.problem
        assert made.values["tables"] == {"entries": 4}
        proof = restore(hand, where, made.values["path"])
        assert proof.verdict.ok, proof.problem
        assert proof.values["equal"] is True
        cut_in_half(made.values["path"])
        forget_digest(made.values["path"])
        ran = restore(hand, where, made.values["path"])
        assert not ran.verdict.ok
        assert len(list(copies.iterdir())) == 3

    def test_what_a_link_leads_to_is_saved_and_holes_stay_holes(self, hand: Hand, tmp_path: Path, copies: Path) -> None:
        (source := tmp_path / "release 2").mkdir()
        with (source / "disk").open("wb") as disk:
            disk.truncate(1 << 26)
        os.setxattr(source / "disk", "user.note", b"kept")
        (source / "skip.tmp").touch()
        os.setxattr(source / "skip.tmp", "user.note", b"not saved")
        (source / "absolute").symlink_to(source / "disk")
        for words in (("setfacl", "-m", "u:daemon:r"), ("setcap", "cap_net_raw+p"))[: 2 if ROOT else 1]:
            run(*words, str(source / "disk"))
        (link := tmp_path / "current").symlink_to(source)
        made = backup(hand, {"engine": "files", "path": str(link)}, copies, format="tar", exclude="*.tmp")
        assert made.values["tables"] == {"entries": 3}
        assert made.values["bytes"] < 100_000
        assert b"SCHILY.xattr.user.note=kept" in Path(made.values["path"]).read_bytes()
        with small_disk(tmp_path / "scratch", "8m") as scratch:
            run("setfacl", "-d", "-m", "u:mail:rw", str(scratch))
            proof = restore(hand, {"engine": "files"}, made.values["path"], scratch=str(scratch))
        assert proof.verdict.ok, proof.problem
        all_three = "every file equals the archive; equal, too: attributes, capabilities, acls"
        assert proof.values["checked"] == (all_three if ROOT else all_three.replace("capabilities, ", ""))

        # The same archive, but for one of them.
        path = Path(made.values["path"])
        whole = path.read_bytes()
        for kind, was, other in (
            ("attributes", b"user.note=kept", b"user.note=lost"),
            ("capabilities", b"security.capability=\0\0\0\x02\0\x20", b"security.capability=\0\0\0\x02\0\x40"),
            ("acls", b"user:daemon:r--", b"user:daemon:rw-"),
        )[:: 1 if ROOT else 2]:
            assert was in whole
            path.write_bytes(whole.replace(was, other))
            forget_digest(str(path))
            ran = restore(hand, {"engine": "files"}, path)
            assert ran.problem == f"what was restored has other {kind} than what was saved"

    def test_where_they_cannot_be_seen_it_is_said(
        self, hand: Hand, tmp_path: Path, copies: Path, without_sqlite3: dict[str, str]
    ) -> None:
        (source := tmp_path / "source").mkdir()
        os.setxattr(source, "user.note", b"kept")
        made = backup(hand, {"engine": "files", "path": str(source)}, copies, format="tar")
        proof = restore(Hand(root=hand.root, env=without_sqlite3), {"engine": "files"}, made.values["path"])
        assert proof.verdict.ok, proof.problem
        told = "every file equals the archive; not compared: attributes, capabilities, acls"
        assert proof.values["checked"] == told

    def test_who_is_not_root_proves_all_but_the_owners(self, space: Path) -> None:
        folder = folder_of(space, "not-root", "postgres")
        user = Hand(root=folder, user="postgres" if ROOT else None)
        made = backup(user, {"engine": "files", "path": "/etc/apt"}, folder / "b")
        proof = restore(user, {"engine": "files"}, made.values["path"])
        assert proof.verdict.ok, proof.problem
        owners = "every file equals the archive, but for owners, which only root can give"
        assert proof.values["checked"] == f"{owners}; equal, too: attributes, acls; not compared: capabilities"

    def test_a_copy_may_not_lie_in_its_own_source(self, hand: Hand, tmp_path: Path) -> None:
        (tmp_path / "source").mkdir()
        where = {"engine": "files", "path": str(tmp_path / "source")}
        assert "copy itself" in backup(hand, where, tmp_path / "source" / "b").problem
