"""Links that are lost again and again, hosts that stay away for a while, and signals that leave what runs a moment."""

from __future__ import annotations

import os
import signal
import threading
import time
from math import inf
from pathlib import Path

import pytest

from runner.app import signals
from runner.engine.recovery import FIRST_PAUSE_S, LONGEST_PAUSE_S
from runner.engine.surroundings import Stop
from runner.errors import BecomeRefused, LaunchRefused, LinkLost, LockBusy, StartedBefore, Unreachable
from runner.events import LinkDropped, Waited
from runner.frozen import replace
from runner.model import Facts, Host
from runner.seams import Completed, Launch, OnOutput, Passwords, Settled
from runner.testing import FACTS, FakeHost, FakeSession, FakeTransport, done
from tests.unit.engine.support import Outcome, run

ONE = "phases: {implement: [{id: one, command: one}]}\n"


def test_a_link_that_is_lost_again_while_the_step_is_looked_up_is_made_again_each_time(tmp_path: Path) -> None:
    fake = FakeHost(drop_at=1, drop_settling=2)
    ended = run(tmp_path, ONE, {"a": fake})
    assert (ended.code, ended.steps()) == (0, {"one": "ok"})
    assert (len(fake.launches), fake.connects) == (1, 4)
    assert len(ended.watcher.of(LinkDropped)) == ended.record.hosts["a"].links_lost == 3


def test_a_link_that_is_lost_again_while_it_is_made_is_tried_again(tmp_path: Path) -> None:
    fake = FakeHost(drop_at=1)

    class Dying(FakeTransport):
        def connect(self, host: Host, *, run_id: str, passwords: Passwords, within_s: float = inf) -> FakeSession:
            session = super().connect(host, run_id=run_id, passwords=passwords)
            if fake.connects in (2, 3):
                raise LinkLost("the connection ended", host=host.name)
            return session

    ended = run(tmp_path, ONE, {"a": fake}, transport=Dying)
    assert (ended.code, ended.steps()) == (0, {"one": "ok"})
    assert (len(fake.launches), fake.connects) == (1, 4)
    assert ended.record.hosts["a"].links_lost == 1
    assert len(pauses(ended)) == 2


def test_a_step_that_was_begun_and_cannot_be_asked_for_any_more_is_unknown(tmp_path: Path) -> None:
    """As when sudo says no over the new link: it was unreachable, and `rawat resume` began it once more."""
    fake = FakeHost(drop_at=1)

    class Refusing(FakeSession):
        def settle(self, launch: Launch, on_output: OnOutput, *, offsets: tuple[int, int] = (0, 0)) -> Settled:
            raise BecomeRefused("a: sudo says no", host="a")

    class Second(FakeTransport):
        def connect(self, host: Host, *, run_id: str, passwords: Passwords, within_s: float = inf) -> FakeSession:
            first = super().connect(host, run_id=run_id, passwords=passwords)
            return Refusing(fake, first._clock, name="a") if fake.connects > 1 else first

    ended = run(tmp_path, ONE, {"a": fake}, transport=Second)
    assert (ended.code, ended.steps()) == (5, {"one": "unknown"})
    assert "sudo says no" in ended.record.hosts["a"].because


def test_a_step_is_found_again_though_the_lock_of_its_user_is_not_free_at_once(tmp_path: Path) -> None:
    """Whoever logs in as another and becomes the same user may have it for a moment; the step runs on meanwhile."""
    fake, asked = FakeHost(drop_at=1), list[str]()

    class Busy(FakeSession):
        def become(self, user: str) -> Facts:
            asked.append(user)
            if fake.connects == 2 and len(asked) < 5:
                raise LockBusy("a: another run holds this host: run 01OTHER")
            return super().become(user)

    class Locked(FakeTransport):
        def connect(self, host: Host, *, run_id: str, passwords: Passwords, within_s: float = inf) -> FakeSession:
            first = super().connect(host, run_id=run_id, passwords=passwords)
            return Busy(fake, first._clock, name="a")

    ended = run(tmp_path, f"become: root\n{ONE}", {"a": fake}, transport=Locked)
    assert (ended.code, ended.steps(), len(fake.launches)) == (0, {"one": "ok"}, 1)
    assert len(asked) >= 5 and ended.record.hosts["a"].links_lost == 1


def test_an_attempt_that_was_begun_by_what_came_late_is_followed(tmp_path: Path) -> None:
    """It was not there yet when it was asked for, and there when it was sent again."""
    fake = FakeHost(drop_at=1)

    class Late(FakeSession):
        def settle(self, launch: Launch, on_output: OnOutput, *, offsets: tuple[int, int] = (0, 0)) -> Settled:
            asked.append(launch)
            return Settled(state="none") if len(asked) == 1 else super().settle(launch, on_output, offsets=offsets)

        def run(self, launch: Launch, on_output: OnOutput) -> Completed:
            raise StartedBefore("a: it is not started twice", host="a")

    class Second(FakeTransport):
        def connect(self, host: Host, *, run_id: str, passwords: Passwords, within_s: float = inf) -> FakeSession:
            first = super().connect(host, run_id=run_id, passwords=passwords)
            return Late(fake, first._clock, name="a") if fake.connects > 1 else first

    asked: list[Launch] = []
    ended = run(tmp_path, ONE, {"a": fake}, transport=Second)
    assert (ended.code, ended.steps(), len(fake.launches)) == (0, {"one": "ok"}, 1)


def test_a_host_that_has_no_room_for_a_step_is_not_unreachable(tmp_path: Path) -> None:
    def answer(launch: Launch) -> Completed:
        raise LaunchRefused("a: no space left; nothing was started", host="a")

    ended = run(tmp_path, ONE, {"a": FakeHost(answers=answer)})
    assert (ended.code, ended.steps(), ended.outcomes()) == (1, {"one": "failed"}, {"a": "failed"})


def test_an_end_that_nobody_knows_stays_so_where_the_next_attempt_cannot_begin(tmp_path: Path) -> None:
    fake = FakeHost(drop_at=1, settled=Settled(state="free"))

    def answer(launch: Launch) -> Completed:
        if launch.attempt > 1:
            raise LaunchRefused("a: no space left; nothing was started", host="a")
        return done()

    fake.answers = answer
    ended = run(tmp_path, ONE.replace("command: one", "command: one, idempotent: true"), {"a": fake})
    assert (ended.code, ended.steps()) == (5, {"one": "unknown"})


def pauses(ended: Outcome) -> list[float]:
    """Seconds between two attempts to make a link again; nothing else in these runs waits."""
    return ended.clock.waits


def away(folder: Path) -> Outcome:
    """A run of a host that is gone for good in the middle of its step."""
    fake = FakeHost(drop_at=1)

    def answer(launch: Launch) -> Completed:
        fake.refuse = Unreachable("no route", host="a")
        return done()

    fake.answers = answer
    return run(folder, ONE, {"a": fake})


def test_a_host_that_is_away_is_tried_less_and_less_often_but_not_too_rarely(tmp_path: Path) -> None:
    waited = pauses(ended := away(tmp_path))
    assert ended.steps() == {"one": "unknown"}
    nominal = [min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2**number) for number in range(len(waited))]
    for pause, about in zip(waited[:-1], nominal, strict=False):
        assert 0.75 * about <= pause <= 1.25 * about, waited
    assert waited[-1] <= 1.25 * LONGEST_PAUSE_S
    assert sum(waited) == pytest.approx(300), "the time limit, to the end and no further"
    assert "not reached again in 300 s" in ended.record.hosts["a"].because
    assert 20 < len(waited) < 40
    assert sum(event.took_ms for event in ended.watcher.of(Waited) if event.cause == "link") == pytest.approx(300_000)


@pytest.mark.parametrize(("connect_s", "tries"), [(10.0, 21), (400.0, 2)])
def test_an_attempt_that_is_under_way_when_the_time_is_over_ends_then(
    tmp_path: Path, connect_s: float, tries: int
) -> None:
    """It had its own time to connect, of each hop, beyond the one that was promised."""
    fake = FakeHost(drop_at=1)

    def answer(launch: Launch) -> Completed:
        fake.connect_s = connect_s
        fake.refuse = Unreachable("no answer", host="a")
        return done()

    fake.answers = answer
    ended = run(tmp_path, ONE, {"a": fake})
    assert ended.steps() == {"one": "unknown"}
    (waited,) = (event for event in ended.watcher.of(Waited) if event.cause == "link")
    assert 300_000 <= waited.took_ms <= 301_000
    assert fake.connects - 1 <= tries


def test_a_link_that_is_lost_long_after_the_deadline_is_made_again_once_more(tmp_path: Path) -> None:
    """The host wrote down how the step ended; to make a link takes longer than nothing."""
    fake = FakeHost(drop_at=1, slow_s=10_000.0)

    def answer(launch: Launch) -> Completed:
        fake.connect_s = 5.0
        return done()

    fake.answers = answer
    assert run(tmp_path, ONE, {"a": fake}).steps() == {"one": "ok"}


def test_fifty_hosts_that_lost_one_server_do_not_come_back_at_the_same_moments(tmp_path: Path) -> None:
    first, second = (pauses(away(tmp_path))[:6] for _ in range(2))
    assert all(one != other for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_end_leaves_what_runs_a_moment_and_no_more(
    monkeypatch: pytest.MonkeyPatch, number: signal.Signals
) -> None:
    monkeypatch.setattr(signals, "SEAL_WITHIN_S", 1.0)
    monkeypatch.setattr(signals, "TOLD_WITHIN_S", 240.0)
    stop, heard, killed = Stop(), list[str](), threading.Event()
    with signals.heeded(stop, killed.set, heard=lambda how, becomes, again: heard.append(how)):
        began = time.monotonic()
        os.kill(os.getpid(), number)
        assert stop.event.wait(60)
        assert stop.leave.wait(60), "what runs is not waited for"
        assert time.monotonic() - began >= 1.0, "a step that ends before is known"
        assert not killed.is_set()
    assert heard == [number.name]


BOOTED = replace(FACTS, boot_id="00000000-0000-0000-0000-000000000002")


@pytest.mark.parametrize(("code", "outcome"), [(0, "ok"), (1, "unknown")])
def test_only_what_ended_well_stands_where_the_host_was_booted_before_it_was_heard(
    tmp_path: Path, code: int, outcome: str
) -> None:
    fake = FakeHost(drop_at=1)

    def answer(launch: Launch) -> Completed:
        fake.facts = BOOTED
        return done(code=code)

    fake.answers = answer
    assert run(tmp_path, ONE, {"a": fake}).steps() == {"one": outcome}


def test_a_host_that_goes_down_is_looked_at_over_a_link_that_was_made_since(tmp_path: Path) -> None:
    """The old one ends with the host: what is asked over it would say nothing of what is there afterwards."""
    looked: list[int] = []
    fake = FakeHost()

    def answer(launch: Launch) -> Completed:
        if "test -e" in launch.script.text:
            looked.append(fake.connects)
            return done(code=0 if len(looked) > 1 else 1)
        return done(code=75 if "is-system-running" in launch.script.text else 143)

    fake.answers = answer
    ended = run(tmp_path, "phases: {implement: [{id: one, command: make it, check: test -e /it}]}\n", {"a": fake})
    assert ended.steps() == {"one": "ok"}
    assert looked == [1, 2]
