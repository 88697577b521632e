"""A run put together: its secrets, its folder, its bus, its engine. Nothing is connected to yet."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from runner.app import identity
from runner.app.prepare import Prepared
from runner.app.request import Context
from runner.app.secrets import Ask, SudoPasswords, find_secrets, find_sudo_password, no_values
from runner.app.wiring import KINDS, Transports
from runner.engine.bus import Bus, moment
from runner.engine.clock import SystemClock
from runner.engine.link import Link
from runner.engine.past import Past
from runner.engine.plan import Plan, canonical
from runner.engine.run import Run
from runner.engine.surroundings import Stop, Surroundings
from runner.events import Deviated, Event
from runner.frozen import frozen
from runner.journal.folder import Records, new_run_id
from runner.journal.resource import Resources
from runner.journal.sitting import Sitting
from runner.model import Host
from runner.redact import Redactor, Secret
from runner.seams import Clock, People, Watcher

if TYPE_CHECKING:
    from runner.journal.approvals import Approval
    from runner.settings import Settings


ROOM, ROOM_OF_A_STEP = 16 << 20, 8 << 10
"""Bytes that a run is not begun without: one long output, and what a step takes on each host (6 KiB, measured)."""
GARBAGE = 50_000
"""So many values more than were freed are looked through for cycles: events and results have none."""


@frozen
class Earlier:
    """
    The sittings before this one: their events, the head of the last, what they left on each host, and what a person
    overrides; with the `reason` that was given for going on.
    """

    run: str
    sitting: int
    head: str
    events: tuple[tuple[Event, ...], ...]
    past: Mapping[str, Past]
    deviations: tuple[Deviated, ...] = ()
    reason: str = ""


@frozen
class Assembly:
    """A run that can begin. `sitting` is frozen and open in the ledger; `run` has touched no host."""

    id: str
    records: Records
    sitting: Sitting
    bus: Bus
    clock: Clock
    stop: Stop
    run: Run


def assemble(
    prepared: Prepared,
    context: Context,
    *,
    watchers: Callable[[str, Plan], Sequence[Watcher]],
    people: Callable[[str], People],
    ask: Ask | None,
    ask_sudo: bool,
    earlier: Earlier | None,
    approvals: Sequence[Approval] = (),
    opened: frozenset[tuple[str, str, str]] = frozenset(),
) -> Assembly:
    """Raises InvalidInput for a secret that is nowhere, JournalError and LockBusy where the record cannot be begun."""
    settings, plan = prepared.settings, prepared.plan
    secrets = find_secrets(plan.playbook.secrets, context.environment, ask)
    password = find_sudo_password(context.environment, ask if ask_sudo else None)
    redactor = Redactor([*secrets.values(), *([password] if password else [])])
    records, clock, stop = Records(settings.records), SystemClock(), Stop()
    steps = sum(1 for step in plan.playbook.walk() if step.id not in plan.skip)
    records.prepare(room=ROOM + ROOM_OF_A_STEP * steps * len(plan.hosts), resumed=earlier is not None)
    run_id = earlier.run if earlier else new_run_id()
    sitting = _frozen(settings, plan, run_id, earlier, redactor, clock, approvals, full=stop.no_room)
    owner = f"run {run_id} of {identity.name_of(identity.who(context.environment))} since {moment(clock.now())}"
    bus = Bus(sitting, redactor, clock, watchers(run_id, plan))
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
        opened=opened,
        machine=identity.machine(),
        owner=owner,
        until=clock.monotonic() + plan.playbook.rollout.timeout_s,
    )
    run = Run(
        plan,
        around,
        link=_links(prepared, run_id, owner, password, resumed=earlier is not None),
        secrets=secrets | no_values(plan.playbook),
        words=lambda began: records.acts(run_id, plan.digest, since=began),
        same_machine=settings.same_machine_allowed,
        meanwhile=_load_the_rest,
        earlier=earlier.events if earlier else (),
        past=earlier.past if earlier else {},
    )
    return Assembly(id=run_id, records=records, sitting=sitting, bus=bus, clock=clock, stop=stop, run=run)


def _frozen(
    settings: Settings,
    plan: Plan,
    run_id: str,
    earlier: Earlier | None,
    redactor: Redactor,
    clock: Clock,
    approvals: Sequence[Approval],
    *,
    full: Callable[[], None],
) -> Sitting:
    """The sitting's folder, with what is going to be done in it."""
    sitting = Sitting(settings.records, run_id, earlier.sitting if earlier else 1, redactor, full=full)
    sitting.freeze(
        plan=canonical(plan.to_json()) + b"\n",
        inventory=canonical([host.to_json() for host in plan.hosts]) + b"\n",
        sources={source.path: source.text for source in plan.playbook.sources},
        at=moment(clock.now()),
        approvals={word.name: word.text for word in approvals}
        | {f"{word.name}.sig": word.signature for word in approvals},
        summary={"playbook": plan.playbook.name, "plan_sha256": plan.digest},
        after=earlier.head if earlier else "",
    )
    return sitting


def _links(
    prepared: Prepared, run_id: str, owner: str, password: Secret | None, *, resumed: bool
) -> Callable[[Host], Link]:
    transports = Transports(prepared.settings, resumed=resumed, inventories=prepared.selection.inventories)
    passwords = SudoPasswords(password)

    def link(host: Host) -> Link:
        return Link(
            host,
            transports,
            transports.late("local"),
            run_id=run_id,
            passwords=passwords,
            owner=owner,
            lock=host.name if prepared.settings.same_machine_allowed else "host",
        )

    return link


def _load_the_rest() -> None:
    """What is first needed after the hosts are connected: imported while they are, it costs no time."""
    for name in ("runner.engine.host", "runner.record", "runner.index.sqlite", "runner.report.text"):
        import_module(name)
    gc.freeze()  # what is there now stays: to look through it again and again would cost more than it frees
    gc.set_threshold(GARBAGE)
    gc.enable()
