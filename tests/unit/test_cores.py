"""Threads of many hosts share a core; nothing that they start is bound to it."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest

from runner import cores
from runner.engine.pool import MANY, for_each
from runner.engine.surroundings import Stop
from runner.transport.local import PipeChannel

ALL = os.sched_getaffinity(os.getpid())


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    cores._core.cache_clear()
    yield
    cores._core.cache_clear()


def masks(hosts: int) -> list[frozenset[int]]:
    """The cores that the threads of so many hosts may use; all are at work at the same time."""
    seen: list[frozenset[int]] = []
    together = threading.Barrier(hosts)

    def work(_: int) -> None:
        together.wait(240)
        seen.append(frozenset(os.sched_getaffinity(0)))

    for_each(range(hosts), work, at_once=hosts, stop=Stop())
    return seen


def test_threads_of_many_hosts_share_one_core_and_the_main_thread_is_free() -> None:
    (core,) = set(masks(MANY))
    assert len(core) == 1
    assert core <= ALL
    assert os.sched_getaffinity(os.getpid()) == ALL


def test_threads_of_few_hosts_use_all_cores() -> None:
    assert set(masks(MANY - 1)) == {frozenset(ALL)}


def test_a_second_pool_stays_where_the_first_was() -> None:
    assert set(masks(MANY)) == set(masks(MANY + 1))


def told_by_a_shell(argv: list[str]) -> set[int]:
    channel = PipeChannel(argv)
    said = b""
    try:
        while not said.endswith(b"\n"):
            said += channel.recv(10)
    finally:
        channel.close()
    return {int(word) for word in said.split()}


def test_what_a_thread_starts_may_use_all_cores_and_the_thread_stays() -> None:
    found: list[set[int]] = []

    def work() -> None:
        cores.gather()
        found.append(told_by_a_shell(["python3", "-c", "import os; print(*os.sched_getaffinity(0))"]))
        found.append(os.sched_getaffinity(0))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(240)
    child, after = found
    assert child == ALL
    assert len(after) == 1


POLICY = "import os; print(os.sched_getscheduler(0))"


def test_gathered_threads_are_batch_work_and_what_they_start_is_not() -> None:
    found: list[set[int]] = []

    def work() -> None:
        cores.gather()
        found.append({os.sched_getscheduler(0)})
        found.append(told_by_a_shell(["python3", "-c", POLICY]))
        found.append({os.sched_getscheduler(0)})

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(240)
    assert found == [{os.SCHED_BATCH}, {os.SCHED_OTHER}, {os.SCHED_BATCH}]
    assert os.sched_getscheduler(0) == os.SCHED_OTHER


def test_a_policy_that_somebody_gave_is_kept() -> None:
    found: list[set[int]] = []

    def work() -> None:
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        cores.gather()
        found.append({os.sched_getscheduler(0)})
        found.append(told_by_a_shell(["python3", "-c", POLICY]))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(240)
    assert found == [{os.SCHED_IDLE}, {os.SCHED_IDLE}]


def test_a_sandbox_that_forbids_policies_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("os.sched_setscheduler", forbidden)
    assert len(set(masks(MANY))) == 1


def test_where_threads_take_no_turns_they_go_where_they_like(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys._is_gil_enabled", lambda: False, raising=False)
    assert set(masks(MANY)) == {frozenset(ALL)}


def test_without_a_word_from_the_kernel_nothing_is_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr("os.sched_setaffinity")
    assert set(masks(MANY)) == {frozenset(ALL)}


def test_a_core_that_was_taken_away_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.cores._core", lambda: 4095)
    assert set(masks(MANY)) == {frozenset(ALL)}
