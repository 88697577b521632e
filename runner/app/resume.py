"""`rawat resume`: the next sitting of a run, from where its record says it stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain

from runner.app.assemble import Earlier
from runner.app.prepare import Prepared, prepare, settings_of
from runner.app.request import Context, Reason, Selection
from runner.app.wiring import records_of
from runner.document.source import likely
from runner.engine.past import NEVER_SEEN, Past, Word, boots, first_seen, past_of, readers
from runner.engine.rolled import Rolled, rollbacks
from runner.errors import GateClosed, InvalidInput, LockBusy
from runner.events import Deviated, Event, SittingStarted
from runner.frozen import frozen, replace
from runner.journal.folder import Records
from runner.record import RunRecord, fold


@frozen
class Resumable:
    """A run that can be gone on with: its plan as it is now, and what came before."""

    prepared: Prepared
    earlier: Earlier
    reason: Reason


def find_resumable(context: Context, name: str, *, settle: tuple[str, ...], reason: str, changed: bool) -> Resumable:
    """
    Raises InvalidInput where there is nothing to resume, LockBusy where the run is under way, and GateClosed where
    playbook, inventory or variables are not what they were, unless `changed` says that this is known.
    """
    records = records_of(settings_of(context))
    run = records.find(name)
    folders = records.sittings(run)
    if any(sitting.running for sitting in folders):
        raise LockBusy(f"run {run} is under way{_by(records, run)}")
    sittings = [sitting for sitting in folders if sitting.begun]
    events = tuple(sitting.events for sitting in sittings)
    first = next((event for event in chain(*events[:1]) if isinstance(event, SittingStarted)), None)
    if first is None or not first.request:
        raise InvalidInput(f"run {run} ended before it began; there is nothing to resume", hint="run it anew")
    record = fold(events)
    unfinished(record)
    prepared = prepare(Selection.from_json(first.request), context)
    deviations = _deviations(record, prepared, reason, changed=changed)
    words = _words(record, settle, reason)
    deviations += [
        Deviated(what="step settled by a person", detail=f"{step}={word}", reason=reason)
        for step, word in words.items()
    ]
    earlier = Earlier(
        run=run,
        sitting=folders[-1].number + 1,
        head=sittings[-1].head,
        events=events,
        past=_past(record, tuple(chain.from_iterable(events)), words),
        deviations=tuple(deviations),
        reason=reason,
    )
    why = Reason.from_json(record.why)
    return Resumable(prepared=prepared, earlier=earlier, reason=replace(why, reason=reason or why.reason))


def _past(record: RunRecord, events: Sequence[Event], words: Mapping[str, Word]) -> Mapping[str, Past]:
    """What the earlier sittings left on each host; every event is looked at once for all hosts."""
    seen, booted, reading, rolled = first_seen(events), boots(events), readers(events), rollbacks(events)
    return {
        host.name: past_of(
            host,
            words,
            seen=seen.get(host.name, NEVER_SEEN),
            booted=booted,
            reading=reading,
            rolled=rolled.get(host.name, Rolled()),
        )
        for host in record.hosts.values()
    }


def unfinished(record: RunRecord) -> None:
    """Raises InvalidInput where all hosts are done; a step in doubt is not done, whatever its host came to."""
    states = {host.outcome for host in record.hosts.values()}
    if record.sealed and states == {"ok"} and not record.in_doubt:
        raise InvalidInput(f"run {record.run} is done on all of its hosts; there is nothing to resume")


def _deviations(record: RunRecord, prepared: Prepared, reason: str, *, changed: bool) -> list[Deviated]:
    """What is not as it was, as deviations where that is known and wanted."""
    if prepared.plan.digest == record.plan:
        return []
    if not changed:
        raise GateClosed(
            f"playbook, inventory or variables are not what they were when run {record.run} began "
            f"(plan {record.plan[:12]}, now {prepared.plan.digest[:12]})",
            hint="put them back, run anew, or say --changed with --reason",
        )
    if not reason:
        raise InvalidInput("--changed needs a --reason; it goes into the record")
    detail = f"plan {record.plan[:12]} -> {prepared.plan.digest[:12]}"
    return [Deviated(what="resumed with another plan", detail=detail, reason=reason)]


def _words(record: RunRecord, settle: tuple[str, ...], reason: str) -> Mapping[str, Word]:
    """A person's word on steps in doubt. Raises InvalidInput for a step that is not."""
    doubtful = {step for _, step in record.in_doubt}
    words: dict[str, Word] = {}
    for given in settle:
        step, _, word = given.partition("=")
        if word not in ("done", "not-done"):
            raise InvalidInput(f"--settle {given}: expected STEP=done or STEP=not-done")
        if step not in doubtful:
            raise InvalidInput(f"--settle {given}: '{step}' is not in doubt{likely(step, doubtful)}")
        words[step] = "done" if word == "done" else "not-done"
    if words and not reason:
        raise InvalidInput("--settle needs a --reason; it goes into the record")
    return words


def _by(records: Records, run: str) -> str:
    """Who is at it, and since when."""
    told = records.record(run).sittings
    if not told:
        return ""
    there = told[-1].controller
    pid, host = there.get("pid"), there.get("hostname")
    return f" by {told[-1].person} on {host} (process {pid}) since {told[-1].started_at}"
