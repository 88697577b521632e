"""The demo's small world: a credit database, a throw-away SSH server, and a project around them, all in one folder."""

from __future__ import annotations

import getpass
import json
import os
import pwd
import random
import shutil
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import date, timedelta
from pathlib import Path

from runner.app.secrets import SudoPasswords
from runner.errors import InvalidInput, TransportError
from runner.frozen import frozen
from runner.model import Host
from runner.playbook.shipped import incident_playbooks, shipped_playbooks

LOANS = 3000
WORLD = "credit.db"

_SCHEMA = """
create table customers (id integer primary key, name text not null, city text not null);
create table loans (
    id integer primary key, customer_id integer not null references customers, opened date not null,
    amount integer not null, months integer not null, state text not null
);
create table payments (
    id integer primary key, loan_id integer not null references loans, paid date not null, amount integer not null
);
create index payments_by_loan on payments (loan_id);
create index loans_by_customer on loans (customer_id);
"""
_CITIES = ("Jakarta", "Bandung", "Surabaya", "Medan", "Semarang", "Makassar", "Denpasar")
_SSHD = """\
ListenAddress 127.0.0.1
Port {port}
HostKey "{folder}/host_key"
AuthorizedKeysFile "{keys}/login_key.pub"
PidFile "{folder}/pid"
SetEnv "RAWAT_SPOOL={spool}"
UsePAM no
StrictModes no
PasswordAuthentication no
KbdInteractiveAuthentication no
PrintMotd no
LogLevel ERROR
"""
_MADE = "# Made by `rawat demo`.\n"


@frozen
class Server:
    """A running SSH server of the demo; `why` says why there is none, where `port` is 0."""

    port: int = 0
    why: str = ""


def make_world(folder: Path) -> None:
    """The database and the playbooks; raises InvalidInput where something else is in the folder already."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings = folder / "rawat.yml"
        ours = (folder / WORLD).exists() and (not settings.exists() or settings.read_bytes().startswith(_MADE.encode()))
        if not ours and any(folder.iterdir()):
            raise InvalidInput(f"{folder} holds files of its own; give the demo another folder, or a new one")
    except OSError as error:
        raise InvalidInput(
            f"{folder}: cannot be made: {error.strerror}", hint="give the demo another folder"
        ) from error
    if not (folder / WORLD).exists():
        make_database(folder / WORLD)
    for path in (*shipped_playbooks(), *incident_playbooks()):
        (folder / "playbooks").mkdir(exist_ok=True)
        shutil.copyfile(path, folder / "playbooks" / path.name)


def write_project(folder: Path, server: Server) -> None:
    """`rawat.yml` and `inventory.yml` for a server, or for the local transport."""
    (folder / "rawat.yml").write_text(
        f"{_MADE}rawat: 1\nrecords: records\ninventory: inventory.yml\n"
        "known_hosts: [sshd/known_hosts]\nssh_config: /dev/null\ntimezone: Asia/Jakarta\n"
    )
    home = folder.resolve()
    host: dict[str, object] = {"transport": "local"}
    if server.port:
        host = {"address": "127.0.0.1", "port": server.port, "user": getpass.getuser()}
        host["identity_file"] = str(home / "sshd" / "login_key")
    host["vars"] = {
        "engine": "sqlite",
        "database": str(home / WORLD),
        "backup_folder": str(home / "backups"),
        "free_size": "64kB",  # a small file is worth tidying, too
        "free_percent": 5,
        "without_lists": "pass",  # nobody may have fetched package lists here yet
    }
    lines = f"{_MADE}rawat: 1\nhosts:\n  credit: {json.dumps(host, ensure_ascii=False)}\n"
    (folder / "inventory.yml").write_text(lines, encoding="utf-8")


def make_database(path: Path, *, loans: int = LOANS) -> None:
    """Customers, loans and payments, with pages that a clean-up can give back; the same every time."""
    draw = random.Random(2023)
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript(_SCHEMA)
        connection.executemany(
            "insert into customers values (?, ?, ?)",
            [(number, f"Customer {number:04d}", draw.choice(_CITIES)) for number in range(1, loans // 2 + 1)],
        )
        rows = [_loan(draw, number, loans // 2) for number in range(1, loans + 1)]
        connection.executemany("insert into loans values (?, ?, ?, ?, ?, ?)", rows)
        payments = [
            (None, draw.randrange(1, loans + 1), str(date(2024, 1, 1) + timedelta(days=draw.randrange(600))), 500_000)
            for _ in range(loans * 8)
        ]
        connection.executemany("insert into payments values (?, ?, ?, ?)", payments)
        connection.execute("delete from payments where id <= ?", (loans * 8 // 3,))
    path.chmod(0o600)


def _loan(draw: random.Random, number: int, customers: int) -> tuple[object, ...]:
    opened = date(2023, 1, 1) + timedelta(days=draw.randrange(700))
    amount = draw.randrange(2, 101) * 500_000
    months, state = draw.choice((6, 12, 24)), draw.choice(("paid", "open", "open", "late"))
    return (number, draw.randrange(1, customers + 1), str(opened), amount, months, state)


@contextmanager
def ssh_server(folder: Path, *, wanted: bool = True) -> Iterator[Server]:
    """An OpenSSH server on loopback that lives in `folder`, ended afterwards; or the reason why there is none."""
    sshd = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    why = _why_not(sshd, folder.resolve()) if wanted else "as asked for"
    if why or sshd is None:
        yield Server(why=why)
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    port = _prepare(folder)
    log = (folder / "log").open("wb")
    command = [sshd, "-D", "-e", "-f", str(folder / "config")]
    # in a session of its own: a Ctrl-C is for us, and what runs over it may end
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stderr=log, start_new_session=True)
    try:
        answers = _answers(process, port)
        why = _refused(folder.resolve(), port) if answers else _last_line(folder / "log") or "it did not answer"
        yield Server(why=why) if why else Server(port=port)
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(5.0)
        if process.poll() is None:
            process.kill()
            process.wait()
        log.close()


def _why_not(sshd: str | None, folder: Path) -> str:
    if set('"\\\r\n') & set(str(folder)):
        return "the settings of sshd cannot hold the name of this folder"
    if sshd is None:
        return "no OpenSSH server is installed here"
    if shutil.which("ssh-keygen") is None:
        return "ssh-keygen is not installed here"
    try:
        pwd.getpwuid(os.getuid())
    except KeyError:  # as in a container that runs as any number
        return f"uid {os.getuid()} has no account here, and sshd lets nobody else in"
    if os.getuid() == 0 and not Path("/run/sshd").is_dir():
        return "run by root, sshd needs /run/sshd, and the demo changes nothing outside its folder"
    return ""


def _refused(folder: Path, port: int) -> str:
    """Why we cannot log in to it: a locked account, a shell that lets nobody work. Else empty."""
    from runner.transport.ssh import SshTransport

    user, key = getpass.getuser(), folder / "login_key"
    host = Host(name="demo", address="127.0.0.1", port=port, user=user, identity_files=(str(key),))
    transport = SshTransport(known_hosts=(str(folder / "known_hosts"),))
    try:
        session = transport.connect(host, run_id="demo", passwords=SudoPasswords(None))
        session.forget()
        session.close()
    except TransportError as error:
        return f"the SSH server of the demo is of no use to {user}: {error.message}"
    finally:
        transport.close()
    return ""


def _prepare(folder: Path) -> int:
    """Keys, configuration and known_hosts; the port."""
    for name in ("host_key", "login_key"):
        if not (folder / name).exists():
            command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "rawat demo", "-f", str(folder / name)]
            subprocess.run(command, check=True)
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    spool = folder.parent.resolve() / "spool"
    spool.mkdir(mode=0o700, exist_ok=True)
    home = str(folder.resolve())
    config = _SSHD.format(port=port, folder=home, keys=home.replace("%", "%%"), spool=spool)
    (folder / "config").write_text(config, encoding="utf-8")
    key = (folder / "host_key.pub").read_text().split()[:2]
    (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {' '.join(key)}\n")
    return port


def _answers(process: subprocess.Popen[bytes], port: int) -> bool:
    end = time.monotonic() + 5.0
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), timeout=1.0)) as probe:
            return probe.recv(4) == b"SSH-"
        time.sleep(0.05)
    return False


def _last_line(path: Path) -> str:
    lines = path.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
