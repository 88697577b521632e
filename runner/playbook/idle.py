"""What a step says that would have no effect where it stands: it is refused, so that nobody counts on it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runner.model import FINALLY, UNDO, OnFailure, Step

_OF_A_HOST = ("become", "check", "watch", "output_limit", "expects_reboot")
"""Keys of what is done on a machine; `timeout` too, unless the kind waits for something."""


def idle(step: Step, said: Mapping[str, Any], kind: Any) -> Iterator[tuple[str, str]]:
    """(key of the step, what is wrong with it); `said` is the step as it is written, `kind` None for a group."""
    yield from _taken_back(step)
    retries = said.get("retries")
    if isinstance(retries, Mapping) and "attempts" not in retries and ("until" not in said or not retries):
        what = "without 'attempts' tries once all the same" if retries else "says nothing"
        yield "retries", f"'retries' {what}: say how often in all, as in {{attempts: 3, delay: 5s}}"
    if kind is not None and not hasattr(kind, "act"):
        for key in _OF_A_HOST if getattr(kind, "waits", False) else (*_OF_A_HOST, "timeout"):
            if key in said:
                yield key, f"'{key}' has no effect on '{step.kind}', which does nothing on any host; take it away"


def _taken_back(step: Step) -> Iterator[tuple[str, str]]:
    """A rollback is over, or under way, when these run."""
    if step.phase not in (FINALLY, UNDO):
        return
    if step.on_failure is OnFailure.ROLLBACK:
        yield "on_failure", f"'rollback' has no effect in '{step.phase}': nothing is taken back any more; say continue"
    if step.undo:
        yield "undo", f"'undo' has no effect in '{step.phase}': nothing is taken back any more"
