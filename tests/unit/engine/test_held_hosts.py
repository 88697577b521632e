"""A host that another run holds for a user whom this one comes to in the middle, when nobody knew of him before."""

from __future__ import annotations

import threading
from math import inf
from pathlib import Path

import pytest

from runner.engine.past import Before, Past
from runner.engine.surroundings import Stop
from runner.errors import LockBusy
from runner.events import StepFinished, Waited
from runner.model import Facts, Host
from runner.seams import Completed, Launch, OnOutput, Passwords, Settled
from runner.testing import FakeClock, FakeHost, FakeSession, FakeTransport, done
from tests.unit.engine.support import Stopping, run

LATE = (
    "phases: {implement: [{id: who, command: who, register: who},"
    " {id: one, command: one, become: '{{ who.stdout | trim }}'}]}\n"
)
MINE, OTHERS = "run 01MINE of anna", "run 01OTHER of ben"


def held_by_another() -> tuple[FakeHost, FakeSession]:
    fake = FakeHost(answers={"who": done("db\n")})
    other = FakeSession(fake, FakeClock())
    fake.locks["db", "host"] = (OTHERS, other)
    return fake, other


def texts(fake: FakeHost) -> list[str]:
    return [text.strip() for text in fake.texts]


class Freed(FakeClock):
    """The other run ends in the second wait."""

    def __init__(self, other: FakeSession) -> None:
        super().__init__()
        self._other = other

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self._other.closed = len(self.waits) > 0
        return super().wait(event, seconds)


def test_a_step_for_whom_another_holds_the_host_is_not_begun(tmp_path: Path) -> None:
    """It was a fault in its kind, and one whose begin and end stood on record."""
    fake, other = held_by_another()
    ended = run(tmp_path, LATE, {"a": fake}, owner=MINE)
    assert (ended.code, ended.steps(), texts(fake)) == (1, {"who": "ok", "one": "failed"}, ["who"])
    assert OTHERS in ended.record.hosts["a"].because and "fault" not in ended.record.hosts["a"].because
    other.close()
    fake.started.clear()  # another run, to the host
    ended = run(tmp_path, LATE, {"a": fake}, owner=MINE)
    assert (ended.code, texts(fake)) == (0, ["who", "who", "one"])


def test_it_is_waited_for_as_long_as_the_run_waits_for_locks(tmp_path: Path) -> None:
    fake, other = held_by_another()
    ended = run(tmp_path, LATE, {"a": fake}, owner=MINE, lock_s=30, clock=Freed(other))
    assert (ended.code, ended.steps(), texts(fake)) == (0, {"who": "ok", "one": "ok"}, ["who", "one"])
    waited = [event for event in ended.watcher.of(Waited) if event.cause == "lock"]
    assert [(event.step, OTHERS in event.detail) for event in waited] == [("one", True)]
    assert ended.record.hosts["a"].waits["lock"] > 0
    fake, other = held_by_another()
    ended = run(tmp_path, LATE, {"a": fake}, owner=MINE, lock_s=30)
    assert (ended.code, texts(fake), sum(ended.clock.waits)) == (1, ["who"], pytest.approx(30))


def test_a_run_that_is_stopped_while_it_waits_begins_nothing(tmp_path: Path) -> None:
    fake, _ = held_by_another()
    stop = Stop()
    clock = Stopping(stop, at=2)
    ended = run(tmp_path, LATE, {"a": fake}, owner=MINE, lock_s=3600, stop=stop, clock=clock)
    assert (ended.code, ended.steps(), texts(fake)) == (130, {"who": "ok", "one": "cancelled"}, ["who"])


@pytest.mark.parametrize("lock_s", [0.0, 30.0])
def test_a_step_in_doubt_for_whom_another_holds_the_host_stays_in_doubt(tmp_path: Path, lock_s: float) -> None:
    """It had failed, and the next `resume` ran it once more."""
    fake, other = held_by_another()
    known = Before(state="done", attempts=1, values={"stdout": "db\n"})
    past = {"a": Past(steps={"who": known, "one": Before(state="doubt", attempts=1)})}
    ended = run(tmp_path, LATE, {"a": fake}, owner=MINE, past=past, lock_s=lock_s)
    assert (ended.code, ended.steps()["one"], texts(fake)) == (5, "unknown", [])
    assert OTHERS in ended.record.hosts["a"].because
    other.close()
    fake.settled = Settled(state="ended", completed=done("here\n"))
    ended = run(tmp_path, LATE, {"a": fake}, owner=MINE, past=past)
    assert (ended.outcomes()["a"], ended.steps()["one"], texts(fake)) == ("ok", "ok", [])


def test_a_step_in_doubt_stays_so_where_asking_for_it_goes_wrong_in_a_way_nobody_thought_of(tmp_path: Path) -> None:
    class Broken(FakeSession):
        def settle(self, launch: Launch, on_output: OnOutput, *, offsets: tuple[int, int] = (0, 0)) -> Settled:
            raise OSError("no file descriptors")

    class Network(FakeTransport):
        def connect(self, host: Host, *, run_id: str, passwords: Passwords, within_s: float = inf) -> FakeSession:
            return Broken(self.hosts[host.name], self.clock, name=host.name)

    fake = FakeHost()
    text = "phases: {implement: [{id: one, command: one}]}\n"
    past = {"a": Past(steps={"one": Before(state="doubt", attempts=1)})}
    ended = run(tmp_path, text, {"a": fake}, past=past, transport=Network)
    assert (ended.code, ended.steps(), texts(fake)) == (5, {"one": "unknown"}, [])
    assert "no file descriptors" in ended.record.hosts["a"].because


def test_an_act_that_was_done_and_cannot_be_looked_at_again_is_told_as_that(tmp_path: Path) -> None:
    fake = FakeHost()

    class Once(FakeSession):
        """Free for the look and for the act, and taken then: over a link that was lost between them."""

        def become(self, user: str) -> Facts:
            if len(fake.launches) == 2:
                raise LockBusy(f"a: another run holds this host: {OTHERS}")
            return super().become(user)

    class Network(FakeTransport):
        def connect(self, host: Host, *, run_id: str, passwords: Passwords, within_s: float = inf) -> FakeSession:
            return Once(fake, self.clock, name=host.name)

    def answer(launch: Launch) -> Completed:
        return done(code=1) if launch.script.text.strip() == "look" else done()

    fake.answers = answer
    text = "phases: {implement: [{id: one, command: one, check: look}]}\n"
    head = "rawat: 1\nname: t\nkind: other\nhosts: all\nbecome: root\n"
    ended = run(tmp_path, text, {"a": fake}, head=head, transport=Network)
    (finished,) = ended.watcher.of(StepFinished)
    assert (ended.code, texts(fake)) == (1, ["look", "one"])
    assert finished.problem.startswith("it ran, but could not be looked at again: a: another run holds")
