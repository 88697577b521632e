"""Two runs side by side: their playbooks as texts, and in what their records differ."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path

from runner.app.read import record_of
from runner.app.request import Context
from runner.frozen import frozen
from runner.journal.folder import newest_begun
from runner.record.compare import Difference, compare


@frozen
class Apart:
    """`text` is a unified diff of the playbooks and their includes; empty where they are the same."""

    before: str
    after: str
    text: str
    differences: tuple[Difference, ...]


def diff(context: Context, before: str, after: str) -> Apart:
    """Raises InvalidInput for a run that there is not, DamagedRecord for one that cannot be read."""
    one_of, one, _ = record_of(context, before)
    two_of, two, _ = record_of(context, after)
    first, second = (_sources(folder.path / record.run) for folder, record in ((one_of, one), (two_of, two)))
    text = "".join(line for name in sorted({*first, *second}) for line in _unified(name, first, second))
    return Apart(before=one.run, after=two.run, text=text, differences=compare(one, two))


def _sources(run: Path) -> Mapping[str, str]:
    """Playbook and includes as they were frozen for the newest sitting, by path."""
    folder = run / str(newest_begun(run)) / "playbook"
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8", errors="replace")
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _unified(name: str, first: Mapping[str, str], second: Mapping[str, str]) -> Iterator[str]:
    one, two = (found.get(name, "").splitlines(keepends=True) for found in (first, second))
    for line in difflib.unified_diff(one, two, f"a/{name}", f"b/{name}"):
        yield line if line.endswith("\n") else f"{line}\n"
