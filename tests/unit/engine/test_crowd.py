"""Fleets larger than what can stay connected at the same time."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator
from math import inf
from pathlib import Path

import pytest

from runner.engine import crowd
from runner.errors import Unreachable
from runner.model import Host
from runner.seams import Passwords
from runner.testing import FakeHost, FakeSession, FakeTransport
from tests.unit.engine.support import run

TWO = "rollout: {parallel: 50, stop_when_failed: 3}\nphases: {implement: [{id: one, command: one}]}\n"


class Counting(FakeTransport):
    """Knows how many sessions were open at the same time."""

    most = 0
    lock = threading.Lock()

    def connect(self, host: Host, *, run_id: str, passwords: Passwords, within_s: float = inf) -> FakeSession:
        session = super().connect(host, run_id=run_id, passwords=passwords)
        with Counting.lock:
            Counting.most = max(Counting.most, sum(not session.closed for session in self.sessions))
        return session


@pytest.fixture(autouse=True)
def count() -> Iterator[None]:
    Counting.most = 0
    yield


def test_hosts_that_cannot_all_stay_connected_are_asked_first_and_again_at_their_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowd, "MOST", 4)
    hosts = {f"h{number}": FakeHost() for number in range(12)}
    ended = run(tmp_path, TWO, hosts, transport=Counting)
    assert ended.code == 0
    assert {(fake.connects, len(fake.launches), fake.forgotten) for fake in hosts.values()} == {(2, 1, True)}
    assert Counting.most <= 8, "those that leave still count"
    monkeypatch.setattr(crowd, "MOST", 12)
    hosts = {f"h{number}": FakeHost() for number in range(12)}
    assert run(tmp_path, TWO, hosts, transport=Counting).code == 0
    assert {fake.connects for fake in hosts.values()} == {1}


def test_a_host_that_is_away_when_its_turn_comes_has_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "MOST", 1)
    hosts = {name: FakeHost(connect_s=2.0) for name in "ab"}

    class Away(FakeTransport):
        def connect(self, host: Host, *, run_id: str, passwords: Passwords, within_s: float = inf) -> FakeSession:
            if host.name == "b" and hosts["b"].connects:
                self.clock.advance(5.0)
                raise Unreachable("no route", host="b")
            return super().connect(host, run_id=run_id, passwords=passwords)

    ended = run(tmp_path, TWO, hosts, transport=Away)
    assert ended.code == 4
    assert ended.outcomes() == {"a": "ok", "b": "unreachable"}
    assert (ended.record.hosts["b"].because, hosts["b"].launches) == ("no route", [])
    assert sum(ended.record.hosts["b"].time.values()) == ended.record.hosts["b"].took_ms
    assert ended.record.hosts["b"].time["connect"] == 7000


def test_the_limit_of_open_files_is_raised_and_kept_to() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
        assert crowd.room(1) == (200 - crowd.OTHERS) // crowd.FILES
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] == 200, "not without need"
        assert crowd.room(300) == 300
        assert crowd.room(100_000) == crowd.MOST
        assert list(crowd.notes(300, 10)) == []
        (said,) = crowd.notes(5000, 10)
        assert (
            said
            == "5000 hosts are more than stay connected (512): each is asked first, and connected to anew at its turn"
        )
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
