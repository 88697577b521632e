"""Hosts and resources that somebody else holds, and runs that are cancelled from elsewhere."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from tests.acceptance.project import Project, wait_for
from tests.bed.process import run, until
from tests.bed.sshd import LoopbackSshd

SLOW = "phases: {implement: [{id: slow, script: 'touch %s; sleep %s; touch %s'}, {id: next, command: touch %s}]}\n"
ONE = "phases: {implement: [{id: one, command: 'true'}]}\n"


@pytest.fixture
def project(tmp_path: Path, loopback_sshd: LoopbackSshd) -> Project:
    return Project(tmp_path / "project", loopback_sshd)


def slow(project: Project, seconds: float | str) -> str:
    begun, ended, after = (project.folder / name for name in ("begun", "ended", "after"))
    return project.playbook(SLOW % (begun, seconds, ended, after))


def test_a_host_that_another_run_holds_is_7_and_names_the_holder(project: Project) -> None:
    go = project.folder / "go"
    process = project.start("run", slow(project, f"0; until test -e {go}; do sleep 0.05; done"))
    wait_for(project.folder / "begun", process)
    other = project.playbook(ONE, name="other.yml")
    said = project.rawat("run", other, "--lock-timeout", "300ms")
    assert said.code == 7, said
    assert "refused (lock)" in said.out
    holder = project.rawat("runs").out
    assert "running" in holder
    assert "since 20" in said.out and "run 01" in said.out
    (under_way,) = [line.split()[0] for line in holder.splitlines() if "running" in line]
    said = project.rawat("cancel")  # the last one, which was refused
    assert said.code == 2 and f"under way: {under_way.partition('…')[0]}" in said.err, said
    go.touch()
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, out + err


def test_who_may_wait_for_a_host_that_another_run_holds_gets_it_and_the_wait_is_on_record(project: Project) -> None:
    begun, go = project.folder / "begun", project.folder / "go"
    other = project.playbook(ONE, name="other.yml")
    assert project.sshd is not None
    for seconds in (1.5, 6.0, 24.0):  # so long it may take a busy machine from the link to the lock
        process = project.start("run", slow(project, f"0; until test -e {go}; do sleep 0.05; done"))
        wait_for(begun, process)
        waits = project.start("run", other, "--lock-timeout", "5m")
        until("it is connected, too", lambda: project.sshd.sessions() == 2)
        time.sleep(seconds)
        go.touch()
        for each in (waits, process):
            out, err = each.communicate(timeout=600)
            assert each.returncode == 0, out + err
        waited = project.record()["hosts"]["h1"]["waits"].get("lock", 0)
        if waited:
            return
        for path in (begun, go):
            path.unlink()
    raise AssertionError("it waited, and that is not on record")


def test_the_lock_of_a_run_that_was_killed_is_free_at_once(project: Project) -> None:
    process = project.start("run", slow(project, 2))
    wait_for(project.folder / "begun", process)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=600)
    assert project.rawat("run", project.playbook(ONE, name="other.yml"), "--lock-timeout", "1m").code == 0


def test_a_named_resource_is_used_by_one_host_at_a_time(tmp_path: Path, loopback_sshd: LoopbackSshd) -> None:
    project = Project(tmp_path / "project", loopback_sshd, hosts=3)
    folder = project.folder
    for seconds in (1.5, 6.0, 24.0):  # so far apart hosts may come to a step on a busy machine
        script = f"mkdir {folder}/busy && sleep {seconds} && rmdir {folder}/busy"
        book = project.playbook(
            f"phases:\n  implement:\n    - {{id: first, once: true, command: sleep {seconds}}}\n"
            f"    - {{id: one, lock: cluster-a, script: '{script}'}}\n"
        )
        said = project.rawat("run", book)
        assert said.code == 0, said
        waits = [host["waits"] for host in project.record()["hosts"].values()]
        locked, once = (sorted(wait.get(cause, 0) for wait in waits) for cause in ("lock", "once"))
        assert (locked[0], once[0]) == (0, 0), "the one that did it"
        if locked[1] > 0 and once[1] >= 100:
            return
    raise AssertionError(f"two of three waited, and that is not on record: {locked}, {once}")


def test_a_named_resource_is_shared_by_runs_and_free_when_its_holder_is_killed(tmp_path: Path) -> None:
    """On hosts that have nothing to do with each other; who waits is told who has it, and since when."""
    project = Project(tmp_path / "project", hosts=2)
    begun = project.folder / "begun"
    text = "phases: {implement: [{id: one, lock: cluster-a, timeout: %s, script: '%s'}]}\n"
    process = project.start("run", project.playbook(text % ("1m", f"touch {begun}; sleep 50")), "--hosts", "h1")
    wait_for(begun, process)
    other = project.playbook(text % ("500ms", "true"), name="other.yml")
    said = project.rawat("run", other, "--hosts", "h2")
    assert said.code == 1
    assert "the resource 'cluster-a' is held by" in said.out and "(h1/one)" in said.out, said
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=600)
    said = project.rawat("run", project.playbook(text % ("1m", "true"), name="last.yml"), "--hosts", "h2")
    assert said.code == 0, said
    assert "waiting for a lock" not in said.out
    assert project.rawat("runs", "--host", "h1").out.count("interrupted") == 1


def test_cancel_from_elsewhere_lets_the_step_end_and_seals(project: Project) -> None:
    told = project.folder / "told"
    process = project.start("run", slow(project, f"0; until test -e {told}; do sleep 0.05; done"))
    wait_for(project.folder / "begun", process)
    for _ in range(3):  # whoever says it again leaves nothing alone that runs
        said = project.rawat("cancel")
        assert said.code == 0 and "begins nothing new" in said.out
    (events,) = project.folder.glob("records/*/1/events.jsonl")
    until("it has heard", lambda: '"StopAsked"' in events.read_text())
    told.touch()
    _, err = process.communicate(timeout=600)
    assert process.returncode == 130
    assert err.count("stopped by rawat cancel: nothing new is begun, what runs may end, and be rolled back") == 1, err
    assert (project.folder / "ended").exists()
    assert not (project.folder / "after").exists()
    assert project.record()["stopped_by"] == "rawat cancel"
    said = project.rawat("cancel")
    assert said.code == 2 and "under way: none" in said.err


def test_cancel_kill_ends_the_step_on_the_host(project: Project) -> None:
    process = project.start("run", slow(project, 600))
    wait_for(project.folder / "begun", process)
    began = time.monotonic()
    assert project.rawat("cancel", "--kill").code == 0
    out, err = process.communicate(timeout=600)
    assert time.monotonic() - began < 200
    assert process.returncode == 130, out + err
    (step,) = project.record()["hosts"]["h1"]["steps"]
    assert step["attempts"][0]["exit"]["killed"] in ("proven", "no trace left")
    assert not (project.folder / "ended").exists()


def test_on_cancel_kill_makes_sigterm_end_the_step(project: Project) -> None:
    seconds = 600 + os.getpid() / 1e8  # no other test's sleep
    process = project.start("run", slow(project, seconds), "--on-cancel", "kill")
    wait_for(project.folder / "begun", process)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=600)
    assert process.returncode == 143
    until("the step has ended", lambda: run(["pgrep", "-f", f"sleep {seconds}"], check=False).returncode == 1)
    assert not (project.folder / "ended").exists()
    assert project.rawat("run", project.playbook(ONE, name="other.yml"), "--lock-timeout", "1m").code == 0
