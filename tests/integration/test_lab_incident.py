"""The fix of a service on three real hosts: a good one goes from one to the next, a bad one back from the first."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.playbook.shipped import shipped_playbook
from tests.bed.lab import Lab
from tests.integration.lab_project import LabProject, Said, step_of

pytestmark = pytest.mark.lab

NODES = ("pg", "maria", "plain")
SERVE = """import http.server
class Pay(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        good = self.path != "/pay" or FIXED
        body = b"release NAME" if good else b"wrong sum"
        self.send_response(200 if good else 500)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *words):
        pass
http.server.ThreadingHTTPServer(("127.0.0.1", 8099), Pay).serve_forever()
"""
UNIT = """[Service]
WorkingDirectory=/srv/payment
ExecStart=/usr/bin/python3 /srv/payment/current/serve.py
Restart=on-failure
RestartSec=50ms
"""
BALANCER = """#!/bin/sh
echo "$1 $(readlink /srv/payment/current)" >>/srv/payment/balancer
"""


def release(name: str, *, fixed: bool) -> str:
    return SERVE.replace("NAME", name).replace("FIXED", str(fixed))


@pytest.fixture
def payment(lab3: Lab, tmp_path: Path) -> Iterator[LabProject]:
    """A service on each host, of a release that cannot count; and a balancer that writes down what it is told."""
    for name in NODES:
        host = lab3.host(name)
        host.exec("mkdir -p /srv/payment/releases/1.0; ln -s releases/1.0 /srv/payment/current")
        files = {"/srv/payment/releases/1.0/serve.py": release("1.0", fixed=False), "/usr/local/bin/lb": BALANCER}
        for path, text in {**files, "/etc/systemd/system/payment.service": UNIT}.items():
            host.exec(["tee", path], stdin=text)
        up = "for i in $(seq 1000); do ! curl -s -o /dev/null http://127.0.0.1:8099/ || exit 0; sleep 0.1; done; exit 1"
        host.exec(f"chmod 755 /usr/local/bin/lb; systemctl daemon-reload; systemctl start payment; {up}")
    project = LabProject(tmp_path / "project", lab3)
    shutil.copyfile(shipped_playbook("payment-fix"), project.folder / "payment-fix.yml")
    yield project
    for name in NODES:
        lab3.host(name).exec(
            "systemctl stop payment; rm -rf /srv/payment /etc/systemd/system/payment.service /usr/local/bin/lb"
        )


def artefact(project: LabProject, name: str, text: str) -> tuple[str, str]:
    path = project.folder / f"payment-{name}.tar.gz"
    with tarfile.open(path, "w:gz") as tar:
        entry = tarfile.TarInfo("serve.py")
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text.encode()))
    return path.name, hashlib.sha256(path.read_bytes()).hexdigest()


def fix(
    project: LabProject, name: str, text: str, *, digest: str = "", hosts: str = "all", tested: bool = True
) -> Said:
    file, sha256 = artefact(project, name, text)
    given = {"release": name, "artefact": file, "sha256": digest or sha256, "work_as": "root"}
    given |= {"health_url": "http://127.0.0.1:8099/", "drain": "lb drain", "undrain": "lb undrain"}
    if tested:
        given |= {"full_test": 'test "$(curl -sf http://127.0.0.1:8099/pay)" = "release $RELEASE"'}
    words = [word for key, value in given.items() for word in ("-e", f"{key}={json.dumps(value)}")]
    return project.rawat("run", "payment-fix.yml", "--hosts", hosts, *words)


def test_a_fixed_release_goes_from_node_to_node_and_a_bad_one_no_further_than_the_first(
    payment: LabProject, lab3: Lab
) -> None:
    def told(name: str, command: str) -> str:
        return str(lab3.host(name).exec(command).stdout).strip()

    pay = "curl -s http://127.0.0.1:8099/pay"
    assert [told(name, pay) for name in NODES] == ["wrong sum"] * 3
    # A release that nobody tests is not said to be tested in full.
    said = fix(payment, "1.1", release("1.1", fixed=True), tested=False)
    assert (said.code, "full_test" in said.all) == (2, True), said.all
    # Another artefact than the one that was meant: nothing is touched.
    said = fix(payment, "1.1", release("1.1", fixed=True), digest="0" * 64)
    assert said.code == 1, said.all
    assert step_of(payment.record(), "pg", "checked")["outcome"] == "failed"
    assert told("pg", "ls /srv/payment/releases; cat /srv/payment/balancer 2>/dev/null; true") == "1.0"
    # The release cannot count either: the full test says so before it has traffic, and the former one is back.
    said = fix(payment, "1.1", release("1.1", fixed=False))
    assert said.code == 1, said.all
    record = payment.record()
    assert step_of(record, "pg", "full-test")["outcome"] == "failed"
    assert step_of(record, "pg", "former-answers")["outcome"] == "ok"
    assert record["not_started"] == ["maria", "plain"]
    assert told("pg", "cat /srv/payment/balancer").splitlines() == ["drain releases/1.0", "undrain releases/1.0"]
    assert told("pg", "curl -s http://127.0.0.1:8099/") == "release 1.0"
    for name in NODES[1:]:
        assert told(name, "ls /srv/payment") == "current\nreleases"
    # It falls over at once, so often that systemd will not start it again.
    said = fix(payment, "1.1", "raise SystemExit('no such table: payments')")
    assert said.code == 1, said.all
    record = payment.record()
    assert "no such table: payments" in step_of(record, "pg", "start")["problem"]
    assert step_of(record, "pg", "former-answers")["outcome"] == "ok"
    assert told("pg", "curl -s http://127.0.0.1:8099/; readlink /srv/payment/current") == "release 1.0releases/1.0"
    assert told("pg", "tail -n 2 /srv/payment/balancer").splitlines() == ["drain releases/1.0", "undrain releases/1.0"]
    assert record["not_started"] == ["maria", "plain"]
    assert told("maria", "ls /srv/payment") == "current\nreleases"
    # One that is well until it has traffic is taken out of it first, then back.
    busy = "(self.path == '/pay' or 'undrain releases/1.2' not in open('/srv/payment/balancer').read())"
    said = fix(payment, "1.2", SERVE.replace("NAME", "1.2").replace('self.path != "/pay" or FIXED', busy))
    assert said.code == 1, said.all
    assert step_of(payment.record(), "pg", "under-traffic")["outcome"] == "failed"
    told_balancer = told("pg", "tail -n 4 /srv/payment/balancer").splitlines()
    assert told_balancer == ["drain releases/1.0", "undrain releases/1.2", "drain releases/1.2", "undrain releases/1.0"]
    assert told("pg", "curl -s http://127.0.0.1:8099/") == "release 1.0"
    said = fix(payment, "1.3", release("1.3", fixed=True), hosts="pg:maria")
    assert said.code == 0, said.all
    record = payment.record()
    assert [batch["hosts"] for batch in record["batches"]] == [["pg"], ["maria"]]
    for name in NODES[:2]:
        assert told(name, pay) == "release 1.3"
        assert told(name, "tail -n 2 /srv/payment/balancer").splitlines() == [
            "drain releases/1.0",
            "undrain releases/1.3",
        ]
