"""Looking at a host: before a step whether there is anything to do, after it whether anything is left."""

from __future__ import annotations

from runner.engine.errand import Errand
from runner.engine.result import StepResult, judged
from runner.errors import LockBusy, TransportError
from runner.model import Exit, Outcome
from runner.playbook.template import render
from runner.seams import Check, Completed, Script, Verdict, Wish


def look(errand: Errand, wish: Wish) -> tuple[Check | None, StepResult | None]:
    """What the look found, and the result where there is nothing to do."""
    if errand.step.check is not None:
        errand.start()
        done = _check(errand, wish)
        if done.exit.code == 0:
            return None, StepResult(outcome=Outcome.OK, changed=False, exit=done.exit, summary="done already")
        return None, None
    script = errand.kind.look(wish)
    if script is None:
        return None, None
    errand.start()
    found = errand.kind.judge(wish, errand.launch(wish, script, read_only=True, quiet=True))
    if found.needed is False:
        verdict = Verdict(ok=True, changed=False, values=found.values, summary=found.why or "nothing to do")
        return found, judged(errand.step, errand.names, verdict, Completed(exit=Exit(code=0)))
    return found, None


def look_again(errand: Errand, wish: Wish, found: Check | None, result: StepResult) -> StepResult:
    """After the act: does the host now say that nothing is left to do?"""
    confirmed = found is not None and found.needed and errand.kind.confirms(wish.params)
    if errand.step.check is None and not confirmed:
        return result
    left, why = _left(errand, wish)
    if not left:
        return result
    problem = f"it ran, but looking again: {why}"
    values = {**result.values, "ok": False}
    return StepResult(outcome=Outcome.FAILED, problem=problem, changed=True, exit=result.exit, values=values)


def settle(errand: Errand, wish: Wish, result: StepResult) -> StepResult:
    """An end that nobody knows, settled by looking: it happened, it did not, or the look cannot tell either."""
    if errand.step.check is None and not errand.kind.confirms(wish.params):
        return result
    try:
        left, why = _left(errand, wish)
    except (TransportError, LockBusy):
        return result
    if left is None or (left and not result.gone):
        return result  # what may still run may still do it
    if left:
        problem = f"{result.problem}; a look shows that it is not done: {why}"
        return StepResult(outcome=Outcome.FAILED, problem=problem, exit=result.exit, free=True)
    summary = f"settled by a look: it is done ({result.problem})"
    return StepResult(outcome=Outcome.OK, changed=True, exit=result.exit, values=result.values, summary=summary)


def _left(errand: Errand, wish: Wish) -> tuple[bool | None, str]:
    """Whether something is left to do (None: cannot tell), and why; by the step's `check`, else the kind's look."""
    if errand.step.check is not None:
        done = _check(errand, wish)
        code = -1 if done.exit.code is None else done.exit.code
        return {0: False, 1: True}.get(code), f"the check ends with {done.exit}"
    script = errand.kind.look(wish)
    if script is None:
        return None, ""
    check = errand.kind.judge(wish, errand.launch(wish, script, read_only=True, quiet=True))
    return check.needed, check.why


def _check(errand: Errand, wish: Wish) -> Completed:
    line = str(render(errand.step.check, errand.names, shell=True))
    return errand.launch(wish, Script(text=line), read_only=True, quiet=True)
