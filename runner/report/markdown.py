"""A run for a ticket or a comment: short, newest failures first, and nothing in it acts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar

from runner.hygiene import one_line, visible
from runner.record import HostRecord, RunRecord, SittingRecord, checklist, outcome
from runner.report.alike import alike
from runner.report.language import Language, language
from runner.report.language_verdict import bad_hosts, others_word, sentences
from runner.report.language_words import CAUSE_WORDS, MARKS, Words
from runner.seams import Reading

SHOWN_FAILURES = 10
SHOWN_NAMES = 20
TAIL_LINES = 12
LINE_LIMIT = 300
LIMIT = 60_000
"""Characters: a comment may have 65,536 on GitHub."""

_PLAIN = re.compile(r"[^\W_][^\W_]*(?:[ ,.()’-]{1,2}[^\W_]+)*[.)]?")


class Markdown:
    """A runner.seams.Reporter. The first line, hidden, names the run, so that a comment can be found and replaced."""

    name: ClassVar[str] = "markdown"

    def write(self, record: RunRecord, reading: Reading) -> str:
        t = language(reading.language)
        kept, size = [], 0
        for part in _parts(record, reading, t):  # a block of code is one part: it is never cut open
            size += len(part) + 1
            if size > LIMIT:
                kept += ["", t.text("… cut here: the whole is in the record.")]
                break
            kept.append(part)
        return "\n".join(kept) + "\n"


def code(text: str) -> str:
    """A code span: in it nothing is a name, a link, an issue or HTML. Never empty, on one line, safe in a table."""
    text = _short(one_line(text).replace("##[", "## [").strip()) or " "
    text = text.replace("|", "\\|") if text.count("\\") == 0 else text.replace("|", "¦")
    fence = "`" * (max((len(run) for run in re.findall("`+", text)), default=0) + 1)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def prose(text: str) -> str:
    """Plain words as they are, anything else as code."""
    plain = _PLAIN.fullmatch(text) and "www." not in text.lower()
    return text if plain else code(text)


def block(text: str, host: str) -> str:
    """Lines of output as a code block, each led by the host, so that no line is a command to a pipeline's log."""
    lead = _short(one_line(host).replace("::", ": :"))
    lines = [f"{lead} | {_short(line)}".replace("##[", "## [") for line in visible(text).splitlines()[-TAIL_LINES:]]
    fence = "`" * max(3, max((len(run) for run in re.findall("`+", "\n".join(lines))), default=0) + 1)
    return "\n".join((f"{fence}text", *lines, fence))


def _short(text: str) -> str:
    return text if len(text) <= LINE_LIMIT else text[:LINE_LIMIT] + " …"


def _parts(record: RunRecord, reading: Reading, t: Language) -> Iterator[str]:
    said = sentences(record, reading, t)
    words = Words(t)
    yield f"<!-- rawat:run:{re.sub('[^0-9A-Za-z]', '', record.run)} -->"
    yield f"## {said.mark} {prose(record.title or record.playbook)}"
    yield ""
    yield f"**{escaped(said.headline)}**"
    yield ""
    yield from _facts(record, reading, t)
    failed = sorted(alike(bad_hosts(record)), key=_newest_ms, reverse=True)
    for hosts in failed[:SHOWN_FAILURES]:
        yield from _failure(hosts, t, words)
    if more := sum(map(len, failed[SHOWN_FAILURES:])):
        yield ""
        yield t.count("And {n} more host failed.", "And {n} more hosts failed.", more)
    yield from _checklist(record, t, words)
    yield ""
    yield f"### {t.text('Where the time went')}"
    yield ""
    times = record.time
    known = [cause for cause in CAUSE_WORDS if times.get(cause)]
    yield " · ".join(f"{words.cause(cause)} {t.spoken(times[cause])}" for cause in known)
    if len(record.sittings) > 1:
        yield ""
        yield f"### {t.text('Each sitting')}"
        yield ""
        yield from (_sitting(told, reading, t, words) for told in record.sittings)
    if record.deviations:
        yield ""
        yield f"### {t.text('Departures from the plan')}"
        yield ""
        for note in record.deviations:
            yield "- " + " — ".join(prose(part) for part in (note["what"], note["detail"], note["reason"]) if part)
    yield ""
    yield escaped(said.more[-1]) + " " + t.text("To check it:") + f" `rawat verify {record.run}`"


def _sitting(told: SittingRecord, reading: Reading, t: Language, words: Words) -> str:
    """`1. 24 Nov 2026, 12:50:11 WIB — alice — stopped (SIGINT), 12 s — why`."""
    how = escaped(words.outcome(outcome(told)) + (f" ({told.stopped_by})" if told.stopped_by else ""))
    parts = (
        escaped(t.moment(told.started_at, reading.zone)), prose(told.person or "-"),
        f"{how}, {t.spoken(told.took_ms)}", prose(str(told.why.get("reason") or "")) if told.why.get("reason") else "",
    )  # fmt: skip
    return f"{told.number}. " + " — ".join(part for part in parts if part)


def _facts(record: RunRecord, reading: Reading, t: Language) -> Iterator[str]:
    who = str(record.who.get("person") or record.who.get("user") or "-")
    ok = sum(host.outcome == "ok" for host in record.hosts.values())
    facts = (
        (t.text("Run"), code(record.run)),
        (t.text("Ticket"), code(record.ticket) if record.ticket else "-"),
        (t.text("Reason"), prose(str(record.why.get("reason") or "-"))),
        (t.text("Who"), prose(who)),
        (t.text("Started"), escaped(t.moment(record.started_at, reading.zone))),
        (t.text("Duration"), t.spoken(record.took_ms)),
        (t.text("Hosts"), t.text("{ok} of {total} succeeded", ok=ok, total=len(record.hosts))),
    )
    yield "| | |"
    yield "| --- | --- |"
    for label, value in facts:
        yield f"| {label} | {value} |"


def _newest_ms(hosts: Sequence[HostRecord]) -> int:
    return max(host.ended_ms or 0 for host in hosts)


def _failure(hosts: Sequence[HostRecord], t: Language, words: Words) -> Iterator[str]:
    """Of the first of hosts that failed alike, with the names of the others."""
    host, *others = hosts
    step = host.failed_step
    yield ""
    if step is None or not step.attempts:
        yield f"### {code(host.name)}: {words.outcome(host.outcome)}"
        yield ""
        yield block(host.because or "-", host.name)
    else:
        last = step.attempts[-1]
        yield f"### {code(host.name)}: {code(f'{step.phase}/{step.id}')} {words.outcome(step.ended)}"
        yield ""
        yield block("\n".join(text for text in (last.problem, last.tail) if text) or "-", host.name)
    if others:
        names = ", ".join(code(other.name) for other in others[:SHOWN_NAMES])
        more = len(others) - SHOWN_NAMES
        yield ""
        yield f"{others_word(hosts, t)} {names}" + (f" {t.count('and {n} more', 'and {n} more', more)}" * (more > 0))


def _checklist(record: RunRecord, t: Language, words: Words) -> Iterator[str]:
    yield ""
    yield f"### {t.text('Checklist')}"
    yield ""
    yield f"| | {t.text('Item')} | {t.text('State')} |"
    yield "| --- | --- | --- |"
    for item in checklist(record):
        if item.state == "not used":
            continue
        text = words.phase(item.phase) if item.id == item.phase else prose(item.text)
        state = words.state(item.state) + (f", {t.text('says')} {code(item.by)}" if item.by else "")
        yield f"| {MARKS.get(item.state, '')} | {text} | {state} |"


def escaped(text: str) -> str:
    """Sentences that hold words of the record: what is not plain is escaped, and no name or issue is called."""
    safe = re.sub(r"([\\`*_{}\[\]<>#+!|~^$&])", r"\\\1", _short(one_line(text)).replace("##[", "## ["))
    return safe.replace("@", "@\u200b").replace("://", ":\u200b//").replace("www.", "www\u200b.")
