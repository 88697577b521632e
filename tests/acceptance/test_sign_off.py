"""People's words on a run: items, reviews, delays; who may say them, and what stays open until they did."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.acceptance.project import HEAD, Project
from tests.acceptance.test_signed import project_with_key

HAND = (
    "checklist: [{id: told, text: Customer service was told, phase: plan, by: hand}]\n"
    "phases: {implement: [{id: one, command: 'true'}]}\n"
)
WAITS = HEAD + (
    "checklist: [{id: told, text: Told, phase: plan, by: hand}]\n"
    "phases: {implement: [{id: one, command: "
    "'cd {{ folder | raw }}; touch begun; until test -e go; do sleep 0.05; done'}]}\n"
)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Alice runs; bob may sign as well."""
    return project_with_key(tmp_path / "project", "bob")


BOB = {"RAWAT_SIGNING_KEY": "bob"}


def test_a_review_closes_what_was_open_and_is_by_somebody_else(project: Project) -> None:
    policy = {"RAWAT_POLICY_REVIEW": "required"}
    said = project.rawat("run", project.playbook(HAND), environment=policy)
    assert said.code == 9 and "review open" in said.err + said.out
    item = project.rawat("sign", "last", "--item", "told", "--note", "by mail")
    assert item.code == 9 and "still open: review" in item.out
    own = project.rawat("sign", "last", "--review")
    assert own.code == 8 and "alice@example.com ran it" in own.err, own
    unsigned = project.rawat("sign", "last", "--review", environment={"RAWAT_SIGNING_KEY": "none"})
    assert unsigned.code == 8, "the same user without a key is the same person"
    bob = project.rawat("sign", "last", "--review", "--note", "looked at all outputs", environment=BOB)
    assert bob.code == 0 and "signed by bob@example.com" in bob.out, bob
    record = project.record()
    assert record["review"]["state"] == "pass" and record["review"]["by"] == "bob@example.com"
    assert record["exit"] == 0
    told = project.rawat("show").out
    assert "reviewed by bob@example.com: pass: looked at all outputs" in told
    assert told.endswith("exit 0 (9 when it was sealed)\n"), told
    verdict = project.rawat("verify")
    assert verdict.code == 0 and "signed by alice@example.com, bob@example.com" in verdict.out, verdict
    (run,) = (project.folder / "records").glob("01*")
    acts = [json.loads(path.read_text()) for path in sorted((run / "acts").glob("*.json"))]
    assert [act["act"] for act in acts] == ["sign-off", "review"]
    assert acts[0]["seal"] == acts[1]["seal"] != "" and acts[0]["prev"] == ""


def test_a_review_that_fails_makes_the_run_fail(project: Project) -> None:
    assert project.rawat("run", project.playbook("phases: {implement: [{id: one, command: 'true'}]}\n")).code == 0
    assert project.rawat("sign", "last", "--review", "--verdict", "fail", environment=BOB).code == 2
    note = ("--note", "the wrong host")
    assert project.rawat("sign", "last", "--review", "--verdict", "fail", *note, environment=BOB).code == 0
    assert project.record()["exit"] == 1


def test_an_emergency_is_reviewed_after_it(project: Project) -> None:
    name = project.playbook("phases: {implement: [{id: one, command: 'true'}]}\n")
    assert project.rawat("run", name, "--type", "emergency").code == 2
    assert project.rawat("run", name, "--type", "emergency", "--reason", "disk full").code == 9
    record = project.record()
    assert record["why"]["change"] == "emergency" and record["review"]["due"].endswith("Z")
    assert record["deviations"][0]["what"] == "emergency change"
    assert project.rawat("sign", "last", "--review", environment=BOB).code == 0
    assert project.record()["exit"] == 0


def test_standard_changes_are_those_of_the_policy_and_windows_hold(project: Project) -> None:
    name = project.playbook("phases: {implement: [{id: one, command: 'true'}]}\n")
    assert project.rawat("run", name, "--type", "standard").code == 8
    assert project.rawat("run", name, "--type", "standard", environment={"RAWAT_POLICY_STANDARD": "t"}).code == 0
    past, now = "2020-01-01T00:00Z/2020-01-02T00:00Z", "2020-01-01T00:00Z/2090-01-02T00:00Z"
    outside = project.rawat("run", name, "--window", past)
    assert outside.code == 8 and "outside the window" in outside.err
    assert project.rawat("run", name, "--window", now, "--impact", "none", "--risk", "low").code == 0
    why = project.record()["why"]
    assert (why["window"], why["impact"], why["risk"]) == (now, "none", "low")
    assert project.rawat("run", name, "--window", past, "--type", "emergency", "--reason", "x").code == 9
    assert [note["what"] for note in project.record()["deviations"]] == ["emergency change", "outside the window"]
    for bad in ("tomorrow", "2020-01-02T00:00Z/2020-01-01T00:00Z"):
        assert project.rawat("run", name, "--window", bad).code == 2


def test_delays_are_words_with_minutes(project: Project) -> None:
    assert project.rawat("run", project.playbook("phases: {implement: [{id: one, command: 'true'}]}\n")).code == 0
    assert project.rawat("sign", "last", "--delay", "coordination").code == 2
    words = ("sign", "last", "--delay", "coordination", "--minutes", "25", "--note", "the vendor was late")
    assert project.rawat(*words).code == 0
    (delay,) = project.record()["delays"]
    assert (delay["cause"], delay["minutes"], delay["by"]) == ("coordination", 25, "alice@example.com")
    assert "delayed 25 min by coordination" in project.rawat("show").out
    assert project.rawat("sign", "last").code == 2
    assert project.rawat("sign", "last", "--review", "--item", "x").code == 2


def test_an_item_may_be_signed_while_the_run_is_under_way(project: Project) -> None:
    from tests.acceptance.project import wait_for

    text = WAITS.replace("hosts: all\n", "hosts: all\nvars: {folder: {type: string}}\n", 1)
    project.write("w.yml", text)
    process = project.start("run", "w.yml", "-e", f"folder={project.folder}")
    wait_for(project.folder / "begun", process)
    assert project.rawat("sign", "last", "--item", "told").code in (0, 9)
    assert project.rawat("sign", "last", "--review", environment=BOB).code == 2
    (project.folder / "go").touch()
    process.communicate(timeout=600)
    (run,) = (project.folder / "records").glob("01*")
    act = json.loads(next((run / "acts").glob("*.json")).read_text())
    assert act["seal"] == "" and act["plan"] == project.record()["plan"]
    assert project.rawat("verify").code == 0
    assert project.record()["exit"] == 0
