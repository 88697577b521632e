"""The time of a whole run, and groups of which only so many hosts work at a time."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from runner.engine.limits import Limits
from runner.engine.plan import Choice, make_plan
from runner.engine.surroundings import Stop
from runner.errors import Unreachable
from runner.events import StopAsked
from runner.model import Host, Outcome
from runner.playbook.load import load
from runner.record import exit_code, to_json
from runner.report.plan import plan_text
from runner.report.text import summary
from runner.seams import Completed, Launch
from runner.testing import FakeHost, done
from tests.bed.process import until
from tests.unit.engine.support import HEAD, KINDS, run

THREE = "phases: {implement: [{id: s1, command: one}, {id: s2, command: two}, {id: s3, command: three}]}\n"
CLEAN = "finally: [{id: tidy, command: sweep}]\n"


def test_what_has_not_begun_when_the_time_is_over_does_not_and_finally_still_runs(tmp_path: Path) -> None:
    host = FakeHost(slow_s=40.0)
    outcome = run(tmp_path, "rollout: {timeout: 60s}\n" + THREE + CLEAN, {"a": host})
    assert outcome.steps() == {"s1": "ok", "s2": "ok", "tidy": "ok"}
    assert outcome.record.hosts["a"].outcome == Outcome.FAILED
    assert outcome.record.hosts["a"].because == "the time of the whole run, 1 min, is over; not begun: s3"
    assert outcome.code == 1


def test_a_step_gets_no_more_time_than_the_run_has_left_and_the_record_says_so(tmp_path: Path) -> None:
    host = FakeHost(slow_s=40.0)
    outcome = run(tmp_path, "rollout: {timeout: 100s}\n" + THREE + CLEAN, {"a": host})
    assert [launch.deadline_s for launch in host.launches] == [100.0, 60.0, 20.0, 3600.0]
    notes = outcome.record.hosts["a"].steps["s3"].attempts[0].notes
    assert notes == ("its time was cut to the 20 s that were left of the whole run's",)


def test_batches_that_do_not_begin_in_time_are_not_started_and_the_run_failed(tmp_path: Path) -> None:
    hosts = {name: FakeHost(slow_s=50.0) for name in "abc"}
    one = "phases: {implement: [{id: s1, command: one}]}\n"
    outcome = run(tmp_path, "rollout: {batches: [1], timeout: 90s}\n" + one, hosts)
    assert outcome.outcomes() == {"a": "ok", "b": "ok", "c": ""}
    assert outcome.record.not_started == ("c",)
    assert outcome.record.batches[-1].stopped == "the time of the whole run, 1 min 30 s, is over"
    assert outcome.code == exit_code(outcome.record) == 1


def test_a_limit_that_is_reached_before_the_first_batch_is_told(tmp_path: Path) -> None:
    hosts = {"a": FakeHost(refuse=Unreachable("a: no answer", host="a")), "b": FakeHost(), "c": FakeHost()}
    one = "phases: {implement: [{id: s1, command: one}]}\n"
    outcome = run(tmp_path, "rollout: {stop_when_failed: 1}\n" + one, hosts)
    why = "1 host failed; the rollout stops at 1"
    assert (outcome.record.not_started, outcome.record.batches) == (("b", "c"), ())
    assert outcome.record.limit_reached == to_json(outcome.record)["limit_reached"] == why
    assert f"  not started  b, c\n  stopped before the first batch: {why}\n" in summary(outcome.record)
    assert [(event.how, event.detail) for event in outcome.watcher.of(StopAsked)] == [("failure-limit", why)]
    assert outcome.record.stopped_by == "", "nobody asked for it"


def test_the_moment_at_which_a_limit_is_reached_is_on_record_once(tmp_path: Path) -> None:
    hosts = {name: FakeHost(answers={"one": done(code=1)}) for name in "abc"}
    one = "phases: {implement: [{id: s1, command: one}]}\n"
    outcome = run(tmp_path, "rollout: {batches: [2], parallel: 1, stop_when_failed: 2}\n" + one, hosts)
    kinds = [line["type"] for line in outcome.journal.lines]
    assert kinds.count("StopAsked") == 1
    assert kinds.index("StopAsked") < kinds.index("BatchFinished")
    assert outcome.record.stopped == (1, "2 hosts failed; the rollout stops at 2")
    alone = run(tmp_path, one, {"a": FakeHost(refuse=Unreachable("a: no answer", host="a"))})
    assert "stopped" not in summary(alone.record), "nobody was kept from beginning"


def test_that_a_run_was_asked_to_stop_is_on_record_when_it_is_heard(tmp_path: Path) -> None:
    """Not at its end: what runs may take hours, and somebody may look, or the power fail."""
    stop, carried = Stop(), []

    def answer(launch: Launch) -> Completed:
        stop.ask("SIGTERM")
        end = time.monotonic() + 60
        while not carried[0].record().stopped_by and time.monotonic() < end:
            time.sleep(0.01)
        return done()

    outcome = run(tmp_path, THREE, {"a": FakeHost(answers=answer)}, stop=stop, carrying=carried.append)
    kinds = [line["type"] for line in outcome.journal.lines]
    assert kinds.count("StopAsked") == 1
    assert kinds.index("StopAsked") < kinds.index("StepFinished")
    assert (outcome.code, outcome.record.stopped_by) == (143, "SIGTERM")


class Busy:
    """How many hosts are at work at the same time, by group."""

    def __init__(self) -> None:
        self.now: dict[str, int] = {}
        self.most: dict[str, int] = {}
        self.lock = threading.Lock()

    def host(self, group: str) -> FakeHost:
        return FakeHost(answers=lambda launch: self._work(group, launch))

    def _work(self, group: str, launch: Launch) -> Completed:
        with self.lock:
            self.now[group] = self.now.get(group, 0) + 1
            self.most[group] = max(self.most.get(group, 0), self.now[group])
        time.sleep(0.03)
        if group == "app":  # nothing keeps two of them from working at the same time; a busy machine may take a while
            until("two are at work", lambda: self.most[group] > 1)
        with self.lock:
            self.now[group] -= 1
        return done()


def test_no_more_hosts_of_a_limited_group_work_at_a_time_than_it_says(tmp_path: Path) -> None:
    busy = Busy()
    hosts = {f"db{n}": busy.host("db") for n in range(4)} | {f"app{n}": busy.host("app") for n in range(4)}
    groups = {name: (name[:-1],) for name in hosts}
    one = "phases: {implement: [{id: s1, command: one}]}\n"
    outcome = run(tmp_path, one, hosts, groups=groups, limits={"db": 1})
    assert set(outcome.outcomes().values()) == {"ok"}
    assert busy.most["db"] == 1
    assert busy.most["app"] > 1


def test_a_host_in_two_limited_groups_takes_a_place_in_both_or_in_none() -> None:
    limits = Limits({"db": 1, "eu": 1})
    db1 = Host(name="db1", address="db1", groups=("db", "eu"))
    db2, app = Host(name="db2", address="db2", groups=("db",)), Host(name="app", address="app", groups=("eu",))
    assert limits.take(app)
    assert not limits.take(db1)
    assert limits.take(db2), "db1 must not have kept the place it could not use"
    limits.give(app)
    limits.give(db2)
    assert limits.take(db1)


def test_the_plan_says_the_limits_and_its_digest_holds_them(tmp_path: Path) -> None:
    path = tmp_path / "playbook.yml"
    path.write_text(HEAD + THREE, encoding="utf-8")
    playbook = load(path, kinds=KINDS)
    host = Host(name="a", address="a", groups=("db",))
    free = make_plan(playbook, [host], Choice(variables={}))
    limited = make_plan(playbook, [host], Choice(variables={}), limits={"db": 2})
    assert free.digest != limited.digest
    shown = {**limited.to_json(), "title": "t", "steps": [], "checklist": [], "approvals": "", "left_out": [],
             "unknown": [], "next": ""}  # fmt: skip
    assert "never more than 2 hosts of db at a time" in plan_text(shown)


@pytest.mark.parametrize("how", ["", "SIGINT"])
def test_a_disk_that_is_full_starts_nothing_more_on_any_host(tmp_path: Path, how: str) -> None:
    """Not even a rollback or `finally`: nothing could be told of it. It says more than a signal before it."""
    text = """
phases:
  implement:
    - {id: one, command: one, undo: [{id: back, command: back}]}
    - {id: two, command: two, on_failure: %s}
    - {id: three, command: three}
finally: [{id: clean, command: clean}]
"""
    for on_failure in ("rollback", "continue"):
        stop = Stop()

        def answer(launch: Launch, stop: Stop = stop) -> Completed:
            if launch.step == "two":
                stop.how = how
                stop.no_room()
            return done(code=int(launch.step == "two"))

        fake = FakeHost(answers=answer)
        outcome = run(tmp_path, text % on_failure, {"a": fake}, stop=stop)
        assert [launch.step for launch in fake.launches if not launch.read_only] == ["one", "two"]
        assert (outcome.code, outcome.record.stopped_by, outcome.outcomes()) == (6, "a full disk", {"a": "failed"})
