"""What people said of the run as a whole: the review, and what delayed it. Words, never measurements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runner.frozen import frozen
from runner.record.values import RunRecord

DELAYS = ("unexpected-problem", "coordination", "information", "resources", "other")


@frozen
class Review:
    """`state` is pass, fail, open (asked for and missing) or "not required"; `due` the moment it is asked for by."""

    state: str
    due: str = ""
    by: str = ""
    at: str = ""
    note: str = ""


def review(record: RunRecord) -> Review:
    """The latest review by somebody who may: whoever ran it may not, unless the policy of the run said so."""
    due = str(record.policy.get("review_due") or "")
    said = [act for act in record.acts if act.get("act") == "review" and act.get("verdict") in ("pass", "fail")]
    for act in reversed(said):
        if record.policy.get("self_review") or not by_executor(act, record.executors, ()):
            return Review(
                state=str(act["verdict"]), due=due, by=str(act.get("by", "")), at=str(act.get("at", "")),
                note=str(act.get("note", "")),
            )  # fmt: skip
    return Review(state="open" if record.policy.get("review") else "not required", due=due)


def by_executor(act: Mapping[str, Any], executors: Sequence[str], signers: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an act is by whoever ran it: by name, or by the key or the name that sealed it."""
    signer = act.get("signer")
    signer = signer if isinstance(signer, dict) else {}
    mine = {str(name) for name in (act.get("by"), signer.get("principal"), signer.get("fingerprint")) if name}
    keys = {str(key.get(part)) for key in signers for part in ("principal", "fingerprint") if key.get(part)}
    return bool(mine & {*executors, *keys})


def delays(record: RunRecord) -> tuple[Mapping[str, Any], ...]:
    """What delayed the run, as people typed it: `{"cause", "minutes", "note", "by", "at"}`."""
    return tuple(
        {key: act.get(key) for key in ("cause", "minutes", "note", "by", "at")}
        for act in record.acts
        if act.get("act") == "delay"
    )
