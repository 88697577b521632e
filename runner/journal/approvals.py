"""Approvals of a plan: signed words on its digest, and which of them count."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from runner.errors import DamagedRecord
from runner.frozen import frozen
from runner.journal import ledger
from runner.journal.acts import act_files, acts_folder
from runner.journal.append import sha256
from runner.journal.words import signature_of
from runner.signing import SIGN_OFF, AllowedSigners, BadSignature, check_signature

WORDS = ("approve", "reject")


@frozen
class Approval:
    """
    A signed word on a plan. `why_not` says why it does not count; `text` and `signature` are the files' bytes.

    `name` is the file's; `decision` is approve or reject.
    """

    name: str
    decision: str
    by: str
    at: str
    note: str
    fingerprint: str
    text: bytes
    signature: bytes
    why_not: str = ""

    def to_json(self) -> dict[str, str]:
        return {
            "decision": self.decision,
            "by": self.by,
            "at": self.at,
            "note": self.note,
            "fingerprint": self.fingerprint,
            "file": f"approvals/{self.name}",
            "sha256": sha256(self.text),
        }


def approvals_of(
    records: Path,
    plan: str,
    signers: AllowedSigners,
    *,
    executors: Iterable[str] = (),
    approvers: Sequence[str] = (),
) -> tuple[Approval, ...]:
    """
    Everybody's latest word on a plan, oldest first, each judged.

    `executors` are names, principals and fingerprints of whoever is going to run it; `approvers` whose words count
    (none: everybody's who may sign). Raises DamagedRecord for a file that is not the one that the ledger knows.
    """
    folder = acts_folder(records, plan=plan)
    files = act_files(folder)
    if not files:
        return ()
    known = {
        str(entry.data.get("act")): str(entry.data.get("sha256"))
        for entry in ledger.read(records)
        if entry.data.get("type") == "ACT" and "run" not in entry.data and entry.data.get("plan") == plan
    }
    latest: dict[str, Approval] = {}
    for path in files:
        if path.name not in known or not path.name.endswith(("-approve.json", "-reject.json")):
            continue  # interrupted before it counted; or a word on an item
        text = path.read_bytes()
        if sha256(text) != known[path.name]:
            raise DamagedRecord("this approval is not the one that the ledger knows", where=str(path))
        signature = signature_of(path)
        raw = signature.read_bytes() if signature.is_file() else b""
        approval = judged(path.name, text, raw, plan, signers, executors=executors, approvers=approvers)
        latest.pop(approval.by, None)
        latest[approval.by] = approval
    return tuple(latest.values())


def judged(
    name: str,
    text: bytes,
    signature: bytes,
    plan: str,
    signers: AllowedSigners,
    *,
    executors: Iterable[str] = (),
    approvers: Sequence[str] = (),
) -> Approval:
    """One approval, and why it does not count where it does not."""
    from runner.journal.verify.look import instant

    said = _object(text)
    key = said.get("signer")
    key = key if isinstance(key, dict) else {}
    by = str(key.get("principal") or said.get("by") or "?")
    at = str(said.get("at", ""))
    why = ""
    try:
        found = check_signature(signature, text, SIGN_OFF)
        when = instant(at)
        _, why = ("", "it names no moment") if when is None else signers.judge(found.key, by, SIGN_OFF, when)
        if found.key.fingerprint != key.get("fingerprint"):
            why = "it was signed by another key than it names"
    except BadSignature as error:
        why = str(error)
    if said.get("plan") != plan:
        why = "it is of another plan"
    elif said.get("act") not in WORDS:
        why = why or "it is no approval"
    elif {by, str(said.get("by")), str(key.get("fingerprint"))} & set(executors):
        why = why or "whoever approves a plan does not run it"
    elif approvers and by not in approvers:
        why = why or "the policy does not list them among the approvers"
    return Approval(
        name=name, decision=str(said.get("act", "")), by=by, at=at, note=str(said.get("note", "")),
        fingerprint=str(key.get("fingerprint", "")), text=text, signature=signature, why_not=why,
    )  # fmt: skip


def _object(text: bytes) -> Mapping[str, Any]:
    try:
        data = json.loads(text)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}
