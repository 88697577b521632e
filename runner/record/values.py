"""What a run was, as values; what can be computed from them by arithmetic alone is a property."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from runner.frozen import frozen
from runner.model import Outcome


@frozen
class Attempt:
    """One try of a step on a host. `outcome` is empty while it runs or where nobody saw its end."""

    number: int
    started_ms: int
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


@frozen
class HostRecord:
    """A host's way through the run. Times in milliseconds since the sitting began; `time` adds up to `took_ms`."""

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

    @property
    def took_ms(self) -> int:
        return max(0, (self.ended_ms or 0))

    @property
    def looked_at_ms(self) -> int:
        """When it was first connected to, or given up."""
        if self.connected_ms is not None:
            return self.connected_ms
        return self.ended_ms or 0 if self.started_ms is None else 0

    @property
    def time(self) -> dict[str, int]:
        """Milliseconds by cause: connect, throttled, the kinds of waiting, work, overhead."""
        if self.ended_ms is None:
            return {}
        busy = sum(step.took_ms for step in self.steps.values())
        inside = sum(sum(attempt.waited.values()) for step in self.steps.values() for attempt in step.attempts)
        begun = self.started_ms if self.started_ms is not None else self.ended_ms
        parts = {"connect": self.connect_ms, "throttled": max(0, begun - (self.connected_ms or begun)), **self.waits}
        parts["work"] = max(0, busy - inside)
        parts["overhead"] = self.took_ms - sum(parts.values())
        return {cause: took for cause, took in parts.items() if took or cause in ("connect", "work", "overhead")}

    @property
    def failed_step(self) -> StepRecord | None:
        """The step that decided how it went for this host."""
        bad = [step for step in self.steps.values() if step.outcome and not Outcome(step.outcome).good]
        return next((step for step in bad if step.outcome == Outcome.UNKNOWN), bad[0] if bad else None)


@frozen
class Batch:
    number: int
    hosts: tuple[str, ...]
    started_ms: int
    ended_ms: int | None = None
    failed: tuple[str, ...] = ()
    stopped: str = ""


@frozen
class RunRecord:
    """
    One run, over all its sittings and acts.

    `state` is running (the journal's writer lives; said by the reader), interrupted, or sealed. Durations in ms.
    """

    run: str
    playbook: str = ""
    title: str = ""
    kind: str = ""
    plan: str = ""
    sittings: int = 0
    started_at: str = ""
    ended_at: str = ""
    took_ms: int = 0
    sealed: bool = False
    exit_code: int | None = None
    stopped_by: str = ""
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
    def ticket(self) -> str:
        return str(self.why.get("ticket") or "")

    @property
    def in_doubt(self) -> tuple[tuple[str, str], ...]:
        """(host, step) pairs that may or may not have taken effect."""
        return tuple(
            (host.name, step.id)
            for host in self.hosts.values()
            for step in host.steps.values()
            if step.outcome == Outcome.UNKNOWN or (step.attempts and not step.attempts[-1].outcome)
        )

    @property
    def phases(self) -> dict[str, int]:
        """Milliseconds of each phase: from its first step's start to its last step's end, batch by batch, added up."""
        spans: dict[tuple[str, int | None], tuple[int, int]] = {}
        for host in self.hosts.values():
            for step in host.steps.values():
                for attempt in step.attempts:
                    start, end = attempt.started_ms, attempt.started_ms + (attempt.took_ms or 0)
                    first, last = spans.get((step.phase, host.batch), (start, end))
                    spans[step.phase, host.batch] = (min(first, start), max(last, end))
        took: dict[str, int] = {}
        for (phase, _), (start, end) in spans.items():
            took[phase] = took.get(phase, 0) + end - start
        return took

    @property
    def time(self) -> dict[str, int]:
        """Milliseconds of the run by cause, along the hosts that were last in each batch; they add up to `took_ms`."""
        parts: dict[str, int] = {}
        for batch in self.batches:
            ends = [self.hosts[name] for name in batch.hosts if name in self.hosts and self.hosts[name].ended_ms]
            if not ends:
                continue
            last = max(ends, key=lambda host: host.ended_ms or 0)
            own = {
                cause: took for cause, took in last.time.items() if cause not in ("connect", "throttled", "overhead")
            }
            for cause, took in own.items():
                parts[cause] = parts.get(cause, 0) + took
        began = self.batches[0].started_ms if self.batches else self.took_ms
        parts["connect"] = min(began, max((host.looked_at_ms for host in self.hosts.values()), default=0))
        parts.setdefault("work", 0)
        parts["overhead"] = self.took_ms - sum(parts.values())
        return parts
