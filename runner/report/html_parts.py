"""What the parts of the page say: plain values, in a language, still to be made harmless by the template."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runner.frozen import frozen
from runner.model import PHASES, Outcome
from runner.record import ItemRecord, RunRecord, SittingRecord, checklist, not_through, outcome
from runner.report.language import Language
from runner.report.language_words import CAUSE_WORDS, MARKS, Words
from runner.report.words import grouped_left_out
from runner.seams import Reading

_STEP_PROOF = re.compile(
    r"(?P<host>.+)/(?P<step>[^/\s]+?)(?: sha256 (?P<digest>[0-9a-f]{8,64}))?(?: (?P<bad>failed|cancelled))?", re.DOTALL
)
_DOUBT_PROOF = re.compile(r"(?P<bad>nobody knows how )(?P<host>.+)/(?P<step>[^/\s]+) ended", re.DOTALL)
_WHY_WORDS = ("ticket", "reason")


@frozen
class Line:
    """`style` is code, quiet or empty."""

    text: str
    style: str = ""


@frozen
class Fact:
    label: str
    lines: tuple[Line, ...]


@frozen
class Proof:
    """A step on a host, with the place where the page tells of it, and how it ended where not well; or words."""

    text: str = ""
    host: str = ""
    step: str = ""
    anchor: str = ""
    digest: str = ""
    bad: str = ""


@frozen
class Item:
    """A line of the checklist. `by` is a person, whose words are in `note` and `said_at`."""

    text: str
    phase: str
    own: bool
    state: str
    word: str
    mark: str
    required: bool
    proofs: tuple[Proof, ...]
    by: str = ""
    note: str = ""
    said_at: str = ""


@frozen
class Part:
    """A cause of time: of the run along its slowest hosts, and of all hosts together."""

    cause: str
    word: str
    run_ms: int
    hosts_ms: int
    percent: float


def glance(record: RunRecord, reading: Reading, t: Language) -> tuple[Fact, ...]:
    """Who, what, why, when: the small table at the top."""
    return tuple(fact for fact in _glance(record, reading, t) if fact.lines)


def items(record: RunRecord, reading: Reading, t: Language) -> tuple[Item, ...]:
    anchors = step_anchors(record)
    words = Words(t)
    said_at = {str(act.get("item")): str(act.get("at", "")) for act in record.acts if act.get("act") == "sign-off"}
    return tuple(
        Item(
            text=words.phase(item.phase) if item.id in PHASES else item.text,
            phase=item.phase,
            own=item.id not in PHASES,
            state=item.state,
            word=words.state(item.state),
            mark=MARKS.get(item.state, ""),
            required=item.required,
            proofs=tuple(_proofs(item, record, anchors, t)),
            by=item.by,
            note=item.note,
            said_at=t.moment(said_at.get(item.id, ""), reading.zone) if item.by else "",
        )
        for item in _shown(record)
    )


def times(record: RunRecord, t: Language) -> tuple[Part, ...]:
    """By cause, the largest first; they add up to the run's duration."""
    words = Words(t)
    hosts: dict[str, int] = {}
    for host in record.hosts.values():
        for cause, took in host.time.items():
            hosts[cause] = hosts.get(cause, 0) + took
    run = record.time
    total = max(1, sum(run.values()))
    parts = [
        Part(
            cause=cause if cause in CAUSE_WORDS else "other",
            word=words.cause(cause),
            run_ms=run.get(cause, 0),
            hosts_ms=hosts.get(cause, 0),
            percent=100 * run.get(cause, 0) / total,
        )
        for cause in dict.fromkeys((*CAUSE_WORDS, *run, *hosts))
        if run.get(cause) or hosts.get(cause)
    ]
    return tuple(sorted(parts, key=lambda part: -part.run_ms))


def step_anchors(record: RunRecord) -> Mapping[tuple[str, str], str]:
    """The page's own name for each step of each host: numbers, nothing of the record."""
    return {
        (host.name, step.id): f"h{number}s{place}"
        for number, host in enumerate(record.hosts.values(), 1)
        for place, step in enumerate(host.steps.values(), 1)
    }


def sittings(record: RunRecord, reading: Reading, t: Language) -> tuple[Fact, ...]:
    """Of a run that was gone on with: each time somebody worked on it, and how that ended."""
    if len(record.sittings) < 2:
        return ()
    return tuple(
        Fact(label=t.text("Sitting {number}", number=told.number), lines=tuple(_sitting(told, reading, t)))
        for told in record.sittings
    )


def _sitting(told: SittingRecord, reading: Reading, t: Language) -> Iterator[Line]:
    how = Words(t).outcome(outcome(told)) + (f" ({told.stopped_by})" if told.stopped_by else "")
    yield Line(text=f"{how} · {t.text('{time} in all', time=t.spoken(told.took_ms))}")
    yield Line(
        text=f"{t.moment(told.started_at, reading.zone)} → {t.moment(told.ended_at, reading.zone)}", style="quiet"
    )
    yield from _who(told.who, told.controller, t)
    if told.why.get("reason"):
        yield Line(text=t.text("Reason: {reason}", reason=told.why["reason"]))
    yield Line(text=t.count("{n} host: {names}", "{n} hosts: {names}", len(told.hosts), names=_few(told.hosts)))
    if told.not_started:
        yield Line(text=t.text("Not begun:") + f" {_few(told.not_started)}")
    for why, names in grouped_left_out(told.left_out).items():
        yield Line(text=f"{t.text('What was left out')}: {_few(names)} ({why})", style="quiet")
    for note in told.deviations:
        yield Line(text=f"{note['what']}: {note['detail']}", style="quiet")


def departures(record: RunRecord, reading: Reading, t: Language) -> tuple[Fact, ...]:
    """Every skip, override, force and refusal, in the order in which they came."""
    found = []
    for note in record.deviations:
        reason = (
            (Line(text=t.text("Reason: {reason}", reason=note["reason"]), style="quiet"),) if note["reason"] else ()
        )
        lines = (Line(text=note["detail"]), *reason, Line(text=t.moment(note["at"], reading.zone), style="quiet"))
        found.append(Fact(label=note["what"], lines=lines))
    for gate in record.gates:
        place = "/".join(part for part in (gate["host"], gate["step"]) if part)
        lines = (Line(text=gate["message"]), Line(text=place, style="code")) if place else (Line(text=gate["message"]),)
        found.append(Fact(label=t.text("Refused by {gate}", gate=gate["gate"]), lines=lines))
    return tuple(found)


def left_out(record: RunRecord, t: Language) -> tuple[Fact, ...]:
    """Hosts and steps that were not part of it, those skipped by a condition, and those never reached."""
    found = []
    for entry in record.left_out:
        kind = t.text("Host") if entry.get("host") else t.text("Step")
        name = str(entry.get("host") or entry.get("step") or "-")
        found.append(Fact(label=f"{kind} {name}", lines=(Line(text=str(entry.get("why") or "-")),)))
    batch, why = record.stopped
    if why:
        label = (
            t.text("Stopped after batch {number}", number=batch) if batch else t.text("Stopped before the first batch")
        )
        found.append(Fact(label=label, lines=(Line(text=why),)))
    for name in record.not_started:
        found.append(Fact(label=t.text("Host {name}", name=name), lines=(Line(text=t.text("never started")),)))
    skipped: dict[tuple[str, str], list[str]] = {}
    for host in record.hosts.values():
        for step in host.steps.values():
            if step.outcome == Outcome.SKIPPED:
                skipped.setdefault((f"{step.phase}/{step.id}", step.why), []).append(host.name)
    for (step_name, why), hosts in skipped.items():
        on = t.count("skipped on {n} host: {names}", "skipped on {n} hosts: {names}", len(hosts), names=_few(hosts))
        found.append(Fact(label=step_name, lines=(Line(text=why or "-"), Line(text=on, style="quiet"))))
    return tuple(found)


def answers(record: RunRecord, reading: Reading, t: Language) -> tuple[Fact, ...]:
    """What people said: answers to questions of the run, and words given after it."""
    found = []
    for note in record.people:
        lines = (Line(text=note["answer"]), Line(text=f"{note['host']}/{note['step']} · {note['how']}", style="quiet"))
        found.append(Fact(label=note["by"] or t.text("nobody"), lines=lines))
    for act in record.acts:
        what = " · ".join(str(act[key]) for key in ("item", "verdict", "decision", "cause") if act.get(key))
        lines = (
            Line(text=what or str(act.get("act", "-"))),
            *((Line(text=f"“{act['note']}”"),) if act.get("note") else ()),
            Line(text=t.moment(str(act.get("at", "")), reading.zone), style="quiet"),
        )
        found.append(Fact(label=str(act.get("by") or "-"), lines=lines))
    return tuple(found)


def _glance(record: RunRecord, reading: Reading, t: Language) -> Iterator[Fact]:
    words = Words(t)
    what = [Line(text=record.title or record.playbook)]
    what.append(Line(text=f"{words.kind(record.kind)} · {t.text('playbook')} {record.playbook}", style="quiet"))
    yield Fact(label=t.text("What"), lines=tuple(what))
    why = [Line(text=str(record.why["reason"]))] if record.why.get("reason") else []
    if record.why.get("ticket"):
        why.append(Line(text=t.text("Ticket {ticket}", ticket=record.why["ticket"])))
    why += [Line(text=f"{key}: {_said(value)}") for key, value in record.why.items() if key not in _WHY_WORDS and value]
    yield Fact(label=t.text("Why"), lines=tuple(why) or (Line(text=t.text("no reason was given"), style="quiet"),))
    yield Fact(label=t.text("Who"), lines=tuple(_who(record.who, record.controller, t)))
    started, ended = record.started_at, record.ended_at
    here = f"{t.moment(started, reading.zone)} → {t.moment(ended, reading.zone)}"
    when = [
        Line(text=here),
        *([] if here.endswith("UTC") else [Line(text=f"{_utc(started)} → {_utc(ended)}", style="quiet")]),
        Line(text=t.text("{time} in all", time=t.spoken(record.took_ms))),
    ]
    if len(record.sittings) > 1:
        when.append(Line(text=t.text("in {n} sittings: it was cut off and taken up again", n=len(record.sittings))))
    yield Fact(label=t.text("When"), lines=tuple(when))
    yield Fact(label=t.text("Where"), lines=tuple(_where(record, t)))
    yield Fact(label=t.text("Run"), lines=(Line(text=record.run, style="code"),))


def _who(who: Mapping[str, Any], controller: Mapping[str, Any], t: Language) -> Iterator[Line]:
    user = t.text("system user {user}", user=str(who.get("user") or "-"))
    yield Line(text=str(who.get("person") or user))
    more = [t.text("named by {source}", source=who.get("person_from", "-")), user] if who.get("person") else []
    if controller.get("hostname"):
        more.append(t.text("from the machine {name}", name=controller["hostname"]))
    if controller.get("pipeline"):
        more.append(t.text("in a pipeline ({name})", name=controller["pipeline"]))
    elif controller.get("terminal"):
        more.append(t.text("at a terminal"))
    yield Line(text=" · ".join(more), style="quiet")


def _where(record: RunRecord, t: Language) -> Iterator[Line]:
    names = list(record.hosts)
    yield Line(text=t.count("{n} host: {names}", "{n} hosts: {names}", len(names), names=_few(names)))
    batches = max((batch.number for batch in record.batches), default=1)
    if batches > 1:
        yield Line(text=t.text("in {n} batches, one after the other", n=batches), style="quiet")


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (" …" if len(names) > 8 else "")


def _shown(record: RunRecord) -> list[ItemRecord]:
    return [item for item in checklist(record) if item.state != "not used"]


def _proofs(
    item: ItemRecord, record: RunRecord, anchors: Mapping[tuple[str, str], str], t: Language
) -> Iterator[Proof]:
    """What failed first, then where it did not come to its end: of many, only the first few are seen at once."""
    word = f"word of {item.by}" if item.by else None
    proofs = [_proof(proof, record, anchors, t) for proof in item.proof if proof != word]
    bad = [proof for proof in proofs if proof.bad]
    yield from bad
    if item.state in ("open", "fail"):
        named = {proof.host for proof in bad}
        if missing := [name for name in not_through(record, item) if name not in named]:
            yield Proof(text=t.text("not to its end on {names}", names=_few(missing)))
    yield from (proof for proof in proofs if not proof.bad)


def _proof(text: str, record: RunRecord, anchors: Mapping[tuple[str, str], str], t: Language) -> Proof:
    found = _DOUBT_PROOF.fullmatch(text) or _STEP_PROOF.fullmatch(text)
    if found and found["host"] in record.hosts:
        steps = [step for step in record.hosts[found["host"]].steps.values() if found["step"] in (step.id, step.base)]
        bad = next((step for step in steps if step.outcome and not Outcome(step.outcome).good), None)
        anchor = anchors.get((found["host"], bad.id if bad else found["step"]), "")
        told = found.groupdict()
        return Proof(
            host=told["host"], step=told["step"], anchor=anchor, digest=told.get("digest") or "",
            bad=(bad.ended if bad else Outcome.FAILED) if told.get("bad") else "",
        )  # fmt: skip
    if text == "record sealed":
        return Proof(text=t.text("the record was sealed"))
    if text == "every step of it was skipped by its condition":
        return Proof(text=t.text("every step of it was skipped by its condition"))
    if found := re.fullmatch(r"every step of it was left out by (.*)", text, re.DOTALL):
        return Proof(text=t.text("every step of it was left out by {text}", text=found[1]))
    if found := re.fullmatch(r"plan ([0-9a-f]+) frozen before the first connection", text):
        return Proof(text=t.text("the plan was frozen before the first connection"), digest=found[1])
    if found := re.fullmatch(r"ticket (.*)", text, re.DOTALL):
        return Proof(text=t.text("ticket {text}", text=found[1]))
    return Proof(text=text)


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_said(inner)}" for key, inner in value.items())
    return ", ".join(map(_said, value)) if isinstance(value, list | tuple) else str(value)


def _utc(at: str) -> str:
    return at.partition(".")[0].replace("T", " ").replace("Z", "") + " UTC" if at else "-"
