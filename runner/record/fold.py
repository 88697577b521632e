"""From events to the record. Nothing is ever stored as a status."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from runner.events import (
    BatchFinished,
    BatchStarted,
    CommandSent,
    Deviated,
    Event,
    GateRefused,
    HostConnected,
    HostFinished,
    HostRefused,
    HostStarted,
    LinkDropped,
    PersonAnswered,
    RollbackStarted,
    SittingEnded,
    SittingStarted,
    StepFinished,
    StepSkipped,
    StepStarted,
    StopAsked,
    Waited,
    WatcherFailed,
)
from runner.model import Outcome
from runner.record.values import Attempt, Batch, HostRecord, RunRecord, StepRecord


def fold(sittings: Sequence[Iterable[Event]], acts: Iterable[Mapping[str, Any]] = ()) -> RunRecord:
    """The record of a run from the events of all its sittings, in order, and the acts beside it."""
    record = RunRecord(run="", hosts={})
    for events in sittings:
        record = replace(record, sealed=False, exit_code=None)
        before = record.took_ms
        last = 0
        for event in events:
            record = _apply(record, event)
            last = max(last, event.mono_ms)
            record = replace(record, ended_at=event.at or record.ended_at)
        record = replace(record, took_ms=before + last)
    return replace(record, acts=tuple(acts))


def _apply(record: RunRecord, event: Event) -> RunRecord:
    match event:
        case SittingStarted():
            return _begin(record, event)
        case BatchStarted():
            batch = Batch(number=event.batch, hosts=event.hosts, started_ms=event.mono_ms)
            return replace(record, batches=(*record.batches, batch))
        case BatchFinished():
            batches = tuple(
                replace(batch, ended_ms=event.mono_ms, failed=event.failed, stopped=event.stopped)
                if batch.number == event.batch
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
        case PersonAnswered():
            note = {"host": event.host, "step": event.step, "answer": event.answer, "by": event.by, "how": event.how}
            return replace(record, people=(*record.people, note))
        case WatcherFailed():
            return replace(record, troubles=(*record.troubles, f"{event.watcher}: {event.message}"))
        case StopAsked():
            return replace(record, stopped_by=event.how if event.how.startswith("SIG") else record.stopped_by)
        case SittingEnded():
            return replace(
                record, sealed=True, exit_code=event.exit_code, stopped_by=event.stopped_by,
                not_started=event.not_started,
            )  # fmt: skip
        case _ if hasattr(event, "host"):
            name = str(event.host)
            host = record.hosts.get(name, HostRecord(name=name))
            return replace(record, hosts={**record.hosts, name: _apply_host(host, event)})
        case _:
            return record


def _begin(record: RunRecord, event: SittingStarted) -> RunRecord:
    hosts = dict(record.hosts)
    for name in event.hosts:
        hosts.setdefault(name, HostRecord(name=name))
    return replace(
        record,
        run=event.run,
        playbook=event.playbook,
        title=event.title,
        kind=event.kind,
        plan=event.plan,
        sittings=event.sitting,
        started_at=record.started_at or event.at,
        who=event.who,
        controller=event.controller,
        why=event.why,
        tool=event.tool,
        declared=event.steps,
        items=event.checklist,
        all_phases=bool(event.policy.get("all_phases")),
        left_out=event.left_out,
        hosts=hosts,
    )


def _apply_host(host: HostRecord, event: Event) -> HostRecord:
    match event:
        case HostConnected():
            return replace(
                host, peer=event.peer, facts=event.facts, connect_ms=host.connect_ms + event.took_ms,
                clock_offset_ms=event.clock_offset_ms,
                connected_ms=event.mono_ms if host.connected_ms is None else host.connected_ms,
            )  # fmt: skip
        case HostRefused():
            return replace(
                host, outcome=Outcome.UNREACHABLE if event.exit_code == 4 else Outcome.REFUSED, because=event.message,
                refused=event.reason, exit_code=event.exit_code, connect_ms=event.took_ms, ended_ms=event.mono_ms,
            )  # fmt: skip
        case HostStarted():
            return replace(host, started_ms=event.mono_ms, batch=event.batch)
        case HostFinished():
            return replace(host, outcome=event.outcome, because=event.because, ended_ms=event.mono_ms)
        case LinkDropped():
            return replace(host, links_lost=host.links_lost + 1)
        case RollbackStarted():
            return replace(host, because=event.because)
        case StepSkipped():
            step = StepRecord(id=event.step, phase=event.phase, outcome=Outcome.SKIPPED, why=event.why)
            return replace(host, steps={**host.steps, event.step: step})
        case StepStarted() | CommandSent() | StepFinished() | Waited():
            return _apply_step(host, event)
        case _:
            return host


def _apply_step(host: HostRecord, event: StepStarted | CommandSent | StepFinished | Waited) -> HostRecord:
    step = host.steps.get(event.step, StepRecord(id=event.step, phase=""))
    attempts = step.attempts
    match event:
        case StepStarted():
            new = Attempt(
                number=event.attempt, started_ms=event.mono_ms, started_at=event.at, command=event.command,
                command_sha256=event.sha256,
            )  # fmt: skip
            step = replace(
                step, phase=event.phase, kind=event.kind, title=event.title, user=event.user, outcome="",
                attempts=(*attempts, new),
            )  # fmt: skip
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
            done = replace(
                attempts[-1], took_ms=event.took_ms, host_ms=event.host_ms, outcome=event.outcome, exit=event.exit,
                problem=event.problem, summary=event.summary, tail=event.tail, changed=event.changed,
                output=event.output, values=event.values,
            )  # fmt: skip
            step = replace(
                step, outcome=event.outcome if event.last else "", register=event.register,
                attempts=(*attempts[:-1], done),
            )  # fmt: skip
    return replace(host, steps={**host.steps, event.step: step})
