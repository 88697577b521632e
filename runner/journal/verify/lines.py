"""The ledger as a whole: what its lines say of each other and of the folder, and the signed checkpoint over it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from runner.journal import checkpoint
from runner.journal.ledger import Entry
from runner.journal.verify.look import Look, instant, read_file
from runner.journal.verify.verdict import Finding, altered, not_signed
from runner.signing import CHECKPOINT, BadSignature, check_signature

BEHIND = 64
"""How many lines a checkpoint's signature may be ahead of its text: rawat was killed between the two."""


def check_ledger(look: Look) -> Iterator[Finding]:
    """Every line is of a kind that is known, comes once, and speaks of a run that is there and was opened before."""
    opened: set[tuple[str, object]] = set()
    sealed: set[tuple[str, object]] = set()
    for entry in look.entries:
        run, kind = str(entry.data.get("run", "")), entry.data.get("type")
        sitting = (run, entry.data.get("sitting"))
        message = _wrong(look, entry, opened, sealed)
        if kind == "OPEN":
            opened.add(sitting)
        elif kind == "SEAL":
            sealed.add(sitting)
        if message:
            yield altered(f"{look.ledger}:{entry.number + 1}", message)


def _wrong(look: Look, entry: Entry, opened: set[tuple[str, object]], sealed: set[tuple[str, object]]) -> str:
    run, kind = str(entry.data.get("run", "")), entry.data.get("type")
    sitting = (run, entry.data.get("sitting"))
    if (kind == "LEDGER") != (entry.number == 0):
        return "a line that names the folder where none belongs, or none where it belongs"
    if kind not in ("LEDGER", "OPEN", "SEAL", "ACT", "PRUNE", "IMPORT"):
        return f"a line of the kind {kind!r}, which no version writes"
    if kind == "OPEN" and sitting in opened:
        return f"sitting {sitting[1]} of run {run} is opened twice"
    if kind == "OPEN" and run not in look.present and run not in look.elsewhere:
        return f"run {run} was opened here and is gone: its folder was removed"
    if kind == "SEAL" and sitting not in opened:
        return f"sitting {sitting[1]} of run {run} is sealed here and was never opened"
    if kind == "SEAL" and sitting in sealed:
        return f"sitting {sitting[1]} of run {run} is sealed twice"
    if kind in ("ACT", "PRUNE") and (run or kind == "PRUNE") and run not in {name for name, _ in opened}:
        return f"an act of run {run}, or its removal, and it was never opened"
    return ""


def check_checkpoint(look: Look) -> Iterator[Finding]:
    """Where there is one: the ledger has at least the lines that were signed, and ends or goes through that head."""
    path = look.records / checkpoint.NAME
    signature_path = path.with_name(f"{path.name}.sig")
    text, signature = read_file(path), read_file(signature_path)
    if text is None and signature is None:
        return
    words = (text or b"").decode("utf-8", "replace").split("\n")
    if text is not None and (len(words) != 4 or not words[1].isdigit()):
        yield altered(path, "this is no checkpoint: three lines belong in it")
        return
    lines = int(words[1]) if text is not None else 0
    if text is not None and _text(look, lines) != text:
        message = f"the ledger does not hold what was signed: {lines} lines up to {words[2][:16]}…"
        yield altered(path, f"{message}; it was rolled back, rewritten, or is another ledger")
        return
    if signature is None:
        yield altered(signature_path, "the signature of the checkpoint is gone")
        return
    tries = [text or b"", *(_text(look, more) for more in range(lines + 1, min(lines + BEHIND, len(look.entries)) + 1))]
    problems = []
    for candidate in tries:
        try:
            found = check_signature(signature, candidate, CHECKPOINT)
        except BadSignature as error:
            problems.append(str(error))
            continue
        at = instant(str(look.entries[lines - 1].data.get("at"))) if lines else None
        name, why = look.signers.judge(found.key, "", CHECKPOINT, at or datetime.now(UTC))
        if not name:
            yield not_signed(signature_path, f"the checkpoint is signed, and its signer does not count: {why}")
        return
    yield altered(signature_path, problems[0])


def _text(look: Look, lines: int) -> bytes:
    """The checkpoint that a ledger of so many lines would have; empty where it is shorter."""
    if not 0 < lines <= len(look.entries):
        return b""
    return checkpoint.text(str(look.entries[0].data.get("id", "")), lines, look.entries[lines - 1].digest)
