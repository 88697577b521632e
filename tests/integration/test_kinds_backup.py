"""Copies in every form, for other eyes and other places; and what damage, a wrong key and a kill come to."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from runner.redact import Secret
from runner.seams import Script
from tests.integration.databases import (
    PG_BIN,
    ROOT,
    ask,
    backup,
    cut_in_half,
    databases,
    flip_a_byte,
    folder_of,
    forget_digest,
    restore,
)
from tests.programs import real
from tests.unit.steps.driver import Hand, kind_of


def forget(where: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in where.items() if key not in keys}


def calls(server: socket.socket) -> int:
    """How many have called since it was asked the last time; they are hung up on."""
    server.settimeout(0)
    number = 0
    with suppress(BlockingIOError):
        while True:
            server.accept()[0].close()
            number += 1
    return number


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture
def owner(space: Path) -> Iterator[Hand]:
    """Who may start a scratch server, with a folder of his own: PostgreSQL does not run as root."""
    folder = folder_of(space, "own", "postgres")
    yield Hand(root=folder, user="postgres" if ROOT else None)
    shutil.rmtree(folder)


@pytest.fixture
def keys(tmp_path: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Two pairs of keys of age: `public`, `private`."""
    made = []
    for _ in range(2):
        text = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True).stdout
        lines = text.splitlines()
        made.append({"public": lines[1].rpartition(" ")[2], "private": lines[2]})
    return made[0], made[1]


class TestPostgreSql:
    @pytest.mark.parametrize("compress", ["none", "zstd"])
    def test_a_directory_is_dumped_and_restored_by_several_at_once(
        self, hand: Hand, shop: dict[str, Any], copies: Path, compress: str
    ) -> None:
        before = databases(hand, shop)
        made = backup(hand, shop, copies, format="directory", jobs=2, compress=compress)
        assert made.verdict.ok, made.problem
        assert made.values["path"].endswith({"none": ".dir.tar", "zstd": ".dir.tar.zst"}[compress])
        if compress == "none":
            # As a copy that is older than these sums: what it does not know of is not compared.
            manifest = Path(made.values["manifest"])
            text = manifest.read_text()
            manifest.write_text(re.sub(r', .large_objects_checksum. : "-?\d+"', "", text))
            assert manifest.read_text() != text
        proof = restore(hand, shop, made.values["path"], jobs=2)
        assert proof.verdict.ok, proof.problem
        assert proof.values["equal"] is True
        assert proof.values["checksums"] == made.values["checksums"] != {}
        assert proof.values["objects"] == made.values["objects"]
        assert made.values["objects"]["views"] == 1
        assert databases(hand, shop) == before
        name = Path(made.values["path"]).name
        assert names(copies) == [name, f"{name}.globals", f"{name}.json", f"{name}.proven"]

    def test_a_plain_user_saves_roles_and_memberships_and_no_hash_of_a_password(
        self, hand: Hand, shop: dict[str, Any], copies: Path, without_sqlite3: dict[str, str]
    ) -> None:
        for change in (
            "create role tellers; create role \"te ller\" login password 'hush' in role tellers",
            'alter role "te ller" set work_mem = \'7MB\'; grant usage on schema "we ird" to tellers',
        ):
            ask(hand, shop, change, change=True)
        plain = {**shop, "user": "te ller"}
        refused = backup(hand, plain, copies, role_passwords=True)
        assert "role_passwords: te ller may not read pg_authid" in refused.problem
        assert "nothing was started" in refused.problem
        assert names(copies) == []
        ask(hand, shop, 'grant select on all tables in schema public, "we ird" to tellers', change=True)
        made = backup(hand, plain, copies)
        assert made.verdict.ok, made.problem
        beside = Path(made.values["globals"])
        assert beside.stat().st_mode & 0o777 == 0o600
        lines = beside.read_text().splitlines()
        assert 'CREATE ROLE "te ller";' in lines
        assert any(line.startswith('GRANT tellers TO "te ller"') for line in lines)
        assert "ALTER ROLE \"te ller\" SET work_mem TO '7MB';" in lines
        assert "SCRAM" not in beside.read_text()

        # A disk that takes no more of them, which pg_dumpall does not mind; a host without it.
        was = names(copies)
        short = Hand(root=hand.root, shell=("sh", "-c", 'trap "" XFSZ; ulimit -f 1; exec sh "$0"'))
        assert "have no end: they are not whole" in backup(short, shop, copies).problem
        for name in ("psql", "pg_dump"):
            real(Path(without_sqlite3["PATH"], name), f"/usr/bin/{name}")
        without = Hand(root=hand.root, env=without_sqlite3)
        assert "pg_dumpall is not on this host: nothing was started" in backup(without, shop, copies).problem

        # One that is ended when the roles have their name already, and the copy has none.
        script = kind_of("backup").act(hand.wish({**shop, "to": str(copies), "name": "late"}), None)
        head = script.text[: script.text.index('mv -- "$new" "$to/$name"')]
        ended = hand.run(Script(text=head + 'ls -- "$loose"; kill -TERM $$; sleep 5', env=script.env))
        assert ended.stdout.decode().rstrip().endswith(".dump.globals")
        assert ended.exit.code == 129
        assert names(copies) == was

    def test_rows_that_are_other_rows_are_found_by_their_checksum(
        self, hand: Hand, shop: dict[str, Any], copies: Path
    ) -> None:
        large = "select lo_from_bytea(0, decode(repeat('ab', 1500000) || 'cd', 'hex'))"
        ask(hand, shop, large, change=True)
        path = Path(backup(hand, shop, copies, format="plain").values["path"])
        text = path.read_text()
        assert text.count("abcd')") == 1
        text = text.replace("abcd')", "abce')")
        assert "\tn7\t10.5\t" in text
        text = text.replace("\tn7\t10.5\t", "\tn7\t10.6\t")
        path.write_text(re.sub(r"CREATE VIEW .*?;|ALTER TABLE public.v OWNER.*?;", "", text, flags=re.DOTALL))
        forget_digest(str(path))
        ran = restore(hand, shop, path)
        assert "public.loans: 1000 rows, but not the same: checksum" in ran.problem
        assert "views: 1 saved, 0 restored" in ran.problem
        assert "large_objects_checksum: " in ran.problem
        assert "large_objects: " not in ran.problem, "there are as many"
        assert not path.with_name(path.name + ".proven").exists()

    def test_limits_of_the_role_are_for_others(self, hand: Hand, shop: dict[str, Any], copies: Path) -> None:
        """Short ones: the copy takes longer than a statement or an idle transaction of this role may."""
        ask(hand, shop, "create table fat as select repeat('x', 30000000) as note", change=True)
        ask(hand, shop, "create index summed on fat (md5(note))", change=True)
        ask(hand, shop, "create role hurried superuser login", change=True)
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            ask(hand, shop, f"alter role hurried set {name} = '40ms'", change=True)
        hurried = {**shop, "user": "hurried"}
        cut = hand.do("sql", {**hurried, "query": "select md5(note) from fat, generate_series(1, 9)"})
        assert "due to statement timeout" in cut.problem, "what was asked for by its name is as the server is set"
        made = backup(hand, hurried, copies, globals=False)
        assert made.verdict.ok, made.problem
        proof = restore(hand, hurried, made.values["path"], amcheck=True)
        assert proof.verdict.ok, proof.problem
        assert proof.values["equal"] is True
        ask(hand, shop, "drop role hurried", change=True)

    def test_every_kind_of_thing_is_saved_and_what_is_another_is_named(
        self, hand: Hand, shop: dict[str, Any], copies: Path
    ) -> None:
        odd = '"Ap p"."Ünï ""q"" 表"'
        for change in (
            'create schema "Ap p"; create sequence "Ap p"."Se q""%x"; select setval(\'"Ap p"."Se q""%x"\', 77)',
            "create sequence down increment -2; select setval('down', -9)",
            "create sequence fresh start 9223372036854775806",
            "create sequence round maxvalue 3 cycle; select setval('round', 2)",
            f'create table {odd} (id serial, "Name" text, big text)',
            f"insert into {odd} (\"Name\", big) select 'ü' || g, string_agg(md5((g * 1000 + i)::text), '')"
            " from generate_series(1, 3) g, generate_series(1, 400) i group by g",
            "create table gen (a int, b int generated always as (a * 2) stored, c int generated always as identity)",
            "create table parts (a int, b text) partition by list (a); create table other partition of parts default",
            "create table child (more int) inherits (gen); insert into child values (5, default, 1, 6)",
            "insert into gen values (1), (2); insert into parts values (1, 'x'), (2, 'y'), (2, 'y')",
            "create unlogged table fast (a int, gone int, t timestamptz); alter table fast drop column gone",
            "insert into fast values (7, '2020-02-02'); create table nothing (); insert into nothing default values",
            "create type pair as (x int, y text); create table typed (p pair[], f float8, j jsonb)",
            "insert into typed values (array[row(1, 'q\"u,o')::pair], 'NaN', '{}'), (null, .1, null)",
            "create materialized view seen as select * from gen",
            "create materialized view later as table gen with no data",
            "create extension file_fdw; create server files foreign data wrapper file_fdw",
            "create foreign table away (a text) server files options (filename '/nowhere')",
            "create collation loose (provider = icu, locale = 'und', deterministic = false)",
            "create table named (a text collate loose unique, b regclass); insert into named values ('x', 'gen')",
        ):
            ask(hand, shop, change, change=True)
        made = backup(hand, shop, copies, format="plain")
        assert made.verdict.ok, made.problem
        proof = restore(hand, shop, made.values["path"], amcheck=True)
        assert proof.verdict.ok, proof.problem
        assert (proof.values["equal"], proof.values["differences"]) == (True, [])
        assert proof.values["tables"] == made.values["tables"]
        assert {odd, "public.other", "public.fast", "public.nothing", "public.child"} <= set(made.values["tables"])

        # One row in each, and two numbers that were given out before; one that was not.
        path = Path(made.values["path"])
        path.with_name(f"{path.name}.proven").unlink()
        text = path.read_text()
        for was, now in (
            ("\tü2\t", "\tü4\t"),
            ("\n2\ty\n2\ty\n", "\n2\ty\n2\tz\n"),
            ("5\t1\t6\n", "5\t1\t7\n"),
            ("\n7\t2020-02-02", "\n7\t2020-02-03"),
            ("\tpublic.gen\n", "\tpublic.parts\n"),
            ("""'"Ap p"."Se q""%x"', 77""", """'"Ap p"."Se q""%x"', 76"""),
            ("'public.down', -9", "'public.down', -7"),
            ("'public.fresh', 9223372036854775806, false", "'public.fresh', 9223372036854775806, true"),
        ):
            assert was in text
            text = text.replace(was, now)
        path.write_text(text)
        forget_digest(str(path))
        ran = restore(hand, shop, path)
        changed = [odd, "public.child", "public.fast", "public.named", "public.other"]
        assert [line.partition(": ")[0] for line in ran.values["differences"][:-2]] == changed
        assert ran.values["differences"][-2:] == [
            '"Ap p"."Se q""%x": its next number was 78 when it was saved, in the restored copy it is 77',
            "public.down: its next number was -11 when it was saved, in the restored copy it is -9",
        ]
        assert not path.with_name(f"{path.name}.proven").exists()

    @pytest.mark.parametrize(("encoding", "form"), [("LATIN1", "plain"), ("SQL_ASCII", "custom")])
    def test_a_database_that_is_not_as_others_are(
        self, hand: Hand, pg: dict[str, Any], copies: Path, encoding: str, form: str
    ) -> None:
        main, where = {**pg, "database": "postgres"}, {**pg, "database": encoding}
        ask(hand, main, f'create database "{encoding}" template template0 encoding {encoding!r}', change=True)
        before = databases(hand, main)
        for change in (
            "create schema app; create table app.names (name text, place regclass)",
            "insert into app.names values (convert_from('\\x4772fcdf65', 'LATIN1'), 'app.names')"
            if encoding == "LATIN1"
            else "insert into app.names values (e'Gr\\xfc\\xdfe', 'app.names'), ('b', null), ('b', null)",
            'alter database "' + encoding + '" set search_path = app',
            "create table parts (a int, b int) partition by range (a)",
            "create table one partition of parts for values from (0) to (9); create index waits on only parts (b)",
            "create subscription follows connection 'host=nowhere' publication p with (connect = false)",
            "create role clerk; create policy own on names to clerk using (true)",
        ):
            ask(hand, where, change, change=True)
        if encoding == "SQL_ASCII":
            nameless = "do $$ begin execute format('create table %I (n serial)', e'\\xfc'); end $$"
            ask(hand, where, nameless, change=True)
            # What an interrupted REINDEX CONCURRENTLY leaves is in no dump.
            failed = hand.do(
                "sql", {**where, "query": "create unique index concurrently on names (name)", "change": True}
            )
            assert "could not create unique index" in failed.problem
        made = backup(hand, where, copies, format=form)
        assert made.verdict.ok, made.problem
        path = Path(made.values["path"])
        if form == "plain":
            # A monitor that is in every database, the scratch one too, and stays.
            monitor = "psql -X -q -d $SCRATCH -c 'select pg_sleep(60)' >/dev/null 2>&1 &"
            seen = "from pg_stat_activity where datname = current_database() and query = 'select pg_sleep(60)'"
            wait = f"while not exists (select {seen}) loop perform pg_sleep(0.01), pg_stat_clear_snapshot(); end loop"
            head = f"\\setenv SCRATCH :DBNAME\n\\! {monitor}\ndo $$ begin {wait}; end $$;\n"
            path.write_bytes(head.encode() + path.read_bytes())
            forget_digest(str(path))
        proof = restore(hand, pg, path)
        assert proof.verdict.ok, proof.problem
        assert proof.values["equal"] is True
        assert proof.values["objects"]["indexes"] == 1
        tables = {"app.names": 1} if encoding == "LATIN1" else {"app.names": 3, 'app."\ufffd"': 0}
        assert proof.values["tables"] == {**tables, "app.one": 0}
        assert databases(hand, main) == before
        drop = "alter subscription follows disable; alter subscription follows set (slot_name = none)"
        ask(hand, where, f"{drop}; drop subscription follows", change=True)
        ask(hand, main, f'drop database "{encoding}"', change=True)
        ask(hand, main, "drop role clerk", change=True)
        elsewhere = restore(hand, pg, path)
        assert f"without the roles of the source, which are in {path}.globals" in elsewhere.problem
        assert 'role "clerk" does not exist' in elsewhere.problem

    def test_a_cluster_is_copied_checked_started_and_asked(self, owner: Hand, shop: dict[str, Any]) -> None:
        copies = owner.root / "b k's $x"
        (place := owner.root / "a=part 1").mkdir()
        if ROOT:
            shutil.chown(place, "postgres")
        ask(owner, shop, f"create tablespace apart location '{place}'", change=True)
        ask(owner, shop, "create table elsewhere tablespace apart as select 1 as a", change=True)
        # An index that cannot be checked without a library that the source preloads; a subscription that is followed.
        asks = "begin return (select count(*) * 0 from public.pg_stat_statements(false)); end"
        publisher = socket.create_server(("127.0.0.1", 0))
        place_of = f"'host=127.0.0.1 port={publisher.getsockname()[1]}' publication p"
        for change in (
            "create extension if not exists pg_stat_statements",
            f"create function needs(int) returns bigint immutable language plpgsql as $$ {asks} $$",
            "create index wants on loans (needs(id))",
            f"create subscription follows connection {place_of} with (connect = false, slot_name = s)",
        ):
            ask(owner, shop, change, change=True)
        ask(owner, shop, "alter subscription follows enable; create role clerk login", change=True)
        made = backup(owner, forget(shop, "database"), copies, format="base")
        unfollow = "alter subscription follows disable; alter subscription follows set (slot_name = none)"
        ask(owner, shop, f"{unfollow}; drop subscription follows; drop role clerk", change=True)
        ask(owner, shop, "drop table elsewhere", change=True)
        ask(owner, shop, "drop tablespace apart", change=True)
        assert made.verdict.ok, made.problem
        assert str(place) in json.loads(Path(made.values["manifest"]).read_text())["tablespaces"].values()
        assert made.values["path"].endswith("/postgresql-base-" + made.values["path"].rpartition("-")[2])
        assert made.values["path"].endswith(".base.tar.gz")
        assert made.values["point"]["lsn"] > made.values["point"]["start_lsn"]
        assert calls(publisher) > 0, "the source followed it"
        proof = restore(owner, shop, made.values["path"], amcheck=True, preload="pg_stat_statements")
        assert proof.verdict.ok, proof.problem
        assert calls(publisher) == 0, "scratch follows nobody"
        publisher.close()
        assert proof.values["tables"][f"{shop['database']}: public.loans"] == 1000
        assert proof.values["tables"][f"{shop['database']}: public.elsewhere"] == 1
        assert names(place) == [], "scratch, never where the source has it"
        assert "pg_verifybackup: every file" in proof.values["checked"]
        assert "pg_amcheck found nothing" in proof.values["checked"]
        assert proof.values["equal"] is None
        assert [name for name in names(copies) if name.startswith(".")] == []

        without = restore(owner, shop, made.values["path"], amcheck=True)
        assert "pg_amcheck found damage in the restored cluster (the source preloads pg_stat_sta" in without.problem
        assert "pg_stat_statements must be loaded" in without.done.stderr.decode()
        clerk = restore(owner, {**shop, "user": "clerk"}, made.values["path"])
        assert "cannot be counted" in clerk.problem
        assert "permission denied for schema" in clerk.problem

        # A role that the cluster does not have: it is not asked for ever.
        stranger = restore(owner, forget(shop, "user"), made.values["path"])
        assert "the restored cluster was started and gives no answer (user: names the role" in stranger.problem
        assert "does not exist" in stranger.problem

        # One byte of one file, in an archive that is whole and whose digest fits.
        path, folder = Path(made.values["path"]), copies / "open"
        folder.mkdir()
        subprocess.run(["tar", "-xzf", path, "-C", folder], check=True)
        flip_a_byte(str(next(file for file in sorted(folder.glob("*/base/*/*")) if file.stat().st_size > 8192)))
        subprocess.run(["tar", "-czf", path, "-C", folder, next(folder.iterdir()).name], check=True)
        shutil.rmtree(folder)
        forget_digest(str(path))
        ran = restore(owner, shop, path)
        assert "pg_verifybackup found" in ran.problem
        assert [name for name in names(copies) if name.startswith(".")] == []

    def test_pgbackrest_where_it_is_configured(self, owner: Hand, pg: dict[str, Any], shop: dict[str, Any]) -> None:
        tmp_path, copies = owner.root, owner.root / "b k's $x"
        data = ask(owner, {**pg, "database": "postgres"}, "show data_directory").values["value"]
        repo = tmp_path / "repo"
        config = tmp_path / "pgbackrest.conf"
        socket = f"pg1-socket-path={pg['host']}\npg1-port={pg['port']}\npg1-user={pg['user']}"
        config.write_text(
            f"[global]\nrepo1-path={repo}\nrepo1-retention-full=2\nlog-level-file=off\nlock-path={tmp_path}/lock\n"
            f"start-fast=y\narchive-check=n\narchive-copy=n\n[main]\npg1-path={data}\n{socket}\n"
        )
        archiver = Hand(root=owner.root, user=owner.user, env={"PGBACKREST_CONFIG": str(config)})
        where = {"engine": "postgresql", "format": "pgbackrest", "stanza": "main"}
        failed = backup(archiver, where, copies)
        assert "not configured well for the stanza main" in failed.problem
        made_stanza = archiver.run(Script(text="pgbackrest --stanza=main stanza-create >&2"))
        assert made_stanza.exit.ok, made_stanza.stderr
        for change in (
            "alter system set archive_mode = on",
            f"alter system set archive_command = 'pgbackrest --config={config} --stanza=main archive-push %p'",
        ):
            ask(owner, {**pg, "database": "postgres"}, change, change=True)
        control = Path(PG_BIN) / "pg_ctl"
        archiver.run(Script(text=f"{control} -D '{data}' -m fast -w -l {pg['host']}/log restart >/dev/null 2>&1"))
        (place := tmp_path / "apart").mkdir()
        if ROOT:
            shutil.chown(place, "postgres")
        ask(owner, shop, f"create tablespace apart location '{place}'", change=True)
        ask(owner, shop, "create table elsewhere tablespace apart as select 1 as a", change=True)
        made = backup(archiver, where, copies)
        assert made.verdict.ok, made.problem
        assert made.values["reference"].endswith("F")
        # On a host where the place of the tablespace is free, nothing must be put there.
        ask(owner, shop, "drop table elsewhere", change=True)
        ask(owner, shop, "drop tablespace apart", change=True)
        # pgbackrest writes a path with a quote in it as a setting that cannot be read: its scratch folder has none.
        there = {"engine": "postgresql", "user": "owner", "scratch": str(owner.root)}
        proof = restore(archiver, there, made.values["path"])
        assert proof.verdict.ok, proof.problem
        assert proof.values["tables"][f"{shop['database']}: public.loans"] == 1000
        assert proof.values["tables"][f"{shop['database']}: public.elsewhere"] == 1
        assert names(place) == [], "scratch, never where the source has it"


class TestMariaDb:
    def test_rows_that_are_other_rows_are_found_by_their_digest(
        self, hand: Hand, store: dict[str, Any], copies: Path
    ) -> None:
        # mariadb-dump itself cannot dump an event of a database with a quote in its name.
        ask(hand, store, "drop database if exists events; create database events", change=True)
        store = {**store, "database": "events"}
        for change in (
            "create table loans (id int primary key, amount dec(9,2)); insert into loans values (1, 2), (2, 3), (3, 7)",
            "create view v as select * from loans; create trigger t before insert on loans for each row set new.id = 1",
            "create procedure p() select 1; create event ev on schedule every 1 day do delete from loans",
            "create table rates (r int) with system versioning; insert into rates values (1); update rates set r = 2",
            "create table many select seq, repeat('x', 100) as note from seq_1_to_50000",
        ):
            ask(hand, store, change, change=True)
        hurried = {**store, "user": "hurried"}
        ask(hand, store, "create or replace user hurried@localhost", change=True)
        ask(hand, store, "grant all on *.* to hurried@localhost with max_statement_time 0.002", change=True)
        made = backup(hand, hurried, copies, compress="gzip")
        assert made.verdict.ok, made.problem
        assert made.values["tables"] == {"loans": 3, "rates": 2, "many": 50_000}, "the rate of before is saved as well"
        assert made.values["objects"] == {"views": 1, "triggers": 1, "routines": 1, "events": 1}
        assert made.values["point"]["binlog_position"] > 0
        assert made.values["point"]["gtid"].startswith("0-")
        proof = restore(hand, hurried, made.values["path"])
        assert proof.verdict.ok, proof.problem
        assert proof.values["checksums"] == made.values["checksums"] != {}
        plain = backup(hand, store, copies, name="plain")
        path = Path(plain.values["path"])
        text = path.read_text()
        path.write_text(text.replace("7.00", "8.00"))
        forget_digest(str(path))
        ran = restore(hand, store, path)
        assert "loans: 3 rows, but not the same" in ran.problem

    def test_every_kind_of_thing_is_saved_and_what_is_another_is_named(
        self, hand: Hand, maria: dict[str, Any], copies: Path
    ) -> None:
        main, where = {**maria, "database": "mysql"}, {**maria, "database": "odd db ü"}
        ask(hand, main, "create database `odd db ü` character set latin1", change=True)
        for change in (
            'create table `bl ob``s` (id int auto_increment primary key, `na"me` varchar(50), b longblob,'
            " g int as (id * 2) virtual, e enum('a', 'b''c'), d datetime(6), p geometry)"
            " auto_increment = 100 default charset = utf8mb4",
            'insert into `bl ob``s` (`na"me`, b, e, d, p) values'
            " ('ü😀', x'00ff0a0d275c', 'b''c', now(6), point(1, 2))",
            "create table `my isam` (a int, b blob) engine=MyISAM",
            "insert into `my isam` values (1, x'0001')",
            "create table aria (id int auto_increment primary key, b text) engine=Aria",
            "insert into aria (b) values ('x')",
            "create table `表` (`列` text) default charset = utf8mb4",
            "insert into `表` values ('línea\n''\\\\')",
            "create table parts (a int, b int) partition by hash(a) partitions 3",
            "insert into parts values (1, 2), (2, 3)",
            "create table hidden (a int invisible default 5, b int); insert into hidden (b) values (1), (1), (null)",
            "create table upper (id int primary key); insert into upper values (1); create table lower (id int, p int,"
            " foreign key (p) references upper (id)); insert into lower values (1, 1)",
            "create sequence `s q``d` start with 5 increment by 3; select nextval(`s q``d`)",
            "create view `v ``1` as select * from hidden; create view v2 as select * from `v ``1`",
            "create function f(a int) returns int deterministic return a + 1; create procedure `p ``1`() select 1",
            "create trigger `t r` after insert on parts for each row insert into hidden (b) values (new.a)",
            "create event `e 1` on schedule every 1 day do insert into hidden (b) values (5)",
        ):
            ask(hand, where, change, change=True)
        made = backup(hand, where, copies)
        ask(hand, main, "drop database `odd db ü`", change=True)
        assert made.verdict.ok, made.problem
        assert made.values["objects"] == {"views": 2, "triggers": 1, "routines": 2, "events": 1}
        proof = restore(hand, where, made.values["path"])
        assert proof.verdict.ok, proof.problem
        assert (proof.values["equal"], proof.values["differences"]) == (True, [])
        assert proof.values["tables"] == made.values["tables"]
        assert {"bl ob`s", "my isam", "aria", "表", "parts", "s q`d"} <= set(made.values["tables"])

        # One row in each, and numbers that were given out before.
        path = Path(made.values["path"])
        path.with_name(f"{path.name}.proven").unlink()
        text = path.read_text()
        for was, now in (
            ("0x00FF0A0D275C", "0x00FF0A0D275B"),
            ("0x0001", "0x0002"),
            ("(1,'x')", "(1,'y')"),
            ("línea\\n", "línea\\r"),
            ("DO SETVAL(`s q``d`, 3005", "DO SETVAL(`s q``d`, 3002"),
            ("ENGINE=InnoDB AUTO_INCREMENT=101 ", "ENGINE=InnoDB "),
        ):
            assert was in text, was
            text = text.replace(was, now)
        text = text.replace("(100,'ü", "(9,'ü").replace("ENGINE=Aria AUTO_INCREMENT=2", "ENGINE=Aria AUTO_INCREMENT=3")
        path.write_text(text)
        forget_digest(str(path))
        ran = restore(hand, where, path)
        changed = ["aria", "bl ob`s", "my isam", "s q`d", "表"]
        assert [line.partition(": ")[0] for line in ran.values["differences"][:-1]] == changed
        told = "bl ob`s: its next number was 101 when it was saved, in the restored copy it is 10"
        assert ran.values["differences"][-1] == told
        assert not path.with_name(f"{path.name}.proven").exists()

    def test_scratch_reaches_neither_the_source_nor_a_replica(
        self, hand: Hand, store: dict[str, Any], copies: Path
    ) -> None:
        main = {**store, "database": "mysql"}
        source = {**store, "database": "older"}
        ask(hand, main, "create database older character set latin1", change=True)
        comment = "create procedure p() begin /*\nUse this\n*/ select 1; end"
        for change in (
            comment,
            "alter database older character set utf8mb4",
            "create table loans (id int); insert into loans values (1)",
            "create user gone@localhost; create definer=gone@localhost view v as select * from loans",
            "drop user gone@localhost",
            "create event ev on schedule every 1 day comment ' PRESERVE ENABLE ' do delete from older.loans",
            "create event past on schedule at now() + interval 1 day do delete from older.loans",
        ):
            words = ["mariadb", "--no-defaults", "-c", "-u", "root", f"--socket={store['host']}", "older"]
            text = f"delimiter $$\n{change}$$\n" if change is comment else change
            subprocess.run(words, input=text, text=True, check=True, capture_output=True)
        made = backup(hand, source, copies)
        assert made.verdict.ok, made.problem
        path = Path(made.values["path"])
        text = path.read_text()
        assert "ALTER DATABASE `older` CHARACTER SET latin1" in text
        assert "\nUse this\n" in text
        (soon,) = re.findall(r"`past` ON SCHEDULE AT '([^']*)'", text)
        # As mysqldump of MySQL has it where there are GTIDs.
        purged = "SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ 'a:1-5,\nb:1-7';\n"
        path.write_text(purged + text.replace(soon, "2020-01-01 00:00:00"))
        forget_digest(str(path))

        # On a server that has no such database: nothing may need it, and nothing is left to the events or to replicas.
        ask(hand, main, "drop database older", change=True)
        log = "select @@gtid_binlog_pos as pos"
        before = ask(hand, main, log).values["value"]
        script = kind_of("restore_test").act(hand.wish({**forget(store, "database"), "artefact": str(path)}), None)
        look = "echo 'select event_name, status from information_schema.events where event_schema = database()'"
        seen = script.text.replace("\nrestore_check\n", f'\n{look} | ask "$scratch" >&2\nrestore_check\n')
        ran = hand.run(Script(text=seen, env=script.env))
        assert ran.exit.ok, ran.stderr
        assert ran.stderr.decode().splitlines() == ["ev\tDISABLED", "past\tDISABLED"]
        assert ask(hand, main, log).values["value"] == before
        proof = restore(hand, store, path)
        assert proof.verdict.ok, proof.problem
        assert proof.values["objects"] == {"views": 1, "triggers": 0, "routines": 1, "events": 2}

    def test_a_server_is_copied_prepared_started_and_asked(
        self, hand: Hand, store: dict[str, Any], copies: Path
    ) -> None:
        made = backup(hand, forget(store, "database"), copies, format="mariabackup")
        assert made.verdict.ok, made.problem
        assert made.values["point"]["lsn"] > 0
        proof = restore(hand, store, made.values["path"])
        assert proof.verdict.ok, proof.problem
        assert proof.values["tables"][f"{store['database']}.loans"] == 3
        assert [name for name in names(copies) if name.startswith(".")] == []
        cut_in_half(made.values["path"])
        forget_digest(made.values["path"])
        assert "cannot be opened" in restore(hand, store, made.values["path"]).problem


class TestEncryption:
    def test_age_for_two_and_not_for_a_third(
        self, hand: Hand, shop: dict[str, Any], copies: Path, keys: tuple[dict[str, str], dict[str, str]]
    ) -> None:
        mine, other = keys
        before = databases(hand, shop)
        made = backup(hand, shop, copies, encrypt={"age": mine["public"]}, compress="zstd", format="plain")
        assert made.verdict.ok, made.problem
        assert made.values["encryption"] == {"tool": "age", "recipients": [mine["public"]]}
        data = Path(made.values["path"]).read_bytes()
        assert data.startswith(b"age-encryption.org/v1")
        beside = Path(made.values["globals"])
        roles = beside.read_bytes()
        assert roles.startswith(b"age-encryption.org/v1")
        proof = restore(hand, shop, made.values["path"], key=Secret("key", mine["private"]))
        assert proof.verdict.ok, proof.problem
        assert proof.values["equal"] is True
        wrong = restore(hand, shop, made.values["path"], key=Secret("key", other["private"]))
        assert "cannot be opened: decrypting" in wrong.problem
        assert "no identity matched" in wrong.problem
        assert "cannot be opened" in restore(hand, shop, made.values["path"]).problem
        for harmed, ending in ((beside, ".globals"), (Path(made.values["path"]), "")):
            flip_a_byte(str(harmed))
            forget_digest(made.values["path"], beside=ending)
            ran = restore(hand, shop, made.values["path"], key=Secret("key", mine["private"]))
            assert f"{harmed} cannot be opened: decrypting" in ran.problem
            beside.write_bytes(roles)
            forget_digest(made.values["path"], beside=".globals")
        refused = backup(hand, shop, copies, encrypt={"age": "age1nobody"})
        assert "could not be packed" in refused.problem
        assert databases(hand, shop) == before
        assert [name for name in names(copies) if name.startswith(".")] == []

    def test_gpg_by_a_key_of_the_keyring(
        self, hand: Hand, credit: dict[str, Any], copies: Path, tmp_path: Path
    ) -> None:
        home = tmp_path / "gnupg"
        home.mkdir(mode=0o700)
        user = Hand(root=hand.root, env={"GNUPGHOME": str(home)})
        make = "gpg --batch --passphrase '' --quick-generate-key backup@example.com future-default default never"
        assert user.run(Script(text=make)).exit.ok
        secret = user.run(Script(text="gpg --batch --armor --export-secret-keys backup@example.com")).stdout.decode()
        try:
            made = backup(user, credit, copies, encrypt={"gpg": "backup@example.com"})
            assert made.verdict.ok, made.problem
            assert restore(user, credit, made.values["path"]).values["equal"] is True
            stranger = Hand(root=hand.root, env={"GNUPGHOME": str(tmp_path / "nobody")})
            assert "cannot be opened" in restore(stranger, credit, made.values["path"]).problem
            proof = restore(stranger, credit, made.values["path"], key=Secret("key", secret))
            assert proof.verdict.ok, proof.problem
            refused = backup(user, credit, copies, encrypt={"gpg": "nobody@example.com"})
            assert "has no key nobody@example.com" in refused.problem
        finally:
            user.run(Script(text="gpgconf --kill all"))


class TestPlaces:
    def test_a_copy_goes_to_a_second_place_and_leaves_it_by_the_same_rule(
        self, hand: Hand, credit: dict[str, Any], copies: Path, tmp_path: Path
    ) -> None:
        second = tmp_path / "mounted"
        place = {"second": {"path": str(second)}, "keep": 1}
        missing = backup(hand, credit, copies, **place)
        assert "nothing was started" in missing.problem
        second.mkdir()
        first = backup(hand, credit, copies, **place)
        assert first.verdict.ok, first.problem
        assert first.values["second"]["sha256"] == first.values["sha256"]
        assert first.values["second"]["same_disk"] is True
        assert names(second) == names(copies)
        proof = restore(hand, credit, first.values["second"]["place"])
        assert proof.values["equal"] is True
        # It was proven there, and nowhere else: it stays, until another one is.
        ask(hand, credit, "insert into loans (name) values ('new')", change=True)
        again = backup(hand, credit, copies, **place)
        assert (again.values["removed"], again.values["kept_proven"]) == ([], [Path(first.values["path"]).name])
        assert restore(hand, credit, again.values["second"]["place"]).verdict.ok
        ask(hand, credit, "insert into loans (name) values ('newer')", change=True)
        last = backup(hand, credit, copies, **place)
        assert last.values["removed"] == [Path(first.values["path"]).name]
        assert names(second) == sorted([*names(copies), Path(again.values["path"]).name + ".proven"])

    def test_hosts_with_a_database_of_one_name_may_share_a_folder(
        self, hand: Hand, credit: dict[str, Any], copies: Path, tmp_path: Path
    ) -> None:
        (second := tmp_path / "mounted").mkdir()
        mine = backup(hand, credit, copies, second={"path": str(second)}, keep=1)
        name = Path(mine.values["path"]).name
        # Where ours was lies what another host has brought: it is not ours to remove.
        for ending in ("", ".json"):
            (second / f"{name}{ending}").write_text("of another host")
        (killed := second / f".rawat-{name[:-19]}19700101T000000Z.db").write_text("half")
        os.utime(killed, (0, 0))

        # Names that others have, or are about to have, here and there; each sleep leads to the next second.
        one, two, three, four, five = (f"{name[:-19]}20300101T00000{number}Z.db" for number in range(1, 6))
        taken = [copies / f".rawat-{one}", copies / two, second / three, second / f".rawat-{four}"]
        for file in taken:
            file.write_text("of another host")
        params = {**credit, "to": str(copies), "second": {"path": str(second)}, "keep": 1}
        head, rest = kind_of("backup").act(hand.wish(params), None).text.split("until name=")
        clock = (
            'date() { case $2 in *dT*) echo "20300101T00000${moment}Z" ;; *) command date "$@" ;; esac; }; moment=1\n'
        )
        clock += "sleep() { moment=$((moment + 1)); }\n"
        ran = hand.run(Script(text=f"{head}{clock}until name={rest}"))
        assert ran.exit.ok, ran.stderr
        assert f"rawat:second={second}/{five}\n" in ran.stdout.decode()
        assert not killed.exists()
        others = [*taken, second / name, second / f"{name}.json"]
        assert {file.read_text() for file in others} == {"of another host"}
        assert not Path(mine.values["path"]).exists()
        assert (second / five).read_bytes() == (copies / five).read_bytes()
        assert [path for path in second.glob(".rawat-*") if path not in taken] == []
        assert [path for path in copies.glob(".rawat-*") if path not in taken] == []

    @pytest.mark.skipif(not ROOT, reason="needs root: a small file system is mounted")
    def test_a_second_place_that_fills_up_fails_the_step_and_removes_nothing(
        self, hand: Hand, credit: dict[str, Any], shop: dict[str, Any], copies: Path, tmp_path: Path
    ) -> None:
        from tests.integration.databases import small_disk

        ask(hand, credit, "create table fat (a)", change=True)
        ask(hand, credit, "insert into fat values (zeroblob(700000))", change=True)
        with small_disk(tmp_path / "disk", "1m") as disk:
            first = backup(hand, credit, copies, second={"path": str(disk)}, keep=1)
            assert first.verdict.ok, first.problem
            failed = backup(hand, credit, copies, second={"path": str(disk)}, keep=1)
            assert "nothing was started" in failed.problem
            assert Path(first.values["path"]).exists()
            assert Path(first.values["second"]["place"]).exists()
        # Manifest and globals find room there, the copy does not: nothing of them stays.
        with small_disk(tmp_path / "two", "64m", files=2) as disk:
            failed = backup(hand, shop, copies, second={"path": str(disk)})
            assert "No space left" in failed.done.stderr.decode()
            assert "what arrived in the second place" in failed.problem
            assert names(disk) == []
            assert Path(failed.values["globals"]).exists()


class TestRetention:
    def test_count_age_and_the_last_proven_one(self, hand: Hand, credit: dict[str, Any], copies: Path) -> None:
        proven = backup(hand, credit, copies)
        assert restore(hand, credit, proven.values["path"]).values["proven"].endswith(".proven")
        second = backup(hand, credit, copies)
        third = backup(hand, credit, copies, keep=1)
        assert third.values["removed"] == [Path(second.values["path"]).name]
        assert third.values["kept_proven"] == [Path(proven.values["path"]).name]
        old = Path(third.values["manifest"])
        manifest = json.loads(old.read_text())
        moved = str(manifest["started_unix"] - 3 * 86400)
        old.write_text(old.read_text().replace(str(manifest["started_unix"]), moved))
        young = backup(hand, credit, copies, keep=9, keep_for="2d")
        assert young.values["removed"] == []
        aged = backup(hand, credit, copies, keep_for="2d")
        assert aged.values["removed"] == [Path(third.values["path"]).name]
        assert restore(hand, credit, aged.values["path"]).verdict.ok
        last = backup(hand, credit, copies, keep=1)
        assert last.values["kept_proven"] == [Path(aged.values["path"]).name]
        assert Path(proven.values["path"]).name in last.values["removed"]

    def test_a_mark_of_another_digest_proves_nothing(self, hand: Hand, credit: dict[str, Any], copies: Path) -> None:
        first = backup(hand, credit, copies)
        Path(first.values["path"] + ".proven").write_text('{"sha256": "0000"}')
        assert backup(hand, credit, copies, keep=1).values["removed"] == [Path(first.values["path"]).name]


class TestKilled:
    def begin(self, hand: Hand, kind: str, params: dict[str, Any], seen: Any) -> None:
        """
        Start a step and kill its shell, as a deadline does at last, once `seen` says that it is at work.

        Whoever is too late with that, because the machine is busy, begins once more.
        """
        script = kind_of(kind).act(hand.wish(params), None)
        env = {**os.environ, **{key: str(value) for key, value in script.env.items()}}
        for _ in range(20):
            with subprocess.Popen(
                ["sh", "-c", script.text],
                env=env,
                start_new_session=True,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            ) as process:
                while not seen() and process.poll() is None:
                    time.sleep(0.005)
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
            if seen():
                return
        raise AssertionError("it was never at work")

    def test_what_a_killed_attempt_left_is_removed_by_the_next(
        self, hand: Hand, shop: dict[str, Any], copies: Path
    ) -> None:
        ask(
            hand, shop, "create table fat as select g, repeat('x', 500) s from generate_series(1, 60000) g", change=True
        )
        before = databases(hand, shop)
        self.begin(hand, "backup", {**shop, "to": str(copies)}, lambda: list(copies.glob(".rawat-*/*.dump")))
        left = [name for name in names(copies) if name.startswith(".rawat-")]
        assert len(left) == 1
        made = backup(hand, shop, copies)
        assert any(path.endswith(left[0]) for path in made.values["swept"])
        assert [name for name in names(copies) if name.startswith(".")] == []
        params = {**forget(shop, "database"), "artefact": made.values["path"]}
        self.begin(hand, "restore_test", params, lambda: len(databases(hand, shop)) > len(before))
        assert len(databases(hand, shop)) == len(before) + 1
        proof = restore(hand, shop, made.values["path"])
        assert proof.verdict.ok, proof.problem
        assert any(name.startswith("rawat_scratch_") for name in proof.values["swept"])
        assert databases(hand, shop) == before

    def test_what_somebody_still_works_in_is_not_touched(
        self, hand: Hand, credit: dict[str, Any], copies: Path
    ) -> None:
        made = backup(hand, credit, copies)
        text = kind_of("backup").act(hand.wish({**credit, "to": str(copies)}), None).text
        head = text[: text.index("need=$(backup_need)")]
        with subprocess.Popen(
            ["sh", "-c", head + "\necho ready; read x"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as alive:
            assert alive.stdin is not None and alive.stdout is not None
            while b"ready" not in alive.stdout.readline():
                pass
            again = backup(hand, credit, copies)
            assert again.values["swept"] == []
            assert len([name for name in names(copies) if name.startswith(".rawat-")]) == 1
            alive.stdin.close()
        assert [name for name in names(copies) if name.startswith(".")] == []
        assert made.verdict.ok


class TestRepositories:
    @pytest.mark.parametrize("tool", ["restic", "borg"])
    def test_files_in_a_repository(self, hand: Hand, tmp_path: Path, copies: Path, tool: str) -> None:
        source = tmp_path / "so urce's"
        (source / "in").mkdir(parents=True)
        (source / "a b").write_bytes(os.urandom(50_000))
        (source / "in" / "skip.tmp").write_text("y")
        repository = tmp_path / "repository"
        env = {"BORG_BASE_DIR": str(tmp_path / "borg"), "RESTIC_CACHE_DIR": str(tmp_path / "cache")}
        keeper = Hand(root=tmp_path, env=env)
        where = {"engine": "files", "path": str(source), "format": tool, "repository": str(repository)}
        where["password"] = Secret("pw", "right")
        assert f"is no repository of {tool}" in backup(keeper, where, copies).problem
        make = {"restic": f"restic -q -r {repository} init", "borg": f"borg init -e repokey {repository}"}[tool]
        started = keeper.run(Script(text=make, env={"RESTIC_PASSWORD": "right", "BORG_PASSPHRASE": "right"}))
        assert started.exit.ok, started.stderr
        archive = forget(where, "format", "repository", "password")
        before = backup(keeper, archive, copies)
        made = backup(keeper, where, copies, exclude="*.tmp", keep=1)
        assert made.verdict.ok, made.problem
        assert made.values["tables"] == {"entries": 3}
        # The rule of the one is none for the other: an archive has no snapshot to be forgotten, a note is no archive.
        after = backup(keeper, archive, copies, keep=1)
        assert (made.values["removed"], after.values["removed"]) == ([], [Path(before.values["path"]).name])
        there = {"engine": "files", "password": where["password"]}
        proof = restore(keeper, there, made.values["path"])
        assert proof.verdict.ok, proof.problem
        assert proof.values["equal"] is True
        wrong = restore(keeper, {**there, "password": Secret("pw", "wrong")}, made.values["path"])
        assert f"is no repository of {tool} that can be opened" in wrong.problem
        again = backup(keeper, where, copies, keep=1, exclude="*.tmp")
        assert again.verdict.ok, again.problem
        assert again.values["kept_proven"] == [Path(made.values["path"]).name]
        assert restore(keeper, there, again.values["path"]).verdict.ok
        last = backup(keeper, where, copies, keep=1)
        assert last.values["removed"] == [Path(made.values["path"]).name]
        largest = max((path for path in repository.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
        largest.chmod(0o600)
        flip_a_byte(str(largest))
        assert not restore(keeper, there, last.values["path"]).verdict.ok
