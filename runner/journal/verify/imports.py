"""Records of other machines that were brought in: each a folder with a ledger of its own, which ours names."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from runner.journal.folder import IMPORTED, PACK, Records
from runner.journal.ledger import Entry
from runner.journal.verify.look import Look
from runner.journal.verify.verdict import Finding, Verdict, altered


def check_imports(look: Look, judge: Callable[[Records, str], Verdict]) -> Iterator[Finding]:
    """Every folder that was brought in is there, holds the head that it had then, and is intact itself."""
    newest: dict[str, Entry] = {}
    for entry in look.entries:
        if entry.data.get("type") == "IMPORT":
            newest[str(entry.data.get("ledger"))] = entry
    home = look.records / IMPORTED
    for identity, entry in newest.items():
        folder = home / identity
        if not identity.isalnum() or not folder.is_dir():
            yield altered(folder, "these records were brought in and are gone")
        else:
            yield from judge(Records(folder), str(entry.data.get("head"))).findings
    for path in sorted(home.iterdir()) if home.is_dir() else ():
        if path.name not in newest and not path.name.startswith("."):
            yield altered(path, "the ledger knows nothing of these records: they were put here later")


def packed_runs(records: Path) -> frozenset[str] | None:
    """The runs that a pack holds, as it says; None for a folder that is no pack."""
    try:
        note = json.loads((records / PACK).read_bytes())
        return frozenset(map(str, note["runs"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None
