"""PostgreSQL, MariaDB and SQLite, real and private to a test session, and what tests do with them and with copies."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.bed.sshd import TRIES, free_port
from tests.programs import programs, real
from tests.unit.steps.driver import Hand, Ran

ROOT = os.getuid() == 0
PROGRAMS = (
    *("awk", "basename", "cat", "chmod", "cp", "cut", "date", "df", "dirname", "grep", "head", "ls", "mkdir", "mktemp"),
    *("mv", "od", "rm", "sed", "sh", "sha256sum", "sleep", "sort", "sync", "tail", "tr", "uname", "wc", "id", "stat"),
    *("rmdir", "kill", "du", "find", "tar", "gzip"),
)
WEIRD = "a\"b'$c `d`\n e"


def program(name: str, *folders: str) -> str | None:
    return shutil.which(name, path=":".join([os.environ["PATH"], *folders, "/usr/sbin"]))


PG_BIN = next((str(path.parent) for path in sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))), "")


@pytest.fixture(scope="session")
def space() -> Iterator[Path]:
    """A folder with a short name, for sockets, that every user may enter."""
    folder = Path(tempfile.mkdtemp(prefix="rawat-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def folder_of(space: Path, name: str, user: str) -> Path:
    folder = space / name
    folder.mkdir()
    if ROOT:
        shutil.chown(folder, user)
    return folder


@pytest.fixture(scope="session")
def clients(space: Path) -> Iterator[None]:
    """
    PostgreSQL's own clients before those of Debian, which look for clusters in perl first: four times their time.

    Only what is asked hundreds of times; servers and the rest are found where a host has them.
    """
    folder = space / "clients"
    folder.mkdir()
    for name in ("psql", "pg_dump", "pg_dumpall", "pg_restore"):
        if found := shutil.which(name, path=PG_BIN):
            real(folder / name, found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
        yield


@pytest.fixture(scope="session")
def pg(space: Path, clients: None) -> Iterator[dict[str, Any]]:
    """A cluster of its own on a socket and on loopback: parameters that reach it as its owner."""
    initdb = program("initdb", PG_BIN)
    if initdb is None:
        pytest.fail("PostgreSQL is not installed here: python -m tests.bed.setup")
    user = "postgres" if ROOT else None
    folder = folder_of(space, "pg", "postgres")
    run(initdb, "-D", str(folder / "data"), "-U", "owner", "-A", "trust", "-E", "UTF8", "--locale=C", user=user)
    (folder / "data/pg_hba.conf").write_text(
        "local all,replication all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
    )
    control = Path(initdb).with_name("pg_ctl")
    options = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    options += " -c shared_preload_libraries=pg_stat_statements -c port="
    words = [str(control), "-D", str(folder / "data"), "-l", str(folder / "log"), "-w", "-t", "600", "start", "-o"]
    for left in reversed(range(TRIES)):  # between finding a free port and listening, somebody else may take it
        port = free_port()
        try:
            run(*words, f"{options}{port}", user=user)
            break
        except subprocess.CalledProcessError:
            if not left:
                raise
    try:
        yield {"engine": "postgresql", "host": str(folder), "port": port, "user": "owner"}
    finally:
        run(str(control), "-D", str(folder / "data"), "-m", "immediate", "-w", "stop", user=user)


@pytest.fixture(scope="session")
def maria(space: Path) -> Iterator[dict[str, Any]]:
    daemon, setup = program("mariadbd"), program("mariadb-install-db")
    if daemon is None or setup is None:
        pytest.fail("MariaDB is not installed here: python -m tests.bed.setup")
    user = "mysql" if ROOT else None
    folder = folder_of(space, "my", "mysql")
    # Temporary tables are called by the number of the process, which a server of another namespace may have as well.
    own = [f"--datadir={folder}/data", f"--tmpdir={folder}"]
    run(setup, "--no-defaults", *own, "--auth-root-authentication-method=normal", user=user)
    words = [daemon, "--no-defaults", *own, f"--socket={folder}/s", "--bind-address=127.0.0.1"]
    words += [f"--pid-file={folder}/pid", "--innodb-flush-log-at-trx-commit=0", "--log-bin"]
    words += ["--performance-schema=on"]
    client = ["mariadb", "--no-defaults", "-u", "root", f"--socket={folder}/s", "-e", "select 1"]

    def answers() -> bool:
        return (folder / "s").exists() and not subprocess.run(client, capture_output=True, check=False).returncode

    for _ in range(TRIES):
        with (folder / "log").open("ab") as log:
            process = subprocess.Popen([*words, f"--port={free_port()}"], stdout=log, stderr=log, user=user)
        until(lambda: process.poll() is not None or answers())  # noqa: B023
        if process.poll() is None:
            break
    try:
        assert process.poll() is None, (folder / "log").read_text(errors="replace")[-2000:]
        yield {"engine": "mariadb", "host": f"{folder}/s", "user": "root"}
    finally:
        process.terminate()
        process.wait(240)


def run(*words: str, user: str | None = None) -> None:
    try:
        subprocess.run(words, check=True, capture_output=True, user=user, cwd="/", timeout=600)
    except subprocess.CalledProcessError as error:
        error.add_note((error.stdout + error.stderr).decode(errors="replace")[-4000:])
        raise


def until(good: Any, *, seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not good():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.1)


@pytest.fixture
def hand(tmp_path: Path) -> Hand:
    return Hand(root=tmp_path)


@pytest.fixture
def copies(tmp_path: Path) -> Path:
    """Where copies go: a name that must be quoted."""
    return tmp_path / "b k's $x"


def say_in_no_encoding(where: dict[str, Any]) -> None:
    """A database on this server of which pg_stat_statements keeps a text that nobody else can read."""
    main = ["psql", "-X", "-q", "-h", where["host"], "-p", str(where["port"]), "-U", "owner"]
    create = "create database bytes template template0 encoding 'SQL_ASCII'"
    subprocess.run([*main, "-c", "drop database if exists bytes", "-c", create, "postgres"], check=True)
    subprocess.run([*main, "bytes"], check=True, input=b'select 1 as "\xfc"', stdout=subprocess.DEVNULL)


def forget_statements(hand: Hand, where: dict[str, Any]) -> None:
    """What others of this server's databases said, in whatever encoding."""
    ask(hand, where, "select pg_stat_statements_reset()", change=True)


def ask(hand: Hand, where: dict[str, Any], query: str, **more: Any) -> Ran:
    ran = hand.do("sql", {**where, "query": query, **more})
    assert ran.verdict.ok, ran.problem
    return ran


@pytest.fixture
def shop(pg: dict[str, Any], hand: Hand) -> Iterator[dict[str, Any]]:
    """A database whose name and tables must be quoted."""
    name = "sh op's $db"
    main = {**pg, "database": "postgres"}
    ask(hand, main, f'create database "{name}"', change=True)
    where = {**pg, "database": name}
    quoted = WEIRD.replace('"', '""')
    ask(
        hand,
        where,
        f"""create table loans (id int primary key, name text, amount numeric, open bool, code text);
        insert into loans select g, 'n' || g, g * 1.5, g % 2 = 0, '00' || g from generate_series(1, 1000) g;
        create schema "we ird"; create table "we ird"."{quoted}" (a int);
        insert into "we ird"."{quoted}" values (1), (2);
        create view v as select * from loans; create unlogged table empty (a int)""",
        change=True,
    )
    yield where
    ask(hand, main, f'drop database "{name}" with (force)', change=True)


def databases(hand: Hand, where: dict[str, Any]) -> set[str]:
    query = "select datname from pg_database" if where["engine"] == "postgresql" else "show databases"
    database = "postgres" if where["engine"] == "postgresql" else "mysql"
    return {next(iter(row.values())) for row in ask(hand, {**where, "database": database}, query).values["rows"]}


def backup(hand: Hand, where: dict[str, Any], to: Path, **more: Any) -> Ran:
    return hand.do("backup", {**where, "to": str(to), **more})


def restore(hand: Hand, where: dict[str, Any], artefact: str | Path, **more: Any) -> Ran:
    there = {key: value for key, value in where.items() if key != "database"}
    return hand.do("restore_test", {**there, "artefact": str(artefact), **more})


def cut_in_half(artefact: str) -> None:
    data = Path(artefact).read_bytes()
    Path(artefact).write_bytes(data[: len(data) // 2])


def flip_a_byte(artefact: str) -> None:
    data = bytearray(Path(artefact).read_bytes())
    data[len(data) // 2] ^= 1
    Path(artefact).write_bytes(data)


def forget_digest(artefact: str, *, beside: str = "") -> None:
    """Make the manifest fit a damaged copy (or what lies beside it), so that only the restore can find the damage."""
    path = Path(artefact + ".json")
    manifest = json.loads(path.read_text())
    digest = hashlib.sha256(Path(artefact + beside).read_bytes()).hexdigest()
    key = "globals_sha256" if beside else "sha256"
    path.write_text(path.read_text().replace(manifest[key], digest))


@pytest.fixture
def store(maria: dict[str, Any], hand: Hand) -> Iterator[dict[str, Any]]:
    name = "sto re's $db"
    main = {**maria, "database": "mysql"}
    ask(hand, main, f"create database `{name}`", change=True)
    where = {**maria, "database": name}
    sql = """create table loans (id int primary key, name text, amount decimal(10,2), next int as (id + 1) stored);
    insert into loans (id, name, amount) values (1, 'INSERT INTO `x` VALUES', 1.5), (2, '),\n(3', null), (3, null, 7);
    create table `we ir``d "x$y` (a int); insert into `we ir``d "x$y` values (1), (2); create table empty (a int);
    create view v as select * from loans;
    create trigger tr before insert on loans for each row set new.name = 'x';
    create procedure p() insert into loans (id) values (9)"""
    ask(hand, where, sql, change=True)
    yield where
    ask(hand, main, f"drop database `{name}`", change=True)


@contextmanager
def small_disk(folder: Path, size: str, *, files: int = 0) -> Iterator[Path]:
    """A disk for so many bytes and so many files; 0 is no limit to these."""
    folder.mkdir()
    run("mount", "-t", "tmpfs", "-o", f"size={size},nr_inodes={files + 1 if files else 0}", "tmpfs", str(folder))
    try:
        yield folder
    finally:
        run("umount", str(folder))


@pytest.fixture
def without_sqlite3(tmp_path: Path) -> dict[str, str]:
    """A path with all the programs that the scripts use, but no sqlite3."""
    folder = tmp_path / "bin"
    folder.mkdir()
    programs(folder, (*PROGRAMS, "python3"))
    return {"PATH": str(folder)}


@pytest.fixture(params=["sqlite3", "python3", "busybox"])
def lite(request: pytest.FixtureRequest, tmp_path: Path, without_sqlite3: dict[str, str]) -> Hand:
    """SQLite by its shell, by the host's python3, and with the smallest shell there is."""
    if request.param == "python3":
        return Hand(root=tmp_path, env=without_sqlite3)
    if shutil.which("sqlite3") is None:
        pytest.fail("the sqlite3 program is not installed here: python -m tests.bed.setup")
    if request.param == "busybox":
        if shutil.which("busybox") is None:
            pytest.fail("busybox is not installed here: python -m tests.bed.setup")
        return Hand(root=tmp_path, shell=("busybox", "sh"))
    return Hand(root=tmp_path)


@pytest.fixture
def credit(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "cre dit's $x.db"
    with closing(sqlite3.connect(path)) as base:
        base.executescript(
            """pragma journal_mode = wal; create table loans (id integer primary key, name text, amount real);
            insert into loans values (1, 'a', 1.5), (2, null, null), (3, 'it''s', 3);"""
        )
        base.execute(f'create table "{WEIRD.replace(chr(34), chr(34) * 2)}" (a)')
        base.execute(f'insert into "{WEIRD.replace(chr(34), chr(34) * 2)}" values (1)')
        base.commit()
    return {"engine": "sqlite", "database": str(path)}
