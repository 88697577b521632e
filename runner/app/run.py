"""Carry a plan out: a run, or the next sitting of one, with its record."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from runner.app.approve import check_approvals
from runner.app.assemble import Assembly, Earlier, assemble
from runner.app.change import check_change, policy_of
from runner.app.gates import check_gates
from runner.app.opening import started, statement
from runner.app.prepare import Prepared
from runner.app.request import Context, Reason
from runner.app.secrets import Ask
from runner.app.signals import Heard, OnCancel, heeded
from runner.app.signing import signer_of
from runner.engine.bus import moment
from runner.engine.clock import SystemClock
from runner.engine.plan import Plan
from runner.errors import JournalError
from runner.events import Deviated
from runner.frozen import frozen, replace
from runner.journal.folder import Records
from runner.seams import People, Watcher

if TYPE_CHECKING:
    from runner.record import RunRecord

_SIGNATURE = "the policy asks for a record that is signed"


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
    earlier: Earlier | None = None,
    on_cancel: OnCancel = "leave",
    heard: Heard = lambda how, becomes, again: None,
) -> Finished:
    """
    A new run, or with `earlier` the next sitting of one. `heard` is told of signals, as runner.app.signals says.

    Raises InvalidInput and GateClosed before anything is touched, JournalError where the record cannot be written,
    LockBusy where somebody else is about to continue the same run.
    """
    now = SystemClock().now()
    departures = check_change(prepared.settings, prepared.plan.playbook.name, reason, now)
    opening = check_gates(prepared, reason, now)
    needed = _SIGNATURE if prepared.settings.policy.signature else ""
    signer = signer_of(prepared.settings, context.environment, needed=needed)
    approvals = check_approvals(prepared, context, reason, signer)
    made = assemble(
        prepared, context, watchers=watchers, people=people, ask=ask, ask_sudo=ask_sudo, earlier=earlier,
        approvals=approvals,
        opened=opening.opened,
    )  # fmt: skip
    why = replace(reason, reason=earlier.reason) if earlier else reason
    first = started(
        made.id, prepared.plan, context, why, sitting=made.sitting.number, selection=prepared.selection,
        policy=policy_of(prepared.settings, reason, now), signer=signer, approvals=approvals,
        settings=prepared.settings,
    )  # fmt: skip
    deviations = (
        *departures, *opening.deviations, *_left_out(prepared.plan), *(earlier.deviations if earlier else ()),
    )  # fmt: skip
    with _going_on_told(made), heeded(made.stop, made.run.kill, on_cancel=on_cancel, heard=heard):
        for event in (first, *opening.proofs, *deviations):
            made.bus.emit(event)
        code = made.run.execute()
        made.bus.close()
        summary = statement(prepared.plan, why, context)
        made.sitting.seal(at=moment(made.clock.now()), exit_code=code, summary=summary, signer=signer)
        record = made.run.record()
        trouble = _index(prepared.settings, record)
        if not made.stop.leave.is_set():
            made.run.close()
    if made.stop.full:
        raise JournalError(
            f"{made.records.path}: the disk is full; the record of run {made.id} was ended and sealed with the room "
            "that was kept for that",
            hint=f"nothing further was started, what ran was let end; make room there, then: rawat resume {made.id}",
        )
    return Finished(run=made.id, record=record, exit_code=code, records=made.records, index_trouble=trouble)


@contextmanager
def _going_on_told(made: Assembly) -> Iterator[None]:
    """A record that cannot be written ends us, not what the hosts do."""
    try:
        yield
    except JournalError as error:
        error.hint = error.hint or (
            f"nothing further is started, what runs on hosts runs on; see to the disk, then: rawat resume {made.id}"
        )
        raise
    finally:
        made.sitting.leave()


def _left_out(plan: Plan) -> list[Deviated]:
    """In what the run differs from the whole playbook."""
    return [Deviated(what="step left out", detail=step, reason=why) for step, why in plan.skip.items()]


def _index(settings: Any, record: RunRecord) -> str:
    from runner.index.sqlite import open_index

    try:
        with open_index(settings.index) as index:
            index.put(record)
    except JournalError as error:
        return f"{error.message}; {error.hint}"
    return ""
