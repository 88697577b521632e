"""
Heads of the ledger that are kept outside: does it still hold them, and how far do they reach?

A note in the folder is a claim. What counts is a place that the reader names, and a stamp of an authority that the
reader trusts. Nothing that a note names is opened: it may have been put there to be opened.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from runner.errors import DamagedRecord, InvalidInput, JournalError
from runner.frozen import frozen, replace
from runner.journal.anchors import IN_GIT, Head, head_in, heads_in, notes, run
from runner.journal.verify.look import Look
from runner.journal.verify.verdict import NOT_ANCHORED, Anchor, Finding, altered

_STAMPED = re.compile(r"^Time stamp: (\w+ +\d+ [\d:]+)(?:\.\d+)? (\d{4}) GMT$", re.MULTILINE)


@frozen
class Outside:
    """
    What the reader brings along: files and git repositories that keep anchors, the certificates of a time-stamping
    authority, and whether an anchor is asked for.
    """

    places: tuple[Path, ...] = ()
    authority: Path | None = None
    required: bool = False


def check_anchors(
    look: Look, runs: tuple[str, ...], outside: Outside, expect_head: str
) -> tuple[tuple[Anchor, ...], tuple[Finding, ...]]:
    """
    The anchors there are, newest last, and what is wrong with them or missing.

    Raises InvalidInput for a place that cannot be read.
    """
    anchors: list[Anchor] = []
    findings: list[Finding] = []
    if expect_head in look.digests:
        lines = look.digests[expect_head] + 1
        anchors.append(Anchor(kind="head", where="--expect-head", at="", lines=lines, head=expect_head, checked=True))
    try:
        found = [*_noted(look, outside), *_kept(look, outside)]
    except DamagedRecord as error:
        return (), (altered(error.where, error.message.removeprefix(f"{error.where}: ")),)
    for anchor, problem in found:
        if problem:
            findings.append(altered(anchor.where, problem))
        else:
            anchors.append(anchor)
    reach = max((anchor.lines for anchor in anchors if anchor.checked), default=0)
    if outside.required:
        findings += _missing(look, runs, reach)
    return tuple(sorted(anchors, key=lambda anchor: (anchor.checked, anchor.lines))), tuple(findings)


def _missing(look: Look, runs: tuple[str, ...], reach: int) -> Iterator[Finding]:
    for entry in look.entries[reach:]:
        if entry.data.get("type") == "SEAL" and entry.data.get("run") in runs:
            message = "nothing outside speaks of this seal: that it was not rewritten rests on the signer alone"
            where = str(look.records / str(entry.data["run"]) / str(entry.data["sitting"]))
            yield Finding(code=NOT_ANCHORED, where=where, message=message)


def _noted(look: Look, outside: Outside) -> Iterator[tuple[Anchor, str]]:
    """The notes in the folder: claims, but for the stamps of an authority that the reader trusts."""
    for path, data in notes(look.records):
        head = head_in(data)
        anchor = Anchor(
            kind=str(data.get("kind")), where=str(data.get("where")), at=head.at, lines=head.lines, head=head.head,
            checked=False, note="a note in the folder; not looked at outside",
        )  # fmt: skip
        problem = _held(look, head)
        stamp = path.with_suffix(".tsr")
        if not problem and stamp.is_file() and outside.authority is not None:
            try:
                at = _stamped(stamp, head, outside.authority)
                anchor = replace(anchor, at=at, checked=True, note="stamped by the authority")
            except JournalError as error:
                problem = f"the time stamp {stamp.name} does not hold: {error.message}"
        yield anchor, problem


def _kept(look: Look, outside: Outside) -> Iterator[tuple[Anchor, str]]:
    """The places that the reader names: every line of this ledger in them."""
    mine = str(look.entries[0].data.get("id", "")) if look.entries else ""
    for place in outside.places:
        kind = "git" if place.is_dir() else "file"
        heads = [head for head in heads_in(_text_of(place)) if head.ledger == mine]
        for head in heads:
            where = str(place)
            yield (
                Anchor(kind=kind, where=where, at=head.at, lines=head.lines, head=head.head, checked=True),
                _held(look, head),
            )


def _held(look: Look, head: Head) -> str:
    """What is wrong where the ledger does not go through that head; empty where it does."""
    if 0 < head.lines <= len(look.entries) and look.entries[head.lines - 1].digest == head.head:
        return ""
    what = f"{head.lines} lines up to {head.head[:16]}…"
    return f"the ledger does not hold what was anchored at {head.at}: {what}; it was rolled back or rewritten"


def _text_of(place: Path) -> str:
    try:
        if place.is_dir():
            safe = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null")
            return run("git", *safe, "-C", str(place), "show", f"HEAD:{IN_GIT}").decode(errors="replace")
        return place.read_text(encoding="utf-8", errors="replace")
    except JournalError as error:
        raise InvalidInput(f"{place}: no anchors can be read in it: {error.message}") from error
    except OSError as error:
        raise InvalidInput(f"{place}: cannot be read: {error.strerror}") from error


def _stamped(stamp: Path, head: Head, authority: Path) -> str:
    """The moment that an authority's stamp names. Raises JournalError where it is no stamp of that head by it."""
    words = ("-data", "/dev/stdin", "-in", str(stamp), "-CAfile", str(authority))
    run("openssl", "ts", "-verify", *words, given=head.text)
    said = run("openssl", "ts", "-reply", "-in", str(stamp), "-text").decode(errors="replace")
    found = _STAMPED.search(said)
    if found is None:
        return ""
    when = datetime.strptime(f"{found[1]} {found[2]}", "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    return when.isoformat(timespec="seconds").replace("+00:00", "Z")
