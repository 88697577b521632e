"""The time of a run by cause: made-up events with amounts that are known, and any number of them that add up."""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.events import (
    BatchFinished,
    BatchStarted,
    Event,
    HostConnected,
    HostFinished,
    HostRefused,
    HostStarted,
    SittingEnded,
    SittingStarted,
    StepFinished,
    StepRecalled,
    StepStarted,
    StopAsked,
    Waited,
)
from runner.record import RunRecord, fold
from runner.report.text import summary


@dataclass(frozen=True)
class Work:
    """A step: for so long it works, and waits inside for another while."""

    phase: str
    work_ms: int
    watch_ms: int = 0


def sitting(
    batches: Sequence[Sequence[str]],
    steps: Mapping[str, Sequence[Work]],
    *,
    number: int = 1,
    parallel: int = 10,
    connect_ms: int = 0,
    cut_at: int | None = None,
    sealed: bool = True,
) -> list[Event]:
    """Events without a gap: a host begins in the moment in which another frees its place. Cut off at a moment."""
    hosts = tuple(host for batch in batches for host in batch)
    found: list[Event] = [
        SittingStarted(run="01RUN", sitting=number, playbook="p", title="", kind="other", plan="", hosts=hosts)
    ]

    def say(event: Event, at: int) -> None:
        found.append(replace(event, mono_ms=at, at="2026-01-01T00:00:00.000Z"))

    for host in hosts:
        say(HostConnected(host=host, peer={}, facts={}, took_ms=connect_ms), connect_ms)
    now = connect_ms if hosts else 0
    for count, batch in enumerate(batches, 1):
        say(BatchStarted(batch=count, hosts=tuple(batch)), now)
        places = [now] * parallel
        for host in batch:
            at = heapq.heappop(places)
            say(HostStarted(host=host, batch=count), at)
            for place, step in enumerate(steps[host]):
                name, took = f"s{place}", step.work_ms + step.watch_ms
                say(StepStarted(host=host, step=name, phase=step.phase, kind="command", title="", sha256="0" * 64), at)
                at += took
                if step.watch_ms:
                    say(Waited(host=host, step=name, cause="watch", took_ms=step.watch_ms), at)
                say(ended(host, name, step.phase, took), at)
            say(HostFinished(host=host, outcome="ok"), at)
            heapq.heappush(places, at)
        now = max(places)
        say(BatchFinished(batch=count), now)
    found.sort(key=lambda event: event.mono_ms)
    if cut_at is not None and cut_at < now:
        found = [event for event in found if event.mono_ms < cut_at or isinstance(event, SittingStarted)]
        now = cut_at
    say(SittingEnded(exit_code=0) if sealed else StopAsked(how="SIGTERM"), now)
    return found


def ended(host: str, step: str, phase: str, took_ms: int, host_ms: int | None = None) -> StepFinished:
    return StepFinished(
        host=host, step=step, phase=phase, attempt=1, outcome="ok", took_ms=took_ms, host_ms=host_ms, exit={"code": 0}
    )


def names(number: int) -> tuple[str, ...]:
    return tuple(f"h{place}" for place in range(number))


def told(record: RunRecord) -> str:
    return next(line for line in summary(record).splitlines() if "where the time went" in line)


def test_the_wait_for_a_free_place_is_the_work_of_those_who_had_it() -> None:
    steps = {name: [Work("implement", 3000)] for name in names(12)}
    record = fold([sitting([names(12)], steps, parallel=10, connect_ms=1500)])
    assert record.took_ms == 7500
    assert record.time == {"connect": 1500, "work": 6000, "overhead": 0}
    assert record.hosts["h11"].time == {"connect": 1500, "throttled": 3000, "work": 3000, "overhead": 0}
    assert "connect 1.5 s   work 6.0 s" in told(record)


def test_the_chain_goes_from_place_to_place_and_from_batch_to_batch() -> None:
    """One place: a, b; two places: c ends early, and e begins on its place while d works on alone."""
    steps = {
        "a": [Work("implement", 1000)], "b": [Work("implement", 2000)],
        "c": [Work("implement", 500), Work("test", 500)], "d": [Work("implement", 3000)],
        "e": [Work("monitor", 100, watch_ms=4000)],
    }  # fmt: skip
    first = [["a", "b"], ["c", "d", "e"]]
    record = fold([sitting(first, steps, parallel=2, connect_ms=10)])
    assert record.took_ms == 10 + 2000 + 1000 + 4100
    assert record.time == {"connect": 10, "work": 2000 + 1000 + 100, "watch": 4000, "overhead": 0}
    assert record.phases == {"implement": 2500, "test": 500, "monitor": 4100}


def test_each_sitting_counts_by_itself_though_both_have_a_batch_1() -> None:
    steps = {"a": [Work("implement", 2000)], "b": [Work("implement", 9000)]}
    one = sitting([["a", "b"]], steps, connect_ms=100, cut_at=5000)
    two = sitting([["b"]], {"b": [Work("implement", 3000)]}, number=2, connect_ms=200)
    record = fold([one, two])
    assert record.took_ms == 5000 + 3200
    assert record.time == {"connect": 300, "work": 4900 + 3000, "overhead": 0}
    b = record.hosts["b"]
    assert b.took_ms == record.took_ms and b.time == record.time
    assert record.hosts["a"].time == {"connect": 100, "work": 2000, "overhead": 0}
    assert [(batch.sitting, batch.number, batch.ended_ms) for batch in record.batches] == [(1, 1, None), (2, 1, 8200)]


def test_an_attempt_that_a_later_sitting_settles_took_what_the_host_says() -> None:
    one = sitting([["a"]], {"a": [Work("implement", 6000)]}, connect_ms=100, cut_at=2000)
    two = [
        SittingStarted(run="01RUN", sitting=2, playbook="p", title="", kind="other", plan="", hosts=("a",)),
        HostConnected(host="a", peer={}, facts={}, took_ms=50, mono_ms=50),
        BatchStarted(batch=1, hosts=("a",), mono_ms=50),
        HostStarted(host="a", batch=1, mono_ms=50),
        StepRecalled(host="a", step="s0", phase="implement", attempt=1, mono_ms=51),
        replace(ended("a", "s0", "implement", 9, 6010), mono_ms=60),
        HostFinished(host="a", outcome="ok", mono_ms=60),
        SittingEnded(exit_code=0, mono_ms=60),
    ]
    record = fold([one, two])
    step = record.hosts["a"].steps["s0"]
    assert (step.took_ms, step.attempts[0].recalled) == (6010, True)
    assert record.time == {"connect": 150, "work": 1900 + 9, "overhead": 1}
    unsaid = fold([one, [replace(e, host_ms=None) if isinstance(e, StepFinished) else e for e in two]])
    assert unsaid.hosts["a"].steps["s0"].attempts[0].took_ms is None, "the time that asking took is not the step's"


@pytest.mark.parametrize("sealed", [True, False])
def test_a_step_that_is_cut_off_counts_as_work_up_to_the_end(sealed: bool) -> None:
    steps = {"a": [Work("implement", 60_000)]}
    record = fold([sitting([["a"]], steps, connect_ms=500, cut_at=4500, sealed=sealed)])
    assert record.time == {"connect": 500, "work": 4000, "overhead": 0} == record.hosts["a"].time


def test_a_connection_that_is_cut_off_counts_as_connecting_up_to_the_end() -> None:
    record = fold([sitting([["a"]], {"a": []}, connect_ms=9000, cut_at=4000)])
    assert record.time == {"connect": 4000, "work": 0, "overhead": 0} == record.hosts["a"].time


def test_the_wait_for_a_host_that_another_run_holds_is_not_told_twice() -> None:
    record = fold(
        [
            [
                SittingStarted(run="01RUN", sitting=1, playbook="p", title="", kind="other", plan="", hosts=("a",)),
                Waited(host="a", step="", cause="lock", took_ms=4000, mono_ms=5000),
                HostRefused(host="a", reason="lock", message="held", took_ms=5000, exit_code=7, mono_ms=5000),
                SittingEnded(exit_code=7, mono_ms=5000),
            ]
        ]
    )
    assert record.time == {"connect": 1000, "work": 0, "lock": 4000, "overhead": 0} == record.hosts["a"].time


STEPS = st.lists(
    st.builds(
        Work,
        phase=st.sampled_from(("identify", "implement", "test")),
        work_ms=st.integers(0, 5000),
        watch_ms=st.integers(0, 3000),
    ),
    max_size=3,
)
SITTING = st.tuples(
    st.lists(st.integers(1, 4), min_size=1, max_size=3),
    st.integers(1, 5),
    st.integers(0, 2000),
    st.none() | st.integers(0, 20_000),
    st.booleans(),
)


@settings(max_examples=80)
@given(st.data(), st.integers(1, 3))
def test_no_part_is_less_than_nothing_and_all_are_the_whole(data: st.DataObject, sittings: int) -> None:
    """And where events leave no gap, none of it is the tool's own time."""
    events: list[list[Event]] = []
    record = RunRecord(run="")
    for number in range(1, sittings + 1):
        sizes, parallel, connect_ms, cut_at, sealed = data.draw(SITTING)
        left = [name for name in names(sum(sizes)) if name not in record.hosts or record.hosts[name].outcome != "ok"]
        batches = [left[sum(sizes[:place]) : sum(sizes[: place + 1])] for place in range(len(sizes))]
        steps = {host: data.draw(STEPS) for host in left}
        events.append(
            sitting(
                [batch for batch in batches if batch], steps, number=number, parallel=parallel, connect_ms=connect_ms,
                cut_at=cut_at, sealed=sealed,
            )
        )  # fmt: skip
        record = fold(events)
    for parts, took_ms in ((record.time, record.took_ms), *((h.time, h.took_ms) for h in record.hosts.values())):
        assert min(parts.values()) >= 0
        assert sum(parts.values()) == took_ms
    assert sum(record.phases.values()) <= record.took_ms
    assert record.time["overhead"] == 0
