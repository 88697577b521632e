"""Many runs: which of them, by what they were, and what waits for whom."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from runner.cli.main import cli
from runner.errors import InvalidInput
from tests.acceptance.project import HEAD, Project, wait_for

GOOD = "phases: {implement: [{id: a, command: 'true'}]}\n"
BAD = "phases: {implement: [{id: a, command: 'false'}]}\n"
ASKS = "checklist: [{id: told, phase: document, text: The desk was told, by: hand}]\n" + GOOD


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Five runs: good, bad, asking, an emergency, and one on another host by another person."""
    made = Project(tmp_path_factory.mktemp("runs") / "project", hosts=2)
    for name, text in (("good", GOOD), ("bad", BAD), ("asks", ASKS)):
        head = HEAD.replace("name: t", f"name: {name}").replace(
            "kind: other", "kind: patching" if name == "bad" else "kind: backup"
        )
        made.playbook(text, name=f"{name}.yml", head=head)
    assert made.rawat("run", "good.yml", "--ticket", "CHG-1").code == 0
    assert made.rawat("run", "bad.yml", "--ticket", "CHG-2", "--hosts", "h1").code == 1
    assert made.rawat("run", "asks.yml", "--ticket", "=1+1").code == 9
    assert made.rawat("run", "good.yml", "--type", "emergency", "--reason", "fire").code == 9
    assert made.rawat("run", "good.yml", "--hosts", "h2", environment={"GITHUB_ACTOR": "bob"}).code == 0
    return made


def names(project: Project, *words: str) -> list[str]:
    return [row["playbook"] for row in project.rawat("runs", "--json", *words).json()]


def test_runs_are_found_by_what_they_were(project: Project) -> None:
    assert names(project) == ["good", "good", "asks", "bad", "good"]
    assert names(project, "--playbook", "good") == ["good"] * 3
    assert names(project, "--kind", "patching") == ["bad"]
    assert names(project, "--ticket", "CHG-*") == ["bad", "good"]
    assert names(project, "--host", "h2") == ["good", "good", "asks", "good"]
    assert names(project, "--person", "bob") == ["good"]
    assert names(project, "--outcome", "failed") == ["bad"]
    assert names(project, "--host", "h1", "--playbook", "good", "--limit", "1") == ["good"]
    assert names(project, "--since", "1h") == names(project)
    assert names(project, "--until", "1h") == []
    assert names(project, "--since", "2020-01-01", "--until", "2020-01-02T07:00+07:00") == []
    assert project.rawat("runs", "--until", "1h").out == "none that fit\n"
    for text in ("yesterday", "999999d", "0001-01-01T00:00+14:00"):
        said = project.rawat("runs", "--since", text)
        assert said.code == 2 and f"'{text}' is no moment" in said.err
    (project.folder / "records" / "index.db").unlink()
    assert names(project, "--ticket", "CHG-*") == ["bad", "good"], "from the journals alone"
    assert project.rawat("reindex").code == 0


def test_what_waits_for_whom(project: Project) -> None:
    lines = project.rawat("runs", "--open").out.splitlines()
    assert [line.split()[1:3] for line in lines[1:]] == [["good", "review"], ["asks", "told"], ["bad", "implement"]]
    assert "a review by somebody else than" in lines[1] and ", by " in lines[1] and "--review" in lines[1]
    assert "a person's word" in lines[2] and "--item told" in lines[2]
    rows = project.rawat("runs", "--open", "--json").json()
    assert rows[1]["open"] == [
        {"item": "told", "text": "The desk was told", "waits_for": "a person's word", "due": ""}
    ]  # fmt: skip


def test_a_run_is_meant_by_the_folder_that_it_tells_at_its_end(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = project.rawat("runs", "--json", "--playbook", "bad").json()[0]["run"]
    folder = shutil.copytree(project.folder / "records", tmp_path / "copy") / run
    by_id = project.rawat("verify", run)
    assert (by_id.code, "1 run, " in by_id.out) == (4, True)
    for place in (f"records/{run}", f"records/{run}/"):
        assert project.rawat("verify", place) == by_id
    assert project.rawat("verify", str(folder)).code == 4, "a copy elsewhere"
    assert f"record {folder}   not signed" in project.rawat("show", str(folder)).out
    refused = project.rawat("verify", str(folder), "--records", "records")
    assert (refused.code, "is not in the records records" in refused.err) == (2, True)
    monkeypatch.chdir(project.folder)
    part = f"records/{run}/1/"
    commands = ("verify", "show", "logs", "report", "sign", "resume", "cancel", "answer", "diff", "export -o x.zst")
    for command in commands:
        more = {"answer": ["h1", "a", "yes"], "diff": [part]}.get(command, [])
        with pytest.raises(InvalidInput, match=f"is a part of run {run}, no run") as found:
            cli.main([*command.split(), part, *more], standalone_mode=False)
        assert found.value.hint == f"say the run: records/{run}"


def test_a_table_for_spreadsheets_has_no_formula(project: Project) -> None:
    rows = list(csv.DictReader(io.StringIO(project.rawat("runs", "--csv").out)))
    assert [row["playbook"] for row in rows] == ["good", "good", "asks", "bad", "good"]
    assert rows[2]["ticket"] == "'=1+1" and rows[2]["open"] == "told" and rows[2]["names"] == "h1, h2"
    assert rows[3]["outcome"] == "failed" and int(rows[3]["took_ms"]) >= 0


def test_a_run_that_was_gone_on_with_and_cut_off_again_is_interrupted(tmp_path: Path) -> None:
    """Though the index knows its first sitting as sealed."""
    project = Project(tmp_path / "project")
    flag = project.folder / "flag"
    text = "phases: {implement: [{id: a, script: 'test -e FLAG || exit 1; touch FLAG.begun; sleep 60'}]}\n"
    book = project.playbook(text.replace("FLAG", str(flag)))
    assert project.rawat("run", book).code == 1
    flag.touch()
    process = project.start("resume")
    wait_for(project.folder / "flag.begun", process)
    assert "running" in project.rawat("runs").out
    process.kill()
    process.communicate()
    assert "interrupted" in project.rawat("runs").out
    assert json.loads(project.rawat("runs", "--json").out)[0]["outcome"] == "interrupted"


def test_in_what_two_runs_differ(tmp_path: Path) -> None:
    project = Project(tmp_path / "project", hosts=2)
    text = "phases: {implement: [{id: a, command: 'echo one'}, {id: b, command: 'sleep 0.1'}]}\n"
    book = project.playbook(text)
    assert project.rawat("run", book, "--ticket", "CHG-1").code == 0
    assert project.rawat("run", book, "--ticket", "CHG-1").code == 0
    runs = sorted(path.name for path in (project.folder / "records").glob("01*"))
    same = project.rawat("diff", *runs, "--json").json()
    assert same["text"] == "" and {found["part"] for found in same["differences"]} <= {"durations"}
    assert project.rawat("diff", runs[0], runs[0]).out.splitlines()[1:] == ["no difference but the moment"]
    project.playbook(text.replace("echo one", "echo two").replace("sleep 0.1", "sleep 1; false"))
    assert project.rawat("run", book, "--ticket", "CHG-2", "--hosts", "h1").code == 1
    newest = sorted(path.name for path in (project.folder / "records").glob("01*"))[-1]
    said = project.rawat("diff", runs[0], newest)
    assert said.code == 0
    for line in (
        "  --- a/p.yml", "  ticket: CHG-1 -> CHG-2", "  exit code: 0 -> 1", "  h1: ok -> failed",
        "  h2: ok -> not there", "  h1/a: command: echo one -> echo two", "  h1/b: ok -> failed",
        "  implement: pass -> fail",
    ):  # fmt: skip
        assert line in said.out.splitlines(), (line, said.out)
    found = project.rawat("diff", runs[0], newest, "--json").json()
    parts = {difference["part"] for difference in found["differences"]}
    assert {"hosts", "steps", "durations", "outputs", "checklist", "run"} <= parts
    assert project.rawat("diff", runs[0], "nothing").code == 2
