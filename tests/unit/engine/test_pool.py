"""A few threads for many items."""

from __future__ import annotations

import threading
import time

import pytest

from runner.engine import pool
from runner.engine.surroundings import Stop
from tests.bed.process import until


def test_more_threads_join_where_the_others_only_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "STUCK_S", 0.05)
    all_there = threading.Barrier(6)
    assert pool.for_each(range(6), lambda item: all_there.wait(240) and None, at_once=2, most=6, stop=Stop()) == []


def test_no_more_than_were_asked_for_are_begun_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "STUCK_S", 0.05)
    let_go, begun = threading.Event(), list[int]()

    def work(item: int) -> None:
        begun.append(item)
        let_go.wait(240)

    def soon() -> None:
        until("four have begun", lambda: len(begun) == 4)
        time.sleep(0.3)  # in which a fifth would begin
        let_go.set()

    threading.Thread(target=soon).start()
    seen: list[int] = []
    pool.for_each(
        range(9),
        work,
        at_once=2,
        most=4,
        stop=Stop(),
        meanwhile=lambda: None,
        give=lambda item: seen.append(len(begun)),
    )
    assert seen[0] == 4, "before the first was done"
    assert sorted(begun) == list(range(9))
