"""What an auditor asks, answered from the record of one run that had a bit of everything; docs/audit.md names these."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.events import PIPELINE_JOB
from runner.record.schema import schema
from tests.acceptance.project import HEAD, Project
from tests.acceptance.test_signed import make_key
from tests.bed.sshd import LoopbackSshd
from tests.records import valid

BOOK = """
vars: {word: {type: string, default: hi}}
checklist:
  - {id: told, phase: document, text: The desk was told, by: hand}
rollout: {stop_when_failed: 3, parallel: 2}
phases:
  analyse:
    - {id: look, command: 'cat /proc/uptime', register: up}
  implement:
    - {id: say, command: 'echo {{ word }}; echo two', retries: 1}
    - {id: odd, when: host.name == 'h2', command: 'kill -KILL $$', on_failure: continue}
  test:
    - {id: never, command: 'true'}
"""
WORDS = (
    *("--ticket", "CHG-7", "--reason", "quarterly", "--impact", "none", "--risk", "low", "--complexity", "small"),
    *("--resources", "one person", "--users-affected", "nobody", "--skip", "never"),
)


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=alice", "-c", "user.email=alice@example.com")
    return subprocess.run(["git", "-C", folder, *who, *words], check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, shared_sshd: LoopbackSshd) -> Iterator[Project]:
    """Signed by alice, on two names of one sshd and one that answers no more, from a git checkout."""
    made = Project(tmp_path_factory.mktemp("fields") / "project", shared_sshd, hosts=2)
    path = made.folder / "inventory.yml"
    path.write_text(path.read_text() + "  gone: {address: 127.0.0.1, port: 1, user: x}\n")
    make_key(made.folder, "alice")
    made.playbook(BOOK, head=HEAD)
    git(made.folder, "init", "-q", "-b", "main")
    git(made.folder, "remote", "add", "origin", "https://token@example.com/ops.git")
    git(made.folder, "add", "p.yml")
    git(made.folder, "commit", "-q", "-m", "one")
    for words in (("key", "use", "alice"), ("key", "add", "alice@example.com", "alice.pub")):
        assert made.rawat(*words).code == 0
    environment = {"GITHUB_ACTOR": "alice", "GITHUB_ACTIONS": "true", "GITHUB_RUN_ID": "77"} | {
        "GITHUB_REF": "refs/heads/main", "CI_COMMIT_REF_NAME": "main", "GIT_COMMIT": "abc",
    }  # fmt: skip
    assert made.rawat("run", "p.yml", "-e", "word=ho", *WORDS, environment=environment).code == 1
    for words in (
        ("sign", "last", "--item", "told", "--verdict", "pass", "--note", "by phone"),
        ("sign", "last", "--delay", "coordination", "--minutes", "12", "--note", "desk was busy"),
    ):
        assert made.rawat(*words).code == 0
    yield made


@pytest.fixture(scope="module")
def record(project: Project) -> dict[str, Any]:
    return project.record()


def sitting_of(project: Project, record: dict[str, Any]) -> Path:
    return project.folder / "records" / str(record["run"]) / "1"


def test_who_and_from_where(record: dict[str, Any]) -> None:
    who, controller = record["who"], record["controller"]
    assert who["user"] and isinstance(who["uid"], int)
    assert (who["person"], who["person_from"]) == ("alice", "GITHUB_ACTOR")
    assert who["signer"]["principal"] == "alice@example.com" and who["signer"]["fingerprint"].startswith("SHA256:")
    assert "alice" in record["executors"]
    assert {name: controller[name] for name in PIPELINE_JOB if name in controller} == {
        "github_run_id": "77", "github_ref": "refs/heads/main", "ci_commit_ref_name": "main", "git_commit": "abc",
    }  # fmt: skip
    assert controller["hostname"] and controller["boot_id"] and controller["terminal"] is False
    assert (controller["pipeline"], controller["github_run_id"]) == ("GITHUB_ACTIONS", "77")


def test_why(record: dict[str, Any]) -> None:
    assert record["why"] == {
        "ticket": "CHG-7", "reason": "quarterly", "change": "normal", "impact": "none", "risk": "low",
        "complexity": "small", "resources": "one person", "users_affected": "nobody", "window": "",
    }  # fmt: skip


def test_what_was_going_to_be_done(project: Project, record: dict[str, Any]) -> None:
    folder = sitting_of(project, record)
    assert (folder / "playbook" / "p.yml").read_text() == (project.folder / "p.yml").read_text()
    plan = json.loads((folder / "plan.json").read_text())
    assert plan["digest"] == record["plan"]
    assert plan["sources"] == record["seals"][0]["sources"]
    assert plan["hosts"][0]["variables"] == {"word": "ho"}
    assert [step["id"] for step in record["declared"]] == ["look", "say", "odd", "never"]
    source = record["source"]
    assert source["commit"] == git(project.folder, "rev-parse", "HEAD").strip()
    assert (source["branch"], source["dirty"]) == ("main", True), "inventory and settings are not in git"
    assert source["remote"] == "https://example.com/ops.git", "without the token"
    assert (record["kind"], record["title"], record["playbook"]) == ("other", "t", "t")


def test_with_what(project: Project, record: dict[str, Any]) -> None:
    tool = record["tool"]
    assert all(tool[name] for name in ("rawat", "python", "fabric", "paramiko"))
    assert tool["settings"] == str(project.folder / "rawat.yml")
    assert tool["settings_sha256"] == hashlib.sha256((project.folder / "rawat.yml").read_bytes()).hexdigest()
    assert tool["weakened"] == ["policy.same_machine: allow"]
    assert record["policy"]["self_review"] is False and record["policy"]["signature"] is False


def test_on_what(record: dict[str, Any]) -> None:
    host = record["hosts"]["h1"]
    peer, facts = host["peer"], host["facts"]
    assert peer["address"] == "127.0.0.1" and peer["port"] > 1024 and peer["user"] and peer["jump"] == []
    assert peer["key_type"] == "ssh-ed25519" and peer["fingerprint"].startswith("SHA256:")
    assert peer["trusted_by"].endswith("known_hosts:1") and peer["strict_kex"] is True and peer["cipher"]
    assert "client_key" in peer["login"] and "SHA256:" in peer["login"]
    assert facts["machine_id"] and facts["kernel"] and facts["os_id"]
    assert host["boot_ids"] == [facts["boot_id"]]
    assert abs(host["clock_offset_ms"]) < 60_000
    gone = record["hosts"]["gone"]
    assert (gone["outcome"], gone["refused"], gone["peer"]) == ("unreachable", "unreachable", {})


def test_what_happened(project: Project, record: dict[str, Any]) -> None:
    steps = {step["id"]: step for step in record["hosts"]["h2"]["steps"]}
    say = steps["say"]["attempts"][0]
    assert say["command"].endswith("echo ho; echo two")
    script = (sitting_of(project, record) / "scripts" / f"{say['command_sha256']}.txt").read_bytes()
    assert say["command_sha256"] == hashlib.sha256(script).hexdigest() and b"echo ho" in script
    assert say["exit"] == {"code": 0} and say["changed"] is True
    output = say["output"]
    kept = (sitting_of(project, record) / output["file"]).read_bytes()
    assert (output["stdout_bytes"], output["stderr_bytes"], output["lines"]) == (7, 0, 2)
    assert output["sha256"] == hashlib.sha256(kept).hexdigest()
    assert (output["truncated"], output["redactions"]) == (False, 0)
    assert say["host_ms"] is not None and say["took_ms"] >= 0 and say["started_at"].endswith("Z")
    odd = steps["odd"]["attempts"][0]
    assert odd["outcome"] == "failed" and odd["problem"] and odd["exit"] in ({"code": 137}, {"signal": "KILL"})
    skipped = next(step for step in record["hosts"]["h1"]["steps"] if step["id"] == "odd")
    assert (skipped["outcome"], skipped["attempts"]) == ("skipped", []) and skipped["why"]


def test_what_was_left_out_and_what_departs(record: dict[str, Any]) -> None:
    assert record["left_out"] == [{"step": "never", "why": "--skip never"}]
    assert [note["what"] for note in record["deviations"]] == ["step left out"]
    assert record["deviations"][0]["detail"] == "never" and record["deviations"][0]["at"]


def test_how_long_and_why_so_long(record: dict[str, Any]) -> None:
    assert sum(record["time_ms"].values()) == record["took_ms"]
    for host in record["hosts"].values():
        assert sum(host["time_ms"].values()) == host["took_ms"]
    assert set(record["phases_ms"]) == {"analyse", "implement"}
    assert record["batches"][0]["hosts"] and record["batches"][0]["ended_ms"] >= record["batches"][0]["started_ms"]
    assert record["delays"] == [
        {"cause": "coordination", "minutes": 12, "note": "desk was busy", "by": "alice@example.com",
         "at": record["delays"][0]["at"]}
    ]  # fmt: skip


def test_checklist_and_words_of_people(record: dict[str, Any]) -> None:
    items = {item["id"]: item for item in record["checklist"]}
    told = items["told"]
    assert (told["state"], told["by"], told["note"], told["required"]) == (
        "pass",
        "alice@example.com",
        "by phone",
        True,
    )
    assert items["plan"]["state"] == "pass" and items["plan"]["proof"]
    assert (items["analyse"]["state"], items["implement"]["state"]) == ("open", "fail"), "one host was never reached"
    assert record["checklist_done"] < record["checklist_required"]
    assert [act["act"] for act in record["acts"]] == ["sign-off", "delay"]
    assert all(act["signer"]["principal"] == "alice@example.com" for act in record["acts"])
    assert record["acts"][1]["prev"] and record["acts"][0]["seal"] == record["seals"][0]["sums_sha256"]
    assert record["review"]["state"] == "not required"


def test_how_it_is_closed(project: Project, record: dict[str, Any]) -> None:
    (seal,) = record["seals"]
    sums = (sitting_of(project, record) / "SHA256SUMS").read_bytes()
    assert seal["sums_sha256"] == hashlib.sha256(sums).hexdigest() and seal["signed"] is True
    assert seal["key"]["key_type"] == "ssh-ed25519" and seal["sealed_at"]
    assert (record["sealed"], record["exit_code"], record["outcome"]) == (True, 1, "failed")
    assert project.rawat("verify").code == 0


def test_the_schema_lets_nothing_else_in(project: Project, record: dict[str, Any]) -> None:
    assert json.loads(project.rawat("schema", "record").out) == schema()
    assert json.loads(project.rawat("show", "--json").out) == record
    host = record["hosts"]["h1"]
    for place in (record, record["who"], host, host["peer"], host["steps"][0], host["steps"][0]["attempts"][0]):
        place["added"] = 1
        with pytest.raises(AssertionError, match="added"):
            valid(record)
        del place["added"]
    kept = host.pop("boot_ids")
    with pytest.raises(AssertionError, match="boot_ids"):
        valid(record)
    host["boot_ids"] = kept
    valid(record)
