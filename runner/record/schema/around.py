"""What stands around the work: who, from where, why, with what, under which rules, and what people said of it."""

from __future__ import annotations

from runner.events import PIPELINE_JOB
from runner.record.schema.shapes import MOMENT, SHA256, Schema, closed, flag, text, texts, whole, word

KEY = closed(
    "the key that signs; its principal is the name in allowed_signers",
    principal=text("name"), fingerprint=text("SHA256 of the key"), key_type=text("such as ssh-ed25519"),
)  # fmt: skip
SIGNER = closed(
    "the key that signs, and whose it is",
    principal=text("name in allowed_signers"), fingerprint=text("SHA256 of the key"),
    key_type=text("such as ssh-ed25519"), public_key=text("the public half"),
)  # fmt: skip
WHO = closed(
    "OS user, and the person behind it where something names one",
    "person", "person_from", "signer",
    user=text("OS user"), uid=whole("its number"), person=text("whom a pipeline or sudo names"),
    person_from=text("what says so"), signer=SIGNER,
)  # fmt: skip


def controller(what: str) -> Schema:
    return closed(
        what,
        "ssh_connection", *PIPELINE_JOB,
        hostname=text("its name"), boot_id=text("its boot"), pid=whole("process"),
        terminal=flag("whether a person was at it"), pipeline=text("what says that a pipeline was; empty where none"),
        ssh_connection=text("where the person came from: addresses and ports"),
        **{name: text("as the pipeline says") for name in PIPELINE_JOB},
    )  # fmt: skip


def why() -> Schema:
    return closed(
        "why, as people said; empty where nobody did",
        ticket=text("of the change"), reason=text("in words"),
        change=word("kind of change", "standard", "normal", "emergency"), impact=text("on whom or what"),
        risk=text("what may go wrong"), complexity=text("how involved"), resources=text("who and what is needed"),
        users_affected=text("how many, who"), window=text("as agreed: two moments with a / between"),
    )  # fmt: skip


def tool() -> Schema:
    libraries = ("fabric", "paramiko", "jinja2", "pyyaml", "jsonschema")
    return closed(
        "what did the work, and every switch that weakens something",
        "settings", "settings_sha256", "weakened",
        rawat=text("version"), python=text("version"), **{name: text("version") for name in libraries},
        settings=text("file of settings; empty where there is none"),
        settings_sha256=text("its digest", **SHA256), weakened=texts("switches that were on"),
    )  # fmt: skip


def source() -> Schema:
    return closed(
        "the git checkout of the playbook; empty where it is in none",
        "commit", "branch", "dirty", "remote", "problem",
        commit=text("its id; empty before the first"), branch=text("its name"),
        dirty=flag("whether something beside the playbook is changed or not in git"), remote=text("origin"),
        problem=text("why git did not say"),
    )  # fmt: skip


def policy() -> Schema:
    return closed(
        "the policy as it held for this run",
        "signature", "approvals", "approvers", "review", "self_review", "review_due",
        all_phases=flag("all seven phases are required"), signature=flag("a signature is required"),
        approvals=whole("how many people have to approve"), approvers=texts("whose approvals count; empty: anybody's"),
        review=flag("a review is required"), self_review=flag("whoever ran it may review it"),
        review_due=text("the review is due by", **MOMENT),
    )  # fmt: skip


def gate() -> Schema:
    return closed(
        "one gate", host=text("on which host"), step=text("before which step"), gate=text("its name"),
        message=text("why"),
    )  # fmt: skip


def act() -> Schema:
    return closed(
        "one word of a person",
        "item", "verdict", "note", "cause", "minutes", "run", "seal",
        schema={"const": "rawat-act@1"}, act=word("what it is", "sign-off", "review", "delay"), run=text("the run"),
        seal=text("digest of the seal it speaks of", **SHA256), plan=text("the plan", **SHA256),
        at=text("when", **MOMENT), item=text("of the checklist"),
        verdict=word("the word", "pass", "fail", "na", "waive"), note=text("in words"), cause=text("of a delay"),
        minutes=whole("of a delay"), by=text("name"), who=WHO, signer={"anyOf": [SIGNER, {"type": "null"}]},
        prev=text("digest of the act before", **SHA256),
    )  # fmt: skip
