"""What a run on fake hosts leaves in its record: notes, doubt, and where the time went."""

from __future__ import annotations

from dataclasses import fields, replace
from math import inf
from pathlib import Path
from typing import Any

import pytest

from runner.engine.bus import Bus
from runner.engine.plan import Choice
from runner.engine.run import Run
from runner.errors import LockBusy, Unreachable
from runner.events import ClockJumped, SittingStarted, Waited
from runner.model import Exit, Facts, Host
from runner.record import (
    Attempt,
    Batch,
    HostRecord,
    ItemRecord,
    Review,
    RunRecord,
    StepRecord,
    checklist,
    exit_code,
    fold,
)
from runner.record.schema import schema
from runner.redact import Redactor
from runner.report.text import summary
from runner.seams import Passwords
from runner.testing import FACTS, FakeClock, FakeHost, FakeSession, FakeTransport, done
from tests.unit.engine.support import MemoryJournal, Outcome, run

ONE = "phases: {implement: [{id: s1, command: w}]}\n"


def test_a_note_on_how_a_step_was_carried_out_is_kept_and_told(tmp_path: Path) -> None:
    noted = replace(done("x"), notes=("its output was cut at 10 bytes",))
    outcome = run(tmp_path, ONE, {"a": FakeHost(answers={"w": noted})})
    assert outcome.record.hosts["a"].steps["s1"].attempts[0].notes == ("its output was cut at 10 bytes",)
    assert "note  a implement/s1: its output was cut at 10 bytes" in summary(outcome.record)


def test_a_clock_that_is_set_while_it_runs_is_noted_and_spoils_no_duration(tmp_path: Path) -> None:
    clock, journal = FakeClock(), MemoryJournal(tmp_path, Redactor())
    bus = Bus(journal, Redactor(), clock)
    bus.emit(SittingStarted(run="r", sitting=1, playbook="p", title="", kind="other", plan="", hosts=("a",)))
    for by_s in (86_400, -7_200, 1.5, 0):
        clock.advance(10)
        clock.set_by(by_s)
        bus.emit(Waited(host="a", step="s", cause="retry", took_ms=1))
    bus.close()
    jumps = [event for event in bus.events if isinstance(event, ClockJumped)]
    assert [event.by_ms for event in jumps] == [86_400_000, -7_200_000]
    assert [event.seq for event in bus.events] == list(range(1, 8))
    record = fold([bus.events])
    assert record.took_ms == 40_000
    assert [note.partition(";")[0] for note in record.troubles] == [
        "the controller's clock was set forward by 86400 s", "the controller's clock was set back by 7200 s",
    ]  # fmt: skip


def test_a_host_whose_clock_is_wrong_is_noted(tmp_path: Path) -> None:
    now = FakeClock().now().timestamp()
    hosts = {name: FakeHost(facts=replace(FACTS, clock=now + by_s, machine_id=name)) for name, by_s in
             {"a": 3600, "b": -60, "c": 3}.items()}  # fmt: skip
    said = summary(run(tmp_path, ONE, hosts).record)
    assert "note  a: its clock is 3600 s ahead of the controller's" in said
    assert "note  b: its clock is 60 s behind the controller's" in said
    assert "note  c" not in said
    hosts = {
        f"h{by_s}": FakeHost(facts=replace(FACTS, clock=now - by_s, machine_id=f"m{by_s}")) for by_s in range(60, 66)
    }
    (tmp_path / "many").mkdir()
    said = summary(run(tmp_path / "many", ONE, hosts).record)
    assert "note  h60, h61, h62, h63 and 2 more: their clocks are 60 to 65 s behind the controller's" in said
    assert said.count("note ") == 1


@pytest.mark.parametrize("waits_for", ["a user", "the lock"])
def test_a_clock_is_not_wrong_because_the_host_was_waited_for(tmp_path: Path, waits_for: str) -> None:
    """It was read when the host answered; what came after that counted as its being behind."""
    busy = iter([True] * 12 + [False])

    class Slow(FakeSession):
        def become(self, user: str) -> Facts:
            if waits_for == "a user":
                self._clock.advance(30.0)
            return super().become(user)

        def lock(self, owner: str, *, name: str = "host") -> None:
            if waits_for == "the lock" and next(busy):
                raise LockBusy("a: another run holds this host: run 01OTHER")
            super().lock(owner, name=name)

    class Waited(FakeTransport):
        def connect(self, host: Host, *, run_id: str, passwords: Passwords, within_s: float = inf) -> FakeSession:
            return Slow(self.hosts[host.name], self.clock)

    def patient(carried: Run) -> None:
        carried.around = replace(carried.around, lock_s=300.0)

    fake = FakeHost(facts=replace(FACTS, clock=FakeClock().now().timestamp()))
    text = ONE.replace("command: w", "command: w, become: root")
    outcome = run(tmp_path, text, {"a": fake}, transport=Waited, carrying=patient, owner="me")
    host = outcome.record.hosts["a"]
    assert host.time["connect"] + host.time.get("lock", 0) >= 30_000
    assert "its clock is" not in summary(outcome.record)
    assert abs(host.clock_offset_ms) < 1000


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


ITEM = "checklist: [{id: proven, phase: test, text: It is whole, proof: [quick, slow]}]\n"
PROOFS = """\
phases:
  implement: [{id: work, command: w}]
  test:
    - {id: quick, when: engine == 'lite', command: q}
    - {id: slow, when: engine == 'big', command: s}
"""
ENGINE = "vars: {engine: {default: none, type: string}}\n"


def proven(folder: Path, engines: dict[str, str], **choice: Any) -> tuple[Outcome, dict[str, ItemRecord], str]:
    """A run whose item is proven by one of two steps, by the engine of each host; its checklist and its end as told."""
    hosts = {name: FakeHost(facts=replace(FACTS, machine_id=name)) for name in engines}
    said = {name: {"engine": engine} for name, engine in engines.items()}
    chosen = Choice(variables={}, **choice)
    outcome = run(folder, ENGINE + ITEM + PROOFS, hosts, variables=said, choice=chosen)
    return outcome, {item.id: item for item in checklist(outcome.record)}, summary(outcome.record)


def test_an_item_is_proven_where_a_step_of_it_ran_and_does_not_apply_where_none_did(tmp_path: Path) -> None:
    outcome, items, said = proven(tmp_path, {"a": "lite", "b": "none", "c": "big", "d": "none"})
    assert (outcome.code, items["proven"].state) == (0, "pass")
    why = "not applicable on b, d (when: engine == 'lite'; when: engine == 'big')"
    assert items["proven"].proof == ("a/quick", "c/slow", why)
    assert f"☑ proven: It is whole ({why})\n" in said


def test_an_item_of_which_no_step_ran_anywhere_is_not_proven(tmp_path: Path) -> None:
    outcome, items, said = proven(tmp_path, {"a": "none", "b": "none"})
    assert (outcome.code, items["proven"].state, items["test"].state) == (9, "open", "na")
    assert "☐ proven: It is whole (every step of it was skipped by its condition)" in said


def test_what_a_person_left_out_is_open_until_a_person_speaks_for_it(tmp_path: Path) -> None:
    outcome, items, said = proven(tmp_path, {"a": "lite"}, only=("work",))
    assert outcome.code == 9
    assert (items["implement"].state, items["test"].state, items["proven"].state) == ("pass", "open", "open")
    assert items["test"].proof == ("every step of it was left out by --only work",)
    assert "☐ every step of it was left out by --only work\n" in said
    assert "rawat sign 01RUN --item test --note" in said and "rawat sign 01RUN --item proven --note" in said
    waived = [{"act": "sign-off", "item": name, "verdict": "waive", "by": "x"} for name in ("test", "proven")]
    assert exit_code(replace(outcome.record, acts=tuple(waived))) == 0


def test_a_step_of_the_proof_that_was_left_out_leaves_the_item_open_and_not_the_phase(tmp_path: Path) -> None:
    outcome, items, said = proven(tmp_path, {"a": "lite", "b": "big"}, skip=("slow",))
    assert (outcome.code, items["test"].state, items["proven"].state) == (9, "pass", "open")
    assert items["proven"].proof == ("a/quick", "left out by --skip slow: slow")
    assert "☐ proven: It is whole (left out by --skip slow: slow)" in said


def test_the_reason_that_is_told_is_that_of_the_step(tmp_path: Path) -> None:
    _, items, _ = proven(tmp_path, {"a": "none"}, skip=("slow", "work"))
    assert items["test"].proof == ("left out by --skip slow: slow", "skipped by its condition: quick")
    assert items["implement"].proof == ("every step of it was left out by --skip work",)


@pytest.mark.parametrize(
    ("cls", "at"),
    [
        (RunRecord, ()), (HostRecord, ("hosts", "*")), (StepRecord, ("hosts", "*", "steps", "[]")),
        (Attempt, ("hosts", "*", "steps", "[]", "attempts", "[]")), (Batch, ("batches", "[]")),
        (ItemRecord, ("checklist", "[]")), (Review, ("review",)),
    ],
)  # fmt: skip
def test_the_schema_of_the_record_has_every_field_that_there_is(cls: type, at: tuple[str, ...]) -> None:
    found: Any = schema()
    for name in at:
        inside = {"[]": found.get("items"), "*": found.get("additionalProperties")}
        found = inside[name] if name in inside else found["properties"][name]
    missing = {field.name for field in fields(cls)} - found["properties"].keys()
    assert missing == set(), "describe it in runner/record/schema, and give it a row in docs/audit.md"
