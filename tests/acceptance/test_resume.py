"""Runs that ended early, gone on with: what is done stays done, nothing is done twice, nobody guesses."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from runner.app.request import Context
from runner.app.resume import find_resumable
from tests.acceptance.project import Project, wait_for
from tests.bed.process import until
from tests.bed.sshd import LoopbackSshd

BOOK = """
vars: {{folder: {{required: true, type: string}}}}
phases:
  implement:
    - id: one
      script: "cd {{{{ folder }}}} && printf 1 >>count && echo value-1"
      register: first
    - id: two
      script: "cd {{{{ folder }}}} && printf 2 >>count && touch begun && sleep {seconds} && test ! -e fail && echo done"
      {more}
    - {{id: three, script: "cd {{{{ folder }}}} && printf 3 >>count && echo {{{{ first.stdout }}}}"}}
"""

UNTIL_TOLD = "0; until test -e go; do sleep 0.05; done; true"


@pytest.fixture
def project(tmp_path: Path, loopback_sshd: LoopbackSshd) -> Project:
    return Project(tmp_path / "project", loopback_sshd)


def begin(project: Project, *, seconds: float | str = 3, more: str = "") -> tuple[str, str, str, str]:
    """The words of a run of BOOK."""
    return ("run", project.playbook(BOOK.format(seconds=seconds, more=more)), "-e", f"folder={project.folder}")


def count(project: Project) -> str:
    return (project.folder / "count").read_text()


def killed_in_two(project: Project, **how: object) -> None:
    """A run whose controller was killed while step two ran."""
    process = project.start(*begin(project, **how))  # type: ignore[arg-type]
    wait_for(project.folder / "begun", process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=600)


def outcomes(project: Project) -> dict[str, str]:
    return {step["id"]: step["outcome"] for step in project.record()["hosts"]["h1"]["steps"]}


def test_a_step_that_ran_on_is_adopted_and_the_rest_done_once(project: Project) -> None:
    killed_in_two(project)
    said = project.rawat("resume")
    assert said.code == 0, said
    assert count(project) == "123"
    assert outcomes(project) == {"one": "ok", "two": "ok", "three": "ok"}
    record = project.record()
    first, second = record["sittings"]
    assert (first["sealed"], first["exit_code"], first["outcome"]) == (False, None, "unfinished")
    assert (second["number"], second["sealed"], second["exit_code"]) == (2, True, 0)
    began = {step["id"]: [tried["sitting"] for tried in step["attempts"]] for step in record["hosts"]["h1"]["steps"]}
    assert began == {"one": [1], "two": [1], "three": [2]}, "what a sitting asks about it did not begin"
    logs = project.rawat("logs", "last", "h1").out
    assert "h1 | done" in logs and "h1 | value-1" in logs
    assert project.rawat("verify").code == 4, "the seal of the second sitting vouches for the first, which has none"
    first = project.folder / "records" / record["run"] / "1"
    for name in ("inventory.json", "added"):
        kept = (first / name).read_bytes() if name != "added" else b""
        (first / name).write_bytes(kept + b" ")
        said = project.rawat("verify")
        assert said.code == 1 and "since that was sealed its files changed" in said.out, said
        (first / name).write_bytes(kept) if kept else (first / name).unlink()
    assert project.rawat("verify").code == 4
    again = project.rawat("resume")
    assert again.code == 2
    assert "nothing to resume" in again.err


def test_a_step_that_still_runs_is_followed_to_its_end(project: Project) -> None:
    killed_in_two(project, seconds=UNTIL_TOLD)
    process = project.start("resume")
    (run,) = project.folder.glob("records/*/1")
    events = run.parent / "2" / "events.jsonl"
    until("it has come to the step", lambda: events.exists() and '"StepRecalled"' in events.read_text())
    assert process.poll() is None and outcomes(project)["two"] == ""
    (project.folder / "go").touch()
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, out + err
    assert count(project) == "123"


def test_a_failed_step_gets_a_new_attempt_and_its_number_goes_on(project: Project) -> None:
    (project.folder / "fail").touch()
    assert project.rawat(*begin(project, seconds=0)).code == 1
    (project.folder / "fail").unlink()
    run = project.folder / "records" / project.record()["run"]
    (run / "2").mkdir()  # of a resume that was killed before the ledger had its line
    assert "interrupted" not in project.rawat("runs").out
    said = project.rawat("resume", "--reason", "the disk was full")
    assert said.code == 0, said
    (run / "4").mkdir()
    assert "nothing to resume" in project.rawat("resume").err
    assert count(project) == "1223"
    step = next(step for step in project.record()["hosts"]["h1"]["steps"] if step["id"] == "two")
    assert [attempt["number"] for attempt in step["attempts"]] == [1, 2]
    said = project.rawat("verify")
    assert (said.code, said.out.count("ended before it began")) == (4, 2), said


def test_a_run_that_was_cancelled_goes_on_where_it_stopped(project: Project) -> None:
    process = project.start(*begin(project, seconds=UNTIL_TOLD))
    wait_for(project.folder / "begun", process)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None and any("stopped by SIGINT" in line for line in process.stderr)
    (project.folder / "go").touch()
    process.communicate(timeout=600)
    assert process.returncode == 130
    assert count(project) == "12"
    said = project.rawat("resume", environment={"GITHUB_ACTOR": "bob"})
    assert said.code == 0
    assert count(project) == "123"
    first, second = project.record()["sittings"]
    assert (first["stopped_by"], first["exit_code"], first["outcome"]) == ("SIGINT", 130, "cancelled")
    assert (second["stopped_by"], second["exit_code"], second["outcome"]) == ("", 0, "ok")
    assert (first["who"].get("person"), second["who"]["person"]) == (None, "bob")
    assert "person" not in project.record()["who"], "whoever began it"
    one, two = (line.strip() for line in said.out.splitlines() if line.startswith("  sitting "))
    assert one.startswith("sitting 1  20") and "cancelled by SIGINT, " in one
    assert "  bob on " in two and ": ok, " in two
    assert f"  {two}\n" in project.rawat("show").out


def parent_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])


def test_an_end_nobody_saw_stays_unknown_until_a_person_speaks(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    killed_in_two(project, seconds=60)
    (state,) = (path for path in (project.folder / "spool").rglob("two*.st"))
    pid = next(int(line.split()[1]) for line in state.read_text().splitlines() if line.startswith("pid"))
    os.kill(parent_of(pid), signal.SIGKILL)  # who would have written the end
    os.killpg(pid, signal.SIGKILL)
    context = Context(folder=project.folder, environment=project.environment)
    found = find_resumable(context, "last", settle=(), reason="", changed=False)
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert found.earlier.past["h1"].step("two").boot_ids == (boot_id, boot_id)
    said = project.rawat("resume")
    assert said.code == 5, said
    assert outcomes(project) == {"one": "ok", "two": "unknown"}
    assert "--settle two=done" in said.out
    (kept,) = (project.folder / "spool").glob("run-*")
    shutil.rmtree(kept)  # as when it is too old: that nothing is there does not show that nothing ran
    said = project.rawat("resume")
    assert said.code == 5, said
    assert "what the host kept of this run is gone" in said.out
    refused = project.rawat("resume", "--settle", "two=done")
    assert refused.code == 2
    assert "--reason" in refused.err
    said = project.rawat("resume", "--settle", "two=done", "--reason", "looked at the host: it is there")
    assert said.code == 0, said
    assert count(project) == "123"
    assert any(deviation["detail"] == "two=done on h1" for deviation in project.record()["deviations"])


def test_a_changed_playbook_is_refused_unless_that_is_said(project: Project) -> None:
    (project.folder / "fail").touch()
    words = begin(project, seconds=0)
    assert project.rawat(*words, "--ticket", "CHG-1", "--reason", "monthly").code == 1
    path = project.folder / words[1]
    path.write_text(path.read_text() + "# another word\n")
    (project.folder / "fail").unlink()
    refused = project.rawat("resume")
    assert refused.code == 8
    assert "not what they were" in refused.err
    assert project.rawat("resume", "--changed").code == 2
    said = project.rawat("resume", "--changed", "--reason", "a comment only")
    assert said.code == 0, said
    record = project.record()
    first, second = record["sittings"]
    assert (record["why"]["ticket"], record["why"]["reason"]) == ("CHG-1", "monthly"), "the run's own stays"
    assert (first["why"]["reason"], second["why"]["reason"]) == ("monthly", "a comment only")
    assert [(len(told["deviations"]), told["plan"]) for told in (first, second)] == [
        (0, first["plan"]), (1, record["plan"]),
    ]  # fmt: skip
    assert "another plan" in second["deviations"][0]["what"] and first["plan"] != second["plan"]
    assert second["why"]["ticket"] == "CHG-1" and second["controller"]["boot_id"]


def test_a_step_in_doubt_that_was_taken_out_of_the_playbook_is_settled(project: Project) -> None:
    """By the host, which wrote down how it ended."""
    killed_in_two(project, seconds=3)
    path = project.folder / "p.yml"
    lines = path.read_text().splitlines(keepends=True)
    start = next(number for number, line in enumerate(lines) if "id: two" in line)
    path.write_text("".join(lines[:start] + lines[start + 3 :]))
    said = project.rawat("resume", "--changed", "--reason", "two is not wanted any more")
    assert said.code == 0, said
    assert outcomes(project) == {"one": "ok", "two": "ok", "three": "ok"}
    assert count(project) == "123"
    two = project.record()["hosts"]["h1"]["steps"][1]
    assert two["attempts"][-1]["summary"] == "ended with exit 0; the playbook does not have it any more"


def test_a_run_that_is_under_way_cannot_be_resumed_by_a_second(project: Project) -> None:
    process = project.start(*begin(project, seconds=UNTIL_TOLD))
    wait_for(project.folder / "begun", process)
    said = project.rawat("resume")
    assert said.code == 7
    assert "is under way by" in said.err
    (project.folder / "go").touch()
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, out + err
    assert count(project) == "123"


def test_hosts_that_are_done_are_not_touched_again(tmp_path: Path, loopback_sshd: LoopbackSshd) -> None:
    project = Project(tmp_path / "project", loopback_sshd, hosts=3)
    book = project.playbook(
        "rollout: {stop_when_failed: 3}\nvars: {n: {required: true}, folder: {required: true}}\nphases:\n  implement:\n"
        "    - {id: one, script: 'cd {{ folder }}; printf {{ n }} >>count; [ {{ n }} != 2 ] || [ -e ok ]'}\n"
    )
    assert project.rawat("run", book, "-e", f"folder={project.folder}").code == 1
    (project.folder / "ok").touch()
    said = project.rawat("resume")
    assert said.code == 0, said
    assert sorted(count(project)) == ["1", "2", "2", "3"]
    first, second = project.record()["sittings"]
    assert (first["hosts"], second["hosts"], second["why"]["reason"]) == (["h1", "h2", "h3"], ["h2"], "")
    assert {host["outcome"] for host in project.record()["hosts"].values()} == {"ok"}


def test_runs_name_the_command_that_goes_on(project: Project) -> None:
    killed_in_two(project)
    line = project.rawat("runs").out.splitlines()[1]
    assert "interrupted" in line and "rawat resume " in line
    short = line.split("rawat resume ")[1].strip()
    assert project.rawat("resume", short).code == 0


BACK = """
vars: {{folder: {{required: true, type: string}}}}
phases:
  implement:
    - id: a
      script: "cd {{{{ folder }}}} && printf a >>count && echo said"
      register: first
      undo:
        - id: back
          script: >-
            cd {{{{ folder }}}} && printf A >>count && touch begun && sleep 3
            && test {{{{ first.stdout }}}} = said && printf E >>count
    - {{id: b, script: "cd {{{{ folder }}}} && printf b >>count && test -e repaired", on_failure: rollback}}
"""


@pytest.mark.parametrize("repaired", [True, False])
def test_a_rollback_that_was_broken_off_is_carried_to_its_end_before_anything_else(
    tmp_path: Path, repaired: bool
) -> None:
    project = Project(tmp_path / "project")
    process = project.start("run", project.playbook(BACK.format()), "-e", f"folder={project.folder}")
    wait_for(project.folder / "begun", process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=600)
    if repaired:
        (project.folder / "repaired").touch()
    said = project.rawat("resume")
    assert (said.code, count(project)) == ((0, "abAEab") if repaired else (1, "abAEabAE")), said
    steps = {step["id"]: step["attempts"] for step in project.record()["hosts"]["h1"]["steps"]}
    assert {name: len(tried) for name, tried in steps.items()} == {"a": 2, "b": 2, "back": 1 if repaired else 2}
    assert project.record()["in_doubt"] == []


ENDING_LATE = """
vars: {folder: {required: true, type: string}}
phases:
  implement:
    - id: a
      script: "cd {{ folder }} && printf a >>count"
      undo: [{id: back, script: "cd {{ folder }} && printf A >>count"}]
    - id: b
      script: "cd {{ folder }} && touch begun; until test -e told; do sleep 0.05; done; printf b >>count; test -e right"
      on_failure: rollback
"""


def test_a_rollback_that_is_asked_for_after_a_stop_is_carried_out_and_said(tmp_path: Path) -> None:
    """A host that is half changed is worse than a run that ends a little later; a second signal waits for nothing."""
    project = Project(tmp_path / "project")
    process = project.start("run", project.playbook(ENDING_LATE), "-e", f"folder={project.folder}")
    wait_for(project.folder / "begun", process)
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    line = next(line for line in process.stderr if "stopped by SIGINT" in line)
    assert "nothing new is begun, what runs may end, and be rolled back where a step asks for it; Ctrl-C" in line
    (project.folder / "told").touch()
    process.communicate(timeout=600)
    assert (process.returncode, count(project)) == (130, "abA")
    (project.folder / "right").touch()
    said = project.rawat("resume")
    assert (said.code, count(project)) == (0, "abAab"), said


FAILING_BACK = """
vars: {folder: {required: true, type: string}}
phases:
  implement:
    - id: a
      script: "cd {{ folder }} && printf a >>count.{{ host.name }}"
      undo: [{id: back, script: "cd {{ folder }} && printf A >>count.{{ host.name }} && test -e right.{{ host.name }}"}]
    - {id: b, script: "cd {{ folder }} && printf b >>count.{{ host.name }} && test -e repaired", on_failure: rollback}
"""


def test_what_could_not_be_taken_back_is_not_done_once_more(tmp_path: Path) -> None:
    """The rollback counted as over, and step `a` was done again upon what it had left."""
    project = Project(tmp_path / "project", hosts=3)
    rollout = "rollout: {stop_when_failed: 100%}\n"
    said = project.rawat("run", project.playbook(rollout + FAILING_BACK), "-e", f"folder={project.folder}")
    assert (said.code, "tries back again, and only then implement/b" in said.out) == (1, True), said
    for name in ("repaired", "right.h1"):
        (project.folder / name).touch()
    refused = project.rawat("resume", "--settle", "h3:a=done", "--reason", "it is")
    assert (refused.code, "'h3:a' is not in doubt; did you mean 'h3:back'?" in refused.err) == (2, True), refused
    refused = project.rawat("resume", "--settle", "h3:back=done", "--settle", "back=not-done", "--reason", "it is")
    assert (refused.code, "of back on h3 the other was said, too" in refused.err) == (2, True), refused
    # the first can be taken back now, the second still not, and the third was by hand
    said = project.rawat("resume", "--settle", "h3:back=done", "--reason", "by hand")
    assert (said.code, "--settle back=done" in said.out) == (1, True), said
    counts = {name: (project.folder / f"count.{name}").read_text() for name in ("h1", "h2", "h3")}
    assert counts == {"h1": "abAAab", "h2": "abAA", "h3": "abAab"}
    assert project.record()["deviations"][-1]["detail"] == "back=done on h3"
