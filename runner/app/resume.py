"""`rawat resume`: the next sitting of a run, from where its record says it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
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
from runner.model import UNDO, Outcome
from runner.record import RunRecord, fold

Words = Mapping[tuple[str, str], Word]
"""What a person says, by host and step."""


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
    every = tuple(chain.from_iterable(events))
    words = _words(record, rollbacks(every), settle, reason)
    deviations += [
        Deviated(what="step settled by a person", detail=f"{step}={word} on {', '.join(hosts)}", reason=reason)
        for (step, word), hosts in _by_word(words).items()
    ]
    earlier = Earlier(
        run=run,
        sitting=folders[-1].number + 1,
        head=sittings[-1].head,
        events=events,
        past=_past(record, every, words),
        deviations=tuple(deviations),
        reason=reason,
    )
    why = Reason.from_json(record.why)
    return Resumable(prepared=prepared, earlier=earlier, reason=replace(why, reason=reason or why.reason))


def _past(record: RunRecord, events: Sequence[Event], words: Words) -> Mapping[str, Past]:
    """What the earlier sittings left on each host; every event is looked at once for all hosts."""
    seen, booted, reading, rolled = first_seen(events), boots(events), readers(events), rollbacks(events)
    return {
        host.name: past_of(
            host,
            {step: word for (name, step), word in words.items() if name == host.name},
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


def _words(record: RunRecord, rolled: Mapping[str, Rolled], settle: tuple[str, ...], reason: str) -> Words:
    """A person's word on steps in doubt, and on what failed to take back. Raises InvalidInput for other steps."""
    open_ = (*record.in_doubt, *_not_taken_back(record, rolled))
    names = {step for _, step in open_} | {f"{host}:{step}" for host, step in open_}
    words: dict[tuple[str, str], Word] = {}
    for given in settle:
        name, _, said = given.partition("=")
        host, _, step = name.rpartition(":")
        if said not in ("done", "not-done"):
            raise InvalidInput(f"--settle {given}: expected STEP=done or STEP=not-done, or HOST:STEP= for one host")
        word: Word = "done" if said == "done" else "not-done"
        places = [place for place in open_ if place[1] == step and host in ("", place[0])]
        if not places:
            raise InvalidInput(f"--settle {given}: '{name}' is not in doubt{likely(name, names)}")
        for place in places:
            if words.setdefault(place, word) != word:
                raise InvalidInput(f"--settle {given}: of {place[1]} on {place[0]} the other was said, too")
    if words and not reason:
        raise InvalidInput("--settle needs a --reason; it goes into the record")
    return words


def _not_taken_back(record: RunRecord, rolled: Mapping[str, Rolled]) -> Iterator[tuple[str, str]]:
    """Hosts and undo steps that failed in a rollback which did not come to its end."""
    for host in record.hosts.values():
        for step in host.steps.values() if rolled.get(host.name, Rolled()).because else ():
            if step.phase == UNDO and step.attempts and not step.in_doubt and not Outcome(step.outcome).good:
                yield host.name, step.id


def _by_word(words: Words) -> Mapping[tuple[str, Word], Sequence[str]]:
    """What was said of a step, and the hosts of which it was."""
    found: dict[tuple[str, Word], list[str]] = {}
    for (host, step), word in words.items():
        found.setdefault((step, word), []).append(host)
    return found


def _by(records: Records, run: str) -> str:
    """Who is at it, and since when."""
    told = records.record(run).sittings
    if not told:
        return ""
    there = told[-1].controller
    pid, host = there.get("pid"), there.get("hostname")
    return f" by {told[-1].person} on {host} (process {pid}) since {told[-1].started_at}"
