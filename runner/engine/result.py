"""How a step ended on a host, and how that follows from what came back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from runner.engine.naming import found_text, result_values
from runner.frozen import frozen, replace
from runner.model import Exit, Outcome, Step
from runner.seams import Completed, Verdict

_EXIT = re.compile(r"\.(exit|ok)\b")
"""An `until` that is about how a command ended decides how it ended well."""


@frozen
class StepResult:
    """
    `values` is what `register` gives to later steps.

    `repeatable`: `retries` may try it again. `free`: it may be tried again without being asked for, because nothing of
    it happened, or because it may be repeated whatever happened. `gone`: nothing of it runs any more. `begun`: whether
    anything of it may have happened.
    """

    outcome: Outcome
    problem: str = ""
    changed: bool | None = None
    exit: Exit | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""
    host_ms: int | None = None
    repeatable: bool = True
    free: bool = False
    gone: bool = True
    begun: bool = True


def judged(step: Step, names: Mapping[str, Any], verdict: Verdict, done: Completed) -> StepResult:
    """
    The kind's verdict, with `expect` and `until` of the playbook on top; `ok` of the values is what came of it all.

    Raises TemplateFailed.
    """
    values = result_values(verdict, done)
    ok, problem = verdict.ok, verdict.problem
    names = {**names, "result": values}
    if step.register:
        names[step.register] = values
    decides = step.kind in ("command", "script")  # an exit code is no verdict of its own where the playbook has one
    if step.expect is not None and (ok or decides):
        ok = _holds(step.expect, names)
        problem = "" if ok else f"expected {step.expect}; found {found_text(values)}"
    decides = decides and step.expect is None and _EXIT.search(step.until or "") is not None
    if step.until is not None and (ok or decides):
        ok = _holds(step.until, names)
        problem = "" if ok else f"not yet: {step.until}; found {found_text(values)}"
    values["ok"] = ok
    return StepResult(
        outcome=Outcome.OK if ok else Outcome.FAILED,
        problem=problem,
        changed=verdict.changed,
        exit=done.exit,
        values=values,
        summary=verdict.summary,
        host_ms=host_ms(done),
    )


def of_all(last: StepResult, whole: Verdict) -> StepResult:
    """The last answer of a watch, with the verdict over all of them on top."""
    return replace(
        last,
        outcome=last.outcome if whole.ok else Outcome.FAILED,
        problem=whole.problem,
        values={**last.values, "ok": whole.ok, **whole.values},
        summary=f"{last.summary}; {whole.summary}" if whole.summary else last.summary,
    )


def hushed(step: Step, result: StepResult) -> StepResult:
    """
    With `no_output`, without the words that may hold what was printed or found.

    What is not known, and what never began, is said in our own words.
    """
    if not step.no_output or result.outcome in (Outcome.UNKNOWN, Outcome.UNREACHABLE, Outcome.CANCELLED):
        return result
    ended = f"{result.exit}; " if result.exit is not None else ""
    problem = f"{ended}what it said is not kept (no_output)" if result.problem else ""
    return replace(result, problem=problem, summary="")


def _holds(expression: str, names: Mapping[str, Any]) -> bool:
    from runner.playbook.evaluation import holds

    return holds(expression, names)


def ended_otherwise(done: Completed, *, repeatable: bool, reads_only: bool = False) -> StepResult | None:
    """
    The result where the host did not see the script end by itself: unknown, at its deadline, or when a person ended it.

    What may be repeated is, once it is certain that nothing of the first time still runs; what only reads always.
    """
    if done.exit.unknown is not None or done.exit.killed == "not known":
        problem = f"nobody knows how it ended: {done.exit.unknown or done.exit}"
        again = reads_only or (repeatable and done.gone)
        return StepResult(
            outcome=Outcome.UNKNOWN, problem=problem, exit=done.exit, repeatable=again, free=again, gone=done.gone
        )
    if done.exit.timeout_s is not None or done.exit.cancelled_s is not None:
        return StepResult(outcome=Outcome.FAILED, problem=str(done.exit), exit=done.exit, host_ms=host_ms(done))
    return None


def host_ms(done: Completed) -> int | None:
    return None if done.duration_s is None else int(done.duration_s * 1000)
