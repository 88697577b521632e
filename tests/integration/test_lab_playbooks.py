"""The four shipped playbooks on three real hosts: PostgreSQL, MariaDB, and a plain one with a SQLite file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from runner.playbook.shipped import shipped_playbooks
from tests.bed.host import HostSpec
from tests.bed.lab import Lab
from tests.bed.seeds import seed_mariadb, seed_postgresql, seed_sqlite
from tests.integration.lab_project import LabProject, step_of

pytestmark = pytest.mark.lab

SQLITE = "/home/maint/credit.db"
PLAYBOOKS = {path.stem: str(path) for path in shipped_playbooks()}
VARIABLES: Mapping[str, Mapping[str, Any]] = {
    "pg": {"engine": "postgresql", "database": "shopintar", "work_as": "postgres"},
    "maria": {"engine": "mariadb", "database": "shopintar", "work_as": "root"},
    "plain": {"engine": "sqlite", "database": SQLITE},
}
LOANS = 20_000
PG_LOANS = 120_000
"""192,001 rows with borrowers and payments, and three dead ones for each loan."""
SQLITE_LOANS = 300_000
"""A quarter of them deleted."""
STEADY = ("-e", "steady=2s")


@pytest.fixture(scope="module")
def seeded(lab3: Lab) -> Iterator[Lab]:
    seed_postgresql(lab3.host("pg"), loans=PG_LOANS)
    seed_mariadb(lab3.host("maria"), loans=LOANS)
    seed_sqlite(lab3.host("plain"), SQLITE, loans=SQLITE_LOANS)
    yield lab3


@pytest.fixture
def project(tmp_path: Path, seeded: Lab) -> LabProject:
    return LabProject(tmp_path / "project", seeded, VARIABLES)


def test_every_step_that_asks_the_server_asks_it_at_its_port() -> None:
    asked = 0

    def look(part: Any) -> None:
        nonlocal asked
        if isinstance(part, Mapping) and part.get("host") == "{{ server }}":
            asked += 1
            assert part.get("port") == "{{ port }}", part
        for each in part.values() if isinstance(part, Mapping) else part if isinstance(part, list) else ():
            look(each)

    for path in Path(__file__).parents[2].glob("playbooks/*.yml"):
        look(yaml.safe_load(path.read_text()))
    assert asked > 40


def test_backup_dumps_restores_into_scratch_and_compares(project: LabProject, seeded: Lab) -> None:
    said = project.rawat("run", PLAYBOOKS["backup"], "--ticket", "CHG-1", *STEADY)
    assert said.code == 0, said.all
    record = project.record()
    for name in VARIABLES:
        dump, proof = (step_of(record, name, step)["values"] for step in ("dump", "restore"))
        assert proof["equal"] is True
        assert proof["sha256"] == dump["sha256"]
        assert proof["rows"] == dump["rows"] >= LOANS * 3 // 4
    assert next(item for item in record["checklist"] if item["id"] == "restore-proven")["state"] == "pass"
    databases = seeded.host("pg").exec(
        ["runuser", "-u", "postgres", "--", "psql", "-Atc", "select datname from pg_database"]
    )
    assert sorted(databases.stdout.split()) == ["postgres", "shopintar", "template0", "template1"]
    schemas = seeded.host("maria").exec(["mariadb", "-Ne", "show databases"]).stdout.split()
    assert sorted(schemas) == ["information_schema", "mysql", "performance_schema", "shopintar", "sys"]

    # The same copy with one byte flipped proves nothing.
    path = step_of(record, "pg", "dump")["values"]["path"]
    size = int(seeded.host("pg").exec(["stat", "-c", "%s", path]).stdout)
    seeded.host("pg").exec(f"printf X | dd of='{path}' bs=1 seek={size // 2} conv=notrunc status=none")
    project.write(
        "prove.yml",
        "rawat: 1\nname: prove\nkind: verification\nhosts: pg\nbecome: postgres\n"
        f"phases: {{test: [{{id: restore, restore_test: {{engine: postgresql, artefact: {path}}}}}]}}\n",
    )
    said = project.rawat("run", "prove.yml")
    assert said.code == 1, said.all
    assert "sha256" in said.out


def test_optimisation_removes_dead_rows_and_claims_no_disk_that_was_not_freed(project: LabProject) -> None:
    said = project.rawat("run", PLAYBOOKS["database-optimization"], *STEADY)
    assert said.code == 0, said.all
    record = project.record()
    before, after = (step_of(record, "pg", step)["values"] for step in ("before", "after"))
    assert before["dead_after"] >= 3 * PG_LOANS
    assert after["dead_after"] < PG_LOANS / 100
    tidy = step_of(record, "pg", "tidy")["values"]
    freed = before["bytes_after"] - after["bytes_after"]
    assert tidy["failed"] == []
    assert abs(tidy["bytes_before"] - tidy["bytes_after"] - freed) < 1 << 20
    sqlite = [step_of(record, "plain", step)["values"]["bytes_after"] for step in ("before", "after")]
    assert sqlite[1] <= sqlite[0] + 16384, "ANALYZE keeps its figures in a page or two"
    again = project.rawat("run", PLAYBOOKS["database-optimization"], "-e", "apply=look", "--hosts", "pg:maria", *STEADY)
    assert again.code == 0, again.all
    record = project.record()
    for name in ("pg", "maria"):
        findings = step_of(record, name, "before")["values"]["findings"]
        assert {"what": "note", "object": "no_statements"}.items() <= findings[0].items(), "off here, and so it is said"
    assert step_of(record, "pg", "tidy")["values"]["did"] == []


def test_verification_finds_what_is_well_and_all_that_is_not(project: LabProject, seeded: Lab) -> None:
    for name in ("pg", "maria", "plain"):
        seeded.host(name).exec("apt-get -qq update")
    said = project.rawat("run", PLAYBOOKS["verification"])
    assert said.code == 0, said.all
    page = (
        "--hosts",
        "plain",
        "-e",
        "health_url=http://127.0.0.1:8080/",
        "-e",
        "services=[bed-app]",
        "-e",
        "ports=[8080]",
    )
    said = project.rawat("run", PLAYBOOKS["verification"], *page, "-e", "save_baseline=/tmp/before.json")
    assert said.code == 0, said.all
    changed = "systemctl stop bed-app; systemctl start bad; systemd-run --unit=extra -q sh -c 'sleep 600'; true"
    unit = "[Service]\nType=oneshot\nExecStart=/bin/false\n"
    seeded.host("plain").exec(f"printf '{unit}' >/etc/systemd/system/bad.service; systemctl daemon-reload; {changed}")
    try:
        words = ("--hosts", "plain", "-e", "compare_with=/tmp/before.json", "-e", "work_as=root")
        said = project.rawat("run", PLAYBOOKS["verification"], *words)
    finally:
        back = "systemctl start bed-app; systemctl stop extra; rm /etc/systemd/system/bad.service"
        seeded.host("plain").exec(f"{back}; systemctl daemon-reload; systemctl reset-failed; rm /tmp/before.json")
    assert said.code == 1, said.all
    unchanged = step_of(project.record(), "plain", "unchanged")
    assert unchanged["problem"] == (
        "3 failed: service bed-app.service: expected running, found not running; "
        "unit bad.service: expected not failed, found failed; "
        "port 8080/tcp on 0.0.0.0: expected listening, found closed"
    )
    for name, engine, database in (("pg", "postgresql", "shopintar"), ("maria", "mariadb", "other")):
        source = f'  "source": {{"host": "{name}", "engine": "{engine}", "database": "{database}"}},'
        seeded.host(name).exec(f"mkdir -p /var/tmp/copies; echo '{source}' >/var/tmp/copies/a.json")
    seeded.host("pg").exec(["systemctl", "stop", "postgresql"])
    try:
        words = ("-e", "services=[ssh, nope]", "-e", "ports=[1]", "-e", "backup_folder=/var/tmp/copies")
        said = project.rawat("run", PLAYBOOKS["verification"], "--hosts", "pg:maria", *words)
    finally:
        seeded.host("pg").exec(["systemctl", "start", "postgresql"])
    assert said.code == 1, said.all
    record = project.record()
    failed = {step["id"] for step in record["hosts"]["pg"]["steps"] if step["outcome"] == "failed"}
    assert {"answers", "well", "steady"} <= failed
    assert "backup-age" not in failed
    failed = {step["id"] for step in record["hosts"]["maria"]["steps"] if step["outcome"] == "failed"}
    assert failed == {"well", "backup-age"}
    assert 'no copy of "shopintar" in /var/tmp/copies' in step_of(record, "maria", "backup-age")["problem"]
    problem = step_of(record, "maria", "well")["problem"]
    assert problem.startswith("2 failed: there is no service nope on this host")
    assert "; expected 127.0.0.1:1 open, found closed after " in problem


def test_what_only_root_may_look_at_is_told_or_refused(project: LabProject, seeded: Lab) -> None:
    project.write(
        "look.yml",
        """rawat: 1
name: look
kind: verification
hosts: plain
vars: {who: root}
become: "{{ who }}"
phases:
  implement:
    - id: work
      command: logger -t app ERROR of the work; systemctl start bad || true; journalctl --sync || true
  test:
    - id: look
      verify:
        probes:
          - logs: {journal: true, none: 'ERROR of the', some: never written}
          - logs: {journal: true, none: before the work}
          - logs: {journal: true, units: ssh, priority: emerg, none: .}
          - system: {failed_units: []}
          - security: {failed_logins: 0, ports: [22]}
          - security: {failed_logins: 10, within: 1m}
""",
    )
    host = seeded.host("plain")
    unit = "[Service]\nType=oneshot\nExecStart=/bin/false\n"
    host.exec(f"printf '{unit}' >/etc/systemd/system/bad.service; systemctl daemon-reload")
    host.exec(
        "logger -t sshd 'Failed password for root from 10.0.0.9 port 1 ssh2'; logger -t app before the work; sleep 1.1"
    )
    try:
        said = project.rawat("run", "look.yml")
        assert said.code == 1, said.all
        step = step_of(project.record(), "plain", "look")
    finally:
        host.exec("rm /etc/systemd/system/bad.service; systemctl daemon-reload; systemctl reset-failed")

    for words in (
        "3 failed: log: expected no line with 'ERROR of the', found 1, the last: ",
        "log: expected a line with 'never written', found none in ",
        "unit bad.service: expected not failed, found failed",
        "port 8080/tcp on 0.0.0.0: expected only 22 to be open, found it listening",
        "failed logins: expected at most 0 within 1h, found 1, the last: Failed password for root from 10.0.0.9",
    ):
        assert words in step["problem"]
    assert "before the work" not in step["problem"]
    said = project.rawat("run", "look.yml", "-e", "who=")
    assert "maint cannot read the journal of this host: say become: root" in said.all


def test_patching_looks_by_itself_and_upgrades_when_asked(
    tmp_path: Path, start_lab: Callable[[Sequence[HostSpec]], Lab]
) -> None:
    packages = ("bed-app", "bed-held", "bed-kernel", "bed-dep", "bed-stale")
    lab = start_lab([HostSpec(name=name, packages=packages) for name in ("a", "b")])
    lab.repository.publish("v2")
    for name in ("a", "b"):
        lab.host(name).exec("apt-get update -qq; sed -i s/level=.*/level=ours/ /etc/bed-app.conf")
    # A host of the run is the machine that rawat runs on: packages are its last turn.
    project = LabProject(tmp_path / "project", lab, here="a-controller")
    there = "rawat: 1\nname: there\nkind: patching\nhosts: all\nrollout: {batches: [1]}\n"
    project.write("there.yml", f"{there}phases: {{test: [{{id: there, package: {{name: dpkg}}}}]}}\n")
    said = project.rawat("run", "there.yml")
    assert said.code == 0, said.all
    assert [batch["hosts"] for batch in project.record()["batches"]] == [["a"], ["b"], ["a-controller"]]
    assert "a-controller: it is the machine that rawat runs on" in said.out
    looked = project.rawat("run", PLAYBOOKS["patching"], "--hosts", "a:b")
    assert looked.code == 0, looked.all
    waiting = step_of(project.record(), "a", "waiting")["values"]
    assert {"bed-app", "bed-kernel", "bed-dep"} <= {package["name"] for package in waiting["packages"]}
    assert waiting["restart_looked"] is False, "not by this user"
    assert "1.0" in lab.host("a").exec("dpkg-query -W bed-app").stdout
    # Another program is at work on b until the upgrade has waited for it; the balancer writes down what it was told.
    holder = "import fcntl, glob, os, time; f = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(f, fcntl.LOCK_EX)"
    begun = "os.path.exists('/run/drained') and glob.glob('/tmp/rawat.*') and not os.system('pgrep -xf sleep.1')"
    until = f"any(({begun}) or time.sleep(0.1) for _ in range(6000)); time.sleep(2)"
    lab.host("b").exec(f'setsid python3 -c "{holder}; {until}" >/dev/null 2>&1 &')
    told = f"/proc/{lab.host('b').init_pid}/root/run/drained"
    script = f'#!/bin/sh\necho "$1 $2" >>"${{0%/*}}/traffic"\n[ "$1 $2" != "drain b" ] || touch {told}\n'
    balancer = project.write("balancer", script)
    balancer.chmod(0o755)
    words = (
        "-e",
        "apply=all",
        "-e",
        "work_as=root",
        "-e",
        "services=[bed-app]",
        "-e",
        "restart=restart",
        "--hosts",
        "a:b",
    )
    drain = [word for name in ("drain", "undrain") for word in ("-e", f"{name}=[{balancer}, {name}]")]
    page = ("-e", "health_url=http://127.0.0.1:8080/", "-e", "steady=1s")
    said = project.rawat("run", PLAYBOOKS["patching"], *words, *drain, *page)
    assert said.code == 0, said.all
    record = project.record()
    assert (project.folder / "traffic").read_text().split("\n")[:4] == ["drain a", "undrain a", "drain b", "undrain b"]
    waited = step_of(record, "b", "upgrade")["waited"]
    assert waited.keys() == {"package-lock"}
    assert waited["package-lock"] > 1000
    assert step_of(record, "a", "upgrade")["values"]["restarted"] == ["bed-stale.service"]
    for name in ("a", "b"):
        assert (
            "bed-app 2.0" in lab.host(name).exec("curl -s --retry 5 --retry-connrefused http://127.0.0.1:8080/").stdout
        )
        installed = lab.host(name).exec("dpkg-query -W bed-app bed-held bed-newdep").stdout
        assert "bed-app\t2.0" in installed
        assert "bed-held\t1.0" in installed
        assert "bed-newdep" in installed
        assert "level=ours" in lab.host(name).exec("cat /etc/bed-app.conf").stdout
        after = step_of(record, name, "after")["values"]
        assert after["broken"] == []
        assert (after["restart_looked"], after["restart"]) == (True, [])
        assert after["reboot_required"] is True
        assert f"A reboot is needed, {after['reboot_reason']}" in str(step_of(record, name, "left"))
    assert [len(batch["hosts"]) for batch in record["batches"]] == [1, 1]


def test_an_upgrade_that_breaks_on_the_first_host_goes_no_further(
    tmp_path: Path, start_lab: Callable[[Sequence[HostSpec]], Lab]
) -> None:
    lab = start_lab([HostSpec(name=name, packages=("bed-app", "bed-broken")) for name in ("a", "b")])
    lab.repository.publish("v2")
    for name in ("a", "b"):
        lab.host(name).exec("apt-get update -qq; touch /etc/bed-broken.fail")
    project = LabProject(tmp_path / "project", lab)
    words = ("-e", "apply=all", "-e", "work_as=root")
    said = project.rawat("run", PLAYBOOKS["patching"], *words, "-e", "back=on-failure")
    assert said.code == 1, said.all
    record = project.record()
    assert record["hosts"]["a"]["outcome"] == "failed"
    # What the failed upgrade itself had moved is as it was, and what it left half-way is whole.
    moved = {row["name"]: row for row in step_of(record, "a", "upgrade")["values"]["upgraded"]}
    assert moved.keys() == {"bed-app", "bed-broken"}
    returned = {row["name"]: row["to"] for row in step_of(record, "a", "put-back")["values"]["restored"]}
    assert returned == {"bed-app": "1.0", "bed-broken": "1.0"}
    states = lab.host("a").exec("dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\n' 'bed-*'").stdout
    assert states.split("\n")[:2] == ["bed-app 1.0 ii ", "bed-broken 1.0 ii "]
    assert lab.host("a").exec("ls /var/lib/rawat-versions").stdout == "", "nothing is left to be put back"
    assert record["not_started"] == ["b"]
    assert "bed-app\t1.0" in lab.host("b").exec("dpkg-query -W bed-app").stdout
    assert "bed-broken" in said.out
    for name in ("a", "b"):
        lab.host(name).exec("rm /etc/bed-broken.fail")
    # Patched, and not well: the packages go back.
    ill = ("--hosts", "b", "-e", "back=on-failure", "-e", "health_url=http://127.0.0.1:1/")
    said = project.rawat("run", PLAYBOOKS["patching"], *words, *ill)
    assert said.code == 1, said.all
    restored = step_of(project.record(), "b", "put-back")["values"]["restored"]
    assert {"name": "bed-app", "from": "2.0", "to": "1.0"} in restored
    assert "bed-app\t1.0" in lab.host("b").exec("dpkg-query -W bed-app").stdout
    said = project.rawat("run", PLAYBOOKS["patching"], *words, "--hosts", "a")
    assert said.code == 0, said.all
