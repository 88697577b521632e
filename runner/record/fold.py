"""From events to the record. Nothing is ever stored as a status."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from runner.events import (
    FAILURE_LIMIT,
    BatchFinished,
    BatchStarted,
    ClockJumped,
    CommandSent,
    Deviated,
    Event,
    GateOpened,
    GateRefused,
    HostConnected,
    HostFinished,
    HostPutLast,
    HostRefused,
    HostStarted,
    LinkDropped,
    PersonAnswered,
    RollbackStarted,
    SittingEnded,
    SittingStarted,
    StepFinished,
    StepRecalled,
    StepSkipped,
    StepStarted,
    StopAsked,
    Waited,
    WatcherFailed,
)
from runner.frozen import replace
from runner.model import Outcome
from runner.record.turns import Turns
from runner.record.values import Attempt, Batch, HostRecord, RunRecord, SittingRecord, StepRecord, Turn

CLOCK_OFF_MS = 5_000
"""From where a host's clock is worth a note."""
OF_A_HOST = (
    HostConnected, HostRefused, HostPutLast, HostStarted, HostFinished, LinkDropped, RollbackStarted, StepSkipped,
    StepStarted, StepRecalled, CommandSent, StepFinished, Waited,
)  # fmt: skip


def fold(sittings: Sequence[Iterable[Event]], acts: Iterable[Mapping[str, Any]] = ()) -> RunRecord:
    """The record of a run from the events of all its sittings, in order, and the acts beside it. O(events)."""
    folding = Folding()
    for events in sittings:
        folding.begin()
        folding.feed(events)
    return folding.record(acts)


class Folding:
    """
    A fold that goes on: `record` is that of what was fed so far.

    The sittings' clocks are put one behind the other: the time between them belongs to nobody.
    """

    def __init__(self) -> None:
        self._record = RunRecord(run="")
        self._hosts: dict[str, HostRecord] = {}
        self._steps: dict[str, dict[str, StepRecord]] = {}
        self._turns: dict[str, Turns] = {}
        self._over: list[SittingRecord] = []
        self._sitting: SittingRecord | None = None
        self._deviated = 0
        self._connecting = True
        self._at = ""
        self._before = self._took = 0

    def begin(self) -> None:
        """What is fed from now on belongs to the next sitting."""
        for turns in self._turns.values():
            turns.end(self._took, connecting=self._connecting)
        self._over += self._last()
        self._sitting, self._deviated = None, len(self._record.deviations)
        self._connecting = True
        self._record = replace(
            self._record, sealed=False, exit_code=None, stopped_by="", limit_reached="", not_started=(), gates=(),
            opened=(),
        )  # fmt: skip
        self._before = self._took

    def feed(self, events: Iterable[Event]) -> None:
        sitting = self._sitting.number if self._sitting else 1
        for event in events:
            if self._before:
                event = replace(event, mono_ms=event.mono_ms + self._before)
            if isinstance(event, OF_A_HOST):
                host = self._hosts.get(event.host) or HostRecord(name=event.host)
                self._hosts[event.host] = _apply_host(host, self._steps.setdefault(event.host, {}), event, sitting)
                if event.host in self._turns:
                    self._turns[event.host].hear(event)
            else:
                self._record = _apply(self._record, event, sitting)
                if isinstance(event, SittingStarted):
                    sitting = event.sitting
                    self._start(event)
                elif isinstance(event, BatchStarted):
                    self._connecting = False
            self._at, self._took = event.at or self._at, max(self._took, event.mono_ms)

    def _start(self, event: SittingStarted) -> None:
        """Hosts that an earlier sitting brought to a good end have no part in this one."""
        taken = tuple(name for name in event.hosts if not self._done(name))
        for name in taken:
            self._turns.setdefault(name, Turns()).begin(event.sitting, event.mono_ms)
        self._sitting = SittingRecord(
            number=event.sitting, started_at=event.at, who=event.who, controller=event.controller, why=event.why,
            tool=event.tool, source=event.source, plan=event.plan, hosts=taken, left_out=event.left_out,
        )  # fmt: skip

    def _done(self, name: str) -> bool:
        host = self._hosts.setdefault(name, HostRecord(name=name))
        return host.outcome == Outcome.OK and not any(step.in_doubt for step in self._steps.get(name, {}).values())

    def _last(self) -> Iterator[SittingRecord]:
        """The sitting that is being told, as far as it went."""
        if self._sitting is not None:
            now = self._record
            yield replace(
                self._sitting, ended_at=self._at, took_ms=self._took - self._before, not_started=now.not_started,
                deviations=now.deviations[self._deviated:], gates=now.gates, opened=now.opened, sealed=now.sealed,
                exit_code=now.exit_code, stopped_by=now.stopped_by, limit_reached=now.limit_reached,
            )  # fmt: skip

    def record(self, acts: Iterable[Mapping[str, Any]] = ()) -> RunRecord:
        hosts = {
            name: replace(host, steps=dict(self._steps.get(name, {})), turns=self._turns_of(name))
            for name, host in self._hosts.items()
        }
        troubles = (*self._record.troubles, *_clocks(hosts.values()))
        return replace(
            self._record, hosts=hosts, acts=tuple(acts), troubles=troubles, ended_at=self._at, took_ms=self._took,
            sittings=(*self._over, *self._last()),
        )  # fmt: skip

    def _turns_of(self, name: str) -> tuple[Turn, ...]:
        turns = self._turns.get(name)
        return () if turns is None else turns.turns(self._took, connecting=self._connecting)


def _boots(seen: tuple[str, ...], now: str) -> tuple[str, ...]:
    return (*seen, now) if now and now not in seen[-1:] else seen


def _jump(by_s: float) -> str:
    way = "forward" if by_s > 0 else "back"
    return f"the controller's clock was set {way} by {abs(by_s):g} s; durations are right all the same"


def _clocks(hosts: Iterable[HostRecord]) -> Iterator[str]:
    """Of many hosts once: it is the controller's clock then, more likely than theirs."""
    off = [host for host in hosts if abs(host.clock_offset_ms) >= CLOCK_OFF_MS]
    for way, there in (
        ("ahead of", [host for host in off if host.clock_offset_ms > 0]),
        ("behind", [host for host in off if host.clock_offset_ms < 0]),
    ):
        by_s = sorted({f"{abs(host.clock_offset_ms) / 1000:.0f}" for host in there}, key=int)
        names = ", ".join(host.name for host in there[:4])
        if len(there) == 1:
            yield f"{names}: its clock is {by_s[0]} s {way} the controller's, and so are the times that it writes"
        elif there:
            more = f" and {len(there) - 4} more" if len(there) > 4 else ""
            span = " to ".join(dict.fromkeys((by_s[0], by_s[-1])))
            yield (
                f"{names}{more}: their clocks are {span} s {way} the controller's, and so are the times that they write"
            )


def _apply(record: RunRecord, event: Event, sitting: int) -> RunRecord:
    match event:
        case SittingStarted():
            return _begin(record, event)
        case BatchStarted():
            batch = Batch(
                number=event.batch, hosts=event.hosts, started_ms=event.mono_ms, sitting=sitting
            )  # fmt: skip
            return replace(record, batches=(*record.batches, batch))
        case BatchFinished():
            batches = tuple(
                replace(batch, ended_ms=event.mono_ms, failed=event.failed, stopped=event.stopped)
                if (batch.sitting, batch.number) == (sitting, event.batch)
                else batch
                for batch in record.batches
            )
            return replace(record, batches=batches)
        case Deviated():
            note = {"what": event.what, "detail": event.detail, "reason": event.reason, "at": event.at}
            return replace(record, deviations=(*record.deviations, note))
        case GateRefused():
            note = {"host": event.host, "step": event.step, "gate": event.gate, "message": event.message}
            return replace(record, gates=(*record.gates, note))
        case GateOpened():
            message = f"opened by run {event.run}, which restored a copy of {event.database} of {event.copied_at}"
            note = {"host": event.host, "step": event.step, "gate": event.gate, "message": message}
            return replace(record, opened=(*record.opened, note))
        case PersonAnswered():
            note = {"host": event.host, "step": event.step, "answer": event.answer, "by": event.by, "how": event.how}
            return replace(record, people=(*record.people, note))
        case WatcherFailed():
            return replace(record, troubles=(*record.troubles, f"{event.watcher}: {event.message}"))
        case ClockJumped():
            return replace(record, troubles=(*record.troubles, _jump(event.by_ms / 1000)))
        case StopAsked():
            if event.how == FAILURE_LIMIT:
                return replace(record, limit_reached=event.detail)
            return replace(record, stopped_by=event.how)
        case SittingEnded():
            return replace(
                record, sealed=True, exit_code=event.exit_code, stopped_by=event.stopped_by,
                not_started=event.not_started,
            )  # fmt: skip
        case _:
            return record


def _begin(record: RunRecord, event: SittingStarted) -> RunRecord:
    first = {} if record.run else {"who": event.who, "controller": event.controller, "why": event.why}
    return replace(
        record,
        **first,
        run=event.run,
        playbook=event.playbook,
        title=event.title,
        kind=event.kind,
        plan=event.plan,
        started_at=record.started_at or event.at,
        tool=event.tool,
        source=event.source,
        declared=event.steps,
        items=event.checklist,
        all_phases=bool(event.policy.get("all_phases")),
        policy={**event.policy, "review_due": record.policy.get("review_due") or event.policy.get("review_due") or ""},
        approvals=event.approvals or record.approvals,
        executors=tuple(dict.fromkeys((*record.executors, *names_of(event.who)))),
        left_out=event.left_out,
    )


def names_of(who: Mapping[str, Any]) -> list[str]:
    """By what a person is known: the person or else the OS user, and the name and fingerprint of the key."""
    signer = who.get("signer")
    key = [str(signer.get(part) or "") for part in ("principal", "fingerprint")] if isinstance(signer, dict) else []
    return [name for name in (str(who.get("person") or who.get("user") or ""), *key) if name]


def _apply_host(host: HostRecord, steps: dict[str, StepRecord], event: Event, sitting: int) -> HostRecord:
    """`steps`, those of the host, are changed in place: a copy for every event would make a long run quadratic."""
    match event:
        case StepStarted() | StepRecalled() | CommandSent() | StepFinished() | Waited():
            return _apply_step(host, steps, event, sitting)
        case HostConnected():
            return replace(
                host, peer=event.peer, facts=event.facts, connect_ms=host.connect_ms + event.took_ms,
                clock_offset_ms=event.clock_offset_ms,
                boot_ids=_boots(host.boot_ids, str(event.facts.get("boot_id") or "")),
                connected_ms=event.mono_ms if host.connected_ms is None else host.connected_ms,
            )  # fmt: skip
        case HostRefused():
            return replace(
                host, outcome=Outcome.UNREACHABLE if event.exit_code == 4 else Outcome.REFUSED, because=event.message,
                refused=event.reason, exit_code=event.exit_code, connect_ms=host.connect_ms + event.took_ms,
                ended_ms=event.mono_ms,
            )  # fmt: skip
        case HostPutLast():
            return replace(host, put_last=event.why)
        case HostStarted():
            return replace(
                host, started_ms=event.mono_ms if host.started_ms is None else host.started_ms, batch=event.batch,
                outcome="", because="", refused="", exit_code=0, ended_ms=None,
            )  # fmt: skip
        case HostFinished():
            for name, step in steps.items():
                if not step.outcome and step.attempts and step.attempts[-1].outcome:
                    steps[name] = replace(step, outcome=step.attempts[-1].outcome)  # the next attempt never came
            return replace(host, outcome=event.outcome, because=event.because, ended_ms=event.mono_ms)
        case LinkDropped():
            return replace(host, links_lost=host.links_lost + 1)
        case RollbackStarted():
            return replace(host, because=event.because)
        case StepSkipped():
            steps[event.step] = StepRecord(id=event.step, phase=event.phase, outcome=Outcome.SKIPPED, why=event.why)
            return host
        case _:
            return host


def _apply_step(
    host: HostRecord,
    steps: dict[str, StepRecord],
    event: StepStarted | StepRecalled | CommandSent | StepFinished | Waited,
    sitting: int,
) -> HostRecord:
    if isinstance(event, Waited) and not event.step:
        return replace(host, waits={**host.waits, event.cause: host.waits.get(event.cause, 0) + event.took_ms})
    step = steps.get(event.step) or StepRecord(id=event.step, phase="")
    attempts = step.attempts
    match event:
        case StepStarted():
            new = Attempt(
                number=event.attempt, started_ms=event.mono_ms, sitting=sitting, started_at=event.at,
                command=event.command, command_sha256=event.sha256,
            )  # fmt: skip
            step = replace(
                step, phase=event.phase, kind=event.kind, title=event.title, user=event.user, outcome="",
                attempts=(*attempts, new),
            )  # fmt: skip
        case StepRecalled():
            step = replace(step, attempts=(*attempts[:-1], replace(attempts[-1], recalled=True))) if attempts else step
        case CommandSent():
            last = replace(attempts[-1], command=event.command, command_sha256=event.sha256)
            step = replace(step, attempts=(*attempts[:-1], last))
        case Waited():
            waits = {**host.waits, event.cause: host.waits.get(event.cause, 0) + event.took_ms}
            host = replace(host, waits=waits)
            if attempts and not attempts[-1].outcome:
                inside = {**attempts[-1].waited, event.cause: attempts[-1].waited.get(event.cause, 0) + event.took_ms}
                step = replace(step, attempts=(*attempts[:-1], replace(attempts[-1], waited=inside)))
        case StepFinished():
            took_ms = event.host_ms if attempts[-1].recalled else event.took_ms
            done = replace(
                attempts[-1], took_ms=took_ms, host_ms=event.host_ms, outcome=event.outcome, exit=event.exit,
                problem=event.problem, summary=event.summary, notes=event.notes, tail=event.tail,
                changed=event.changed, output=event.output, values=event.values,
            )  # fmt: skip
            step = replace(
                step, outcome=event.outcome if event.last else "", register=event.register,
                attempts=(*attempts[:-1], done),
            )  # fmt: skip
    steps[event.step] = step
    return host
