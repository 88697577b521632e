"""What a run does, on fake hosts: order, failure, rollback, finally, retries, gates, batches."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from math import inf
from pathlib import Path
from typing import Any

import pytest

from runner.engine.bus import Bus
from runner.engine.link import Link
from runner.engine.plan import Choice
from runner.engine.run import Run
from runner.engine.surroundings import Stop
from runner.errors import InvalidInput, JournalError, LinkLost, TransportError, Unreachable
from runner.events import (
    BatchStarted,
    GateRefused,
    HostStarted,
    StepFinished,
    StepStarted,
    Waited,
    WatcherFailed,
)
from runner.journal.resource import Resources
from runner.model import Exit, Host
from runner.record.checklist import checklist
from runner.redact import Redactor, Secret
from runner.report.text import summary
from runner.seams import Answer, Completed, Launch, OnOutput, Passwords, Question, Script, Settled
from runner.testing import FACTS, FakeClock, FakeHost, FakeSession, FakeTransport, NoPasswords, RecordingWatcher, done
from runner.units import text_of_duration
from tests.bed.process import process_stat, until
from tests.unit.engine.support import HEAD, Answers, MemoryJournal, Outcome, Stopping, run

DISK = "rawat:kilobytes=1000\t500\nrawat:mount=/\n"
"""What a probe that went well prints."""
ONE = "phases: {implement: [{id: one, command: one}]}\n"
LINES_BEFORE_THE_FIRST_STEP = 4
"""SittingStarted, HostConnected, BatchStarted, HostStarted."""


def test_steps_run_in_the_order_of_the_phases_and_leave_a_record(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        """
phases:
  identify: [{id: one, command: echo one}]
  implement: [{id: two, command: echo two}, {id: three, script: echo three}]
""",
    )
    assert ended.code == 0
    assert ended.steps() == {"one": "ok", "two": "ok", "three": "ok"}
    assert [event.step for event in ended.watcher.of(StepStarted)] == ["one", "two", "three"]


def test_the_start_of_a_step_is_written_before_anything_is_sent(tmp_path: Path) -> None:
    fake = FakeHost()
    with pytest.raises(JournalError):
        run(tmp_path, ONE, {"a": fake}, fail_at=LINES_BEFORE_THE_FIRST_STEP + 1)
    assert not fake.launches
    with pytest.raises(JournalError):
        run(tmp_path, ONE, {"a": fake}, fail_at=LINES_BEFORE_THE_FIRST_STEP + 2)
    assert len(fake.launches) == 1


def test_a_failure_stops_the_host_and_names_the_step(tmp_path: Path) -> None:
    fake = FakeHost(answers={"echo two": done("out\n", code=3, stderr="no space\n")})
    ended = run(
        tmp_path,
        "phases: {implement: [{id: one, command: echo one}, {id: two, command: echo two}, {id: three, command: x}]}\n",
        {"a": fake},
    )
    assert ended.code == 1
    assert ended.steps() == {"one": "ok", "two": "failed"}
    step = ended.record.hosts["a"].failed_step
    assert step is not None
    assert "exit 3" in step.attempts[-1].problem
    assert "no space" in step.attempts[-1].tail


def test_on_failure_continue_goes_on_and_the_run_has_failed_all_the_same(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        "phases: {implement: [{id: bad, command: bad, on_failure: continue}, {id: good, command: good}]}\n",
        {"a": FakeHost(answers={"bad": done(code=1)})},
    )
    assert ended.steps() == {"bad": "failed", "good": "ok"}
    assert ended.code == 1


ROLLBACK = """
phases:
  implement:
    - {id: one, command: one, undo: [{id: back-one, command: back one}]}
    - {id: two, command: two, undo: [{id: back-two, command: back two}]}
    - {id: three, command: three, on_failure: rollback, undo: [{id: back-three, command: back three}]}
    - {id: four, command: four, undo: [{id: back-four, command: back four}]}
finally:
  - {id: tidy, command: tidy}
"""


def test_rollback_undoes_what_was_done_last_first_and_finally_comes_after(tmp_path: Path) -> None:
    ended = run(tmp_path, ROLLBACK, {"a": FakeHost(answers={"three": done(code=1)})})
    assert list(ended.steps()) == ["one", "two", "three", "back-three", "back-two", "back-one", "tidy"]
    assert ended.code == 1


def test_a_step_that_asks_for_a_rollback_gets_it_in_a_group_that_would_go_on(tmp_path: Path) -> None:
    text = """
phases:
  implement:
    - {id: one, command: one, undo: [{id: back, command: back}]}
    - id: some
      on_failure: continue
      steps:
        - {id: inner, on_failure: continue, steps: [{id: two, command: two, on_failure: %s}]}
    - {id: three, command: three}
"""
    bad = {"two": done(code=1)}
    assert list(run(tmp_path, text % "rollback", {"a": FakeHost(answers=bad)}).steps()) == ["one", "two", "back"]
    assert list(run(tmp_path, text % "stop", {"a": FakeHost(answers=bad)}).steps()) == ["one", "two", "three"]


def test_a_timeout_that_is_proven_is_a_failure_and_rolls_back(tmp_path: Path) -> None:
    late = Completed(exit=Exit(timeout_s=5.0, killed="no trace left"))
    ended = run(tmp_path, ROLLBACK, {"a": FakeHost(answers={"three": late})})
    assert ended.steps()["three"] == "failed"
    assert "back-one" in ended.steps()
    assert ended.code == 1


def test_a_timeout_nobody_can_prove_is_unknown_and_nothing_more_is_done(tmp_path: Path) -> None:
    late = Completed(exit=Exit(timeout_s=5.0, killed="not known"))
    ended = run(tmp_path, ROLLBACK, {"a": FakeHost(answers={"three": late})})
    assert ended.steps() == {"one": "ok", "two": "ok", "three": "unknown"}
    assert ended.code == 5
    assert ended.record.in_doubt == (("a", "three"),)


def test_the_host_keeps_nothing_of_a_run_unless_an_end_is_unknown(tmp_path: Path) -> None:
    fine, lost = FakeHost(), FakeHost(drop_at=1, settled=Settled(state="free"))
    run(tmp_path, ONE, {"a": fine})
    run(tmp_path, ONE, {"a": lost})
    assert (fine.forgotten, lost.forgotten) == (True, False)


def test_a_lost_link_is_made_again_and_the_step_is_adopted_not_repeated(tmp_path: Path) -> None:
    fake = FakeHost(drop_at=2)
    ended = run(tmp_path, ROLLBACK, {"a": fake})
    assert ended.code == 0
    assert list(ended.steps()) == ["one", "two", "three", "four", "tidy"]
    assert len(fake.launches) == 5
    assert fake.connects == 2
    assert ended.record.hosts["a"].links_lost == 1


def test_a_host_that_never_says_the_end_is_not_asked_for_ever(tmp_path: Path) -> None:
    """It is there, and each time it is asked it is silent until the link is given up."""
    ended = run(tmp_path, ONE, {"a": FakeHost(drop_at=1, slow_s=10_000.0, drop_settling=900)})
    assert ended.steps() == {"one": "unknown"}
    assert ended.record.hosts["a"].links_lost == 2


def test_a_session_that_dies_while_it_takes_the_lock_is_made_anew(tmp_path: Path) -> None:
    """Whoever comes back asks for the lock first; that link may be lost as well."""
    fake = FakeHost()

    class Dying(FakeTransport):
        def connect(self, host: Host, *, run_id: str, passwords: Passwords, within_s: float = inf) -> FakeSession:
            session = super().connect(host, run_id=run_id, passwords=passwords)
            return Deaf(fake, self.clock) if fake.connects == 1 else session

    class Deaf(FakeSession):
        def lock(self, owner: str, *, name: str = "host") -> None:
            raise LinkLost("the connection ended", host="a")

    host = Host(name="a", address="a")
    link = Link(host, Dying({"a": fake}), FakeTransport(), run_id="01RUN", passwords=NoPasswords(), owner="me")
    with pytest.raises(LinkLost):
        link.connect()
    assert link.connect().run(Launch(run_id="01RUN", step="s", attempt=1, script=Script(text="x")), print).exit.ok
    assert fake.connects == 2


def test_a_host_is_held_for_each_user_that_is_worked_as(tmp_path: Path) -> None:
    """Who logs in as another and becomes one of them is refused before anything is begun; both ask in one order."""
    fake = FakeHost()
    other = FakeSession(fake, FakeClock())
    fake.locks["root", "host"] = ("run 01OTHER of ben", other)
    text = (
        "phases: {implement: [{id: one, command: one, become: root}, {id: two, command: two, become: postgres},"
        " {id: own, command: own}]}\n"
    )
    ended = run(tmp_path, text, {"a": fake}, owner="run 01MINE of anna")
    assert (ended.code, fake.texts) == (7, [])
    assert "run 01OTHER of ben" in ended.record.hosts["a"].because
    assert [user for user, _ in fake.locks] == ["root", "maint", "postgres"]
    other.close()
    ended = run(tmp_path, text, {"a": fake}, owner="run 01MINE of anna")
    assert (ended.code, len(fake.texts)) == (0, 3)
    assert fake.locks["root", "host"][0] == "run 01MINE of anna"


def test_output_goes_on_at_its_byte_after_a_cut(tmp_path: Path) -> None:
    fake = FakeHost(drop_at=1, answers={"one": done("hello\n")})
    fake.settled = Settled(state="ended", completed=done("", code=0))
    text = "phases: {implement: [{id: one, command: one, register: r}, {id: two, command: 'say {{ r.stdout }}'}]}\n"
    ended = run(tmp_path, text, {"a": fake})
    assert ended.code == 0
    assert "say hello" in fake.texts[1]
    assert ended.record.hosts["a"].steps["one"].attempts[0].output["stdout_bytes"] == 6


def test_a_launch_that_never_arrived_is_started(tmp_path: Path) -> None:
    fake = FakeHost(drop_at=1, settled=Settled(state="none"))
    ended = run(tmp_path, ONE, {"a": fake})
    assert ended.code == 0
    assert [launch.attempt for launch in fake.launches] == [1, 1]


def test_a_launch_that_vanished_with_what_the_host_kept_of_it_is_not_begun_again(tmp_path: Path) -> None:
    fake = FakeHost(drop_at=2)

    def answer(launch: Launch) -> Completed:
        if len(fake.launches) == 2:
            fake.vanish()
        return done()

    fake.answers = answer
    ended = run(tmp_path, ROLLBACK, {"a": fake})
    assert (ended.steps(), ended.code) == ({"one": "ok", "two": "unknown"}, 5)
    assert len(fake.launches) == 2, "neither the step again nor what takes it back"


def test_a_launch_of_which_nothing_was_started_gets_a_new_attempt(tmp_path: Path) -> None:
    fake = FakeHost(drop_at=1, settled=Settled(state="torn"))
    ended = run(tmp_path, ONE, {"a": fake})
    assert ended.code == 0
    assert [launch.attempt for launch in fake.launches] == [1, 2]


def test_nobody_knows_the_end_so_nothing_more_is_done(tmp_path: Path) -> None:
    for state in ("free", "unsure"):
        ended = run(tmp_path, ROLLBACK, {"a": FakeHost(drop_at=2, settled=Settled(state=state))})
        assert ended.steps() == {"one": "ok", "two": "unknown"}
        assert ended.code == 5
        assert ended.record.in_doubt == (("a", "two"),)


def test_a_host_that_stays_away_makes_its_step_unknown_and_the_time_is_on_record(tmp_path: Path) -> None:
    fake = FakeHost(drop_at=2)

    def answer(launch: Launch) -> Completed:
        if len(fake.launches) == 2:
            fake.refuse = Unreachable("no route", host="a")
        return done()

    fake.answers = answer
    ended = run(tmp_path, ROLLBACK, {"a": fake})
    assert ended.steps() == {"one": "ok", "two": "unknown"}
    assert ended.code == 5
    assert ended.record.hosts["a"].waits["link"] >= 290_000


def test_an_unknown_end_is_settled_by_the_check_of_the_step(tmp_path: Path) -> None:
    text = "phases: {implement: [{id: one, command: make it, check: test -e /it}]}\n"
    checks = iter([1, 0])
    fake = FakeHost(drop_at=2, settled=Settled(state="free"))
    fake.answers = lambda launch: done(code=next(checks) if "test -e" in launch.script.text else 0)
    ended = run(tmp_path, text, {"a": fake})
    assert ended.code == 0
    assert "settled by a look" in ended.record.hosts["a"].steps["one"].attempts[0].summary
    checks = iter([1, 1, 1, 0])
    fake = FakeHost(drop_at=2, settled=Settled(state="free"))
    fake.answers = lambda launch: done(code=next(checks) if "test -e" in launch.script.text else 0)
    ended = run(tmp_path, text, {"a": fake})
    assert ended.code == 0
    assert [attempt.outcome for attempt in ended.record.hosts["a"].steps["one"].attempts] == ["failed", "ok"]


def test_an_unknown_end_is_not_tried_again_unless_that_is_safe(tmp_path: Path) -> None:
    text = "phases: {implement: [{id: one, command: one, retries: 3, %s}]}\n"
    unsafe = FakeHost(drop_at=1, settled=Settled(state="free"))
    assert run(tmp_path, text % "idempotent: false", {"a": unsafe}).code == 5
    assert len(unsafe.launches) == 1
    safe = FakeHost(drop_at=1, settled=Settled(state="free"))
    assert run(tmp_path, text % "idempotent: true", {"a": safe}).code == 0
    assert len(safe.launches) == 2


@pytest.mark.parametrize(("answer", "outcome"), [(75, "unknown"), (0, "failed"), (1, "failed")])
def test_a_kill_by_a_host_that_goes_down_is_no_end_of_the_step(tmp_path: Path, answer: int, outcome: str) -> None:
    text = "phases: {implement: [{id: one, command: one}]}\n"
    fake = FakeHost(answers={"is-system-running": done(code=answer), "one": done(code=143)})
    ended = run(tmp_path, text, {"a": fake})
    assert ended.steps() == {"one": outcome}


def test_a_killed_step_whose_link_is_then_gone_is_known_once_the_host_answers_again(tmp_path: Path) -> None:
    """The same boot id: the host did not go down. Another one, or no answer: nobody knows."""
    text = "phases: {implement: [{id: one, command: one}]}\n"
    assert run(tmp_path, text, {"a": FakeHost(answers={"one": done(code=129)}, drop_at=2)}).steps() == {"one": "failed"}
    booted = replace(FACTS, boot_id="00000000-0000-0000-0000-000000000002")
    for meanwhile in ({"facts": booted}, {"refuse": Unreachable("no route", host="a")}):
        fake = FakeHost(drop_at=2)

        def answer(launch: Launch, fake: FakeHost = fake, meanwhile: dict[str, Any] = meanwhile) -> Completed:
            if len(fake.launches) == 2:
                vars(fake).update(meanwhile)
            return done(code=129 if launch.script.text.startswith("one") else 0)

        fake.answers = answer
        ended = run(tmp_path, text, {"a": fake})
        assert ended.steps() == {"one": "unknown"}
        assert ended.code == 5


def test_a_host_without_room_for_a_question_is_no_host_that_goes_down(tmp_path: Path) -> None:
    """A step that fills the disk fails, and what is asked then is refused."""
    fake = FakeHost()

    def answer(launch: Launch) -> Completed:
        if "is-system-running" in launch.script.text:
            raise TransportError("no space left; nothing was started", host="a")
        return done(code=28)

    fake.answers = answer
    ended = run(tmp_path, ONE, {"a": fake})
    assert ended.steps()["one"] == "failed"
    assert ended.code == 1


def test_a_link_lost_late_in_a_long_step_is_waited_for_as_long_as_any_other(tmp_path: Path) -> None:
    fake = FakeHost(drop_at=1, slow_s=1800.0)
    refused = iter(range(8))

    class Away(FakeTransport):
        def connect(self, host: Host, *, run_id: str, passwords: Passwords, within_s: float = inf) -> FakeSession:
            if fake.launches and next(refused, None) is not None:
                raise Unreachable("no route", host="a")
            return super().connect(host, run_id=run_id, passwords=passwords)

    ended = run(tmp_path, ONE, {"a": fake}, transport=Away)
    assert ended.code == 0
    assert ended.record.hosts["a"].links_lost == 1


def test_what_may_still_run_is_not_started_beside_itself(tmp_path: Path) -> None:
    """The host cannot say that nothing of it lives: not even what may be repeated is, nor what a look finds undone."""
    text = "phases: {implement: [{id: one, command: one, retries: 3, idempotent: true}]}\n"
    fake = FakeHost(drop_at=1, settled=Settled(state="unsure"))
    assert run(tmp_path, text, {"a": fake}).code == 5
    assert len(fake.launches) == 1
    looks = "phases: {implement: [{id: one, command: make it, check: test -e /it}]}\n"
    fake = FakeHost(drop_at=2, settled=Settled(state="unsure"))
    fake.answers = lambda launch: done(code=1 if "test -e" in launch.script.text else 0)
    ended = run(tmp_path, looks, {"a": fake})
    assert ended.code == 5
    assert [launch.script.text for launch in fake.launches].count("make it\n") == 1


def test_an_end_that_nobody_knows_stays_unknown_where_the_host_then_stays_away(tmp_path: Path) -> None:
    text = "phases: {implement: [{id: one, command: one, idempotent: true}]}\n"
    fake = FakeHost(drop_at=1, settled=Settled(state="free"))

    def answer(launch: Launch) -> Completed:
        if launch.attempt == 2:
            fake.drop_at, fake.settled = 2, Settled(state="torn")
        return done()

    fake.answers = answer
    ended = run(tmp_path, text, {"a": fake})
    assert [attempt.outcome for attempt in ended.record.hosts["a"].steps["one"].attempts] == [
        "unknown",
        "unknown",
        "ok",
    ]
    assert ended.code == 0


def test_what_only_reads_is_asked_again_after_a_cut(tmp_path: Path) -> None:
    fake = FakeHost(drop_at=1, answers=lambda launch: done(DISK))
    assert run(tmp_path, "phases: {analyse: [{id: room, disk: {path: /, free: 1}}]}\n", {"a": fake}).code == 0
    assert len(fake.launches) == 2


def test_retries_wait_and_are_recorded_one_by_one(tmp_path: Path) -> None:
    tries = iter([1, 1, 0])
    fake = FakeHost(answers=lambda launch: done(code=next(tries) if "one" in launch.script.text else 0))
    ended = run(
        tmp_path, "phases: {implement: [{id: one, command: one, retries: {attempts: 5, delay: 2s}}]}\n", {"a": fake}
    )
    assert ended.code == 0
    assert [event.outcome for event in ended.watcher.of(StepFinished)] == ["failed", "failed", "ok"]
    assert [launch.attempt for launch in fake.launches if "one" in launch.script.text] == [1, 2, 3]
    assert ended.clock.waits == [2.0, 4.0]
    assert ended.record.hosts["a"].waits == {"retry": 6000}


def test_a_run_that_is_asked_to_stop_while_it_waits_to_retry_tries_nothing_again(tmp_path: Path) -> None:
    """The wait ended, and the next attempt began at once: after a Ctrl-C, and long before its time."""
    stop = Stop()
    text = """
phases:
  implement:
    - {id: one, command: one, retries: {attempts: 5, delay: 20h}, on_failure: rollback, undo: [{id: u, command: back}]}
"""
    fake = FakeHost(answers=lambda launch: done(code=int("one" in launch.script.text)))
    ended = run(tmp_path, text, {"a": fake}, stop=stop, clock=Stopping(stop))
    assert [text for text in fake.texts if "nologin" not in text] == ["one\n", "back\n"]
    assert (ended.steps(), ended.outcomes(), ended.code) == ({"one": "failed", "u": "ok"}, {"a": "failed"}, 130)


def stopping_at(step: str, *, bad: str = "") -> tuple[FakeHost, Stop]:
    """A host on which a person asks the run to stop while `step` runs; `bad` fails there."""
    stop = Stop()

    def answer(launch: Launch) -> Completed:
        if launch.step == step:
            stop.ask("SIGINT")
        return done(code=int(launch.step == bad))

    return FakeHost(answers=answer), stop


def test_a_host_whose_finally_was_kept_from_it_by_a_stop_is_not_done(tmp_path: Path) -> None:
    """It was ok: `rawat resume` found nothing to do, and what cleans up never ran."""
    text = """
phases: {implement: [{id: one, command: one}]}
finally: [{id: clean, command: clean}, {id: more, command: "more {{ item }}", with: [x, y]}]
"""
    for at, began in (("one", ["one"]), ("clean", ["one", "clean"]), ("more.1", ["one", "clean", "more.1"])):
        fake, stop = stopping_at(at)
        ended = run(tmp_path, text, {"a": fake}, stop=stop)
        assert (ended.code, ended.outcomes(), list(ended.steps())) == (130, {"a": "cancelled"}, began)
        assert ended.record.hosts["a"].because.startswith("stopped before ")
    fake, stop = stopping_at("one")
    ended = run(tmp_path, "phases: {implement: [{id: one, command: one}]}\n", {"a": fake}, stop=stop)
    assert (ended.code, ended.outcomes()) == (130, {"a": "ok"})


def test_a_rollback_comes_to_its_end_though_the_run_was_asked_to_stop(tmp_path: Path) -> None:
    """Lists and groups were not begun, the rollback counted as over, and what it left was done once more."""
    text = """
phases:
  implement:
    - {id: one, command: one, undo: [{id: each, command: "each {{ item }}", with: [x, y]}]}
    - {id: two, command: two, undo: [{id: some, steps: [{id: inner, command: inner}]}]}
    - {id: bad, command: bad, on_failure: rollback}
finally: [{id: clean, command: clean}]
"""
    for at in ("bad", "inner"):
        fake, stop = stopping_at(at, bad="bad")
        ended = run(tmp_path, text, {"a": fake}, stop=stop)
        assert list(ended.steps()) == ["one", "two", "bad", "inner", "each.1", "each.2"]
        assert (ended.code, ended.outcomes()) == (130, {"a": "failed"})


def test_a_question_that_a_stop_cut_short_is_not_answered_by_its_default(tmp_path: Path) -> None:
    """After a Ctrl-C "yes, says the default" was on record, and `rawat resume` asked nobody."""

    class Leaving(Answers):
        def ask(self, question: Question, asked: threading.Event) -> Answer:
            stop.ask("SIGINT")
            return Answer(yes=question.default == "yes", how="nobody answered in time")

    for default in ("yes", "no"):
        stop = Stop()
        text = f"phases: {{implement: [{{id: sure, confirm: {{question: Sure?, default: '{default}'}}}}]}}\n"
        ended = run(tmp_path, text, stop=stop, people=Leaving())
        assert (ended.code, ended.steps(), ended.outcomes()) == (130, {"sure": "cancelled"}, {"a": "cancelled"})
        assert "before anybody answered" in ended.record.hosts["a"].because


def test_nothing_cleans_up_beside_what_takes_back_and_nobody_knows_the_end_of(tmp_path: Path) -> None:
    text = """
phases:
  implement:
    - {id: one, command: one, undo: [{id: back, command: back}]}
    - {id: bad, command: bad, on_failure: rollback}
finally: [{id: clean, command: clean}]
"""

    def answer(launch: Launch) -> Completed:
        unknown = Completed(exit=Exit(unknown="gone"))
        return unknown if launch.step == "back" else done(code=int(launch.step == "bad"))

    ended = run(tmp_path, text, {"a": FakeHost(answers=answer)})
    assert (ended.code, ended.steps()) == (5, {"one": "ok", "bad": "failed", "back": "unknown"})


@pytest.mark.parametrize("stopped", [True, False])
def test_a_watch_that_was_cut_short_proves_nothing(tmp_path: Path, stopped: bool) -> None:
    """After a Ctrl-C "asked 3 times in 3600 s, good every time" was on record, and the checklist ticked."""
    text = """
rollout: {timeout: %s}
checklist: [{id: healthy, phase: monitor, text: For an hour, proof: [w]}]
phases: {monitor: [{id: w, disk: {path: /, free: 1}, watch: {for: 1h, every: 10s}}]}
"""
    stop = Stop()
    fake = FakeHost(answers=lambda launch: done(DISK))
    clock = Stopping(stop, 3) if stopped else FakeClock()
    ended = run(tmp_path, text % ("2h" if stopped else "15s"), {"a": fake}, stop=stop, clock=clock)
    step = ended.record.hosts["a"].steps["w"]
    assert step.outcome == ("cancelled" if stopped else "failed") and ended.code == (130 if stopped else 1)
    over = "the time of the whole run, 15 s, is over"
    good = "good 3 times in 20 s" if stopped else "good 2 times in 15 s"
    assert step.attempts[0].problem == f"{good} of 3600 s; {'the run was asked to stop' if stopped else over}"
    assert [item.state for item in checklist(ended.record) if item.id == "healthy"] != ["pass"]
    assert len(fake.launches) == (3 if stopped else 2)
    assert f"✗ a {'was cancelled' if stopped else 'failed'} at monitor/w after" in summary(ended.record)


def test_nothing_is_tried_again_when_the_time_of_the_run_will_be_over(tmp_path: Path) -> None:
    text = "rollout: {timeout: 70s}\nphases: {implement: [{id: w, command: w, retries: {attempts: 9, delay: 20s}}]}\n"
    ended = run(tmp_path, text, {"a": FakeHost(answers=lambda launch: done(code=int(launch.step == "w")))})
    attempts = ended.record.hosts["a"].steps["w"].attempts
    assert (ended.clock.waits, ended.steps()) == ([20.0, 40.0], {"w": "failed"})
    assert attempts[-1].notes[-1] == "not tried again: after 1 min 20 s the time of the whole run, 1 min 10 s, is over"


def test_a_line_of_a_megabyte_is_not_told_at_its_whole_length(tmp_path: Path) -> None:
    """As of a progress bar without a line end: it was on the screen twice, and in each report."""
    fake = FakeHost(answers=lambda launch: done("x" * 1_000_000, code=1))
    ended = run(tmp_path, "phases: {implement: [{id: w, command: w}]}\n", {"a": fake})
    (attempt,) = ended.record.hosts["a"].steps["w"].attempts
    assert attempt.problem.startswith("exit 1: xxx") and len(attempt.problem) == 8_000
    assert len(ended.record.hosts["a"].because) < 9_000 and len(summary(ended.record)) < 4_000


def test_until_is_asked_after_each_attempt(tmp_path: Path) -> None:
    words = iter(["starting", "ready"])
    fake = FakeHost(answers=lambda launch: done(next(words) + "\n"))
    ended = run(
        tmp_path,
        "phases: {implement: [{id: one, command: one, until: result.stdout == 'ready', retries: {delay: 1s}}]}\n",
        {"a": fake},
    )
    assert ended.code == 0
    assert len(fake.launches) == 2


@pytest.mark.parametrize(("asked", "codes", "outcome"), [
    ("until: result.exit == 3", [0, 1, 3], "ok"),
    ("until: result.exit == 3", [0, 1, 1], "failed"),
    ("until: result.exit == 3, expect: result.exit != 0", [0, 1, 3], "ok"),
    ("until: result.exit == 3, expect: result.exit == 0", [0, 3, 3], "failed"),
    ("until: result.stdout == ''", [1, 1, 0], "ok"),
    ("until: result.stdout == ''", [1, 1, 1], "failed"),
])  # fmt: skip
def test_until_decides_for_a_command_instead_of_its_exit_code(
    tmp_path: Path, asked: str, codes: list[int], outcome: str
) -> None:
    """Where it names it; with `expect` both must hold."""
    left = iter(codes)
    fake = FakeHost(answers=lambda launch: done(code=next(left) if "one" in launch.script.text else 0))
    text = f"phases: {{test: [{{id: one, command: one, {asked}, retries: {{attempts: 3, delay: 1s}}}}]}}\n"
    assert run(tmp_path, text, {"a": fake}).steps() == {"one": outcome}
    assert _sent(fake, "one") == ["one"] * 3


def test_expect_decides_for_a_command_instead_of_its_exit_code(tmp_path: Path) -> None:
    fake = FakeHost(answers={"grep": done(code=1)})
    ended = run(
        tmp_path, "phases: {test: [{id: one, command: grep x, expect: 'result.exit in [0, 1]'}]}\n", {"a": fake}
    )
    assert ended.code == 0
    other = FakeHost(answers={"grep": done(code=1)})
    ended = run(tmp_path, "phases: {test: [{id: one, command: grep x, expect: result.exit == 0}]}\n", {"a": other})
    assert ended.code == 1
    assert "expected result.exit == 0; found exit 1" in str(ended.record.hosts["a"].failed_step)


@pytest.mark.parametrize(("asked", "code", "ok"), [
    ("expect: 'result.exit in [0, 3] and not result.ok'", 3, "true"),
    ("expect: result.exit == 4", 0, "false"),
    ("until: result.exit == 4, retries: {attempts: 1}", 0, "false"),
    ("check: probe", 0, "false"),
])  # fmt: skip
def test_what_later_steps_know_of_a_step_is_what_became_of_it(tmp_path: Path, asked: str, code: int, ok: str) -> None:
    """`ok` says what the playbook made of it, not what the kind alone would have; `expect` itself sees that."""
    text = f"""
phases:
  implement:
    - {{id: one, command: one, register: q, on_failure: continue, {asked}}}
    - {{id: use, command: "use {{{{ q.ok }}}}"}}
"""
    fake = FakeHost(answers={"one": done(code=code), "probe": done(code=1)})
    ended = run(tmp_path, text, {"a": fake})
    assert ended.steps()["one"] == ("ok" if ok == "true" else "failed")
    assert _sent(fake, "use") == [f"use {ok}"]


def test_registered_results_and_conditions(tmp_path: Path) -> None:
    fake = FakeHost(answers={"count": done("3\n")})
    ended = run(
        tmp_path,
        """
phases:
  identify:
    - {id: count, command: count, register: counted}
  implement:
    - {id: many, command: "do {{ counted.stdout }}", when: counted.stdout | int > 2}
    - {id: few, command: x, when: counted.stdout | int < 2}
""",
        {"a": fake},
    )
    assert ended.steps() == {"count": "ok", "many": "ok", "few": "skipped"}
    assert "do 3" in fake.texts[1]
    assert ended.record.hosts["a"].steps["few"].why == "when: counted.stdout | int < 2"


def test_with_makes_one_instance_per_item_each_with_its_own_id(tmp_path: Path) -> None:
    ended = run(
        tmp_path,
        """
vars: {names: [x y, z]}
phases:
  implement:
    - {id: each, command: "make {{ item }}", with: "{{ names }}", undo: [{id: back, command: "drop {{ item }}"}]}
    - {id: bad, command: bad, on_failure: rollback}
""",
        {"a": FakeHost(answers=lambda launch: done(code=1 if launch.script.text.strip().endswith("bad") else 0))},
    )
    assert list(ended.steps()) == ["each.1", "each.2", "bad", "back.2", "back.1"]


def test_a_condition_that_names_the_item_is_decided_for_each(tmp_path: Path) -> None:
    text = """
vars: {off: [y, y]}
checklist: [{id: proof, phase: test, text: x, proof: [never], required: false}]
phases:
  implement:
    - {id: each, command: "make {{ item }}", with: [x, y, z], when: item != 'y', register: made}
    - {id: use, command: "use {{ made[2].exit }} {{ made | selectattr('changed') | list | length }}"}
  test:
    - {id: never, command: "make {{ item }}", with: "{{ off }}", when: item == 'x', once: true}
    - {id: bad, command: "make {{ item }}", with: [x, y], when: item, on_failure: continue}
"""
    fake = FakeHost()
    ended = run(tmp_path, text, {"a": fake})
    assert ended.steps() == {
        "each.1": "ok", "each.2": "skipped", "each.3": "ok", "use": "ok", "never.1": "skipped", "never.2": "skipped",
        "bad.1": "failed", "bad.2": "failed",
    }  # fmt: skip
    assert _sent(fake, "make") == ["make x", "make z"] and _sent(fake, "use") == ["use 0 2"]
    assert ended.record.hosts["a"].steps["each.2"].why == "when: item != 'y'"
    assert "is a text" in ended.record.hosts["a"].steps["bad.1"].attempts[0].problem
    items = {item.id: (item.state, item.proof) for item in checklist(ended.record)}
    assert items["implement"] == ("pass", ("a/each.1", "a/each.3", "a/use"))
    assert items["proof"] == ("open", ("every step of it was skipped by its condition",))


def test_what_takes_back_each_item_of_a_list_may_be_a_group_or_a_list_itself(tmp_path: Path) -> None:
    text = """
phases:
  implement:
    - id: each
      with: [a, b]
      command: "make {{ item }}"
      undo:
        - {id: both, steps: [{id: back, command: "drop {{ item }}"}]}
        - {id: twice, with: [1, 2], command: "wipe {{ item }}"}
    - {id: bad, command: bad, on_failure: rollback}
"""
    fake = FakeHost(answers={"bad": done(code=1)})
    undone = list(run(tmp_path, text, {"a": fake}).steps())[3:]
    assert undone == ["back.2", "twice.2.1", "twice.2.2", "back.1", "twice.1.1", "twice.1.2"]
    ran = [launch.script.text.strip().splitlines()[-1] for launch in fake.launches]
    assert [line for line in ran if "drop" in line] == ["drop b", "drop a"]


@pytest.mark.parametrize(("wanted", "undone"), [("true", ["back"]), ("false", [])])
def test_a_group_in_which_nothing_was_done_has_nothing_to_undo(tmp_path: Path, wanted: str, undone: list[str]) -> None:
    text = f"""
phases:
  implement:
    - {{id: some, steps: [{{id: one, command: one, when: {wanted}}}], undo: [{{id: back, command: back}}]}}
    - {{id: bad, command: bad, on_failure: rollback}}
"""
    ended = run(tmp_path, text, {"a": FakeHost(answers={"bad": done(code=1)})})
    assert [name for name in ended.steps() if name == "back"] == undone


def test_a_value_with_a_nul_fails_the_step_that_would_send_it(tmp_path: Path) -> None:
    """It is no fault of the host, which answers."""
    for second in ('"x {{ said.stdout }}"', '[x, "{{ said.stdout }}"]', '{line: x, env: {V: "{{ said.stdout }}"}}'):
        text = f"phases: {{implement: [{{id: one, command: one, register: said}}, {{id: two, command: {second}}}]}}\n"
        ended = run(tmp_path, text, {"a": FakeHost(answers={"one": done("a\0b")})})
        step = ended.record.hosts["a"].failed_step
        assert ended.code == 1 and step is not None
        assert "NUL" in step.attempts[-1].problem and "fault" not in step.attempts[-1].problem


def test_the_folder_that_a_file_is_brought_to_is_made(tmp_path: Path) -> None:
    text = "phases: {implement: [{id: get, fetch: {src: /var/log/app.log, to: got/here}}]}\n"
    said = f"rawat:sha256={hashlib.sha256(b'data').hexdigest()}\n"
    ended = run(tmp_path, text, {"a": FakeHost(answers=lambda launch: done("data", stderr=said))})
    assert (ended.code, ended.record.hosts["a"].failed_step) == (0, None)
    (kept,) = tmp_path.rglob("app.log")
    assert kept.read_bytes() == b"data" and kept.parent.stat().st_mode & 0o077 == 0
    kept.unlink()
    kept.parent.rmdir()
    kept.parent.write_text("in the way")
    assert run(tmp_path, text).code == 1


def test_a_group_has_a_condition_and_an_undo_of_its_own(tmp_path: Path) -> None:
    text = """
vars: {wanted: true}
phases:
  implement:
    - id: node
      when: wanted
      on_failure: continue
      steps: [{id: drain, command: drain}, {id: patch, command: patch}]
    - {id: after, command: after}
"""
    ended = run(tmp_path, text, {"a": FakeHost(answers={"drain": done(code=1)})})
    assert ended.steps() == {"drain": "failed", "after": "ok"}
    ended = run(tmp_path, text, choice=Choice(variables={"wanted": False}))
    assert ended.steps() == {"drain": "skipped", "patch": "skipped", "after": "ok"}


def test_a_step_that_is_checked_as_done_is_not_run(tmp_path: Path) -> None:
    text = "phases: {implement: [{id: one, command: make it, check: test -e /it}]}\n"
    there = FakeHost()
    ended = run(tmp_path, text, {"a": there})
    assert ended.code == 0
    assert len(there.launches) == 1
    missing = iter([1, 0, 0])
    fake = FakeHost(answers=lambda launch: done(code=next(missing)))
    assert run(tmp_path, text, {"a": fake}).code == 0
    assert len(fake.launches) == 3


def test_what_ran_but_is_not_there_afterwards_has_failed(tmp_path: Path) -> None:
    fake = FakeHost(answers=lambda launch: done(code=1 if "test -e" in launch.script.text else 0))
    ended = run(tmp_path, "phases: {implement: [{id: one, command: make it, check: test -e /it}]}\n", {"a": fake})
    assert ended.code == 1


GATE = """
checklist:
  - {id: restore-proven, phase: test, text: Proven, proof: [restore]}
phases:
  analyse: [{id: restore, command: restore, on_failure: continue}]
  implement: [{id: drop, command: drop, requires: [restore-proven]}]
"""


def test_the_gate_opens_only_when_the_item_is_proven_on_this_host(tmp_path: Path) -> None:
    assert run(tmp_path, GATE).code == 0
    fake = FakeHost(answers={"restore": done(code=1)})
    ended = run(tmp_path, GATE, {"a": fake})
    assert ended.code == 1
    assert ended.watcher.of(GateRefused)
    assert "drop" not in " ".join(fake.texts)
    skipped = run(tmp_path, GATE, choice=Choice(variables={}, skip=("restore",)))
    assert skipped.code == 8


def test_batches_are_rolled_out_one_after_another_and_stop_at_least_at_the_limit(tmp_path: Path) -> None:
    text = "rollout: {batches: [1, 50%], parallel: 1, stop_when_failed: 2}\n" + ONE
    bad = FakeHost(answers={"one": done(code=1)})
    ended = run(tmp_path, text, {name: FakeHost() for name in "abcdef"})
    assert [event.hosts for event in ended.watcher.of(BatchStarted)] == [("a",), ("b", "c", "d"), ("e", "f")]
    ended = run(
        tmp_path,
        text,
        {**{name: FakeHost() for name in "abcdef"}, "a": bad, "c": FakeHost(answers={"one": done(code=1)})},
    )
    assert ended.outcomes() == {"a": "failed", "b": "ok", "c": "failed", "d": "", "e": "", "f": ""}
    assert ended.record.not_started == ("d", "e", "f")
    assert ended.code == 1


def test_an_unreachable_host_counts_as_failed_and_nothing_is_begun_at_the_limit(tmp_path: Path) -> None:
    away = FakeHost(refuse=Unreachable("no route", host="b"))
    fine = FakeHost()
    text = "phases: {implement: [{id: one, command: one}]}\n"
    ended = run(tmp_path, text, {"a": fine, "b": away})
    assert ended.code == 4
    assert not fine.launches
    assert ended.record.hosts["b"].refused == "unreachable"
    ended = run(tmp_path, "rollout: {stop_when_failed: 2}\n" + text, {"a": fine, "b": away})
    assert ended.outcomes() == {"a": "ok", "b": "unreachable"}
    assert ended.code == 4


def test_two_names_of_one_machine_are_refused_before_anything_is_touched(tmp_path: Path) -> None:
    hosts = {"a": FakeHost(), "b": FakeHost()}
    ended = run(tmp_path, "phases: {implement: [{id: one, command: one}]}\n", hosts, same_machine=False)
    assert ended.code == 4
    assert not hosts["a"].launches + hosts["b"].launches
    assert ended.record.hosts["a"].refused == "machine"


def test_users_are_tried_before_the_first_step(tmp_path: Path) -> None:
    fake, other = FakeHost(users=("postgres",)), FakeHost()
    text = "become: '{{ who }}'\nvars: {who: %s}\nphases: {implement: [{id: one, command: one}]}\n"
    assert run(tmp_path, text % "postgres", {"a": fake}).code == 0
    assert fake.launches[0].user == "postgres"
    assert run(tmp_path, text % "root", {"a": fake}).code == 4
    assert len(fake.launches) == 1
    assert run(tmp_path, text % "''", {"a": other}).code == 0
    assert other.launches[0].user is None


def test_a_user_without_a_value_fails_the_step_and_not_the_run(tmp_path: Path) -> None:
    text = """
rollout: {stop_when_failed: 3}
phases:
  implement:
    - {id: who, command: who, register: found, when: host.name == 'b'}
    - {id: work, command: work, become: "{{ found.stdout }}"}
"""
    ended = run(tmp_path, text, {"a": FakeHost(), "b": FakeHost(answers={"who": done("maint\n")})})
    assert ended.outcomes() == {"a": "failed", "b": "ok"}
    assert ended.code == 1


def test_once_runs_on_one_host_and_all_know_the_result(tmp_path: Path) -> None:
    hosts = {name: FakeHost(answers={"migrate": done("v2\n")}) for name in "abc"}
    text = """
phases:
  implement:
    - {id: migrate, command: migrate, once: true, register: migrated}
    - {id: use, command: "use {{ migrated.stdout }}"}
"""
    ended = run(tmp_path, text, hosts)
    assert ended.code == 0
    assert sum("migrate" in text for fake in hosts.values() for text in fake.texts) == 1
    assert sum("use v2" in text for fake in hosts.values() for text in fake.texts) == 3


def test_once_with_a_list_does_all_its_items_on_one_host(tmp_path: Path) -> None:
    hosts = {name: FakeHost(answers=lambda launch: done(launch.script.text.split()[-1] + "\n")) for name in "abc"}
    text = """
phases:
  implement:
    - {id: add, command: "add {{ item }}", with: [x, y], once: true, register: added}
    - {id: use, command: "use {{ added[1].stdout }}"}
"""
    ended = run(tmp_path, text, hosts)
    assert ended.code == 0
    ran = [line for name in "abc" for line in _sent(hosts[name], "add")]
    assert ran == ["add x", "add y"]
    assert all(_sent(fake, "use") == ["use y"] for fake in hosts.values())
    (owner,) = [name for name in "abc" if "add.1" in ended.steps(name)]
    assert list(ended.steps(owner).items()) == [("add.1", "ok"), ("add.2", "ok"), ("use", "ok")]
    assert all(ended.steps(name)["add"] == "skipped" for name in "abc" if name != owner)

    # Who began it has done it for all, however far it came; the worst of the items counts.
    for way, outcome, use in (("stop", "cancelled", 0), ("continue", "ok", 2)):
        hosts = {name: FakeHost(answers={"add y": done(code=1)}) for name in "ab"}
        listed = text.replace("[x, y]", "[x, y, z]").replace("use {{ added[1].stdout }}", "use {{ added | length }}")
        listed = listed.replace("once: true", f"once: true, on_failure: {way}")
        ended = run(tmp_path, "rollout: {stop_when_failed: 5}\n" + listed, hosts)
        assert sum(len(_sent(fake, "add")) for fake in hosts.values()) == (3 if use else 2)
        assert sorted(ended.outcomes().values()) == sorted([outcome, "failed"])
        assert [line for fake in hosts.values() for line in _sent(fake, "use")] == ["use 3"] * use


def test_a_host_that_finds_nothing_to_do_leaves_what_is_done_once_to_the_next(tmp_path: Path) -> None:
    hosts = {name: FakeHost() for name in "abc"}
    text = """
phases:
  implement:
    - {id: add, command: "add {{ item }}", with: [b], when: item == host.name, once: true, register: added}
    - {id: use, command: "use {{ added[0].exit }}", when: host.name != 'a'}
"""
    ended = run(tmp_path, "rollout: {batches: [1]}\n" + text, hosts)
    assert ended.code == 0
    assert {name: _sent(fake, "add") for name, fake in hosts.items()} == {"a": [], "b": ["add b"], "c": []}
    assert _sent(hosts["c"], "use") == ["use 0"]


def _sent(fake: FakeHost, word: str) -> list[str]:
    """The last lines of what a host was sent that begin with a word."""
    lines = [text.strip().splitlines()[-1] for text in fake.texts]
    return [line for line in lines if line.startswith(word)]


def test_when_the_once_step_fails_no_host_goes_on(tmp_path: Path) -> None:
    hosts = {name: FakeHost(answers={"migrate": done(code=1)}) for name in "abc"}
    text = "phases: {implement: [{id: migrate, command: migrate, once: true}, {id: use, command: use it}]}\n"
    ended = run(tmp_path, text, hosts)
    assert ended.code == 1
    assert not any("use it" in text for fake in hosts.values() for text in fake.texts)


def test_a_host_that_breaks_in_its_once_step_keeps_nobody_waiting(tmp_path: Path) -> None:
    """As where the record cannot be written any more: all of the run ends, and nobody does the step anew."""
    text = "phases: {implement: [{id: migrate, command: migrate, once: true}]}\n"
    broken = JournalError("told to fail")

    def answer(launch: Launch) -> Completed:
        raise broken

    hosts = {name: FakeHost(answers=answer) for name in "abc"}
    with pytest.raises(JournalError, match="told to fail"):
        run(tmp_path, text, hosts)
    assert sum(len(fake.launches) for fake in hosts.values()) == 1


def test_selection_is_on_record_as_a_deviation(tmp_path: Path) -> None:
    text = "phases: {implement: [{id: one, command: one}, {id: two, command: two}, {id: three, command: three}]}\n"
    ended = run(tmp_path, text, choice=Choice(variables={}, start_at="two", skip=("three",)))
    assert ended.steps() == {"one": "skipped", "two": "ok", "three": "skipped"}
    assert {left["step"] for left in ended.record.left_out} == {"one", "three"}
    only = run(tmp_path, text, choice=Choice(variables={}, only=("three",)))
    assert only.steps() == {"one": "skipped", "two": "skipped", "three": "ok"}
    last = run(tmp_path, text + "finally: [{id: end, command: x}]\n", choice=Choice(variables={}, start_at="end"))
    assert last.steps() == {"one": "skipped", "two": "skipped", "three": "skipped", "end": "ok"}


@pytest.mark.parametrize(
    ("choice", "done"),
    [
        ({"only": ("two",)}, {"two", "tidy", "tell", "in"}),
        ({"only": ("two", "tell")}, {"two", "tell"}),
        ({"only": ("tell",)}, {"tell"}),
        ({"only": ("more",)}, {"in"}),
        ({"start_at": "two"}, {"two", "tidy", "tell", "in"}),
        ({"start_at": "tell"}, {"tell", "in"}),
        ({"start_at": "tell", "skip": ("in",)}, {"tell"}),
        ({"skip": ("tell",)}, {"one", "two", "tidy", "in"}),
    ],
)
def test_finally_is_left_out_in_part_only_where_a_step_of_it_is_named(
    tmp_path: Path, choice: dict[str, Any], done: set[str]
) -> None:
    text = (
        "phases: {implement: [{id: one, command: x}, {id: two, command: x}]}\n"
        "finally: [{id: tidy, command: x}, {id: tell, command: x}, {id: more, steps: [{id: in, command: x}]}]\n"
    )
    ended = run(tmp_path, text, choice=Choice(variables={}, **choice))
    assert {step for step, how in ended.steps().items() if how == "ok"} == done


def test_stop_begins_nothing_new_and_seals(tmp_path: Path) -> None:
    stop = Stop()

    def answer(launch: Launch) -> Completed:
        stop.ask("SIGINT")
        return done()

    ended = run(tmp_path, ROLLBACK, {"a": FakeHost(answers=answer)}, stop=stop)
    assert ended.steps() == {"one": "ok"}
    assert ended.outcomes() == {"a": "cancelled"}
    assert ended.code == 130


class Killer:
    """Asks a run to end what it does, as `rawat cancel --kill`, from another thread."""

    def __init__(self, stop: Stop) -> None:
        self._stop = stop
        self._kill: Callable[[], None] = lambda: None

    def carry(self, carried: Run) -> None:
        self._kill = carried.kill

    def strike(self, session: FakeSession) -> None:
        """Returns when the session was asked to end what runs."""
        self._stop.ask("SIGINT")
        threading.Thread(target=self._kill, daemon=True).start()
        assert session.cancelled.wait(240)


def test_a_step_whose_lock_somebody_else_holds_is_not_done_without_it(tmp_path: Path) -> None:
    text = (
        "phases: {implement: [{id: one, command: one, lock: shared, timeout: 30s, on_failure: continue},"
        " {id: two, command: two}]}\n"
    )
    held, fake = Resources(tmp_path / "locks"), FakeHost()
    with held.hold("shared", "run 01OTHER"):
        ended = run(tmp_path, text, {"a": fake}, resources=held)
    assert ended.steps() == {"one": "failed", "two": "ok"} and ended.code == 1
    assert [launch.step for launch in fake.launches] == ["two"]
    assert ended.clock.monotonic() >= 30
    assert "run 01OTHER" in ended.record.hosts["a"].steps["one"].attempts[0].problem
    assert run(tmp_path, text, resources=held).steps() == {"one": "ok", "two": "ok"}


@pytest.mark.parametrize(
    ("at", "sent", "outcome"), [("look", ["look"], "cancelled"), ("one", ["look", "one\n", "back\n"], "failed")]
)
def test_nothing_is_started_once_what_runs_was_asked_to_end(
    tmp_path: Path, at: str, sent: list[str], outcome: str
) -> None:
    """As when only the look was there to end. What takes back a step that was ended runs all the same."""
    text = """
phases:
  implement:
    - {id: one, command: one, check: look, on_failure: rollback, undo: [{id: back, command: back}]}
"""
    stop = Stop()
    killer = Killer(stop)
    sessions: list[FakeSession] = []

    class Kept(FakeTransport):
        def connect(self, host: Host, *, run_id: str, passwords: Passwords, within_s: float = inf) -> FakeSession:
            sessions.append(super().connect(host, run_id=run_id, passwords=passwords))
            return sessions[-1]

    def answer(launch: Launch) -> Completed:
        if launch.script.text.startswith(at):
            killer.strike(sessions[0])
        return done(code=int(launch.script.text == "look"))

    fake = FakeHost(answers=answer)
    ended = run(tmp_path, text, {"a": fake}, stop=stop, transport=Kept, carrying=killer.carry)
    assert fake.texts == sent
    assert ended.steps()["one"] == outcome
    assert (ended.outcomes(), ended.code) == ({"a": outcome}, 130)
    assert ended.record.stopped[1] == "", "it was the person who stopped it, and not the failure limit"


def test_what_runs_is_ended_though_its_link_was_lost_when_that_was_asked(tmp_path: Path) -> None:
    stop = Stop()
    killer = Killer(stop)
    fake = FakeHost(drop_at=1)

    class Again(FakeSession):
        """Follows the step, until that is ended."""

        def settle(self, launch: Launch, on_output: OnOutput, *, offsets: tuple[int, int] = (0, 0)) -> Settled:
            assert self.cancelled.wait(240), "nobody asked for its end"
            return Settled(state="ended", completed=Completed(exit=Exit(timeout_s=1.0, killed="proven")))

    class Cut(FakeTransport):
        def connect(self, host: Host, *, run_id: str, passwords: Passwords, within_s: float = inf) -> FakeSession:
            session = super().connect(host, run_id=run_id, passwords=passwords)
            if fake.connects > 1:
                return Again(fake, self.clock)
            fake.answers = lambda launch: killer.strike(session) or done()
            return session

    ended = run(tmp_path, ONE, {"a": fake}, stop=stop, transport=Cut, carrying=killer.carry)
    assert ended.record.hosts["a"].steps["one"].attempts[0].exit == {"timeout_s": 1.0, "killed": "proven"}
    assert ended.code == 130
    assert len(fake.launches) == 1


def test_secrets_are_in_no_event_and_go_by_the_environment(tmp_path: Path) -> None:
    secret = Secret("password", "hunter2-hunter2")
    fake = FakeHost(answers={"login": done("said hunter2-hunter2\n", code=1, stderr="HUNTER2-HUNTER2 refused\n")})
    ended = run(
        tmp_path,
        "secrets: [password]\nphases: {implement: [{id: one, command: {line: login, env: {PW: '{{ password }}', "
        "OLD: '{{ password | upper }}'}}}]}\n",
        {"a": fake},
        secrets=[secret],
    )
    assert ended.code == 1
    value = fake.launches[0].script.env["PW"]
    assert isinstance(value, Secret) and value.reveal() == "hunter2-hunter2"
    assert "hunter2" not in str(ended.journal.lines).lower()
    assert "[redacted:password]" in str(ended.journal.lines)
    assert "hunter2" not in "".join(path.read_text() for path in tmp_path.rglob("*.log"))
    assert "hunter2" not in str(ended.watcher.outputs)


def test_a_variable_that_is_a_text_decides_no_condition(tmp_path: Path) -> None:
    """`-e flag=no` is a text, and as one it would be true."""
    text = "vars: {flag: true, name: x}\nphases: {test: [{id: one, command: one, when: WHEN}]}\n"
    no = Choice(variables={"flag": "no"})
    for when in ("flag", "not flag", "name == 'x' and flag"):
        with pytest.raises(InvalidInput) as refused:
            run(tmp_path, text.replace("WHEN", when), choice=no)
        assert f"'flag' of a is a text, 'no'; 'when: {when}' wants true or false of it" in str(refused.value)
    assert run(tmp_path, text.replace("WHEN", "flag == 'no'"), choice=no).code == 0
    late = run(tmp_path, text.replace("WHEN", "name | upper"))
    assert late.code == 1 and "neither true nor false" in str(late.record.hosts["a"].because)


def test_a_variable_that_nobody_gives_and_nobody_must_give_is_null(tmp_path: Path) -> None:
    text = """
vars: {v: {type: string, required: false, enum: [x, y]}}
phases:
  test:
    - {id: one, command: one, when: v}
    - {id: two, command: "two {{ v }} {{ v or 'none' }}"}
"""
    fake = FakeHost()
    assert run(tmp_path, text, {"a": fake}).steps() == {"one": "skipped", "two": "ok"}
    assert _sent(fake, "two") == ["two null none"]
    for given in (None, 1, "z"):
        with pytest.raises(InvalidInput, match="'v' of a"):
            run(tmp_path, text, choice=Choice(variables={"v": given}))


def test_a_time_that_is_by_chance_a_secret_of_digits_stays_a_number(tmp_path: Path) -> None:
    journal = MemoryJournal(tmp_path, Redactor())
    bus = Bus(journal, Redactor([Secret("pin", "123456")]), FakeClock())
    values = {"asked": 123456}
    bus.emit(StepFinished(host="a", step="s", phase="test", outcome="ok", took_ms=123456, attempt=1, values=values))
    bus.close()
    assert (journal.lines[0]["took_ms"], journal.lines[0]["values"]) == (123456, {"asked": "[redacted:pin]"})


def test_a_person_is_asked_and_the_wait_is_not_work(tmp_path: Path) -> None:
    text = "phases: {plan: [{id: ask, confirm: {question: Ready?}}], implement: [{id: one, command: one}]}\n"
    ended = run(tmp_path, text)
    assert ended.code == 0
    assert [(question.host, question.step) for question in ended.people.asked] == [("a", "ask")]
    assert ended.watcher.of(Waited)[0].cause == "person"
    assert run(tmp_path, text, people=Answers(yes=False)).code == 1
    assert run(tmp_path, text, people=Answers(yes=None)).code == 1


@pytest.mark.parametrize(("said", "limit_s"), [
    ("confirm: {question: Ready?}, timeout: 1s", 1.0),
    ("confirm: {question: Ready?, limit: 500ms}, timeout: 1s", 0.5),
    ("confirm: {question: Ready?, limit: 2h}", 7200.0),
    ("confirm: {question: Ready?, limit: 24h}", 10800.0),
])  # fmt: skip
def test_nobody_is_waited_for_longer_than_the_step_and_the_run_may_take(
    tmp_path: Path, said: str, limit_s: float
) -> None:
    people = Answers(yes=None)
    text = f"rollout: {{timeout: 3h}}\nphases: {{plan: [{{id: ask, {said}}}]}}\n"
    ended = run(tmp_path, text, people=people)
    assert [question.limit_s for question in people.asked] == [limit_s]
    last = ended.record.hosts["a"].steps["ask"].attempts[0]
    assert last.problem == f"nobody answered 'Ready?' within {text_of_duration(limit_s)}"
    if limit_s in (1.0, 10800.0):
        assert f"(waits {text_of_duration(limit_s)})" in last.command


def test_how_long_to_watch_may_be_a_variable(tmp_path: Path) -> None:
    text = (
        "phases: {monitor: [{id: up, disk: {path: /, free: 1}, watch: {for: '{{ t }}', every: 3s}}]}\nvars: {t: 9s}\n"
    )
    ended = run(tmp_path, text, {"a": FakeHost(answers=lambda _: done(DISK))})
    assert (ended.code, ended.record.hosts["a"].waits) == (0, {"watch": 9000})
    wrong = run(tmp_path, text.replace("9s", "soon"), {"a": FakeHost(answers=lambda _: done(DISK))})
    assert "soon" in wrong.record.hosts["a"].steps["up"].attempts[-1].problem


def test_the_machine_that_rawat_runs_on_comes_last_and_is_not_booted(tmp_path: Path) -> None:
    def host(name: str) -> FakeHost:
        return FakeHost(facts=replace(FACTS, machine_id=name, boot_id=name))

    head = HEAD + "rollout: {batches: [1]}\n"
    patch = "phases: {implement: [{id: up, patch: {apply: list}}]}\n"
    hosts = {name: host(name) for name in ("a", "b", "c")}
    ended = run(tmp_path, patch, hosts, head=head, machine=("a", "a"))
    assert [batch.hosts for batch in ended.record.batches] == [("b",), ("c",), ("a",)]
    assert ended.record.hosts["a"].put_last == "it is the machine that rawat runs on"
    clone = run(tmp_path, patch, hosts, head=head, machine=("a", "another boot"))
    assert [batch.hosts for batch in clone.record.batches] == [("a",), ("b",), ("c",)], "a clone is no controller"
    harmless = run(tmp_path, "phases: {implement: [{id: up, command: x}]}\n", hosts, head=head, machine=("a", "a"))
    assert [batch.hosts for batch in harmless.record.batches] == [("a",), ("b",), ("c",)]
    alone = host("a")
    booted = run(tmp_path, "phases: {implement: [{id: boot, reboot: {}}]}\n", {"a": alone}, machine=("a", "a"))
    assert booted.code == 1
    assert (
        "not booted: it is the machine that rawat runs on"
        in booted.record.hosts["a"].steps["boot"].attempts[-1].problem
    )
    assert alone.launches == []


def test_watch_asks_again_until_the_time_is_over_and_the_first_bad_answer_decides(tmp_path: Path) -> None:
    text = "phases: {monitor: [{id: up, disk: {path: /, free: 1}, watch: {for: 20s, every: 5s}}]}\n"
    good = FakeHost(answers=lambda launch: done(DISK))
    ended = run(tmp_path, text, {"a": good})
    assert ended.code == 0
    assert len(good.launches) == 5
    assert ended.record.hosts["a"].waits == {"watch": 20000}
    turns = iter([0, 0, 1, 0])
    bad = FakeHost(answers=lambda launch: done(DISK, code=next(turns)))
    ended = run(tmp_path, text, {"a": bad})
    assert ended.code == 1
    assert len(bad.launches) == 3


def test_a_watch_judges_all_its_answers_together(tmp_path: Path) -> None:
    def page(times: list[int], percentiles: str) -> Outcome:
        turns = iter(times)
        answers = FakeHost(answers=lambda launch: done(f"rawat:status=200\nrawat:ms={next(turns)}\nrawat:body=\n"))
        step = f"http: {{url: 'http://a/', percentiles: {percentiles}}}, watch: {{for: 9s, every: 1s}}, register: r"
        return run(tmp_path, f"phases: {{monitor: [{{id: up, {step}}}]}}\n", {"a": answers})

    times = [10, 20, 30, 40, 50, 60, 70, 80, 90, 900]
    assert page(times, "{p50: 50, p90: 90}").code == 0
    slow = page(times, "{p50: 49, p95: 800}")
    assert slow.code == 1
    step = slow.record.hosts["a"].steps["up"].attempts[-1]
    assert step.problem == (
        "http://a/: expected p50 of at most 49 ms, found 50 ms in 10 answers; "
        "http://a/: expected p95 of at most 800 ms, found 900 ms in 10 answers"
    )
    assert [step.values[name] for name in ("asked", "p50_ms", "p95_ms", "max_ms")] == [10, 50, 900, 900]
    text = (
        "phases: {monitor: [{id: up, verify: {probes: [{load: {}}, {http: {url: 'http://a/', percentiles: {p99: 5}}}]},"
    )
    part = "rawat:status=200\nrawat:ms=6\nrawat:body=\n"
    load = "rawat:MemTotal=1\n"
    framed = f"rawat:bundled=0\t0\t{len(load)}\t0\n{load}\nrawat:bundled=1\t0\t{len(part)}\t0\n{part}\n"
    fake = FakeHost(answers=lambda _: done(framed))
    ended = run(tmp_path, f"{text} watch: {{for: 3s, every: 1s}}}}]}}\n", {"a": fake})
    assert ended.code == 1
    assert len(fake.launches) == 4, "both probes in one trip, each time"
    assert "expected p99 of at most 5 ms, found 6 ms in 4" in ended.record.hosts["a"].steps["up"].attempts[-1].problem


def test_only_what_reads_can_be_watched(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="only reads"):
        run(tmp_path, "phases: {monitor: [{id: up, command: x, watch: {for: 20s}}]}\n")


def test_time_by_cause_adds_up_to_the_whole(tmp_path: Path) -> None:
    tries = iter([1, 0])
    fake = FakeHost(answers=lambda launch: done(code=next(tries)), slow_s=3.0)
    ended = run(
        tmp_path, "phases: {implement: [{id: one, command: one, retries: {attempts: 2, delay: 5s}}]}\n", {"a": fake}
    )
    host = ended.record.hosts["a"]
    assert sum(host.time.values()) == host.took_ms == 11000
    assert host.time["work"] == 6000
    assert host.time["retry"] == 5000
    assert sum(ended.record.time.values()) == ended.record.took_ms


def test_a_fault_in_a_watcher_is_noted_and_the_others_hear_on(tmp_path: Path) -> None:
    journal, good = MemoryJournal(tmp_path, Redactor()), RecordingWatcher()
    bus = Bus(journal, Redactor(), FakeClock(), [RecordingWatcher(fail=True), good])
    bus.emit(HostStarted(host="a", batch=1))
    until("the other one has heard of it", lambda: good.of(WatcherFailed))
    bus.emit(HostStarted(host="b", batch=1))
    bus.close()
    assert [event.host for event in good.of(HostStarted)] == ["a", "b"]
    assert [line["type"] for line in journal.lines] == ["HostStarted", "WatcherFailed", "HostStarted"]
    assert good.rests and good.closed


STANDING_STILL = """
import os, signal, time
from pathlib import Path
from runner.engine.bus import Bus
from runner.events import HostStarted
from runner.redact import Redactor
from runner.testing import FakeClock, RecordingWatcher
from tests.unit.engine.support import MemoryJournal

class Last(RecordingWatcher):
    def hear(self, event):
        os.kill(os.getpid(), signal.SIGSTOP)
        time.sleep(0.1)
        print("told", flush=True)

bus = Bus(MemoryJournal(Path("."), Redactor()), Redactor(), FakeClock(), [Last()])
bus.emit(HostStarted(host="a", batch=1))
bus.close(wait_s=2.0)
"""


def test_a_machine_that_stands_still_at_the_end_of_a_run_takes_no_last_line_away(tmp_path: Path) -> None:
    """As one that is suspended: when it goes on, the time for the last words is over, and nobody had any of it."""
    argv = [sys.executable, "-c", STANDING_STILL]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        until("it stands still", lambda: (process_stat(process.pid) or "?")[0] in "TZ")
        time.sleep(2.5)
        process.send_signal(signal.SIGCONT)
        assert process.communicate(timeout=240)[0] == "told\n"


def test_what_nobody_waits_for_is_on_disk_and_told_soon_all_the_same(tmp_path: Path) -> None:
    journal, watcher = MemoryJournal(tmp_path, Redactor()), RecordingWatcher()
    bus, over = Bus(journal, Redactor(), FakeClock(), [watcher]), threading.Event()

    class Moment(threading.Event):
        """The 40 ms, however long the machine takes for two events."""

        def wait(self, timeout: float | None = None) -> bool:
            return over.wait(240)

    bus._closing = Moment()
    for name in ("a", "b"):
        bus.emit(HostStarted(host=name, batch=1), later=True)
    assert journal.synced == []
    over.set()
    until("both are told", lambda: len(watcher.of(HostStarted)) == 2)
    assert [event.host for event in watcher.of(HostStarted)] == ["a", "b"]
    assert journal.synced == [2]
    bus.close()
