"""
The pictures of a report as numbers: where each bar begins and how wide it is, in percent of the whole.

Percent, so that a bar fits any width of page and a text on it keeps its size. The template draws them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from runner.frozen import frozen
from runner.model import PHASES, Outcome
from runner.record import Attempt, HostRecord, RunRecord, StepRecord

MOST_ROWS = 40
_NARROW = 0.35
_ROOM_FOR_WORDS = 11.0
_MUCH_ROOM = 30.0
_STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)


@frozen
class Bar:
    """`of` is a phase or a cause; `room` 0 has no room for words, 1 has on a wide page, 2 has on every page."""

    of: str
    x: float
    width: float
    took_ms: int
    room: int = 0


@frozen
class Row:
    """A host, or `hosts` of one batch that went alike; then the bars are those of the slowest, `name`."""

    name: str
    outcome: str
    took_ms: int
    bars: tuple[Bar, ...]
    waits: tuple[Bar, ...]
    fault: float | None = None
    hosts: tuple[str, ...] = ()


@frozen
class Tick:
    at_ms: int
    x: float


@frozen
class Timeline:
    rows: tuple[Row, ...]
    ticks: tuple[Tick, ...]
    total_ms: int
    phases: tuple[str, ...]
    waits: bool


def timeline(record: RunRecord) -> Timeline:
    """Hosts down, time across. Over MOST_ROWS hosts, those that went alike in a batch share a row."""
    total = max(1, record.took_ms, *(host.took_ms for host in record.hosts.values()))
    rows = tuple(_rows(record, total))
    used = dict.fromkeys(bar.of for row in rows for bar in row.bars if bar.of != "connect")
    phases = tuple(sorted(used, key=lambda phase: PHASES.index(phase) if phase in PHASES else len(PHASES)))
    return Timeline(
        rows=rows,
        ticks=tuple(_ticks(total)),
        total_ms=total,
        phases=phases,
        waits=any(row.waits for row in rows),
    )


def whole(parts: Mapping[str, int], order: Sequence[str]) -> tuple[Bar, ...]:
    """One bar of parts side by side, in the order given; what is not above zero has no place in a picture."""
    present = [
        (name, parts[name]) for name in (*order, *(n for n in parts if n not in order)) if parts.get(name, 0) > 0
    ]
    total = sum(took for _, took in present)
    bars, x = [], 0.0
    for name, took in present:
        width = 100 * took / total
        bars.append(Bar(of=name, x=round(x, 3), width=round(width, 3), took_ms=took, room=_room(width)))
        x += width
    return tuple(bars)


def _rows(record: RunRecord, total: int) -> Iterator[Row]:
    hosts = list(record.hosts.values())
    if len(hosts) <= MOST_ROWS:
        yield from (_row(host, total) for host in hosts)
        return
    groups: dict[tuple[int | None, str], list[HostRecord]] = {}
    for host in hosts:
        groups.setdefault((host.batch, host.ended), []).append(host)
    alone = MOST_ROWS // 2
    for (_, outcome), group in groups.items():
        bad = bool(outcome) and not Outcome(outcome).good
        if bad and len(group) <= alone:
            alone -= len(group)
            yield from (_row(host, total) for host in group)
        else:
            slowest = max(group, key=lambda host: host.took_ms)
            yield _row(slowest, total, tuple(host.name for host in group) if len(group) > 1 else ())


def _row(host: HostRecord, total: int, hosts: tuple[str, ...] = ()) -> Row:
    bars = _joined(list(_bars(host, total)))
    fault = None
    step = host.failed_step
    if step is not None and step.attempts:
        last = step.attempts[-1]
        fault = _percent(last.started_ms + _shown_ms(host, last), total)
    return Row(
        name=host.name, outcome=host.ended, took_ms=host.took_ms, bars=bars, waits=tuple(_waits(host, total)),
        fault=fault, hosts=hosts,
    )  # fmt: skip


def _bars(host: HostRecord, total: int) -> Iterator[Bar]:
    for turn in host.turns:
        if (span := turn.connecting) and span.ended_ms > span.started_ms:
            yield _bar("connect", span.started_ms, span.ended_ms - span.started_ms, total)
    for step in sorted(host.steps.values(), key=_began):
        for attempt in step.attempts:
            yield _bar(step.phase, attempt.started_ms, _shown_ms(host, attempt), total)


def _waits(host: HostRecord, total: int) -> Iterator[Bar]:
    """Waiting for the batch, between attempts, and inside a step, where it is drawn at the end: the moments are not
    kept, only how long."""
    for turn in host.turns:
        if turn.connecting and turn.throttled_ms > 50:
            yield _bar("throttled", turn.connecting.ended_ms, turn.throttled_ms, total)
    for step in host.steps.values():
        before: int | None = None
        for attempt in step.attempts:
            if before is not None and attempt.started_ms > before:
                yield _bar("retry", before, attempt.started_ms - before, total)
            before = attempt.started_ms + _shown_ms(host, attempt)
            inside = min(sum(attempt.waited.values()), _shown_ms(host, attempt))
            if inside:
                yield _bar(next(iter(attempt.waited)), before - inside, inside, total)


def _shown_ms(host: HostRecord, attempt: Attempt) -> int:
    """How much of an attempt lies in the sitting that began it: a later one may have seen its end, or none."""
    spans = (turn.working for turn in host.turns)
    until = next((span.ended_ms for span in spans if span and span.ended_ms >= attempt.started_ms), attempt.started_ms)
    left = until - attempt.started_ms
    return left if attempt.took_ms is None else min(attempt.took_ms, left)


def _joined(bars: Sequence[Bar]) -> tuple[Bar, ...]:
    """Bars of one phase that touch are one; then there may be room for its name."""
    found: list[Bar] = []
    for bar in bars:
        last = found[-1] if found else None
        if last and last.of == bar.of and bar.x - (last.x + last.width) < 0.5:
            width = max(last.width, bar.x + bar.width - last.x)
            found[-1] = Bar(of=bar.of, x=last.x, width=round(width, 3), took_ms=last.took_ms + bar.took_ms)
        else:
            found.append(bar)
    return tuple(Bar(of=b.of, x=b.x, width=b.width, took_ms=b.took_ms, room=_room(b.width)) for b in found)


def _bar(of: str, start_ms: int, took_ms: int, total: int) -> Bar:
    x = min(_percent(start_ms, total), 100 - _NARROW)
    width = min(max(100 * took_ms / total, _NARROW), 100 - x)
    return Bar(of=of, x=x, width=round(width, 3), took_ms=took_ms)


def _ticks(total: int) -> Iterator[Tick]:
    step = next((step for step in _STEPS_S if total / 1000 / step <= 6), _STEPS_S[-1] * (total // 518_400_000 + 1))
    at = step * 1000
    yield Tick(at_ms=0, x=0)
    while at <= total * 0.97:
        yield Tick(at_ms=at, x=_percent(at, total))
        at += step * 1000


def _percent(ms: int, total: int) -> float:
    return round(min(100.0, 100 * ms / total), 3)


def _room(width: float) -> int:
    return 2 if width >= _MUCH_ROOM else 1 if width >= _ROOM_FOR_WORDS else 0


def _began(step: StepRecord) -> int:
    return step.attempts[0].started_ms if step.attempts else 0
