"""`rawat check`: a playbook alone, all its problems, and what a reader should look at twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from runner.app.wiring import KINDS
from runner.model import Playbook
from runner.playbook.evaluation import raw_uses
from runner.playbook.load import load

_BY_NAME = re.compile(r"(?<!>>)(?<!>> )/(?:dev|proc/self/fd)/(?:stdout|stderr|fd/[12]\b|[12]\b)")
"""A name of the output itself, but for one that is only added to."""


def check_playbook(path: Path) -> Playbook:
    """Raises InvalidInput with everything that is wrong."""
    return load(path, kinds=KINDS)


def notes_on(playbook: Playbook) -> Iterator[str]:
    """
    What is right at times, and worth a second look always: a value that steps around the quoting with `| raw`, and an
    output that is opened by name, which empties the file that keeps it.
    """
    for step in playbook.walk():
        texts = list(_texts(step.params))
        if any(raw_uses(text) for text in texts):
            yield f"{step.location}: note: '{step.id}' takes a value as it is with '| raw'; nothing quotes it"
        if step.kind in ("command", "script") and (found := _BY_NAME.search("\n".join(texts))):
            yield (
                f"{step.location}: note: '{step.id}' opens {found[0]} by name, which may empty the file that keeps "
                "its output; write to stdout as it is, and to stderr with >&2"
            )


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)
