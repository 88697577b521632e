"""A step on a host: one attempt after another, as far as the playbook allows."""

from __future__ import annotations

from runner.engine.errand import Task
from runner.engine.past import NOTHING, Before
from runner.engine.result import StepResult
from runner.engine.surroundings import Surroundings
from runner.engine.trial import Trial, wait
from runner.frozen import replace
from runner.model import Outcome
from runner.redact import cut
from runner.units import text_of_duration

__all__ = ["StepResult", "Task", "run_step"]

TOLD_CHARS = 8_000
FREE = 2
"""Attempts beyond `retries`, where nothing happened or repeating does no harm."""


def run_step(around: Surroundings, task: Task, *, before: Before = NOTHING) -> StepResult:
    """
    All attempts of a task; every one is recorded, the end of the last one with the
    host's next event. Raises JournalError, nothing else.

    A failure is tried again as often as `retries` allows. An end that nobody knows is not, unless it may be repeated.
    What certainly did not happen is tried again by itself, FREE times. A run that is asked to stop tries nothing again:
    the attempt before the wait was the last one, though its end does not say so. Nor does one whose time would be over.

    `before` is what earlier sittings left: an attempt in doubt is settled first; others get the next number.
    """
    step = task.step
    tries = free = 0
    number = before.attempts
    doubt = before.state == "doubt"
    unknown: StepResult | None = None
    while True:
        number += not doubt
        trial = Trial(around, task, number)
        settled, doubt = doubt, False
        result = trial.settle(before) if settled else trial.run()
        tries += not settled
        result = _told(_still_unknown(unknown, result))
        unknown = result if result.outcome is Outcome.UNKNOWN else None
        bad = result.outcome in (Outcome.FAILED, Outcome.UNREACHABLE, Outcome.UNKNOWN)
        free += result.free
        left = tries < step.retry.attempts + min(free, FREE) if result.repeatable else False
        never = settled and result.free and result.outcome is Outcome.UNREACHABLE  # nothing that a pause could mend
        pause_s = 0.0 if never else step.retry.wait_s(number)
        again = bad and left and not around.stop.asked
        if again and (late := trial.errand.late(pause_s)):
            again = False
            trial.errand.note(f"not tried again: after {text_of_duration(pause_s)} {late}")
        around.bus.emit(trial.finished(result, last=not again), later=not again)
        if not again:
            return result
        detail = f"after attempt {number}: {result.problem}"
        if wait(around, task.host.name, task.instance, "retry", pause_s, detail):
            return result


def _told(result: StepResult) -> StepResult:
    """A line of a megabyte, as of a progress bar, is in the output; here it would fill every screen and report."""
    if max(len(result.problem), len(result.summary)) <= TOLD_CHARS:
        return result
    return replace(result, problem=cut(result.problem, TOLD_CHARS), summary=cut(result.summary, TOLD_CHARS))


def _still_unknown(unknown: StepResult | None, result: StepResult) -> StepResult:
    """An attempt whose end nobody knows stays so, where the next one could not even begin."""
    if unknown is None or (result.begun and result.outcome is not Outcome.UNREACHABLE):
        return result
    return replace(result, outcome=Outcome.UNKNOWN, problem=f"{unknown.problem}; and then: {result.problem}")
