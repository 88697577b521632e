"""`rawat check`: a playbook alone, all its problems, and what a reader should look at twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.app.wiring import KINDS
from runner.model import Playbook
from runner.playbook.evaluation import raw_uses
from runner.playbook.load import load


def check_playbook(path: Path) -> Playbook:
    """Raises InvalidInput with everything that is wrong."""
    return load(path, kinds=KINDS)


def notes_on(playbook: Playbook) -> Iterator[str]:
    """Where a value steps around the quoting with `| raw`: right at times, and worth a second look always."""
    for step in playbook.walk():
        uses = sum(raw_uses(text) for text in _texts(step.params))
        if uses:
            yield f"{step.location}: note: '{step.id}' takes a value as it is with '| raw'; nothing quotes it"


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
