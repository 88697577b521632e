"""The probes and `verify` against what is real here: a server with a certificate, logs that rotate, two databases."""

from __future__ import annotations

import gzip
import os
import re
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from runner.redact import Secret
from tests.integration.databases import PG_BIN, ROOT, folder_of, run, until
from tests.integration.test_kinds_probes import Page, free_port, with_only
from tests.programs import program
from tests.unit.steps.driver import Hand


class Six(ThreadingHTTPServer):
    address_family = socket.AF_INET6


@contextmanager
def serving(certificate: Path | None = None, server: type[ThreadingHTTPServer] = ThreadingHTTPServer) -> Iterator[int]:
    with server(("::1" if server is Six else "127.0.0.1", 0), Page) as httpd:
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
        threading.Thread(target=httpd.serve_forever, daemon=True).start()
        yield httpd.server_address[1]
        httpd.shutdown()


@pytest.fixture(params=["sh", "bash", "busybox"])
def shells(request: pytest.FixtureRequest, tmp_path: Path) -> Hand:
    words = {"busybox": ("busybox", "sh")}.get(request.param, (request.param,))
    return Hand(root=tmp_path, shell=words)


def test_all_probes_are_made_in_one_script_and_all_failures_named(shells: Hand, credit: dict[str, Any]) -> None:
    folder = shells.root / "a b's"
    folder.mkdir(mode=0o750)
    with serving() as port:
        dead = free_port()
        url = f"http://127.0.0.1:{port}"
        probes = [
            {
                "title": "rows",
                "sql": {**credit, "query": "select count(*) as n from loans"},
                "expect": "result.value == 4",
            },
            {"sql": {**credit, "query": "select 'it''s $HOME `x`' as text", "rows": 1}},
            {"http": {"url": f"{url}/broken", "headers": {"X-Key": Secret("key", "one")}}},
            {"http": {"url": f"{url}/", "headers": {"X-Key": Secret("key", "tw'o")}, "body": "key: tw'o"}},
            {"disk": {"path": "/", "free": "100%"}},
            {"file": {"path": str(folder), "state": "directory", "mode": "0700"}},
            {"package": {"name": "no-such-package-here"}},
            {"load": {"available": "100%"}},
            {"sql": {**credit, "database": "/not/there.db", "query": "select 1"}},
        ]
        ran = shells.do("verify", {"ports": [port, dead], "pages": [url], "probes": probes})
    good = [probe["ok"] for probe in ran.values["probes"]]
    assert good == [True, False, True, False, True, False, True, False, False, False, False, False], ran.problem
    assert ran.problem.startswith("8 failed: ")
    for words in (
        f"expected 127.0.0.1:{dead} open, found closed",
        "rows: expected result.value == 4, found value 3",
        "expected status 200, found 503",
        "expected at least 100 % free on /",
        "mode 0750 instead of 0700",
        "no-such-package-here",
        "memory: expected at least 100 % available",
        "/not/there.db is not there",
    ):
        assert words in ran.problem
    assert ran.values["probes"][4]["values"]["value"] == "it's $HOME `x`"
    assert "tw'o" not in ran.done.stderr.decode()


def test_a_probe_that_hangs_is_ended_and_the_others_are_made(shells: Hand) -> None:
    probes = [
        {"disk": {"path": "/"}},
        {"wait": {"file": "/not/there", "timeout": "77s", "every": "77s"}},
        {"load": {"available": "100%"}},
    ]
    for limit_s in (3, 12, 48):  # the others take a moment, and longer where the machine is busy
        ran = shells.do("verify", {"probes": probes, "probe_timeout": limit_s})
        if ran.values["probes"][0]["ok"] and ran.problem.count("it took longer") == 1:
            break
    assert [probe["ok"] for probe in ran.values["probes"]] == [True, False, False]
    assert ran.problem.startswith(f"2 failed: it took longer than {limit_s} s, and was ended; memory: expected")
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert "sleep 77" not in left


def test_a_baseline_tells_what_became_different(tmp_path: Path, credit: dict[str, Any], apt: Mapping[str, str]) -> None:
    hand = Hand(root=tmp_path, env=apt)
    count = {"loans": {"sql": {**credit, "query": "select count(*) as n from loans"}, "may": "grow"}}
    patch = {"patch": {"apply": "list"}, "expect": "result.broken == []"}
    asked: dict[str, Any] = {"baseline": ["ports", "packages", "mounts"], "rows": count, "probes": [patch]}
    with closing(socket.create_server(("127.0.0.1", 0))) as one:
        before = hand.do("verify", asked).values["baseline"]
        assert f"{one.getsockname()[1]}/tcp on 127.0.0.1" in before["ports"]
        assert before["rows"] == {"loans": 3}
        assert before["packages"]["dash"]
        asked["probes"] = []
        # Other tests listen meanwhile: only what is known of these two ports counts here.
        alone = {**before, "ports": []}
        same = hand.do("verify", {**asked, "against": alone, "allow": ["new-ports"]})
        assert same.verdict.ok, same.problem
        gone = one.getsockname()[1]
    hand.do("sql", {**credit, "query": "delete from loans where id = 1", "change": True})
    older = {**before, "packages": {**before["packages"], "dash": "0", "lost": "1"}}
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        ran = hand.do("verify", {**asked, "against": older})
        assert f"port {gone}/tcp on 127.0.0.1: expected listening, found closed" in ran.problem
        assert f"port {other.getsockname()[1]}/tcp on 127.0.0.1: expected closed, found listening" in ran.problem
    assert "rows loans: expected at least 3, found 2" in ran.problem
    assert "package lost: expected 1, found it gone" in ran.problem
    assert "dash" not in ran.problem
    assert any("package dash: expected 0, found " in text for text in ran.values["differences"])


def test_logs_are_read_on_from_their_mark_through_a_rotation(shells: Hand) -> None:
    log = shells.root / "a b's.log"
    log.write_text("ERROR of yesterday\n")
    marks = shells.do("logs", {"files": str(log)}).values["marks"]
    asked = {"files": [str(log)], "after": marks, "none": ["ERROR|panic", "it's"], "some": "ready", "except": "ERROR 7"}
    ran = shells.do("logs", asked)
    assert ran.problem == "log: expected a line with 'ready', found none in 0"
    with log.open("a") as file:
        file.write("ERROR in \\t the old file\nERROR 7 is known\n")
    log.rename(f"{log}.1")
    log.write_text("ready\nit's so\n")
    ran = shells.do("logs", asked)
    assert ran.values["lines"] == 4
    assert ran.problem == (
        "log: expected no line with 'ERROR|panic', found 1, the last: ERROR in \\t the old file; "
        "log: expected no line with \"it's\", found 1, the last: it's so"
    )
    assert "is not one that grep reads" in shells.do("logs", {"files": str(log), "none": "["}).problem
    assert "no file that" in shells.do("logs", {"files": "/not/there", "none": "x"}).problem
    assert shells.do("logs", {"files": str(log), "none": "panic"}).values["lines"] == 2
    log.write_bytes(b"\0\0\0begin\nERROR 1\nERROR 2\n")
    for more in ({}, {"except": "begin"}):
        seen = shells.do("logs", {"files": str(log), "none": "ERROR", **more}).values["found"][0]
        assert (seen["count"], seen["last"]) == (2, "ERROR 2")
    ran = shells.do("logs", {"files": str(log), "none": "ERROR", "except": "["})
    assert "the pattern '[' of lines to leave out is not one that grep reads" in ran.problem


def test_logs_are_read_on_through_rotations_that_pack_copy_or_come_twice(shells: Hand) -> None:
    log = shells.root / "app.log"
    log.write_text("old\n" * 3000)
    marks = shells.do("logs", {"files": str(log)}).values["marks"]
    asked = {"files": str(log), "after": marks, "none": "ERROR"}

    def rotated(number: int, text: str) -> None:
        """As logrotate with `compress`: the file is moved away, and packed under another inode."""
        packed = shells.root / f"app.log.{number}.gz"
        packed.write_bytes(gzip.compress(log.read_bytes()))
        os.utime(packed, (time.time() - number, time.time() - number))
        log.unlink()
        log.write_text(text)

    with log.open("a") as file:
        file.write("ERROR one\n")
    copy = shells.root / "app.log-20261128"
    copy.write_bytes(log.read_bytes())  # as logrotate with `copytruncate`
    log.write_text("new\n" * 4000)
    ran = shells.do("logs", asked)
    assert (ran.values["lines"], ran.values["found"][0]["count"]) == (4001, 1)
    log.write_bytes(copy.read_bytes())
    copy.unlink()
    rotated(2, "between\nERROR two\n")
    rotated(1, "now\nERROR three\n")
    ran = shells.do("logs", asked)
    assert (ran.values["lines"], ran.values["found"][0]["count"]) == (5, 3)
    assert ran.values["found"][0]["last"] == "ERROR three"
    (shells.root / "app.log.2.gz").unlink()
    ran = shells.do("logs", asked)
    assert not ran.verdict.ok and "nobody knows what was written" in ran.problem


@pytest.mark.parametrize("tool", ["openssl", "python3"])
def test_how_long_a_certificate_is_good(tmp_path: Path, tool: str) -> None:
    words = ("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "10", "-subj", "/CN=127.0.0.1")
    more = ("-addext", "subjectAltName=IP:127.0.0.1,IP:::1", "-keyout", f"{tmp_path}/key", "-out", f"{tmp_path}/cert")
    run(*words, *more)
    (tmp_path / "both").write_text((tmp_path / "key").read_text() + (tmp_path / "cert").read_text())
    hand = Hand(root=tmp_path, env=with_only(tmp_path / "bin", *({"curl", tool} if tool == "openssl" else {tool})))
    with serving(tmp_path / "both") as port:
        asked = {"url": f"https://127.0.0.1:{port}/", "ca": str(tmp_path / "cert")}
        good = hand.do("http", {**asked, "certificate": "9d"})
        assert good.verdict.ok, good.problem
        assert 9.9 < good.values["certificate_days"] <= 10
        problem = hand.do("http", {**asked, "certificate": "14d"}).problem
        assert "expected a certificate that is good for 14 days still, found 9.9" in problem or "found 10" in problem
    with serving(tmp_path / "both", Six) as port:
        asked = {"url": f"https://[::1]:{port}/", "ca": str(tmp_path / "cert"), "certificate": "9d"}
        assert hand.do("http", asked).problem == ""


def test_open_ports_are_found_and_loopback_is_not(tmp_path: Path) -> None:
    hand = Hand(root=tmp_path)
    with closing(socket.create_server(("0.0.0.0", 0))) as open_, closing(socket.create_server(("127.0.0.1", 0))) as own:
        found = hand.do("security", {"ports": []})
        assert f"{open_.getsockname()[1]}/tcp on 0.0.0.0" in found.values["surplus"]
        assert str(own.getsockname()[1]) not in found.problem
        allowed = [each["port"] for each in found.values["open"]]
        assert f"port {open_.getsockname()[1]}/" not in hand.do("security", {"ports": allowed}).problem


def test_load_and_kernel_are_what_the_kernel_says(tmp_path: Path) -> None:
    hand = Hand(root=tmp_path)
    values = hand.do("load", {}).values
    assert values["cpus"] == os.cpu_count()
    pages = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert values["memory_bytes"] == pytest.approx(pages, rel=0.01)
    assert 0 < values["available_bytes"] < values["memory_bytes"]
    (tmp_path / "one").mkdir()
    (tmp_path / "two" / "cpu").mkdir(parents=True)
    (tmp_path / "one" / "cpu.max").write_text("50000 100000\n")
    (tmp_path / "two" / "cpu" / "cpu.cfs_quota_us").write_text("50000\n")
    (tmp_path / "two" / "cpu" / "cpu.cfs_period_us").write_text("100000\n")
    (tmp_path / "loadavg").write_text("3.00 3.00 3.00 1/100 4711\n")
    count = os.cpu_count()
    for folder, own, said in (
        ("one", True, f"for each of 0.5 processors (the limit of this container, of {count}) over 5 min, found 6"),
        ("two", True, f"for each of 0.5 processors (the limit of this container, of {count}) over 5 min, found 6"),
        ("one", False, f"{count} processors (the load is its; this container may use 0.5 of them)"),
    ):
        mounts = f"mount --bind {tmp_path}/{folder} /sys/fs/cgroup; "
        mounts += f"mount --bind {tmp_path}/loadavg /proc/loadavg; " if own else ""
        limited = Hand(root=tmp_path, shell=("unshare", "-m", "sh", "-ec", mounts + 'exec sh "$1"', "-"))
        ran = limited.do("load", {"per_cpu": 0.001})
        assert said in ran.problem
        assert ran.values["cpu_limit"] == 0.5
    running = os.uname().release
    assert hand.do("system", {"kernel": running}).verdict.ok
    assert f"kernel: expected 1.0 to run, found {running}" in hand.do("system", {"kernel": "1.0"}).problem


def test_a_reboot_that_is_asked_for_is_found_and_kernels_of_another_flavour_are_not_newer(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    hand = Hand(root=tmp_path, env=with_only(folder, "sort"))
    program(folder / "uname", "echo 6.6.31+rpt-rpi-2712")
    program(folder / "ls", "for n in 6.6.31+rpt-rpi-v8 6.6.20+rpt-rpi-2712 $KERNEL; do echo /boot/vmlinuz-$n; done")
    program(folder / "needs-restarting", "echo 'Reboot is required to fully utilize these updates.'; exit 1")
    problem = "reboot: expected none to be needed, found that one is (for says needs-restarting)"
    assert hand.do("system", {"reboot_needed": False}).problem == problem
    program(folder / "needs-restarting", "echo 'Error: no such database'; exit 1")
    told = "needs-restarting -r: exit 1: Error: no such database"
    problem = f"reboot: expected none to be needed, found nothing that can tell ({told})"
    assert hand.do("system", {"reboot_needed": False}).problem == problem
    booting = hand.do("reboot", {"only_if_needed": True})
    assert booting.check is not None and booting.check.needed is None
    assert booting.problem == f"not booted: nobody can say whether a reboot is needed ({told})"
    program(folder / "needs-restarting", "exit 0")
    assert hand.do("system", {"reboot_needed": False}).problem == ""
    newer = Hand(root=tmp_path, env={"KERNEL": "6.6.31+rpt-rpi-2712", **(hand.env or {})})
    assert newer.do("system", {"kernel": "newest"}).problem == ""
    newer = Hand(root=tmp_path, env={"KERNEL": "6.6.40+rpt-rpi-2712", **(hand.env or {})})
    assert "expected 6.6.40+rpt-rpi-2712 to run" in newer.do("system", {"kernel": "newest"}).problem


def test_a_failed_login_is_counted_once_though_sshd_says_three_lines_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    hand = Hand(root=tmp_path, env=with_only(folder))
    lines = """\
Invalid user oracle from 203.0.113.5 port 40122
pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.5
Failed password for invalid user oracle from 203.0.113.5 port 40122 ssh2
pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh ruser= rhost=203.0.113.5  user=root
Failed password for root from 203.0.113.5 port 40124 ssh2
Invalid user admin from 2001:db8::5 port 40130
pam_unix(su:auth): authentication failure; logname=a uid=1000 euid=0 tty=pts/0 ruser=a rhost=  user=root
"""
    (tmp_path / "lines").write_text(lines)
    program(folder / "journalctl", f"cat {tmp_path}/lines")
    assert hand.do("security", {"failed_logins": 9}).values["failed_logins"] == 4


def test_the_clock_is_what_timedatectl_and_chronyc_say(tmp_path: Path) -> None:
    """Their real outputs, said by programs of the same name: this machine keeps no clock."""
    folder = tmp_path / "bin"
    environment = with_only(folder, "uname")
    told = "Offset: -2min 3.400000s"
    show = "case $1 in show) echo NTPSynchronized=yes; echo Timezone=Asia/Jakarta ;; *) echo '       %s' ;; esac"
    program(folder / "timedatectl", show % told)
    hand = Hand(root=tmp_path, env=environment)
    asked = {"synchronised": True, "timezone": "Asia/Jakarta", "offset": "1s"}
    assert hand.do("system", asked).problem == "clock: expected at most 1 s off, found -123.4 s"
    line = "A9FEA97B,169.254.169.123,4,1732447000.1,0.000012,0.000001,0.00002,-1.5,0.0,0.1,0.0003,0.0002,16.1,Normal"
    program(folder / "chronyc", f"echo '{line}'")
    ran = hand.do("system", asked)
    assert ran.verdict.ok, ran.problem
    assert ran.values["offset_s"] == 0.000012
    program(folder / "chronyc", f"echo '{line.replace('Normal', 'Not synchronised')}'")
    assert "expected it synchronised, found that it is not" in hand.do("system", asked).problem


def test_a_replica_that_follows_lags_and_loses_its_primary(pg: dict[str, Any], space: Path, tmp_path: Path) -> None:
    hand = Hand(root=tmp_path)
    user = "postgres" if ROOT else None
    folder = folder_of(space, "standby", "postgres")
    control = f"{PG_BIN}/pg_ctl"
    assert "expected at least 1 replicas, found 0" in hand.do("replication", {**pg, "role": "primary"}).problem
    assert hand.do("replication", pg).problem == "postgresql: expected a replica, found a primary"
    words = ("-h", pg["host"], "-p", str(pg["port"]), "-U", "owner", "-D", str(folder / "data"), "-R", "-c", "fast")
    run(f"{PG_BIN}/pg_basebackup", *words, user=user)
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off -c port={pg['port']}"
    run(control, "-D", str(folder / "data"), "-o", options, "-l", str(folder / "log"), "-w", "start", user=user)
    there = {**pg, "host": str(folder)}
    try:
        until(lambda: hand.do("replication", there).verdict.ok)
        assert hand.do("replication", {**pg, "role": "primary"}).values["replicas"] == 1
        hand.do("sql", {**pg, "database": "postgres", "query": "create table early (a int)", "change": True})
        arrived = {
            **there,
            "database": "postgres",
            "query": "select 1 where to_regclass('early') is not null",
            "rows": 1,
        }
        until(lambda: hand.do("sql", arrived).verdict.ok)
        hand.do("sql", {**there, "database": "postgres", "query": "select pg_wal_replay_pause()", "change": True})
        hand.do("sql", {**pg, "database": "postgres", "query": "create table late (a int)", "change": True})
        time.sleep(1.1)
        ran = hand.do("replication", {**there, "lag": "1s"})
        assert re.fullmatch(r"postgresql: expected at most 1 s behind, found [0-9.]+ s", ran.problem)
        hand.do("sql", {**there, "database": "postgres", "query": "select pg_wal_replay_resume()", "change": True})
        conf = folder / "data" / "postgresql.auto.conf"
        conf.write_text(conf.read_text() + "primary_conninfo = 'host=/not/there'\n")
        run(control, "-D", str(folder / "data"), "reload", user=user)
        lost = "postgresql: expected a connection to the primary, found none"
        until(lambda: hand.do("replication", {**there, "lag": "1h"}).problem == lost)
    finally:
        run(control, "-D", str(folder / "data"), "-m", "immediate", "-w", "stop", user=user)
        hand.do("sql", {**pg, "database": "postgres", "query": "drop table if exists early, late", "change": True})


def test_every_text_of_shell_is_one_that_busybox_reads() -> None:
    for path in sorted((Path(__file__).parents[2] / "runner/steps/sh").glob("*.sh")):
        subprocess.run(["busybox", "sh", "-n", str(path)], check=True, capture_output=True)
