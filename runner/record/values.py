"""What a run was, as values; what can be computed from them by arithmetic alone is a property."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from runner.frozen import frozen
from runner.model import Outcome, ended_as


@frozen
class Attempt:
    """
    One try of a step on a host. `outcome` is empty while it runs or where nobody saw its end; `sitting` is the one that
    began it.

    `recalled`: a later sitting asked how it ended; then `took_ms` is what the host says, None where it does not know.
    """

    number: int
    started_ms: int
    sitting: int = 1
    started_at: str = ""
    took_ms: int | None = None
    host_ms: int | None = None
    outcome: str = ""
    exit: Mapping[str, Any] | None = None
    problem: str = ""
    summary: str = ""
    notes: tuple[str, ...] = ()
    tail: str = ""
    command: str = ""
    command_sha256: str = ""
    changed: bool | None = None
    output: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    recalled: bool = False
    waited: Mapping[str, int] = field(default_factory=dict)


@frozen
class StepRecord:
    """A step on a host over all its attempts; `why` is the reason where it was skipped."""

    id: str
    phase: str
    kind: str = ""
    title: str = ""
    user: str = ""
    register: str = ""
    outcome: str = ""
    why: str = ""
    attempts: tuple[Attempt, ...] = ()

    @property
    def took_ms(self) -> int:
        return sum(attempt.took_ms or 0 for attempt in self.attempts)

    @property
    def base(self) -> str:
        """The id in the playbook: an instance of `with` is `<id>.<number>`."""
        return self.id.partition(".")[0]

    @property
    def ended(self) -> str:
        """Its outcome in the word that people are told, by runner.model.ended_as."""
        return ended_as(self.outcome, self.attempts[-1].exit) if self.attempts else self.outcome

    @property
    def in_doubt(self) -> bool:
        """Whether it may or may not have taken effect."""
        return self.outcome == Outcome.UNKNOWN or bool(self.attempts and not self.attempts[-1].outcome)


@frozen
class Span:
    """
    A stretch of time in which a host was connected to, or worked on; milliseconds on the clock of the run.

    `parts` are by cause, `phases` what the steps of each phase took, their waits included: never more than the whole.
    """

    started_ms: int
    ended_ms: int
    parts: Mapping[str, int] = field(default_factory=dict)
    phases: Mapping[str, int] = field(default_factory=dict)


@frozen
class Turn:
    """A host in one sitting, which began at `began_ms`; what had no end when the sitting was over ended with it."""

    sitting: int
    began_ms: int
    connecting: Span | None = None
    working: Span | None = None

    @property
    def spans(self) -> tuple[Span, ...]:
        return tuple(span for span in (self.connecting, self.working) if span is not None)

    @property
    def took_ms(self) -> int:
        return max((span.ended_ms for span in self.spans), default=self.began_ms) - self.began_ms

    @property
    def throttled_ms(self) -> int:
        """Connected, and waiting for its turn."""
        if self.connecting is None or self.working is None:
            return 0
        return max(0, self.working.started_ms - self.connecting.ended_ms)


@frozen
class HostRecord:
    """
    A host's way through the run. Moments in milliseconds on the clock of the run, the sittings one behind the other;
    `time` adds up to `took_ms`.
    """

    name: str
    outcome: str = ""
    because: str = ""
    refused: str = ""
    exit_code: int = 0
    batch: int | None = None
    put_last: str = ""
    peer: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    clock_offset_ms: int = 0
    boot_ids: tuple[str, ...] = ()
    connect_ms: int = 0
    connected_ms: int | None = None
    started_ms: int | None = None
    ended_ms: int | None = None
    links_lost: int = 0
    waits: Mapping[str, int] = field(default_factory=dict)
    steps: Mapping[str, StepRecord] = field(default_factory=dict)
    turns: tuple[Turn, ...] = ()

    @property
    def took_ms(self) -> int:
        """From the beginning of each sitting to the end of the host's part in it."""
        return sum(turn.took_ms for turn in self.turns)

    @property
    def time(self) -> dict[str, int]:
        """Milliseconds by cause: connect, throttled, the kinds of waiting, work, overhead; none is less than zero."""
        if not self.turns:
            return {}
        parts = {"connect": 0, "throttled": sum(turn.throttled_ms for turn in self.turns), "work": 0}
        for turn in self.turns:
            for span in turn.spans:
                _add(parts, span.parts)
        parts["overhead"] = self.took_ms - sum(parts.values())
        return {cause: took for cause, took in parts.items() if took or cause != "throttled"}

    @property
    def ended(self) -> str:
        """Its outcome in the word that people are told: cancelled where a person ended all that did not end well."""
        stopped = self.outcome == Outcome.FAILED and {step.ended for step in self._bad()} == {Outcome.CANCELLED}
        return Outcome.CANCELLED if stopped else self.outcome

    def _bad(self) -> list[StepRecord]:
        return [step for step in self.steps.values() if step.outcome and not Outcome(step.outcome).good]

    @property
    def failed_step(self) -> StepRecord | None:
        """The step that decided how it went for this host."""
        bad = self._bad()
        return next((step for step in bad if step.outcome == Outcome.UNKNOWN), bad[0] if bad else None)


@frozen
class Batch:
    """`number` counts from 1 in each sitting."""

    number: int
    hosts: tuple[str, ...]
    started_ms: int
    sitting: int = 1
    ended_ms: int | None = None
    failed: tuple[str, ...] = ()
    stopped: str = ""


@frozen
class SittingRecord:
    """
    Once that somebody began to work on the run: who, from where, why, with what, on which hosts, and how it ended.

    `hosts` are those that were not done before it; `why` is what was said of this sitting, with the run's ticket and
    kind of change. Without `sealed` it was cut off, or is at work still.
    """

    number: int
    started_at: str
    ended_at: str = ""
    took_ms: int = 0
    who: Mapping[str, Any] = field(default_factory=dict)
    controller: Mapping[str, Any] = field(default_factory=dict)
    why: Mapping[str, Any] = field(default_factory=dict)
    tool: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    plan: str = ""
    hosts: tuple[str, ...] = ()
    left_out: tuple[Mapping[str, Any], ...] = ()
    not_started: tuple[str, ...] = ()
    deviations: tuple[Mapping[str, str], ...] = ()
    gates: tuple[Mapping[str, str], ...] = ()
    opened: tuple[Mapping[str, str], ...] = ()
    sealed: bool = False
    exit_code: int | None = None
    stopped_by: str = ""
    limit_reached: str = ""

    @property
    def person(self) -> str:
        """Whoever began it: the person where one is named, else the OS user."""
        return str(self.who.get("person") or self.who.get("user") or "")


@frozen
class RunRecord:
    """
    One run, over all its sittings and acts. Durations in ms.

    `who`, `controller` and `why` are those of whoever began it. What is going to be done (`plan` to `left_out`, `tool`,
    `source`) and how it stands (`sealed` to `limit_reached`, `gates`, `opened`, `not_started`) are of the last sitting.
    """

    run: str
    playbook: str = ""
    title: str = ""
    kind: str = ""
    plan: str = ""
    sittings: tuple[SittingRecord, ...] = ()
    started_at: str = ""
    ended_at: str = ""
    took_ms: int = 0
    sealed: bool = False
    exit_code: int | None = None
    stopped_by: str = ""
    limit_reached: str = ""
    who: Mapping[str, Any] = field(default_factory=dict)
    controller: Mapping[str, Any] = field(default_factory=dict)
    why: Mapping[str, Any] = field(default_factory=dict)
    tool: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    declared: tuple[Mapping[str, Any], ...] = ()
    items: tuple[Mapping[str, Any], ...] = ()
    all_phases: bool = False
    left_out: tuple[Mapping[str, Any], ...] = ()
    hosts: Mapping[str, HostRecord] = field(default_factory=dict)
    batches: tuple[Batch, ...] = ()
    deviations: tuple[Mapping[str, str], ...] = ()
    gates: tuple[Mapping[str, str], ...] = ()
    opened: tuple[Mapping[str, str], ...] = ()
    people: tuple[Mapping[str, str], ...] = ()
    troubles: tuple[str, ...] = ()
    acts: tuple[Mapping[str, Any], ...] = ()
    approvals: tuple[Mapping[str, Any], ...] = ()
    policy: Mapping[str, Any] = field(default_factory=dict)
    executors: tuple[str, ...] = ()
    not_started: tuple[str, ...] = ()

    @property
    def sitting(self) -> int:
        """The number of the last sitting; 0 where none has begun."""
        return self.sittings[-1].number if self.sittings else 0

    @property
    def stopped(self) -> tuple[int, str]:
        """(last batch of this sitting or 0; why no host began after it, empty where nothing kept one from it)."""
        batches = [batch for batch in self.batches if batch.sitting == self.sitting]
        if batches:
            return batches[-1].number, batches[-1].stopped
        return 0, self.limit_reached if self.not_started else ""

    @property
    def ticket(self) -> str:
        return str(self.why.get("ticket") or "")

    @property
    def in_doubt(self) -> tuple[tuple[str, str], ...]:
        """(host, step) pairs that may or may not have taken effect."""
        return tuple(
            (host.name, step.id) for host in self.hosts.values() for step in host.steps.values() if step.in_doubt
        )

    @property
    def chain(self) -> tuple[Span, ...]:
        """
        What the run waited for, last first: the span that ended last, then the one that ended last before that one
        began (it freed its place, or the batch before it, or the connections), and so on. None overlaps another.
        """
        spans = [span for host in self.hosts.values() for turn in host.turns for span in turn.spans]
        found: list[Span] = []
        for span in sorted(spans, key=lambda span: (span.ended_ms, -span.started_ms), reverse=True):
            if not found or span.ended_ms <= found[-1].started_ms:
                found.append(span)
        return tuple(found)

    @property
    def phases(self) -> dict[str, int]:
        """Milliseconds that the steps of each phase took along the chain, their waits included."""
        took = {step.phase: 0 for host in self.hosts.values() for step in host.steps.values() if step.attempts}
        for span in self.chain:
            _add(took, span.phases)
        return took

    @property
    def time(self) -> dict[str, int]:
        """Milliseconds of the run by cause along the chain; none is less than zero, and they add up to `took_ms`."""
        parts = {"connect": 0, "work": 0}
        for span in self.chain:
            _add(parts, span.parts)
        parts["overhead"] = self.took_ms - sum(parts.values())
        return parts


def _add(parts: dict[str, int], more: Mapping[str, int]) -> None:
    for name, took_ms in more.items():
        parts[name] = parts.get(name, 0) + took_ms
