"""
A step in doubt that this sitting cannot go on with: its host is asked once more how it ended.

Either the playbook does not have it any more. Then only an end that the host wrote down settles it; that nothing is
there does not: whether the step ran there or on the controller was said by a playbook that is not here. Or it is an
undo or `finally` step, which belonged to its own sitting; a look may tell of that, too. Or its words cannot be made out
again, since a secret in them is lost. What it printed is not kept: that may have been forbidden.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.engine import looking
from runner.engine.errand import DEFAULT_TIMEOUT_S, Errand, Task
from runner.engine.link import Link
from runner.engine.past import Before
from runner.engine.recovery import settle_through
from runner.engine.result import StepResult, ended_otherwise, host_ms
from runner.engine.shutdown import doubted
from runner.engine.surroundings import Surroundings
from runner.errors import InvalidInput, LockBusy, TransportError
from runner.events import StepFinished, StepRecalled
from runner.model import Outcome, Step
from runner.playbook.template import TemplateFailed
from runner.seams import Completed, Launch, Script, Settled, unheard

GONE = "the playbook does not have it any more"
PAST = "it belonged to an earlier sitting"
NOT_STARTED = {
    "none": "it did not start on the host: nothing of it arrived",
    "torn": "it did not start on the host: it was cut off before",
}
"""By what the host says of an attempt."""
ONLY_READS = "it was cut off, and nobody saw its end; it only reads"


def settle_gone(
    around: Surroundings,
    link: Link,
    instance: str,
    before: Before,
    step: Step | None = None,
    *,
    names: Mapping[str, Any],
) -> StepResult:
    """
    How it ended, put on record as the end of its last attempt; unknown where the host does not know.
    `step` is what the playbook has of it, if it does, `names` what its templates may use.
    """
    host = link.host.name
    around.bus.emit(StepRecalled(host=host, step=instance, phase=before.phase, attempt=before.attempts))
    began = around.clock.monotonic()
    if before.reads_only:
        problem = f"{ONLY_READS}; {why_gone(step)}"
        result = StepResult(outcome=Outcome.UNREACHABLE, problem=problem)
    else:
        result = by_host(around, link, instance, before, step, why=why_gone(step))
    if result.outcome is Outcome.UNKNOWN and step is not None:
        result = _by_look(around, Task(host=link.host, link=link, step=step, instance=instance, names=names), result)
    around.bus.emit(
        StepFinished(
            host=host,
            step=instance,
            phase=before.phase,
            attempt=before.attempts,
            outcome=str(result.outcome),
            took_ms=int((around.clock.monotonic() - began) * 1000),
            host_ms=result.host_ms,
            exit=None if result.exit is None else result.exit.to_json(),
            problem=result.problem,
            summary=result.summary,
        )
    )
    return result


def why_gone(step: Step | None) -> str:
    """Why nobody goes on with it."""
    return GONE if step is None else PAST


def by_host(
    around: Surroundings, link: Link, instance: str, before: Before, step: Step | None, *, why: str
) -> StepResult:
    """What the host knows of its end, judged by the exit code alone; `why` says for what reason."""
    try:
        settled, rebooted = _asked(around, link, instance, before, step)
    except (TransportError, LockBusy) as error:
        problem = f"the host cannot be asked: {error.message}"
        return StepResult(outcome=Outcome.UNKNOWN, problem=problem, repeatable=False, gone=False)
    if settled.completed is not None:
        return _judged(doubted(settled.completed) if rebooted else settled.completed, why)
    if step is not None and settled.state in ("none", "torn") and not rebooted:
        return StepResult(outcome=Outcome.UNREACHABLE, problem=f"{NOT_STARTED[settled.state]}; {why}", free=True)
    gone = settled.state == "free" or rebooted
    if step is not None and gone and _repeatable(around, step):
        problem = f"nobody wrote down how it ended, and it may be repeated; {why}"
        return StepResult(outcome=Outcome.UNREACHABLE, problem=problem, free=True)
    return StepResult(outcome=Outcome.UNKNOWN, problem="nobody wrote down how it ended", repeatable=False, gone=gone)


def outlive(around: Surroundings, link: Link, instance: str, before: Before, step: Step | None) -> str:
    """
    Wait until nothing of it runs; why that cannot be known, else empty. Its end stays for whoever settles it: over a
    new link, since what was told in a session is not told in it again.
    """
    try:
        settled, rebooted = _asked(around, link, instance, before, step)
    except (TransportError, LockBusy) as error:
        return f"the host cannot be asked: {error.message}"
    finally:
        link.drop(local=step is not None and step.local)
    if rebooted or settled.state in ("none", "torn", "free"):
        return ""
    if settled.completed is not None and settled.completed.exit.killed != "not known":
        return ""
    return "nobody can tell whether it still runs"


def _asked(around: Surroundings, link: Link, instance: str, before: Before, step: Step | None) -> tuple[Settled, bool]:
    """How it stands, followed to its end where it runs; and whether its machine was booted since it began."""
    local = step is not None and step.local
    launch = Launch(
        run_id=around.run_id, step=instance, attempt=before.attempts, script=Script(text=""), user=before.user,
        deadline_s=(step and step.timeout_s) or DEFAULT_TIMEOUT_S,
    )  # fmt: skip
    settled = settle_through(around, link, launch, unheard, instance=instance, local=local)
    boot_id = link.session(local=local).facts.boot_id
    return settled, bool(before.boot_ids[local]) and before.boot_ids[local] != boot_id


def _by_look(around: Surroundings, task: Task, unknown: StepResult) -> StepResult:
    """By its `check`, or the look of its kind; unknown as before where that cannot be made out now, or cannot tell."""
    errand = Errand(around, task, number=0)
    try:
        wish = errand.wish(task.link.session(local=task.step.local).facts)
        return looking.settle(errand, wish, unknown)
    except (TemplateFailed, InvalidInput, TransportError, LockBusy):
        return unknown


def _repeatable(around: Surroundings, step: Step) -> bool:
    return step.idempotent or bool(around.kinds.get(step.kind)().idempotent)


def _judged(done: Completed, why: str) -> StepResult:
    """By its exit code alone: more was expected of it by a playbook that is not here, or by a sitting that is over."""
    if otherwise := ended_otherwise(done, repeatable=False):
        return otherwise
    if done.exit.ok:
        summary = f"ended with {done.exit}; {why}"
        return StepResult(outcome=Outcome.OK, exit=done.exit, summary=summary, host_ms=host_ms(done))
    problem = f"ended with {done.exit}; {why}"
    return StepResult(outcome=Outcome.FAILED, problem=problem, exit=done.exit, host_ms=host_ms(done))
