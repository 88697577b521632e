"""What a step says that would have no effect where it stands: it is refused, so that nobody counts on it."""

from __future__ import annotations

from collections.abc import Iterator

from runner.model import FINALLY, UNDO, OnFailure, Step


def idle(step: Step) -> Iterator[tuple[str, str]]:
    """(key of the step, what is wrong with it)."""
    yield from _taken_back(step)


def _taken_back(step: Step) -> Iterator[tuple[str, str]]:
    """A rollback is over, or under way, when these run."""
    if step.phase not in (FINALLY, UNDO):
        return
    if step.on_failure is OnFailure.ROLLBACK:
        yield "on_failure", f"'rollback' has no effect in '{step.phase}': nothing is taken back any more; say continue"
    if step.undo:
        yield "undo", f"'undo' has no effect in '{step.phase}': nothing is taken back any more"
