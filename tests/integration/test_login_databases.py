"""
What the login's own configuration does to the database kinds: it says how to log in where nobody named it, and no more.

Real servers, and a home of the login's own with option files, services and variables in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from runner.redact import Secret
from tests.integration.databases import PROGRAMS, ask, backup, restore
from tests.programs import program, programs
from tests.unit.steps.driver import Hand, Ran

QUERY = "select id, name, amount from loans order by id"
ROWS = [
    {"id": 1, "name": "INSERT INTO `x` VALUES", "amount": 1.5},
    {"id": 2, "name": "),\n(3", "amount": None},
    {"id": 3, "name": None, "amount": 7.0},
]
TABLES = {"loans": 3, 'we ir`d "x$y': 2, "empty": 0}


def login(tmp_path: Path, files: dict[str, str], **env: str) -> Hand:
    """A login with these files in its home, readable by it alone."""
    home = tmp_path / "home"
    home.mkdir()
    for name, text in files.items():
        (home / name).write_text(text)
        (home / name).chmod(0o600)
    return Hand(root=tmp_path, env={"HOME": str(home), **env})


def forget(where: dict[str, Any], *keys: str) -> dict[str, Any]:
    return {key: value for key, value in where.items() if key not in keys}


def proven(ran: Ran, proof: Ran, tables: dict[str, int]) -> None:
    assert ran.verdict.ok, ran.problem
    assert ran.values["tables"] == tables
    assert proof.verdict.ok, proof.problem
    assert proof.values["equal"] is True
    assert proof.values["tables"] == tables


class TestMariaDb:
    @pytest.mark.parametrize(
        "said",
        [
            "[mysqldump]\nno-data",
            "[mariadb-dump]\nwhere=1=0",
            "[client]\nloose-ignore-table-data=sto re's $db.loans\nloose_ignore_table=sto re's $db.empty",
            "[mysqldump]\nxml\nhost=127.0.0.2\nprotocol=tcp",
            "[mysqldump]\nskip-tz-utc\ntab=/nowhere\nno-create-info\nmax-allowed-packet=4096",
        ],
    )
    def test_a_dump_is_of_all_whatever_the_login_says_to_its_dumps(
        self, store: dict[str, Any], tmp_path: Path, copies: Path, said: str
    ) -> None:
        """`no-data` was a copy without a row that was called good, and proven."""
        hand = login(tmp_path, {".my.cnf": said + "\n"})
        made = backup(hand, store, copies)
        proven(made, restore(hand, store, made.values["path"]), TABLES)
        assert "TIME_ZONE='+00:00'" in Path(made.values["path"]).read_text()

    @pytest.mark.parametrize(
        "said",
        [
            "safe-updates\nselect-limit=1",
            "html\nvertical",
            "execute=select 1",
            "database=mysql\ninit-command=set sql_select_limit=1",
        ],
    )
    def test_an_answer_is_the_servers_whatever_the_login_says_to_its_client(
        self, store: dict[str, Any], tmp_path: Path, copies: Path, said: str
    ) -> None:
        hand = login(tmp_path, {".my.cnf": f"[mysql]\n{said}\n[mariadb-client]\n{said}\n"})
        assert ask(hand, store, QUERY).values["rows"] == ROWS
        made = backup(hand, store, copies)
        proven(made, restore(hand, store, made.values["path"]), TABLES)
        figures = hand.do("optimize", {**store, "apply": "look"})
        assert figures.verdict.ok, figures.problem
        assert [name for name in figures.values["after"] if name.startswith("table ")] == [
            f"table {name}" for name in sorted(TABLES)
        ]

    def test_how_to_log_in_is_the_logins_matter_where_nobody_names_it(
        self, hand: Hand, store: dict[str, Any], tmp_path: Path, copies: Path
    ) -> None:
        """Host, port, user and password of ~/.my.cnf, for every program; `MYSQL_HOST` counts last."""
        word, port = "a'b\"c\\d #e;f", self.guarded(hand, store, "a'b\"c\\d #e;f")
        quoted = word.replace("\\", "\\\\")
        groups = ("mysqldump", "mariadb-client", "mariadb-backup")
        words = "".join(f"[{group}]\npassword = '{quoted}'\n" for group in groups)
        user = login(tmp_path, {".my.cnf": f"[client]\nuser = keeper\nport={port}\n{words}"}, MYSQL_HOST="127.0.0.1")
        where = {key: store[key] for key in ("engine", "database")}
        assert ask(user, where, "select user() like 'keeper@%' as it").values["value"] == 1
        made = backup(user, where, copies)
        proven(made, restore(user, where, made.values["path"]), TABLES)
        whole = backup(user, forget(where, "database"), copies, format="mariabackup")
        assert whole.verdict.ok, whole.problem

    def test_the_disk_of_another_host_is_not_asked_for_room(
        self, hand: Hand, store: dict[str, Any], tmp_path: Path, copies: Path
    ) -> None:
        """Where the login says that the server is elsewhere, its folder is not looked for here."""
        port = self.guarded(hand, store, "right")
        said = f"[client]\nhost=127.0.0.1\nport={port}\nuser=keeper\npassword=right\n"
        user = login(tmp_path, {".my.cnf": said})
        made = backup(hand, store, copies)
        too_large(made)
        assert "nothing was restored" in restore(hand, store, made.values["path"]).problem
        proof = restore(user, {"engine": "mariadb"}, made.values["path"])
        assert proof.verdict.ok, proof.problem

    def test_the_files_of_a_server_are_all_copied_whatever_the_login_says(
        self, store: dict[str, Any], tmp_path: Path, copies: Path
    ) -> None:
        """`databases` was a copy of a part of the server that was called one of the server."""
        said = "[client]\ntables=^none\n[mariabackup]\ndatabases=none\nstream=xbstream\n"
        user = login(tmp_path, {".my.cnf": f"[mysqld]\nuser=nobody\nssl-ca=/nowhere\n{said}"})
        made = backup(user, forget(store, "database", "user"), copies, format="mariabackup")
        assert made.verdict.ok, made.problem
        # The scratch server is nobody's but ours: what the source asks of those who come is nothing to it.
        (tmp_path / "home/.my.cnf").write_text("[client]\nssl\nssl-verify-server-cert\n")
        proof = restore(user, store, made.values["path"])
        assert proof.verdict.ok, proof.problem
        assert proof.values["tables"][f"{store['database']}.loans"] == 3

    def test_what_is_named_is_the_server_and_the_password(
        self, hand: Hand, store: dict[str, Any], tmp_path: Path, copies: Path
    ) -> None:
        """A port was passed over for the login's socket, a password for that of ~/.my.cnf."""
        port = self.guarded(hand, store, "right")
        said = "[client]\nuser=nobody\npassword=wrong\nprotocol=socket\nsocket=/nowhere\n"
        user = login(tmp_path, {".my.cnf": said}, MYSQL_PWD="wrong", MYSQL_UNIX_PORT="/nowhere")
        place = {"engine": "mariadb", "port": port, "user": "keeper", "password": Secret("pw", "right")}
        where = {**place, "database": store["database"]}
        assert ask(user, where, QUERY).values["rows"] == ROWS
        made = backup(user, {**where, "host": "127.0.0.1"}, copies)
        proven(made, restore(user, place, made.values["path"]), TABLES)
        whole = backup(user, place, copies, format="mariabackup")
        assert whole.verdict.ok, whole.problem

    def guarded(self, hand: Hand, store: dict[str, Any], password: str) -> int:
        """The port of the server; `keeper` may do all there, with this password."""
        text = password.replace("\\", "\\\\").replace("'", "''")
        ask(hand, store, f"create or replace user keeper@localhost identified by '{text}'", change=True)
        ask(hand, store, "grant all on *.* to keeper@localhost with grant option", change=True)
        return int(ask(hand, store, "select @@port").values["value"])

    @pytest.mark.parametrize(
        ("left_out", "counted", "problem"),
        [
            ("--no-data", True, 'has nothing of "loans", which was there before and is there still'),
            ("--ignore-table-data={}.loans", True, 'has nothing of "loans", which was there before and is there still'),
            ("--ignore-table={}.empty", True, 'has nothing of "empty", which was there before and is there still'),
            ('--ignore-table-data={}.we ir`d "x$y', False, 'was made without the rows of `we ir``d "x$y`'),
            ("--where=1=0 or 1", False, "was made without some of the rows (WHERE:  1=0 or 1)"),
        ],
    )
    def test_a_dump_that_leaves_out_what_is_there_is_no_copy(
        self,
        store: dict[str, Any],
        tmp_path: Path,
        hand: Hand,
        copies: Path,
        left_out: str,
        counted: bool,
        problem: str,
    ) -> None:
        """Whatever else has it do so, here a program in front of the path."""
        user = self.less(hand, tmp_path, left_out.format(store["database"]))
        ran = backup(user, store, copies, count=counted)
        assert not ran.verdict.ok
        assert problem in ran.problem
        assert list(copies.iterdir()) == []

    def less(self, hand: Hand, tmp_path: Path, more: str) -> Hand:
        """One whose dumps are made with another option."""
        text = f'first=$1\nshift\nexec {shutil.which("mariadb-dump")} "$first" {shlex.quote(more)} "$@"'
        return in_front(hand, tmp_path, "mariadb-dump", text)

    def test_an_older_copy_without_rows_is_not_proven(
        self, hand: Hand, store: dict[str, Any], tmp_path: Path, copies: Path
    ) -> None:
        """Its manifest says so, too: there were none, and there are none."""
        made = backup(hand, store, copies)
        path = Path(made.values["path"])
        main = ["mariadb-dump", "--no-defaults", "-uroot", f"--socket={store['host']}", "--no-data", store["database"]]
        path.write_bytes(subprocess.run(main, check=True, capture_output=True).stdout)
        manifest = Path(made.values["manifest"])
        told = json.loads(manifest.read_text())
        digest, none = hashlib.sha256(path.read_bytes()).hexdigest(), re.compile(r'(^    \[".*), [0-9]+, ".*"\]', re.M)
        manifest.write_text(none.sub(r'\1, 0, ""]', manifest.read_text()).replace(told["sha256"], digest))
        proof = restore(hand, store, path)
        assert not proof.verdict.ok
        assert f"{path} was made without the rows of `empty`: it is no copy" in proof.problem
        assert not Path(f"{path}.proven").exists()

    @pytest.mark.parametrize("kind", ["masks", "none"])
    def test_the_login_counts_whoever_reads_its_files(
        self, hand: Hand, store: dict[str, Any], tmp_path: Path, kind: str
    ) -> None:
        """MySQL's own program hides passwords unless asked; where there is none, the client says what it reads."""
        port = self.guarded(hand, store, "right")
        user = login(tmp_path, {".my.cnf": f"[client]\nuser=keeper\npassword=right\nhost=127.0.0.1\nport={port}\n"})
        found = shutil.which("my_print_defaults")
        masks = f"{found} \"$@\" | sed 's/^--password=.*/--password=*****/'"
        if kind == "masks":
            user = in_front(
                user, tmp_path, "my_print_defaults", f'[ "$1" != -s ] || {{ shift; exec {found} "$@"; }}\n{masks}'
            )
        else:
            (folder := tmp_path / "bin").mkdir()
            programs(folder, (*PROGRAMS, "mariadb"))
            user = Hand(root=user.root, env={**(user.env or {}), "PATH": str(folder)})
        assert ask(user, forget(store, "host", "user"), QUERY).values["rows"] == ROWS


class TestPostgreSql:
    ELSEWHERE = "[elsewhere]\nhost=127.0.0.2\nhostaddr=127.0.0.2\nport=1\nuser=nobody\n"

    def test_a_server_that_is_named_is_the_server(self, shop: dict[str, Any], tmp_path: Path, copies: Path) -> None:
        """Other variables of a login came before it."""
        env = {"PGSERVICE": "elsewhere", "PGHOSTADDR": "127.0.0.2", "PGTARGETSESSIONATTRS": "standby"}
        user = login(tmp_path, {".pg_service.conf": self.ELSEWHERE}, PGCLUSTER="1/none", PGHOST="127.0.0.3", **env)
        assert ask(user, shop, "select count(*) as n from loans").values["value"] == 1000
        made = backup(user, shop, copies)
        assert made.verdict.ok, made.problem
        proof = restore(user, shop, made.values["path"], amcheck=True)
        assert proof.verdict.ok, proof.problem

    def test_what_is_said_to_sessions_is_nothing_to_ours(
        self, hand: Hand, shop: dict[str, Any], tmp_path: Path, copies: Path
    ) -> None:
        said = "-c statement_timeout=1 -c default_transaction_read_only=on -c search_path=pg_catalog"
        rc = "\\pset format html\n\\set QUIET off\n"
        user = login(
            tmp_path,
            {".psqlrc": rc},
            PGOPTIONS=said,
            PGDATESTYLE="SQL, DMY",
            PGTZ="Asia/Tokyo",
            PGCLIENTENCODING="LATIN1",
            PGDATABASE="nowhere",
            PGGEQO="off",
            PG_COLOR="always",
        )
        query = "select name, '2026-02-01 00:00Z'::timestamptz as at, 'é' as e, current_setting('geqo') as g from loans"
        assert ask(user, shop, query).values == ask(hand, shop, query).values
        ask(user, shop, "create table mine as select generate_series(1, 100000) as a", change=True)
        made = backup(user, shop, copies)
        assert made.verdict.ok, made.problem
        proof = restore(user, shop, made.values["path"], amcheck=True)
        assert proof.verdict.ok, proof.problem
        assert proof.values["tables"]["public.mine"] == 100000

    def test_a_service_of_the_login_says_how_to_log_in_and_no_more(
        self, shop: dict[str, Any], tmp_path: Path, copies: Path
    ) -> None:
        lines = {"host": shop["host"], "port": shop["port"], "user": "nobody", "dbname": "nowhere"}
        lines |= {"options": "-c default_transaction_read_only=on", "client_encoding": "LATIN1"}
        text = "[mine]\n" + "".join(f"{key}={value}\n" for key, value in lines.items())
        user = login(tmp_path, {".pg_service.conf": text}, PGSERVICE="mine")
        where = forget(shop, "host", "port")
        ask(user, where, "create table mine as select 'é' as a", change=True)
        assert ask(user, where, "select length(a) as n from mine where a = 'é'").values["value"] == 1
        made = backup(user, where, copies)
        assert made.verdict.ok, made.problem
        proof = restore(user, where, made.values["path"], amcheck=True)
        assert proof.verdict.ok, proof.problem
        repacked = user.do("optimize", {**where, "apply": "act"})
        assert repacked.verdict.ok, repacked.problem

    def test_the_disk_of_another_host_is_not_asked_for_room(
        self, hand: Hand, shop: dict[str, Any], tmp_path: Path, copies: Path
    ) -> None:
        role = "drop role if exists keeper; create role keeper login superuser password 'right'"
        ask(hand, shop, role, change=True)
        text = f"[far]\nhost=127.0.0.1\nport={shop['port']}\nuser=keeper\npassword=right\n"
        user = login(tmp_path, {".pg_service.conf": text}, PGSERVICE="far")
        made = backup(hand, shop, copies)
        too_large(made)
        assert "nothing was restored" in restore(hand, shop, made.values["path"]).problem
        proof = restore(user, {"engine": "postgresql"}, made.values["path"])
        assert proof.verdict.ok, proof.problem

    def test_the_files_of_a_cluster_are_of_the_server_that_was_asked(
        self, hand: Hand, shop: dict[str, Any], tmp_path: Path, copies: Path
    ) -> None:
        """Debian's psql chooses a cluster (PGCLUSTER, ~/.postgresqlrc); what is called by its place does not."""
        found = shutil.which("psql")
        chosen = f"export PGHOST=${{PGHOST:-{shop['host']}}} PGPORT=${{PGPORT:-{shop['port']}}}"
        user = in_front(hand, tmp_path, "psql", f'{chosen}\nexec {found} "$@"')
        made = backup(user, forget(shop, "host", "port", "database"), copies, format="base")
        assert made.verdict.ok, made.problem


class TestSqlite:
    def test_nothing_of_the_logins_changes_an_answer(
        self, credit: dict[str, Any], tmp_path: Path, without_sqlite3: dict[str, str]
    ) -> None:
        (tmp_path / "json.py").write_text("raise SystemExit(9)")
        env = {
            "PYTHONPATH": str(tmp_path),
            "PYTHONIOENCODING": "latin-1",
            "PYTHONUTF8": "0",
            "PYTHONCOERCECLOCALE": "0",
        }
        user = login(tmp_path, {".sqliterc": ".mode html\n.headers off\n"}, **env)
        for more in ({}, without_sqlite3):
            by = Hand(root=user.root, env={**(user.env or {}), **more})
            ran = ask(by, credit, "select id, 'é' as e, length('é') as n from loans where id = 1")
            assert ran.values["rows"] == [{"id": 1, "e": "é", "n": 1}]


def too_large(made: Ran) -> None:
    """What was saved took more than any disk has."""
    manifest = Path(made.values["manifest"])
    manifest.write_text(re.sub(r'"source_bytes": \d+', f'"source_bytes": {10**15}', manifest.read_text()))


def in_front(hand: Hand, tmp_path: Path, name: str, text: str) -> Hand:
    """The same with a program of this name before that of the machine."""
    (folder := tmp_path / "front").mkdir()
    program(folder / name, text)
    return Hand(root=hand.root, env={**(hand.env or {}), "PATH": f"{folder}:{os.environ['PATH']}"}, user=hand.user)
