"""The approvals that a sitting rests on: copies in its folder, signed, of this plan, by others than whoever ran it."""

from __future__ import annotations

from collections.abc import Iterator

from runner.events import SittingStarted
from runner.journal.append import sha256
from runner.journal.approvals import judged
from runner.journal.folder import SittingRead
from runner.journal.verify.look import Look, read_file
from runner.journal.verify.verdict import Finding, altered, not_signed
from runner.record.fold import names_of


def check_approvals(look: Look, sitting: SittingRead) -> Iterator[Finding]:
    first = sitting.events[0] if sitting.events else None
    if not isinstance(first, SittingStarted):
        return
    folder = sitting.folder / "approvals"
    executors = names_of(first.who)
    approvers = tuple(map(str, first.policy.get("approvers") or ()))
    good: set[str] = set()
    for said in first.approvals:
        path = sitting.folder / str(said.get("file", ""))
        text = read_file(path) if path.parent == folder else None
        if text is None or sha256(text) != said.get("sha256"):
            yield altered(path, "this is not the approval that the run began with")
            continue
        signature = read_file(path.with_name(f"{path.name}.sig")) or b""
        word = judged(path.name, text, signature, first.plan, look.signers, executors=executors, approvers=approvers)
        if word.why_not:
            yield not_signed(path, f"the approval of {word.by} does not count: {word.why_not}")
        elif word.decision == "approve":
            good.add(word.by)
            look.names.add(word.by)
    needed = first.policy.get("approvals") or 0
    if isinstance(needed, int) and len(good) < needed:
        yield not_signed(folder, f"{len(good)} of {needed} approvals that the policy of this run asked for")
    known = {str(said.get("file", "")).removeprefix("approvals/") for said in first.approvals}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if path.name.removesuffix(".sig") not in known:
            yield altered(path, "this does not belong to the approvals that the run began with")
