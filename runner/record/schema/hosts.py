"""What happened on a host: how it was reached, what it said of itself, every step and every try of it."""

from __future__ import annotations

from runner.record.schema.shapes import (
    CAUSES,
    MOMENT,
    SHA256,
    Schema,
    anything,
    array,
    closed,
    field,
    flag,
    mapping,
    maybe,
    ms,
    text,
    texts,
    whole,
    word,
)

ENDS = {
    "description": "how it ended, as the host wrote it down; null where it never ran",
    "anyOf": [
        {"type": "null"},
        closed("its exit code", code=whole("0 is success; over 128 perhaps a signal")),
        closed("the signal that ended it", signal=text("its name")),
        closed(
            "its time was over",
            timeout_s=field("number", "the limit, in seconds"),
            killed={"enum": ["proven", "no trace left", "not known"], "description": "what can be said of its death"},
        ),
        closed(
            "a person ended it",
            cancelled_s=field("number", "how long it had run, in seconds"),
            killed={"enum": ["proven", "no trace left", "not known"], "description": "what can be said of its death"},
        ),
        closed(
            "it printed too much",
            output_limit=whole("the limit in bytes; what it had written, where its host's disk was the limit"),
            killed={"enum": ["proven", "no trace left", "not known", None], "description": "null: it had ended"},
        ),
        closed("nobody knows", unknown=text("why")),
    ],
}


def host() -> Schema:
    return closed(
        "one host's way through the run; times since the beginning",
        name=text("in the inventory"), outcome=text("ok, failed, unknown, unreachable, refused, cancelled or empty"),
        because=text("why"), refused=text("kind of refusal: key, login, sudo, lock, machine"),
        exit_code=whole("that it alone would give where it was refused"), batch=maybe(whole("its batch")),
        put_last=text("why its turn came last; empty where it did not"),
        peer=_peer(), facts=_facts(), clock_offset_ms=ms("its clock less the controller's"),
        boot_ids=texts("the boots it was seen in, in order: before and after a reboot"),
        connect_ms=ms("connecting took"), connected_ms=maybe(ms("connected after")),
        started_ms=maybe(ms("its first step after")), ended_ms=maybe(ms("its last after")), took_ms=ms("in all"),
        links_lost=whole("how often the link was lost"), waits=CAUSES, time_ms=CAUSES,
        turns=array(_turn(), "its part in each sitting, as time"),
        steps=array(_step(), "in the order in which they ran"),
    )  # fmt: skip


def _turn() -> Schema:
    return closed(
        "one sitting; what had no end when it was over ended with it",
        sitting=whole("from 1"), began_ms=ms("the sitting began after"),
        connecting=_span("it was connected to; null where that was not tried"),
        working=_span("its steps were at work; null where none began"),
    )  # fmt: skip


def _span(what: str) -> Schema:
    return {
        "description": what,
        "anyOf": [
            {"type": "null"},
            closed(
                what, started_ms=ms("since the beginning"), ended_ms=ms("since the beginning"), parts=CAUSES,
                phases=mapping({"type": "integer"}, "milliseconds by phase, waits included"),
            ),
        ],
    }  # fmt: skip


def _peer() -> Schema:
    return {
        "description": "how it was reached, and by what it was known; empty where it never was",
        "anyOf": [
            closed("not reached"),
            closed(
                "reached",
                address=text("that was used"), port=whole("that was used"), user=text("login"),
                jump=texts("hosts before it"), key_type=text("of its host key"),
                fingerprint=text("SHA256 of its host key"),
                trusted_by=text("file and line that trusted it"), cipher=text("agreed"),
                strict_kex=flag("both sides kept to strict key exchange"), login=text("the key that let us in"),
                notes=texts("what else was said at the login"),
            ),
        ],
    }  # fmt: skip


def _facts() -> Schema:
    return {
        "description": "what it says of itself; empty where it was never asked",
        "anyOf": [
            closed("not asked"),
            closed(
                "asked",
                hostname=text("its own name"), os_id=text("such as debian"), os_version=text("of the OS"),
                os_like=texts("what it resembles"), kernel=text("release"), architecture=text("such as x86_64"),
                machine_id=text("of the installation"), boot_id=text("of this boot"),
                uptime_s=field("number", "seconds"), clock=field("number", "its clock, as Unix time"),
                cpus=whole("processors"), memory_bytes=whole("memory"), init=text("process 1"),
                package_manager=text("that was found"), user=text("who we are there"), uid=whole("its number"),
                home=text("folder"), spool=text("where steps leave their ends"), shell=text("of the login"),
                tools=texts("that were found"),
            ),
        ],
    }  # fmt: skip


def _step() -> Schema:
    return closed(
        "one step on this host",
        id=text("its id; `.1`, `.2` for the items of with"), phase=text("its phase"), kind=text("its kind"),
        title=text("its title"), user=text("whom it ran as; empty: the login"), register=text("name of its result"),
        outcome=text(
            "ok, failed, unknown, skipped, cancelled, empty, or unreachable: it did not start on the host, or only "
            "read and was cut off, or the host did not come back"
        ), why=text("why it was skipped"),
        took_ms=ms("all attempts"), attempts=array(_attempt(), "every try of it"),
    )  # fmt: skip


def _attempt() -> Schema:
    return closed(
        "one try",
        number=whole("from 1"), sitting=whole("that began it"), started_ms=ms("since the beginning"),
        started_at=text("by the controller's clock, UTC", **MOMENT), took_ms=maybe(ms("by the controller")),
        host_ms=maybe(ms("by the host's own uptime")), outcome=text("empty where nobody saw its end"), exit=ENDS,
        problem=text("why it failed"), summary=text("what it did"), notes=texts("how it was carried out"),
        tail=text("last lines of output, redacted"), command=text("what ran, redacted"),
        command_sha256=text("digest of the script, redacted, that is kept as scripts/<digest>.txt", **SHA256),
        changed=maybe(flag("whether it changed something")), output=_output(),
        recalled=flag("a later sitting asked how it ended; took_ms is by the host then, null where it does not know"),
        values=anything("what it found, by the step's kind: see the pages of the kinds; redacted"), waited=CAUSES,
    )  # fmt: skip


def _output() -> Schema:
    return {
        "description": "what was printed; empty where nothing was kept",
        "anyOf": [
            closed("nothing"),
            closed(
                "kept",
                "encoding",
                file=text("in the sitting's folder; empty where the step keeps none"),
                stdout_bytes=whole("of the whole"), stderr_bytes=whole("of the whole"), lines=whole("of the whole"),
                sha256=text("of the whole, redacted", **SHA256), truncated=flag("only its two ends were kept"),
                redactions=whole("how often a secret was taken out"),
                encoding=word("binary where it is not UTF-8 or has zero bytes; shown as \\x..", "utf-8", "binary"),
            ),
        ],
    }  # fmt: skip
