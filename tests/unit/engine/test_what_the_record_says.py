"""What a run on fake hosts leaves in its record: notes, doubt, and where the time went."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from runner.errors import Unreachable
from runner.model import Exit
from runner.record import checklist
from runner.report.text import summary
from runner.testing import FakeHost, done
from tests.unit.engine.support import run

ONE = "phases: {implement: [{id: s1, command: w}]}\n"


def test_a_note_on_how_a_step_was_carried_out_is_kept_and_told(tmp_path: Path) -> None:
    noted = replace(done("x"), notes=("its output was cut at 10 bytes",))
    outcome = run(tmp_path, ONE, {"a": FakeHost(answers={"w": noted})})
    assert outcome.record.hosts["a"].steps["s1"].attempts[0].notes == ("its output was cut at 10 bytes",)
    assert "note  a implement/s1: its output was cut at 10 bytes" in summary(outcome.record)


def test_a_phase_whose_step_nobody_saw_the_end_of_is_open_and_not_failed(tmp_path: Path) -> None:
    doubtful = replace(done(), exit=Exit(unknown="the host was booted again while it ran"))
    outcome = run(tmp_path, ONE, {"a": FakeHost(answers={"w": doubtful})})
    item = next(item for item in checklist(outcome.record) if item.id == "implement")
    assert (item.state, item.proof) == ("open", ("nobody knows how a/s1 ended",))
    assert "of 1 step nobody knows how it ended" in summary(outcome.record)


def test_a_failed_step_outweighs_one_in_doubt(tmp_path: Path) -> None:
    doubtful = replace(done(), exit=Exit(unknown="gone"))
    hosts = {"a": FakeHost(answers={"w": doubtful}), "b": FakeHost(answers={"w": done(code=1)})}
    outcome = run(tmp_path, "rollout: {stop_when_failed: 3}\n" + ONE, hosts)
    item = next(item for item in checklist(outcome.record) if item.id == "implement")
    assert item.state == "fail"


def test_the_wait_for_a_host_that_cannot_be_reached_counts_as_connecting(tmp_path: Path) -> None:
    host = FakeHost(refuse=Unreachable("a: no answer", host="a"), connect_s=7.0)
    record = run(tmp_path, ONE, {"a": host}).record
    assert record.time["connect"] == 7000
    assert sum(record.time.values()) == record.took_ms
