"""Carry a plan out: a new run with its record."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING, Any

from runner.app import identity
from runner.app.prepare import Prepared
from runner.app.request import Context, Reason
from runner.app.secrets import Ask, SudoPasswords, find_secrets, find_sudo_password
from runner.app.wiring import KINDS, Transports
from runner.engine.bus import Bus, moment
from runner.engine.clock import SystemClock
from runner.engine.link import Link
from runner.engine.plan import Plan, canonical
from runner.engine.run import Run
from runner.engine.surroundings import Stop, Surroundings
from runner.errors import GateClosed, JournalError
from runner.events import Deviated, SittingStarted
from runner.frozen import frozen
from runner.journal.folder import Records, new_run_id
from runner.journal.sitting import Sitting
from runner.model import Step
from runner.redact import Redactor, Secret
from runner.seams import People, Watcher

if TYPE_CHECKING:
    from runner.record import RunRecord

SEAL_WITHIN_S = 1.5
"""How long SIGTERM waits for what runs before the record is sealed without it."""


@frozen
class Finished:
    """A run that ended; `index_trouble` where the index could not take it in (the journal has it all the same)."""

    run: str
    record: RunRecord
    exit_code: int
    records: Records
    index_trouble: str = ""


def carry_out(
    prepared: Prepared,
    context: Context,
    reason: Reason,
    *,
    watchers: Callable[[str, Plan], Sequence[Watcher]],
    people: Callable[[str], People],
    ask: Ask | None = None,
    ask_sudo: bool = False,
) -> Finished:
    """
    Raises InvalidInput and GateClosed before anything is touched, JournalError where the record cannot be written.
    """
    settings, plan = prepared.settings, prepared.plan
    if settings.ticket_required and not reason.ticket:
        raise GateClosed("the policy asks for a ticket", hint="give it with --ticket")
    secrets = find_secrets(plan.playbook.secrets, context.environment, ask)
    password = find_sudo_password(context.environment, ask if ask_sudo else None)
    redactor = Redactor([*secrets.values(), *([password] if password else [])])
    records = Records(settings.records)
    records.prepare()
    run_id = new_run_id()
    sitting = Sitting(settings.records, run_id, 1, redactor)
    clock = SystemClock()
    sitting.freeze(
        plan=canonical(plan.to_json()) + b"\n",
        inventory=canonical([asdict(host) for host in plan.hosts]) + b"\n",
        sources={source.path: source.text for source in plan.playbook.sources},
        at=moment(clock.now()),
        summary={"playbook": plan.playbook.name, "plan_sha256": plan.digest},
    )
    bus = Bus(sitting, redactor, clock, watchers(run_id, plan))
    stop = Stop()
    around = Surroundings(
        playbook=plan.playbook,
        kinds=KINDS,
        bus=bus,
        journal=sitting,
        clock=clock,
        people=people(run_id),
        stop=stop,
        run_id=run_id,
        reconnect_s=settings.reconnect_timeout_s,
    )
    transports = Transports(settings)
    passwords = SudoPasswords(password)
    with _signals(stop):
        bus.emit(started(run_id, plan, context, reason))
        for left in plan.skip:
            bus.emit(Deviated(what="step left out", detail=left, reason=plan.skip[left]))
        run = Run(
            plan,
            around,
            link=lambda host: Link(host, transports, transports.late("local"), run_id=run_id, passwords=passwords),
            secrets=secrets,
            signed=lambda item: _signed(records, run_id, item),
            same_machine=settings.same_machine_allowed,
            meanwhile=_load_the_rest,
        )
        code = run.execute()
        bus.close()
        sitting.seal(at=moment(clock.now()), exit_code=code, summary=_statement(plan, reason, context))
        if not stop.leave.is_set():
            run.close()
    from runner.record import fold

    record = fold([bus.events], records.acts(run_id))
    return Finished(run=run_id, record=record, exit_code=code, records=records, index_trouble=_index(settings, record))


def started(run_id: str, plan: Plan, context: Context, reason: Reason) -> SittingStarted:
    return SittingStarted(
        run=run_id,
        sitting=1,
        playbook=plan.playbook.name,
        title=plan.playbook.title,
        kind=plan.playbook.kind,
        plan=plan.digest,
        hosts=tuple(host.name for host in plan.hosts),
        left_out=plan.left_out,
        who=identity.who(context.environment),
        controller=identity.controller(context.environment, terminal=context.terminal),
        why={"ticket": reason.ticket, "reason": reason.reason},
        tool=identity.tool(),
        checklist=tuple(item.to_json() for item in plan.playbook.checklist),
        steps=tuple(_declared(step) for step in plan.playbook.walk()),
        batches=plan.batches,
        policy={"all_phases": plan.playbook.all_phases},
    )


def _declared(step: Step) -> dict[str, Any]:
    return {
        "id": step.id,
        "title": step.title,
        "phase": step.phase,
        "kind": step.kind,
        "steps": [inner.id for inner in step.steps],
    }


def _statement(plan: Plan, reason: Reason, context: Context) -> dict[str, Any]:
    return {
        "playbook": plan.playbook.name,
        "plan_digest": plan.digest,
        "sources": {source.path: source.sha256 for source in plan.playbook.sources},
        "who": identity.who(context.environment),
        "why": {"ticket": reason.ticket, "reason": reason.reason},
        "signed": False,
    }


def _signed(records: Records, run_id: str, item: str) -> bool:
    return any(act.get("item") == item and act.get("verdict") in ("pass", "waive") for act in records.acts(run_id))


def _load_the_rest() -> None:
    """What is first needed after the hosts are connected: imported while they are, it costs no time."""
    for name in ("runner.engine.host", "runner.record", "runner.index.sqlite", "runner.report.text"):
        import_module(name)


def _index(settings: Any, record: RunRecord) -> str:
    from runner.index.sqlite import open_index

    try:
        with open_index(settings.index) as index:
            index.put(record)
    except JournalError as error:
        return error.message
    return ""


@contextmanager
def _signals(stop: Stop) -> Iterator[None]:
    """SIGINT: begin nothing new; again: leave at once. SIGTERM and SIGHUP: seal within two seconds."""

    def interrupt(number: int, frame: object) -> None:
        if stop.asked:
            stop.leave.set()
        stop.ask("SIGINT")

    def terminate(number: int, frame: object) -> None:
        stop.ask(signal.Signals(number).name)
        timer = threading.Timer(SEAL_WITHIN_S, stop.leave.set)
        timer.daemon = True
        timer.start()

    handlers = {signal.SIGINT: interrupt, signal.SIGTERM: terminate, signal.SIGHUP: terminate}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


__all__ = ["Finished", "Secret", "carry_out"]
