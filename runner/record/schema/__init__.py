"""
The JSON Schema of a record, as `rawat show --json` gives it: every field, closed, each with its meaning.

Version 1. A later version adds fields to a schema of its own; what this one describes stays readable.
"""

from __future__ import annotations

from typing import Any

from runner.model import PHASES
from runner.record.schema.around import KEY, WHO, act, controller, gate, policy, source, tool, why
from runner.record.schema.hosts import host
from runner.record.schema.shapes import (
    CAUSES,
    MOMENT,
    SHA256,
    Schema,
    array,
    begun,
    closed,
    flag,
    mapping,
    maybe,
    ms,
    text,
    texts,
    whole,
    word,
)
from runner.record.verdict import SCHEMA

OUTCOMES = ("ok", "failed", "in doubt", "cancelled", "refused", "unfinished")


def schema() -> dict[str, Any]:
    """A whole document, JSON Schema 2020-12."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A record of rawat", **_run()}


def _run() -> Schema:
    return closed(
        "one run, over all its sittings and the words of people",
        "seals", "running",
        schema={"const": SCHEMA, "description": "name and version of this schema"},
        run=text("id: a moment and a random part, so that ids sort by time", pattern="^[0-9A-Z]{2,26}$"),
        playbook=text("name of the playbook"), title=text("its title"), kind=text("kind of maintenance"),
        plan=text("digest of the plan: playbook, includes, hosts, variables, selection", **SHA256),
        sittings=array(_sitting(), "each time somebody began to work on it; more than one after a resume"),
        started_at=text("first moment, UTC", **MOMENT), ended_at=text("last moment, UTC", **MOMENT),
        took_ms=ms("the time of all sittings"),
        sealed=flag("whether the last sitting was closed"), running=flag("whether somebody works on it now"),
        exit_code=maybe(whole("exit code that the sealed run ended with")),
        exit=whole("exit code that it comes to now, with the words of people since"),
        outcome=word("what it came to", *OUTCOMES),
        stopped_by=text("the signal that stopped it, `rawat cancel` or a full disk; empty where nothing did"),
        limit_reached=text("by how many failed hosts the failure limit was reached; empty where it was not"),
        who=begun({**WHO, "description": f"who began it: {WHO['description']}"}),
        executors=texts("names and keys of everybody who ran a sitting of it"),
        controller=begun(controller("the machine that it was begun on")), why=begun(why()), tool=begun(tool()),
        source=source(),
        declared=_declared(),
        items=_items(),
        all_phases=flag("whether all seven phases are required"),
        left_out=_left_out(),
        hosts=mapping(host(), "the hosts, by name"),
        batches=_batches(),
        deviations=_deviations(),
        gates=array(gate(), "gates that said no"), opened=array(gate(), "gates that an earlier run opened"),
        people=_answers(),
        troubles=texts("what a reader should know: clocks that are wrong, an index that could not be written"),
        acts=array(act(), "words of people after or beside it, in order"),
        approvals=_approvals(),
        policy=begun(policy()),
        not_started=texts("hosts that were never begun"),
        phases_ms=mapping(
            {"type": "integer"},
            f"milliseconds that the steps of each phase took along the same chain, waits included: {', '.join(PHASES)}",
        ),
        time_ms={
            **CAUSES,
            "description": "along the chain of what the run waited for: the host that ended last, the one that "
            "freed its place, and so on; adds up to took_ms",
        },
        review=_review(),
        delays=_delays(),
        checklist=_checklist(),
        checklist_done=whole("required items that are done"), checklist_required=whole("required items"),
        in_doubt=array(texts("host and step"), "steps of which nobody knows whether they took effect"),
        seals=_seals(),
    )  # fmt: skip


def _sitting() -> Schema:
    return closed(
        "one sitting",
        number=whole("from 1; one that ended before it began leaves a hole"),
        started_at=text("first moment, UTC", **MOMENT), ended_at=text("last moment, UTC", **MOMENT),
        took_ms=ms("its time"),
        who=WHO, controller=controller("the machine that rawat ran on"),
        why={**why(), "description": "why, as people said of this sitting; `why` of the run holds for all of it"},
        tool=tool(), source=source(), plan=text("digest of the plan as it was then", **SHA256),
        hosts=texts("hosts that were not done before it; `attempts[].sitting` says which steps it began"),
        left_out=_left_out(), not_started=texts("hosts that were never begun"), deviations=_deviations(),
        gates=array(gate(), "gates that said no"), opened=array(gate(), "gates that an earlier run opened"),
        sealed=flag("whether it was closed; one that was not was cut off, or is at work still"),
        exit_code=maybe(whole("that it ended with; null where it was not closed")),
        outcome=word("what the run had come to then", *OUTCOMES),
        stopped_by=text("the signal that stopped it, `rawat cancel` or a full disk; empty where nothing did"),
        limit_reached=text("by how many failed hosts the failure limit was reached; empty where it was not"),
    )  # fmt: skip


def _left_out() -> Schema:
    return array(
        closed(
            "a host or a step", "host", "step", host=text("its name"), step=text("its id"), why=text("the reason"),
        ),
        "hosts and steps that were not part of it",
    )  # fmt: skip


def _deviations() -> Schema:
    return array(
        closed(
            "one departure", what=text("its kind"), detail=text("what exactly"), reason=text("as it was given"),
            at=text("when", **MOMENT),
        ),
        "every skip, override, settling by hand, emergency",
    )  # fmt: skip


def _declared() -> Schema:
    return array(
        closed(
            "one step of the playbook", id=text("its id"), title=text("its title"), phase=text("its phase"),
            kind=text("its kind"), steps=texts("ids of the steps inside a group"),
        ),
        "all steps of the playbook, in order",
    )  # fmt: skip


def _items() -> Schema:
    return array(
        closed(
            "one own item of the checklist", id=text("its id"), phase=text("its phase"), text=text("its text"),
            proof=texts("ids of the steps that prove it"), by_hand=flag("whether a person has to say it"),
            required=flag("whether it counts"),
        ),
        "the items that the playbook asks for",
    )  # fmt: skip


def _batches() -> Schema:
    return array(
        closed(
            "one batch", sitting=whole("in which sitting"), number=whole("from 1 in each sitting"),
            hosts=texts("its hosts"), started_ms=ms("since the beginning"),
            ended_ms=maybe(ms("since the beginning")), failed=texts("hosts that failed"),
            stopped=text("why no batch came after it; empty where nothing stopped it"),
        ),
        "the batches that were begun",
    )  # fmt: skip


def _answers() -> Schema:
    return array(
        closed(
            "one answer", host=text("for which host"), step=text("to which step"), answer=text("yes or no"),
            by=text("name"), how=text("terminal, command, or --yes"),
        ),
        "what people answered while it ran",
    )  # fmt: skip


def _approvals() -> Schema:
    return array(
        closed(
            "one signed approval of the plan's digest",
            decision=text("approve or reject"), by=text("name"), at=text("when", **MOMENT), note=text("grounds"),
            fingerprint=text("of the key"), file=text("copy in the sitting"), sha256=text("its digest", **SHA256),
        ),
        "the approvals that it rests on",
    )  # fmt: skip


def _review() -> Schema:
    return closed(
        "the review by somebody else",
        state=word("where it stands", "pass", "fail", "open", "not required"),
        due=text("asked for by", **MOMENT), by=text("name"), at=text("when", **MOMENT), note=text("remarks"),
    )  # fmt: skip


def _delays() -> Schema:
    return array(
        closed(
            "one reason, as a person typed it", cause=text("one of five"), minutes=whole("as felt"),
            note=text("words"), by=text("name"), at=text("when", **MOMENT),
        ),
        "what delayed it, as people see it",
    )  # fmt: skip


def _checklist() -> Schema:
    return array(
        closed(
            "a phase or an own item", id=text("its id"), phase=text("its phase"), text=text("its text"),
            required=flag("whether it counts"),
            state=word("where it stands", "pass", "fail", "open", "waived", "na", "not used"),
            proof=texts("by what: host/step, or what is missing"),
            by=text("a person's name where a person said so"),
            note=text("that person's words"),
        ),
        "the seven phases and the own items",
    )  # fmt: skip


def _seals() -> Schema:
    return array(
        closed(
            "what closes a sitting", sitting=whole("its number"), sealed_at=text("when", **MOMENT),
            sums_sha256=text("digest of SHA256SUMS", **SHA256), signed=flag("whether it has a signature"),
            key=KEY, signer=text("name fit for a command line"),
            sources=mapping({"type": "string"}, "digests of playbook and includes, by path"),
        ),
        "the sealed sittings",
    )  # fmt: skip
