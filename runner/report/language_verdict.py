"""What a run came to, in sentences that a person understands who never saw the tool."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from runner.frozen import frozen
from runner.hygiene import one_line
from runner.model import Outcome
from runner.record import HostRecord, ItemRecord, RunRecord, checklist, completion, open_items, outcome
from runner.report.alike import alike, word_for_word
from runner.report.language import Language
from runner.report.language_words import Words
from runner.seams import Reading


@frozen
class Sentences:
    """`tone` is good, open, doubt or bad; `mark` says the same without colour."""

    tone: str
    mark: str
    headline: str
    more: tuple[str, ...]


def sentences(record: RunRecord, reading: Reading, t: Language) -> Sentences:
    word = outcome(record)
    items = checklist(record)
    tone = {"ok": "good", "in doubt": "doubt", "unfinished": "doubt"}.get(word, "bad")
    if tone == "good" and open_items(items):
        tone = "open"
    mark = {"good": "✓", "open": "○", "doubt": "?", "bad": "✗"}[tone]
    more = (*_stopped_at(record, t), _checklist(items, t), sealed(record, reading, t))
    return Sentences(tone=tone, mark=mark, headline=_headline(record, reading, word, t), more=more)


def bad_hosts(record: RunRecord) -> list[HostRecord]:
    """Hosts that ended badly, in doubt first."""
    bad = [host for host in record.hosts.values() if host.outcome and not Outcome(host.outcome).good]
    return sorted(bad, key=lambda host: host.outcome != Outcome.UNKNOWN)


def others_word(hosts: Sequence[HostRecord], t: Language) -> str:
    """What leads the names of all but the first of hosts that failed alike."""
    others = len(hosts) - 1
    if word_for_word(hosts):
        return t.count("The same on {n} more host:", "The same on {n} more hosts:", others)
    return t.count(
        "Alike, but for names and numbers, on {n} more host:",
        "Alike, but for names and numbers, on {n} more hosts:",
        others,
    )


def good_hosts(record: RunRecord) -> int:
    return sum(1 for host in record.hosts.values() if host.outcome and Outcome(host.outcome).good)


def sealed(record: RunRecord, reading: Reading, t: Language) -> str:
    """Whether the record is closed, and who vouches for it."""
    if not record.sealed or not reading.seals:
        return t.text("The record is not sealed: it was cut off before its end, or is still being written.")
    if not all(seal.get("signed") for seal in reading.seals):
        return t.text("The record is sealed; it is not signed with a key.")
    signer = str(reading.seals[-1].get("signer") or "")
    if signer:
        return t.text("The record is sealed and signed by {signer}.", signer=signer)
    return t.text("The record is sealed and signed.")


def _headline(record: RunRecord, reading: Reading, word: str, t: Language) -> str:
    total, good = len(record.hosts), good_hosts(record)
    if reading.running:
        return t.text("Under way: this run has not ended yet.")
    if word == "ok":
        return _success(record, good, total, t)
    if word == "in doubt":
        return t.count(
            "In doubt: nobody can say whether {n} step took effect.",
            "In doubt: nobody can say whether {n} steps took effect.",
            len(record.in_doubt),
        )
    if word == "cancelled":
        return t.text("Stopped before its end ({how}).", how=record.stopped_by or "-")
    if word == "refused":
        return t.text("Refused: the run was not allowed to go on.")
    if word == "unfinished":
        return t.text("Not finished: the run was cut off before its end.")
    bad = sum(host.ended != Outcome.CANCELLED for host in bad_hosts(record))
    if not bad:
        return t.text("Failed: not everything that was planned was done.")
    return t.count("Failed on {bad} of {n} host.", "Failed on {bad} of {n} hosts.", total, bad=t.number(bad))


def _success(record: RunRecord, good: int, total: int, t: Language) -> str:
    """What was proven is said, and no more."""
    saved, restored = _hosts_with(record, "backup"), _hosts_with(record, "restore_test")
    if record.kind == "backup" and saved and saved <= restored:
        one, many = "Backed up and restored: {good} of {n} host.", "Backed up and restored: {good} of {n} hosts."
        return t.count(one, many, total, good=good)
    if record.kind == "backup" and saved:
        return t.count(
            "Backed up: {good} of {n} host. That the copy can be restored was not shown on every one.",
            "Backed up: {good} of {n} hosts. That the copies can be restored was not shown on every one.",
            total,
            good=good,
        )
    return t.count(
        "Done: every step succeeded on {good} of {n} host.",
        "Done: every step succeeded on {good} of {n} hosts.",
        total,
        good=good,
    )


def _hosts_with(record: RunRecord, kind: str) -> set[str]:
    return {
        host.name
        for host in record.hosts.values()
        if any(step.kind == kind and step.outcome == Outcome.OK for step in host.steps.values())
    }


def _stopped_at(record: RunRecord, t: Language) -> Iterator[str]:
    failed = alike(bad_hosts(record))
    for host, *others in failed[:3]:
        step = host.failed_step
        name = one_line(host.name)
        if others:
            name += " " + t.count("and {n} more host", "and {n} more hosts", len(others))
        if step is None:
            yield t.text("{host} was not worked on: {why}", host=name, why=_first_line(host.because) or host.outcome)
        else:
            problem = _first_line(step.attempts[-1].problem) if step.attempts else ""
            yield t.text("{host} stopped at “{step}”: {why}", host=name, step=step.title or step.id, why=problem or "-")
    if more := sum(map(len, failed[3:])):
        yield t.count("And {n} more host.", "And {n} more hosts.", more)


def _checklist(items: Sequence[ItemRecord], t: Language) -> str:
    done, required = completion(items)
    if done == required:
        return t.text("The checklist is complete: {done} of {required}.", done=done, required=required)
    words = Words(t)
    waiting = [words.phase(item.phase) if item.id == item.phase else item.text for item in open_items(items)]
    shown = ", ".join(waiting[:4])
    if len(waiting) > 4:
        shown += ", " + t.count("and {n} more", "and {n} more", len(waiting) - 4)
    return t.text(
        "The checklist is not complete: {done} of {required}; open: {items}.",
        done=done,
        required=required,
        items=shown,
    )


def _first_line(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")[:300]
