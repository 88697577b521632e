"""
A step in doubt that the playbook does not have any more: its host is asked once more how it ended.

Only an end that the host wrote down settles it. That nothing is there does not: whether the step ran there or on the
controller was said by a playbook that is not here. What it printed is not kept, since that may have been forbidden.
"""

from __future__ import annotations

from runner.engine.errand import DEFAULT_TIMEOUT_S
from runner.engine.link import Link
from runner.engine.past import Before
from runner.engine.recovery import settle_through
from runner.engine.result import StepResult, ended_otherwise, host_ms
from runner.engine.shutdown import doubted
from runner.engine.surroundings import Surroundings
from runner.errors import TransportError
from runner.events import StepFinished, StepRecalled
from runner.model import Outcome
from runner.seams import Completed, Launch, Script, Stream

GONE = "the playbook does not have it any more"


def settle_gone(around: Surroundings, link: Link, instance: str, before: Before) -> StepResult:
    """How it ended, put on record as the end of its last attempt; unknown where neither a person nor the host knows."""
    host, attempt = link.host.name, before.attempts
    around.bus.emit(StepRecalled(host=host, step=instance, phase=before.phase, attempt=attempt))
    began = around.clock.monotonic()
    result = _by_word(before) or _by_host(around, link, instance, before)
    around.bus.emit(
        StepFinished(
            host=host,
            step=instance,
            phase=before.phase,
            attempt=attempt,
            outcome=str(result.outcome),
            took_ms=int((around.clock.monotonic() - began) * 1000),
            host_ms=result.host_ms,
            exit=None if result.exit is None else result.exit.to_json(),
            problem=result.problem,
            summary=result.summary,
        )
    )
    return result


def _by_word(before: Before) -> StepResult | None:
    if before.word == "done":
        return StepResult(outcome=Outcome.OK, summary=f"done, by a person's word; {GONE}")
    if before.word == "not-done" or before.reads_only:
        why = "not done, by a person's word" if before.word else "its end was not seen; it only reads"
        return StepResult(outcome=Outcome.UNREACHABLE, problem=f"{why}; {GONE}")
    return None


def _by_host(around: Surroundings, link: Link, instance: str, before: Before) -> StepResult:
    launch = Launch(
        run_id=around.run_id, step=instance, attempt=before.attempts, script=Script(text=""), user=before.user,
        deadline_s=DEFAULT_TIMEOUT_S,
    )  # fmt: skip
    try:
        settled = settle_through(around, link, launch, _unkept, instance=instance)
        boot_id = link.session(local=False).facts.boot_id
    except TransportError as error:
        return StepResult(outcome=Outcome.UNKNOWN, problem=f"the host cannot be asked: {error.message}")
    if settled.completed is None:
        return StepResult(outcome=Outcome.UNKNOWN, problem="nobody wrote down how it ended")
    rebooted = bool(before.boot_ids[0]) and before.boot_ids[0] != boot_id
    return _judged(doubted(settled.completed) if rebooted else settled.completed)


def _judged(done: Completed) -> StepResult:
    """By its exit code alone: what was expected of it stood in the playbook."""
    if otherwise := ended_otherwise(done, repeatable=False):
        return otherwise
    if done.exit.ok:
        summary = f"ended with {done.exit}; {GONE}"
        return StepResult(outcome=Outcome.OK, exit=done.exit, summary=summary, host_ms=host_ms(done))
    problem = f"ended with {done.exit}; {GONE}"
    return StepResult(outcome=Outcome.FAILED, problem=problem, exit=done.exit, host_ms=host_ms(done))


def _unkept(stream: Stream, data: bytes) -> None:
    """Nobody can say any more whether it may be kept."""
