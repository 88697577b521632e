"""One sitting: its events, its seal, every file that was sealed, and that all parts speak of each other."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from runner.events import SittingStarted, StepFinished
from runner.journal.folder import SittingRead
from runner.journal.ledger import Entry
from runner.journal.sitting import SIGNATURE, STATEMENT, SUMS, abandoned, listed, never_began, opened_before, sums_of
from runner.journal.verify.approvals import check_approvals
from runner.journal.verify.look import Look, check_signed, digest_of, read_file, read_object
from runner.journal.verify.verdict import Finding, altered, not_sealed, not_signed, note
from runner.signing import RUN


def check_sitting(look: Look, run: str, sitting: SittingRead, sittings: Sequence[SittingRead]) -> Iterator[Finding]:
    """`sittings` are all of the run, in order."""
    mine = [
        entry for entry in look.entries if (entry.data.get("run"), entry.data.get("sitting")) == (run, sitting.number)
    ]
    opened = next((entry for entry in mine if entry.data.get("type") == "OPEN"), None)
    sealed = next((entry for entry in mine if entry.data.get("type") == "SEAL"), None)
    if opened is None:
        if never_began(sitting.folder):
            yield note(sitting.folder, "this sitting ended before it began; no host was connected to")
            return
        yield altered(sitting.folder, "the ledger has no OPEN line for this sitting: it was put here later")
        return
    yield from _events(run, sitting, opened)
    yield from _plan(sitting, opened)
    yield from _outputs(sitting)
    yield from check_approvals(look, sitting)
    if sealed is None:
        vouched = _vouched(look, run, sitting, [later for later in sittings if later.number > sitting.number])
        if vouched is not None:
            if vouched != _sums_now(sitting):
                yield altered(
                    sitting.folder, "it was interrupted and gone on with; since that was sealed its files changed"
                )
        elif (sitting.folder / SUMS).exists():
            message = "its seal is not in the ledger: interrupted while it was sealed, or the ledger was cut"
            yield not_sealed(sitting.folder, message)
        elif sitting.running:
            yield not_sealed(sitting.folder, "this run is under way")
        else:
            yield not_sealed(sitting.folder, "interrupted: it was never sealed")
        return
    earlier = opened_before(look.entries, run, sitting.number)
    before = next((other for other in sittings if other.number in earlier[:1]), None)
    yield from _sealed(look, sitting, before, opened, sealed)


def _vouched(look: Look, run: str, sitting: SittingRead, after: Sequence[SittingRead]) -> str | None:
    """What the seal of a later sitting says of the files of this one, which nobody sealed; None where none does."""
    sealed = look.sealed_of(run)
    following = next((later for later in after if later.number in sealed), None)
    said = read_object(following.folder / STATEMENT) if following else None
    entries = said.get("abandoned") if said else None
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict) and entry.get("sitting") == sitting.number:
            return str(entry.get("sums_sha256"))
    return None


def _sums_now(sitting: SittingRead) -> str:
    return hashlib.sha256(sums_of(sitting.folder).encode()).hexdigest()


def _events(run: str, sitting: SittingRead, opened: Entry) -> Iterator[Finding]:
    path = sitting.folder / "events.jsonl"
    if sitting.first_prev and sitting.first_prev != opened.digest:
        yield altered(f"{path}:1", "the events do not begin at the ledger's OPEN line: they are of another sitting")
    numbers = [event.seq for event in sitting.events]
    wrong = next((place for place, number in enumerate(numbers, 1) if number != place), 0)
    if wrong:
        yield altered(f"{path}:{wrong}", f"event number {numbers[wrong - 1]} where {wrong} belongs")
    first = sitting.events[0] if sitting.events else None
    if isinstance(first, SittingStarted) and (first.run, first.sitting) != (run, sitting.number):
        yield altered(f"{path}:1", f"these are the events of sitting {first.sitting} of run {first.run}")


def _plan(sitting: SittingRead, opened: Entry) -> Iterator[Finding]:
    """The plan that was frozen is the one that the ledger and the events name, and its digest is its own."""
    path = sitting.folder / "plan.json"
    plan = read_object(path)
    wanted = opened.data.get("plan_sha256")
    if plan is None:
        yield altered(path, "the plan is gone, or is no JSON")
        return
    first = sitting.events[0] if sitting.events else None
    said = {plan.get("digest"), first.plan if isinstance(first, SittingStarted) else wanted}
    if wanted is not None and said != {wanted}:
        yield altered(path, "it is not the plan that the ledger and the events name")
    content = {key: value for key, value in plan.items() if key != "digest"}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    if wanted is not None and "[redacted:" not in text and hashlib.sha256(text.encode()).hexdigest() != wanted:
        yield altered(path, "its digest is not that of what it says")
    sources = plan.get("sources")
    for name, digest in sources.items() if isinstance(sources, dict) else ():
        if digest_of(sitting.folder / "playbook" / name) != digest:
            yield altered(sitting.folder / "playbook" / name, "this is not the playbook that was planned")


def _outputs(sitting: SittingRead) -> Iterator[Finding]:
    """Outputs and scripts are what the events say of them, sealed or not."""
    for event in sitting.events:
        if isinstance(event, StepFinished) and event.output.get("file") and not event.output.get("truncated"):
            path = sitting.folder / str(event.output["file"])
            if digest_of(path) != event.output.get("sha256"):
                yield altered(path, f"this is not what {event.step} printed on {event.host}")
    scripts = sitting.folder / "scripts"
    for path in sorted(scripts.iterdir()) if scripts.is_dir() else ():
        if path.suffix == ".txt" and digest_of(path) != path.stem:
            yield altered(path, "this is not the script whose digest it is named by")


def _sealed(
    look: Look, sitting: SittingRead, before: SittingRead | None, opened: Entry, sealed: Entry
) -> Iterator[Finding]:
    events = sitting.folder / "events.jsonl"
    if sitting.torn:
        yield altered(events, "the last line of a sealed sitting is cut")
    if sealed.data.get("events_head") != sitting.head:
        yield altered(events, "the events do not end where the seal says: lines were cut off or added at the end")
    raw = read_file(sitting.folder / SUMS)
    if raw is None:
        yield altered(sitting.folder / SUMS, "the sums of a sealed sitting are gone")
        return
    yield from _sums(sitting.folder, raw, str(sealed.data.get("sums_sha256")))
    said = read_object(sitting.folder / STATEMENT)
    if said is None:
        yield altered(sitting.folder / STATEMENT, "the statement is gone, or is no JSON")
        return
    yield from _statement(look, sitting, before, opened, sealed, said)
    signature = sitting.folder / SIGNATURE
    if "sig_sha256" not in sealed.data and not signature.exists() and said.get("signer") is None:
        yield not_signed(
            sitting.folder, "not signed: nothing changed since it was sealed, but no key says who sealed it"
        )
        return
    yield from check_signed(look, signature, raw, sealed.data, said.get("signer"), RUN, str(sealed.data.get("at")))


def _sums(folder: Path, raw: bytes, digest: str) -> Iterator[Finding]:
    """Every file that was sealed is there and unchanged, and no other."""
    path = folder / SUMS
    if hashlib.sha256(raw).hexdigest() != digest:
        yield altered(path, "the sums are not those that the ledger sealed")
    wanted: dict[str, str] = {}
    for number, line in enumerate(raw.decode("utf-8", "replace").splitlines(), 1):
        value, _, name = line.partition("  ")
        if not name or name.startswith(("/", "\\")) or ".." in Path(name).parts:
            yield altered(f"{path}:{number}", f"'{name}' leads out of the record: the sums would vouch for other files")
        elif name in wanted:
            yield altered(f"{path}:{number}", f"'{name}' is in the sums twice")
        else:
            wanted[name] = value
    present = {file.relative_to(folder).as_posix(): file for file in listed(folder)}
    for name, value in wanted.items():
        if name not in present:
            yield altered(folder / name, "this file is gone")
        elif digest_of(present[name]) != value:
            yield altered(folder / name, "this file is not what was sealed")
    for name in sorted(present.keys() - wanted.keys()):
        yield altered(folder / name, "this file was added after the seal")


def _statement(
    look: Look,
    sitting: SittingRead,
    before: SittingRead | None,
    opened: Entry,
    sealed: Entry,
    said: Mapping[str, Any],
) -> Iterator[Finding]:
    """The statement speaks of this run, these events, this plan, the sitting before, and this place in the ledger."""
    seals = [entry for entry in look.entries[: opened.number] if entry.data.get("type") == "SEAL"]
    truth: Mapping[str, Any] = {
        "run": sealed.data.get("run"),
        "sitting": sitting.number,
        "sealed_at": sealed.data.get("at"),
        "exit_code": sealed.data.get("exit_code"),
        "events_head": sitting.head,
        "previous_sitting": {"sitting": before.number, "events_head": before.head} if before else None,
        "abandoned": list(
            abandoned(
                sitting.folder.parent,
                opened_before(look.entries, str(sealed.data.get("run")), sitting.number),
                look.sealed_of(str(sealed.data.get("run"))),
            )
        ),
        "plan_sha256": digest_of(sitting.folder / "plan.json"),
        "inventory_sha256": digest_of(sitting.folder / "inventory.json"),
        "ledger": {"open": opened.number, "open_sha256": opened.digest},
        "previous_seal": {"line": seals[-1].number, "sums_sha256": seals[-1].data.get("sums_sha256")}
        if seals
        else None,
    }
    for key, value in truth.items():
        if said.get(key) != value:
            message = f"its '{key}' does not go with the rest of the record: the parts are not of one seal"
            yield altered(sitting.folder / STATEMENT, message)
