"""What the page says of hosts and of what was done on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runner.frozen import frozen
from runner.model import Outcome
from runner.record import Attempt, HostRecord, RunRecord, StepRecord
from runner.report.alike import alike
from runner.report.html_parts import Line, step_anchors
from runner.report.language import Language
from runner.report.language_verdict import bad_hosts, others_word
from runner.report.language_words import Words
from runner.report.table import exit_text
from runner.seams import Reading


@frozen
class Try:
    """One attempt, told: `facts` are small words beside it."""

    number: int
    facts: tuple[str, ...]
    command: str
    command_sha256: str
    problem: str
    tail: str
    output: tuple[str, ...]
    output_sha256: str


@frozen
class Done:
    """A step on a host."""

    anchor: str
    id: str
    phase: str
    phase_word: str
    title: str
    kind: str
    outcome: str
    word: str
    took_ms: int
    told: str
    tries: tuple[Try, ...]


@frozen
class Machine:
    """A host: how it was reached and known, what it is, and what was done on it."""

    anchor: str
    name: str
    outcome: str
    word: str
    took_ms: int
    because: str
    reached: tuple[Line, ...]
    known: tuple[Line, ...]
    system: tuple[Line, ...]
    boot: tuple[Line, ...]
    steps: tuple[Done, ...]


@frozen
class Failure:
    """
    Where a host stopped, why, and what was done and not done on it; `others` failed alike, each a name with its place
    on the page, and `others_word` leads them.
    """

    host: str
    step: str
    anchor: str
    outcome: str
    problem: str
    tail: str
    done: tuple[str, ...]
    missing: tuple[str, ...]
    others_word: str
    others: tuple[tuple[str, str], ...]


def machines(record: RunRecord, reading: Reading, t: Language) -> tuple[Machine, ...]:
    words, anchors = Words(t), step_anchors(record)
    return tuple(
        Machine(
            anchor=f"h{number}",
            name=host.name,
            outcome=host.ended or "unfinished",
            word=words.outcome(host.ended),
            took_ms=host.took_ms,
            because=host.because,
            reached=tuple(_reached(host, t)),
            known=tuple(_known(host, t)),
            system=tuple(_system(host, t)),
            boot=tuple(_boot(host, t)),
            steps=tuple(_done(host, step, anchors, reading, t) for step in host.steps.values()),
        )
        for number, host in enumerate(record.hosts.values(), 1)
    )


def failures(record: RunRecord, t: Language) -> tuple[Failure, ...]:
    """In doubt first; what comes after the failing step in the playbook and never began is `missing`."""
    anchors = step_anchors(record)
    places = {name: f"h{number}" for number, name in enumerate(record.hosts, 1)}
    found = []
    for hosts in alike(bad_hosts(record)):
        host = hosts[0]
        step = host.failed_step
        last = step.attempts[-1] if step and step.attempts else None
        begun = {other.base for other in host.steps.values()}
        found.append(
            Failure(
                host=host.name,
                step=f"{step.phase}/{step.id}" if step else "",
                anchor=anchors.get((host.name, step.id), "") if step else "",
                outcome=step.ended if step else host.outcome,
                problem=(last.problem if last else "") or host.because,
                tail=last.tail if last and last.tail.strip() != last.problem.strip() else "",
                done=tuple(f"{o.phase}/{o.id}" for o in host.steps.values() if o.outcome == Outcome.OK),
                missing=tuple(_missing(record, begun)),
                others_word=others_word(hosts, t),
                others=tuple((other.name, places[other.name]) for other in hosts[1:]),
            )
        )
    return tuple(found)


def _done(
    host: HostRecord, step: StepRecord, anchors: Mapping[tuple[str, str], str], reading: Reading, t: Language
) -> Done:
    words = Words(t)
    last = step.attempts[-1] if step.attempts else None
    unseen = bool(last and not last.outcome)
    return Done(
        anchor=anchors[host.name, step.id],
        id=step.id,
        phase=step.phase,
        phase_word=words.phase(step.phase),
        title=step.title or step.id,
        kind=step.kind,
        outcome="unknown" if unseen else step.ended or "unfinished",
        word=words.outcome("unknown" if unseen else step.ended),
        took_ms=step.took_ms,
        told=step.why if step.outcome == Outcome.SKIPPED else last.summary if last else "",
        tries=tuple(_try(attempt, reading, t) for attempt in step.attempts),
    )


def _try(attempt: Attempt, reading: Reading, t: Language) -> Try:
    words = Words(t)
    facts = [t.moment(attempt.started_at, reading.zone)] if attempt.started_at else []
    facts.append(t.text("no end was seen") if attempt.took_ms is None else t.spoken(attempt.took_ms))
    if attempt.host_ms is not None:
        facts.append(t.text("{time} by the host's own clock", time=t.spoken(attempt.host_ms)))
    if attempt.exit:
        facts.append(exit_text(attempt.exit))
    if attempt.changed is not None:
        facts.append(t.text("changed something") if attempt.changed else t.text("changed nothing"))
    facts += [f"{words.cause(cause)}: {t.spoken(took)}" for cause, took in attempt.waited.items()]
    facts += attempt.notes
    return Try(
        number=attempt.number, facts=tuple(facts), command=attempt.command, command_sha256=attempt.command_sha256,
        problem=attempt.problem, tail=attempt.tail or _text(attempt.values.get("stdout"))[-2000:],
        output=tuple(_output(attempt.output, t)), output_sha256=_text(attempt.output.get("sha256")),
    )  # fmt: skip


def _output(output: Mapping[str, Any], t: Language) -> Iterator[str]:
    if not output:
        return
    number = sum(int(output.get(stream) or 0) for stream in ("stdout_bytes", "stderr_bytes"))
    yield t.count("{n} byte of output", "{n} bytes of output", number)
    if output.get("encoding") == "binary":
        yield t.text("not all of it is text")
    if output.get("truncated"):
        yield t.text("the middle was not kept")
    if output.get("redactions"):
        yield t.count("{n} secret was blacked out", "{n} secrets were blacked out", int(output["redactions"]))
    if output.get("file"):
        yield _text(output["file"])


def _reached(host: HostRecord, t: Language) -> Iterator[Line]:
    peer, facts = host.peer, host.facts
    if not peer and not facts:
        yield Line(text=host.because or t.text("was not reached"))
        return
    if not peer.get("address"):
        yield Line(text=t.text("this machine itself, without SSH"))
    else:
        yield Line(text=f"{peer['address']}:{peer.get('port') or 22}", style="code")
    user = str(peer.get("user") or facts.get("user") or "-")
    yield Line(text=t.text("as {user}", user=user))
    become = sorted({step.user for step in host.steps.values() if step.user} - {user})
    if become:
        yield Line(text=t.text("steps also as {users}", users=", ".join(become)), style="quiet")
    if peer.get("jump"):
        yield Line(text=t.text("by way of {names}", names=", ".join(map(str, peer["jump"]))), style="quiet")
    if host.links_lost:
        yield Line(text=t.count("connection lost {n} time", "connection lost {n} times", host.links_lost))


def _known(host: HostRecord, t: Language) -> Iterator[Line]:
    peer = host.peer
    if peer.get("fingerprint"):
        yield Line(text=f"{peer.get('key_type', '')} {peer['fingerprint']}", style="code")
        yield Line(text=t.text("trusted by {what}", what=peer.get("trusted_by") or "-"), style="quiet")
    for note in peer.get("notes") or ():
        yield Line(text=str(note), style="quiet")


def _system(host: HostRecord, t: Language) -> Iterator[Line]:
    facts = host.facts
    name = " ".join(str(facts[key]) for key in ("os_id", "os_version") if facts.get(key))
    if name:
        yield Line(text=name)
    if facts.get("kernel"):
        yield Line(text=t.text("kernel {name}", name=facts["kernel"]), style="quiet")
    if facts.get("hostname") and facts["hostname"] != host.name:
        yield Line(text=t.text("calls itself {name}", name=facts["hostname"]), style="quiet")
    if abs(host.clock_offset_ms) >= 1000:
        yield Line(text=t.text("its clock was off by {time}", time=t.spoken(abs(host.clock_offset_ms))))


def _boot(host: HostRecord, t: Language) -> Iterator[Line]:
    for key, word in (("boot_id", t.text("boot")), ("machine_id", t.text("machine"))):
        if host.facts.get(key):
            yield Line(text=word, style="quiet")
            yield Line(text=str(host.facts[key]), style="code")


def _missing(record: RunRecord, begun: set[str]) -> Iterator[str]:
    for step in record.declared:
        if step.get("phase") not in ("finally", "undo") and not step.get("steps") and step.get("id") not in begun:
            yield f"{step.get('phase')}/{step.get('id')}"


def _text(value: object) -> str:
    return "" if value is None else str(value)
