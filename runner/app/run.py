"""Carry a plan out: a new run with its record."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from typing import TYPE_CHECKING, Any

from runner.app import identity
from runner.app.opening import started, statement
from runner.app.prepare import Prepared
from runner.app.request import Context, Reason
from runner.app.secrets import Ask, SudoPasswords, find_secrets, find_sudo_password
from runner.app.signals import OnCancel, heeded
from runner.app.wiring import KINDS, Transports
from runner.engine.bus import Bus, moment
from runner.engine.clock import SystemClock
from runner.engine.link import Link
from runner.engine.past import Past
from runner.engine.plan import Plan, canonical
from runner.engine.run import Run
from runner.engine.surroundings import Stop, Surroundings
from runner.errors import GateClosed, JournalError
from runner.events import Deviated, Event
from runner.frozen import frozen
from runner.journal.folder import Records, new_run_id
from runner.journal.resource import Resources
from runner.journal.sitting import Sitting
from runner.redact import Redactor
from runner.seams import People, Watcher

if TYPE_CHECKING:
    from runner.record import RunRecord


@frozen
class Finished:
    """A run that ended; `index_trouble` where the index could not take it in (the journal has it all the same)."""

    run: str
    record: RunRecord
    exit_code: int
    records: Records
    index_trouble: str = ""


@frozen
class Earlier:
    """The sittings before this one: their events, what they left on each host, and what a person overrides."""

    run: str
    sitting: int
    events: tuple[tuple[Event, ...], ...]
    past: Mapping[str, Past]
    deviations: tuple[Deviated, ...] = ()


def carry_out(
    prepared: Prepared,
    context: Context,
    reason: Reason,
    *,
    watchers: Callable[[str, Plan], Sequence[Watcher]],
    people: Callable[[str], People],
    ask: Ask | None = None,
    ask_sudo: bool = False,
    earlier: Earlier | None = None,
    on_cancel: OnCancel = "leave",
) -> Finished:
    """
    A new run, or with `earlier` the next sitting of one.

    Raises InvalidInput and GateClosed before anything is touched, JournalError where the record cannot be written,
    LockBusy where somebody else is about to continue the same run.
    """
    settings, plan = prepared.settings, prepared.plan
    if settings.ticket_required and not reason.ticket:
        raise GateClosed("the policy asks for a ticket", hint="give it with --ticket")
    secrets = find_secrets(plan.playbook.secrets, context.environment, ask)
    password = find_sudo_password(context.environment, ask if ask_sudo else None)
    redactor = Redactor([*secrets.values(), *([password] if password else [])])
    records = Records(settings.records)
    records.prepare()
    run_id = earlier.run if earlier else new_run_id()
    sitting = Sitting(settings.records, run_id, earlier.sitting if earlier else 1, redactor)
    clock = SystemClock()
    sitting.freeze(
        plan=canonical(plan.to_json()) + b"\n",
        inventory=canonical([asdict(host) for host in plan.hosts]) + b"\n",
        sources={source.path: source.text for source in plan.playbook.sources},
        at=moment(clock.now()),
        summary={"playbook": plan.playbook.name, "plan_sha256": plan.digest},
    )
    owner = f"run {run_id} of {identity.name_of(identity.who(context.environment))} since {moment(clock.now())}"
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
        lock_s=settings.lock_timeout_s,
        resources=Resources(settings.records / "locks"),
        owner=owner,
    )
    transports = Transports(settings)
    passwords = SudoPasswords(password)
    run = Run(
        plan,
        around,
        link=lambda host: Link(
            host,
            transports,
            transports.late("local"),
            run_id=run_id,
            passwords=passwords,
            owner=owner,
            lock=host.name if settings.same_machine_allowed else "host",
        ),
        secrets=secrets,
        signed=lambda item: _signed(records, run_id, item),
        same_machine=settings.same_machine_allowed,
        meanwhile=_load_the_rest,
        earlier=earlier.events if earlier else (),
        past=earlier.past if earlier else {},
    )
    with heeded(stop, run.kill, on_cancel=on_cancel):
        bus.emit(started(run_id, plan, context, reason, sitting=sitting.number, selection=prepared.selection))
        for left in plan.skip:
            bus.emit(Deviated(what="step left out", detail=left, reason=plan.skip[left]))
        for deviation in earlier.deviations if earlier else ():
            bus.emit(deviation)
        code = run.execute()
        bus.close()
        sitting.seal(at=moment(clock.now()), exit_code=code, summary=statement(plan, reason, context))
        if not stop.leave.is_set():
            run.close()
    from runner.record import fold

    record = fold([*(earlier.events if earlier else ()), bus.events], records.acts(run_id))
    return Finished(run=run_id, record=record, exit_code=code, records=records, index_trouble=_index(settings, record))


def _signed(records: Records, run_id: str, item: str) -> bool:
    return any(act.get("item") == item and act.get("verdict") in ("pass", "waive") for act in records.acts(run_id))


def _load_the_rest() -> None:
    """What is first needed after the hosts are connected: imported while they are, it costs no time."""
    for name in ("runner.engine.host", "runner.record", "runner.index.sqlite", "runner.report.text"):
        import_module(name)
    gc.freeze()  # what is there now stays: to look through it again and again would cost more than it frees
    gc.enable()


def _index(settings: Any, record: RunRecord) -> str:
    from runner.index.sqlite import open_index

    try:
        with open_index(settings.index) as index:
            index.put(record)
    except JournalError as error:
        return error.message
    return ""
