"""A run's record as text for a terminal: what failed, where, why, what that left behind, what to type next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from runner.hygiene import no_command, one_line, visible
from runner.model import PHASES, UNDO, Outcome
from runner.record import (
    APART,
    HostRecord,
    ItemRecord,
    RunRecord,
    SittingRecord,
    StepRecord,
    checklist,
    completion,
    delays,
    exit_code,
    not_through,
    open_items,
    outcome,
    review,
)
from runner.redact import cut
from runner.report.alike import alike, word_for_word
from runner.report.words import amount, clock_face, grouped_left_out, signed_word, spoken

MARKS = {"pass": "☑", "waived": "☑", "na": "-", "open": "☐", "fail": "☒", "not used": "-"}
CAUSES = {
    "connect": "connect",
    "work": "work",
    "retry": "waiting to retry",
    "watch": "watching",
    "lock": "waiting for a lock",
    "package-lock": "waiting for the package lock",
    "once": "waiting for another host",
    "person": "a person",
    "reboot": "reboot",
    "link": "link lost",
    "throttled": "waiting for a batch",
    "overhead": "overhead",
}
SHOWN_FAILURES = 5
SHOWN_CHARS = 800
"""Of one line of what a host printed."""
_ENDED = {"unknown": "is unknown", "cancelled": "was cancelled", "unreachable": "was not reached"}
_FAILED = (Outcome.FAILED, Outcome.UNKNOWN, Outcome.UNREACHABLE)


def summary(
    record: RunRecord, *, records: str = "records", seals: Sequence[Mapping[str, Any]] = (), running: bool = False
) -> str:
    """
    The end of a run: failures first, then phases with their checklist, time by cause, and what is next.

    `seals` are those of runner.seams.Reading.
    """
    failed = alike(_failed(record))
    parts = [failure(record, *hosts) for hosts in failed[:SHOWN_FAILURES]]
    if more := [host.name for hosts in failed[SHOWN_FAILURES:] for host in hosts]:
        parts.append(f"✗ {amount(len(more), 'more host')}: {_names(more)}\n")
    if not running and (left := _lines(_left(record, told=bool(failed)))):
        parts.append(left + "\n")
    parts.append(_lines(_end(record, records, seals, running=running)))
    return "\n".join(parts)


def failure(record: RunRecord, host: HostRecord, *others: HostRecord) -> str:
    """
    One host's failure: host, step, cause, last lines of output, what was done before, and what to type next; and the
    names of others that failed alike.
    """
    return _lines(_failure(record, host, others)) + "\n"


def _lines(said: Iterable[str]) -> str:
    """Lines of ours, whatever stands in them of hosts and people."""
    return "\n".join(no_command(one_line(line)) for line in said)


def headline(record: RunRecord) -> str:
    word = outcome(record)
    mark = {"ok": "✓", "unfinished": "…"}.get(word, "✗")
    took = spoken(record.took_ms)
    said = "" if word == "ok" else f"   {word}"
    return f"{mark} {record.playbook}  run {record.run}   {amount(len(record.hosts), 'host')}   {took}{said}"


def _failed(record: RunRecord) -> list[HostRecord]:
    return [host for host in record.hosts.values() if host.outcome and not Outcome(host.outcome).good]


def _others(host: HostRecord, others: Sequence[HostRecord]) -> Iterator[str]:
    if others:
        how = "The same" if word_for_word((host, *others)) else "Alike, but for names and numbers,"
        yield f"  {how} on {amount(len(others), 'more host')}: {_names(one_line(other.name) for other in others)}."


def _failure(record: RunRecord, host: HostRecord, others: Sequence[HostRecord]) -> Iterator[str]:
    step = host.failed_step
    name = one_line(host.name)
    well = [other for other in host.steps.values() if other.outcome == Outcome.OK]
    done = ", ".join(f"{other.phase}/{other.id}" for other in well if other.phase != UNDO)
    if step is None or not step.attempts:
        what = "refused" if host.refused else host.outcome
        yield f"✗ {name} {what}{f' ({host.refused})' if host.refused else ''}"
        yield from _indent(host.because)
        doubts = ", ".join(f"{other.phase}/{other.id}" for other in host.steps.values() if other.in_doubt)
        if done or not doubts:
            yield f"  Done on it: {done}." if done else "  Nothing was done on it."
        if doubts:
            yield f"  In doubt on it: {doubts}."
        yield from _others(host, others)
    else:
        last = step.attempts[-1]
        tries = f" (attempt {last.number})" if last.number > 1 else ""
        word = _ENDED.get(step.ended, "failed")
        yield f"✗ {name} {word} at {step.phase}/{step.id} after {spoken(last.took_ms or 0)}{tries}"
        yield from _indent(last.problem)
        if last.tail and last.tail.strip() != last.problem.strip():
            yield ""
            yield from _indent(last.tail, "    ")
        yield ""
        yield f"  Otherwise done on it: {done or 'nothing'}."
        if back := ", ".join(other.id for other in well if other.phase == UNDO):
            yield f"  Taken back by: {back}."
        yield from (f"  Failed too: {line}" for line in _failed_too(host, step))
        yield from _others(host, others)
        if last.output:
            yield f"  Full output   rawat logs {record.run} {name} {step.id}"
    yield f"  Go on         rawat resume {record.run}"
    yield from f"                ({_go_on(host, step, others)})".split("\n")


def _failed_too(host: HostRecord, told: StepRecord) -> Iterator[str]:
    """What failed besides the step that is told at length: of what takes back, and of what runs at the end."""
    for step in host.steps.values():
        if step is not told and step.attempts and step.outcome in _FAILED:
            yield f"{step.phase}/{step.id}: {cut(one_line(step.attempts[-1].problem), 200)}"


def _go_on(host: HostRecord, step: StepRecord | None, others: Sequence[HostRecord]) -> str:
    """What resuming does, or what it needs."""
    doubt = next((other for other in host.steps.values() if other.in_doubt), None)
    if step is None and doubt is not None:
        step = doubt
    if step is None or not step.attempts:
        return f"tries {'them' if others else one_line(host.name)} again; what is done stays done"
    if step is doubt or step.outcome == Outcome.UNKNOWN:
        said = f"--settle {step.id}=done --reason ..."
        one = f"\n{'':17}(for one host: --settle {one_line(host.name)}:{step.id}=done)" if others else ""
        return f"asks the host how {step.id} ended; or, by your own word:\n{'':17}{said}{one}"
    if left := [other.id for other in host.steps.values() if other.phase == UNDO and other.outcome in _FAILED]:
        said = f"--settle {left[0]}=done --reason ..."
        then = "the steps that are taken back" if step.phase == UNDO else f"{step.phase}/{step.id}"
        return f"tries {', '.join(left)} again, and only then {then};\n{'':17}or, where you put the host right: {said}"
    back = any(other.phase == UNDO and other.outcome == Outcome.OK for other in host.steps.values())
    rest = "what was taken back is done again" if back else "what is done stays done"
    return f"tries {step.phase}/{step.id} again; {rest}"


def _left(record: RunRecord, *, told: bool) -> Iterator[str]:
    """What a run that was stopped or cut off left behind; `told`: how to go on stands there already."""
    running: dict[str, list[str]] = {}
    for host, step in record.in_doubt:
        if not record.hosts[host].outcome:
            running.setdefault(step, []).append(one_line(host))
    for step, hosts in running.items():
        yield f"… {step} on {_names(hosts, 4)}: its end was not waited for; it may run on there."
    if not record.sittings:
        yield "… It ended before it began: no host was connected to. Run it anew."
        return
    if told or not (running or outcome(record) in ("cancelled", "unfinished")):
        return
    why = "asks how it ended" if running else "what is done stays done"
    yield f"  Go on         rawat resume {record.run}"
    yield f"                ({why}; then goes on)"


def _indent(text: str, by: str = "  ") -> list[str]:
    return [by + cut(line, SHOWN_CHARS) for line in visible(text).splitlines()]


def _end(record: RunRecord, records: str, seals: Sequence[Mapping[str, Any]], *, running: bool) -> Iterator[str]:
    yield headline(record)
    yield ""
    items = checklist(record)
    phases = record.phases
    yield "  phase        time      checklist"
    for phase in PHASES:
        mine = [item for item in items if item.phase == phase]
        took = clock_face(phases[phase]) if phase in phases else "-"
        for number, item in enumerate(mine):
            label, shown = (phase, took) if number == 0 else ("", "")
            yield f"  {label:<12} {shown:<9} {MARKS[item.state]} {_item(record, item)}".rstrip()
    yield ""
    yield f"  where the time went   {_times(record.time)}"
    done, required = completion(items)
    waiting = open_items(items)
    yield f"  checklist {done} of {required}" + (f": still open: {', '.join(i.id for i in waiting)}" if waiting else "")
    well = outcome(record) == "ok"
    for item in waiting:
        if item.id != "document" and (well or _by_hand(record, item)):
            yield f"    rawat sign {record.run} --item {item.id} --note '...'"
    yield from _people(record)
    for why, names in grouped_left_out(record.left_out).items():
        yield f"  left out  {_names(names, 6)} ({one_line(why)})"
    if record.not_started:
        yield f"  not started  {_names(record.not_started)}"
    for host in record.hosts.values():
        if host.put_last:
            yield f"  came last  {host.name}: {host.put_last}"
    batch, why = record.stopped
    if why:
        yield f"  stopped {f'after batch {batch}' if batch else 'before the first batch'}: {why}"
    yield from _sittings(record, running=running)
    yield from _notes(record)
    for trouble in record.troubles:
        yield f"  note  {one_line(trouble)}"
    now = exit_code(record, items=items)
    sealed = "" if record.exit_code in (None, now) else f" ({record.exit_code} when it was sealed)"
    end = "under way" if running else f"{signed_word(record.sealed, seals)}   exit {now}{sealed}"
    yield f"  record {records}/{record.run}   {end}"


def _sittings(record: RunRecord, *, running: bool) -> Iterator[str]:
    """Of a run that was gone on with: who began each sitting, from where, how it ended, and what was said of it."""
    for told in record.sittings if len(record.sittings) > 1 else ():
        began = told.started_at[:16].replace("T", " ")
        under_way = running and told is record.sittings[-1]
        how = "under way" if under_way else f"{_sitting_word(told)}, {spoken(told.took_ms)}"
        where = one_line(str(told.controller.get("hostname") or "-"))
        reason = _noted(str(told.why.get("reason") or ""))
        yield f"  sitting {told.number}  {began} UTC  {one_line(told.person)} on {where}: {how}{reason}"


def _sitting_word(sitting: SittingRecord) -> str:
    """What a run had come to at the end of a sitting: `ok`, `cancelled by SIGINT`, `cut off`."""
    word = outcome(sitting)
    if word == "unfinished":
        return "cut off"
    return f"{word} by {sitting.stopped_by}" if sitting.stopped_by else word


def _notes(record: RunRecord) -> Iterator[str]:
    """What a person should know of how steps were carried out; the same of many hosts once."""
    said: dict[tuple[str, str], list[str]] = {}
    for host in record.hosts.values():
        for step in host.steps.values():
            for note in step.attempts[-1].notes if step.attempts else ():
                said.setdefault((f"{step.phase}/{step.id}", one_line(note)), []).append(one_line(host.name))
    for (step_id, note), hosts in said.items():
        yield f"  note  {_names(hosts, 4)} {step_id}: {note}"


def _people(record: RunRecord) -> Iterator[str]:
    """The review, and what delayed the run: words of people."""
    reviewed = review(record)
    if reviewed.state == "open":
        due = f", due {reviewed.due}" if reviewed.due else ""
        yield f"  review open{due}   rawat sign {record.run} --review"
    elif reviewed.by:
        yield f"  reviewed by {one_line(reviewed.by)}: {reviewed.state}{_noted(reviewed.note)}"
    for delay in delays(record):
        said = f"said {one_line(str(delay['by']))}{_noted(str(delay['note'] or ''))}"
        yield f"  delayed {delay['minutes']} min by {delay['cause']}, {said}"


def _noted(note: str) -> str:
    return f": {one_line(note)}" if note else ""


def _item(record: RunRecord, item: ItemRecord) -> str:
    text = one_line(item.text)
    if item.by:
        return f"{item.id}: {item.state} said {item.by}" + (f": {one_line(item.note)}" if item.note else "")
    own = item.id not in PHASES
    if own:
        detail = _detail(record, item) if item.state == "pass" else ""
        why = [said for said in item.proof if said.startswith(APART)]
        apart = f" ({one_line('; '.join(why))})" if why else ""
        hand = " (by hand)" if item.state == "open" and _by_hand(record, item) else ""
        hand += "" if item.required else ", not required" if hand else " (not required)"
        return f"{item.id}: {detail or text}{apart}{hand}"
    if item.state == "not used":
        return "not used"
    places = [
        (host.name, step) for host in record.hosts.values() for step in host.steps.values() if step.phase == item.phase
    ]
    steps = [step for _, step in places]
    unknown = [place for place in places if place[1].outcome == Outcome.UNKNOWN]
    stopped = [place for place in places if place[1].ended == Outcome.CANCELLED]
    bad = [place for place in places if place[1].outcome and not Outcome(place[1].outcome).good]
    if bad:
        failed = [place for place in bad if place not in unknown and place not in stopped]
        told = [_steps(failed, " failed")] if failed else []
        told += [_steps(stopped, " cancelled")] if stopped else []
        told += [f"of {_steps(unknown)} nobody knows how it ended"] if unknown else []
        return ", ".join(told)
    proof = ", ".join(one_line(proof) for proof in item.proof)
    done = {step.base for step in steps if step.outcome == Outcome.OK}
    begun = any(step.attempts for step in steps)
    if item.state == "na" or not (done or begun):
        return proof or "not reached"
    skipped = {step.base for step in steps} - done
    told = [amount(len(done), "step")] if done else []
    told += [f"{len(skipped)} skipped"] if skipped and item.state == "pass" else []
    missing = not_through(record, item) if item.state == "open" else []
    told += [f"not to its end on {_names(missing, 4)}"] if missing else []
    return ", ".join(told)


def _steps(places: Sequence[tuple[str, StepRecord]], what: str = "") -> str:
    """`1 step failed on 3 hosts`; of a step on one host the host is not told."""
    hosts = len({host for host, _ in places})
    return amount(len({step.base for _, step in places}), "step") + what + (f" on {hosts} hosts" if hosts > 1 else "")


def _by_hand(record: RunRecord, item: ItemRecord) -> bool:
    """Whether only a person can tick it: no step is to prove it."""
    if item.id in PHASES:
        return not any(step.get("phase") == item.phase for step in record.declared)
    return any(own.get("id") == item.id and own.get("by_hand") for own in record.items)


def _names(names: Iterable[str], most: int = 20) -> str:
    """The first few, and how many more."""
    known = list(names)
    return ", ".join(known[:most]) + (f" and {len(known) - most} more" if len(known) > most else "")


def _detail(record: RunRecord, item: ItemRecord) -> str:
    """What the proving steps said of themselves, the same words once."""
    said = []
    for own in record.items:
        if own.get("id") == item.id:
            said = [
                one_line(step.attempts[-1].summary)
                for host in record.hosts.values()
                for step in host.steps.values()
                if step.base in own.get("proof", ()) and step.attempts and step.attempts[-1].summary
            ]
    return "; ".join(list(dict.fromkeys(said))[:3])


def _times(times: Mapping[str, int]) -> str:
    order = [cause for cause in CAUSES if times.get(cause)]
    return "   ".join(f"{CAUSES[cause]} {clock_face(times[cause])}" for cause in order)
