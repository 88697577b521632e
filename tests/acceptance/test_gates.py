"""The backup gate across runs: a restore that an earlier run proved opens it, by age, database and host."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest

from tests.acceptance.project import Project

PROVE = """
checklist:
  - {{id: restore-proven, phase: test, text: Restored and compared, proof: [restore]}}
phases:
  implement:
    - id: dump
      backup: {{engine: sqlite, database: "{base}", to: "{to}"}}
      register: dump
  test:
    - {{id: restore, restore_test: {{engine: sqlite, artefact: "{{{{ dump.path }}}}"}}}}
"""
DROP = """
vars: {{base: {base}}}
phases:
  implement:
    - id: drop
      sql: {{engine: sqlite, database: "{{{{ base }}}}", query: drop table loans, change: true}}
      requires: [{{item: restore-proven, within: {within}}}]
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path / "project", hosts=1)
    for name in ("credit", "other"):
        with closing(sqlite3.connect(project.folder / f"{name}.db")) as base:
            base.executescript("create table loans (id integer primary key); insert into loans values (1), (2);")
    return project


def texts(project: Project, base: str, within: str = "24h") -> None:
    path = project.folder / f"{base}.db"
    project.playbook(PROVE.format(base=path, to=project.folder / "copies"), name=f"prove-{base}.yml")
    project.playbook(DROP.format(base=path, within=within), name=f"drop-{base}.yml")


def tables(project: Project, base: str) -> int:
    with closing(sqlite3.connect(project.folder / f"{base}.db")) as there:
        return int(there.execute("select count(*) from sqlite_master where type = 'table'").fetchone()[0])


def test_the_gate_is_closed_until_a_restore_of_that_database_was_proven(project: Project) -> None:
    texts(project, "credit")
    texts(project, "other")
    closed = project.rawat("run", "drop-credit.yml")
    assert closed.code == 8, closed.out + closed.err
    assert "no run restored a copy of" in closed.err
    assert "no run restored a copy of" in project.rawat("plan", "drop-credit.yml").out
    assert not list(project.folder.glob("records/*/1")), "nothing was begun"

    assert (said := project.rawat("run", "prove-other.yml")).code == 0, said.out
    assert project.rawat("run", "drop-credit.yml").code == 8, "a copy of another database opens nothing"
    assert (said := project.rawat("run", "prove-credit.yml")).code == 0, said.out
    planned = project.rawat("plan", "drop-credit.yml")
    assert "open on h1: run" in planned.out, planned.out

    project.write("inventory.yml", (project.folder / "inventory.yml").read_text().replace("h1", "h2"))
    assert project.rawat("run", "drop-credit.yml").code == 8, "on another host nothing was proven"
    project.write("inventory.yml", (project.folder / "inventory.yml").read_text().replace("h2", "h1"))
    proof = project.rawat("show", "last", "--json").json()["run"]
    opened = project.rawat("run", "drop-credit.yml")
    assert opened.code == 0, opened.out + opened.err
    assert tables(project, "credit") == 0
    events = sorted(project.folder.glob("records/*/1/events.jsonl"))[-1].read_text().splitlines()
    gate = next(json.loads(line) for line in events if '"GateOpened"' in line)
    assert (gate["run"], gate["host"], gate["gate"]) == (proof, "h1", "restore-proven")


def test_a_copy_that_is_too_old_opens_nothing_and_a_person_may_with_a_reason(project: Project) -> None:
    texts(project, "credit", within="1s")
    assert project.rawat("run", "prove-credit.yml").code == 0
    time.sleep(1.5)
    assert project.rawat("run", "drop-credit.yml").code == 8
    assert project.rawat("run", "drop-credit.yml", "--override", "restore-proven").code == 2
    assert project.rawat("run", "drop-credit.yml", "--override", "nope", "--reason", "x").code == 2
    reason = "the table holds test data only"
    said = project.rawat("run", "drop-credit.yml", "--override", "restore-proven", "--reason", reason)
    assert said.code == 0, said.out + said.err
    (deviation,) = project.rawat("show", "last", "--json").json()["deviations"]
    assert (deviation["what"], deviation["detail"], deviation["reason"]) == (
        "gate overridden",
        "restore-proven",
        reason,
    )
    assert tables(project, "credit") == 0


def test_a_record_that_was_altered_opens_nothing(project: Project) -> None:
    texts(project, "credit")
    assert project.rawat("run", "prove-credit.yml").code == 0
    events = next(iter(project.folder.glob("records/*/1/events.jsonl")))
    events.chmod(0o600)
    events.write_text(events.read_text().replace('"age_s"', '"age_x"', 1).replace("credit.db", "creditXdb", 1))
    assert project.rawat("run", "drop-credit.yml").code == 8


def test_which_database_is_meant_must_be_said(project: Project) -> None:
    step = "{id: drop, command: drop it, requires: [{item: restore-proven, within: 24h}]}"
    project.playbook(f"phases: {{implement: [{step}]}}\n")
    said = project.rawat("check", "p.yml")
    assert said.code == 2
    assert "of which database? say so beside 'within'" in said.err + said.out
    project.playbook(f"phases: {{implement: [{step.replace('24h}', '24h, database: credit}')}]}}\n")
    assert project.rawat("check", "p.yml").code == 0
