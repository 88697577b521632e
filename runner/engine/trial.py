"""One attempt of a step on a host: render, look, act, look again, judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from runner.engine import looking
from runner.engine.errand import Errand, Task
from runner.engine.gone import NOT_STARTED, ONLY_READS, by_host
from runner.engine.here import WHY, is_here
from runner.engine.hold import session_of
from runner.engine.past import Before
from runner.engine.people import STOPPED, RecordingPeople, Stopped
from runner.engine.reboot import booted
from runner.engine.recovery import FORGOTTEN, NeverStarted, settle_through
from runner.engine.result import StepResult, ended_otherwise, hushed, judged, of_all
from runner.engine.shutdown import doubted
from runner.engine.surroundings import Surroundings
from runner.errors import InvalidInput, JournalError, LaunchRefused, LockBusy, TransportError
from runner.events import StepFinished, StepStarted, Waited
from runner.frozen import replace
from runner.model import Exit, Host, Outcome, Step
from runner.playbook.template import TemplateFailed, render
from runner.redact import cut
from runner.seams import Check, Completed, Script, Wish
from runner.units import duration_s


class Trial:
    """One attempt: `run` makes it, `settle` finds out about it; `finished` is its last event."""

    def __init__(self, around: Surroundings, task: Task, number: int) -> None:
        self.around = around
        self.link = task.link
        self.step = task.step
        self.errand = Errand(around, task, number)
        self.kind = self.errand.kind
        self._told = False
        """Whether the host has told how the act ended, or how it stands."""

    def run(self) -> StepResult:
        """The whole attempt."""
        return self._guarded(self._run)

    def settle(self, before: Before) -> StepResult:
        """
        How this attempt ended, which an earlier sitting began and did not see the end of.

        First match wins: the host knows the end, or still runs it; it never arrived; a look tells; it may be repeated.
        Otherwise it stays unknown.
        """
        self.errand.recalled()
        if self.kind.reads_only(self.step.params):
            return StepResult(outcome=Outcome.UNREACHABLE, problem=ONLY_READS, free=True)
        result = self._guarded(lambda: self._found(before))
        unasked = result.outcome is Outcome.UNREACHABLE and not result.free
        if unasked or not (self._told and result.begun):
            problem = f"its end was not seen, and the host cannot be asked: {result.problem}"
            return StepResult(outcome=Outcome.UNKNOWN, problem=problem, repeatable=False)
        return result

    def finished(self, result: StepResult, *, last: bool) -> StepFinished:
        return self.errand.finished(result, last=last)

    def _found(self, before: Before) -> StepResult:
        """What the host says of an attempt of an earlier sitting."""
        boot_id = before.boot_ids[self.step.local]  # of the machine, when it began
        session = session_of(self.around, self.link, local=self.step.local)
        try:
            wish = self.errand.wish(session.facts)
        except (TemplateFailed, InvalidInput) as error:  # that it cannot be begun now says nothing of what was begun
            self._told = True
            why = f"no more can be said of it: {error.message}"
            return by_host(self.around, self.link, self.errand.instance, before, self.step, why=why)
        launch = self.errand.made(wish, Script(text=""), read_only=False)
        settled = settle_through(
            self.around, self.link, launch, self.errand.show, instance=self.errand.instance, local=self.step.local
        )
        session = session_of(self.around, self.link, local=self.step.local)
        self._told = True
        rebooted = bool(boot_id) and session.facts.boot_id != boot_id
        booting = rebooted and self.errand.reboots
        if settled.completed is not None:
            done = settled.completed if booting or not rebooted else doubted(settled.completed)
            result = self._read(wish, self.errand.noted(done), None)
        elif booting and settled.state == "free":
            result = self._read(wish, Completed(exit=Exit(code=0)), None)
        elif settled.state in ("none", "torn") and not rebooted:
            return StepResult(outcome=Outcome.UNREACHABLE, problem=NOT_STARTED[settled.state], free=True)
        else:
            why = FORGOTTEN if settled.state == "forgotten" else "nobody wrote down how it ended"
            why = "the host was booted again meanwhile" if rebooted else why
            gone = rebooted or settled.state == "free"
            result = self._read(wish, Completed(exit=Exit(unknown=why), gone=gone), None)
        if result.outcome is Outcome.OK and self.errand.reboots and boot_id:
            return self._booted(wish, result, boot_id)
        return self._settled(wish, result)

    def _guarded(self, work: Callable[[], StepResult]) -> StepResult:
        try:
            return hushed(self.step, work())
        except JournalError:
            raise
        except (TemplateFailed, InvalidInput) as error:
            self.errand.start()
            return StepResult(outcome=Outcome.FAILED, problem=error.message, repeatable=False)
        except (TransportError, LockBusy) as error:
            return self._unasked(error)
        except Exception as error:  # noqa: BLE001 - one of the two places that isolate what plugs in
            self.errand.start()
            problem = f"a fault in the step kind '{self.step.kind}': {type(error).__name__}"
            problem += "" if self.step.no_output else f": {error}"
            return StepResult(outcome=Outcome.FAILED, problem=problem, repeatable=False)

    def _unasked(self, error: TransportError | LockBusy) -> StepResult:
        """What becomes of an attempt where something could not be launched: its act, or a look after it."""
        stop = self.around.stop
        match error:
            case NeverStarted():
                stopped, outcome, begun = self.link.cancelled or stop.full, Outcome.UNREACHABLE, False
            case LaunchRefused():
                stopped, outcome, begun = self.link.cancelled, Outcome.FAILED, False
            case LockBusy():
                stopped, outcome, begun = self.link.cancelled or stop.asked, Outcome.FAILED, False
            case _:
                stopped, outcome, begun = False, Outcome.UNREACHABLE, True
        outcome = Outcome.CANCELLED if stopped else outcome
        if not isinstance(error, NeverStarted):
            self.errand.start()
        if self._told:
            return StepResult(outcome=outcome, problem=f"it ran, but could not be looked at again: {error.message}")
        return StepResult(outcome=outcome, problem=error.message, free=isinstance(error, NeverStarted), begun=begun)

    def _run(self) -> StepResult:
        if not hasattr(self.kind, "act"):  # a ControllerKind; isinstance of a Protocol takes 0.1 ms
            return self._decided()
        facts = session_of(self.around, self.link, local=self.step.local).facts
        wish = self.errand.wish(facts)
        found, skip = looking.look(self.errand, wish)
        if skip is not None:
            return skip
        if self.errand.reboots and is_here(self.around, facts):
            self.errand.start()
            problem = f"the host was not booted: {WHY}; boot it by hand when nothing runs"
            return StepResult(outcome=Outcome.FAILED, problem=problem, changed=False, repeatable=False)
        script = self.kind.act(wish, found)
        done = self.errand.send(wish, script)
        self._told = True
        result = self._read(wish, done, found)
        if result.outcome is Outcome.OK and self.step.watch is not None:
            result = self._watch(wish, script, found, result)
        if result.outcome is Outcome.OK and self.errand.reboots:
            return self._booted(wish, result, facts.boot_id)
        if result.outcome is Outcome.OK and result.changed is not False:
            return looking.look_again(self.errand, wish, found, result)
        return self._settled(wish, result)

    def _decided(self) -> StepResult:
        """A step that asks people or decides by itself; no host is touched."""
        wish = self.errand.wish(None)
        self.errand.start("\n".join(self.kind.preview(wish)))
        people = RecordingPeople(self.around, wish.host.name, wish.step)
        try:
            verdict = self.kind.decide(wish, people, self.around.stop.event)
        except Stopped:
            return StepResult(outcome=Outcome.CANCELLED, problem=STOPPED, changed=False, repeatable=False)
        return judged(self.step, wish.names, verdict, Completed(exit=Exit(code=0)))

    def _settled(self, wish: Wish, result: StepResult) -> StepResult:
        return looking.settle(self.errand, wish, result) if result.outcome is Outcome.UNKNOWN else result

    def _booted(self, wish: Wish, result: StepResult, boot_id: str) -> StepResult:
        script = self.kind.ready(wish)
        errand = self.errand
        ready = None if script is None else lambda: errand.launch(wish, script, read_only=True, quiet=True)
        return booted(
            self.around,
            self.link,
            result,
            boot_id=boot_id,
            instance=wish.step,
            until=errand.began + errand.limit_s,
            ready=ready,
        )

    def _read(self, wish: Wish, done: Completed, found: Check | None) -> StepResult:
        repeatable = self.step.idempotent or bool(self.kind.idempotent)
        otherwise = ended_otherwise(done, repeatable=repeatable, reads_only=bool(self.kind.reads_only(wish.params)))
        if otherwise:
            return otherwise
        verdict = self.kind.read(wish, done, found)
        for cause, took_ms, detail in verdict.waits:
            detail = "" if self.step.no_output else cut(detail, 200)
            self.around.bus.emit(
                Waited(host=wish.host.name, step=wish.step, cause=cause, took_ms=took_ms, detail=detail)
            )
        return judged(self.step, wish.names, verdict, done)

    def _watch(self, wish: Wish, script: Script, found: Check | None, result: StepResult) -> StepResult:
        """Ask again until the time is over; the first bad answer decides. Cut short it is no proof of the whole."""
        assert self.step.watch is not None
        for_s, every_s = (_seconds(value, wish.names) for value in (self.step.watch.for_s, self.step.watch.every_s))
        clock = self.around.clock
        began, bad, seen = clock.monotonic(), result, [result.values]
        while (left := began + for_s - clock.monotonic()) > 0:
            pause_s = min(every_s, left, self.errand.left_s)
            stopped = wait(self.around, wish.host.name, wish.step, "watch", pause_s)
            if stopped or (late := self.errand.late()):
                good = f"good {len(seen)} times in {clock.monotonic() - began:.0f} s of {for_s:g} s"
                why, how = ("the run was asked to stop", Outcome.CANCELLED) if stopped else (late, Outcome.FAILED)
                return replace(bad, outcome=how, problem=f"{good}; {why}", changed=False, repeatable=False)
            done = self.errand.launch(wish, script, read_only=True)
            bad = self._read(wish, done, found)
            seen.append(bad.values)
            if bad.outcome is not Outcome.OK:
                return bad
        note = f"asked {len(seen)} times in {for_s:g} s, good every time"
        last = StepResult(
            outcome=bad.outcome, changed=False, exit=bad.exit, values=bad.values, host_ms=bad.host_ms,
            summary=f"{bad.summary}; {note}" if bad.summary else note,
        )  # fmt: skip
        whole = self.kind.together(wish, seen) if hasattr(self.kind, "together") else None
        return last if whole is None else of_all(last, whole)


def _seconds(value: float | str, names: Mapping[str, Any]) -> float:
    """Raises TemplateFailed, and InvalidInput for what is no duration."""
    return duration_s(render(value, names)) if isinstance(value, str) else value


def refuse(around: Surroundings, host: Host, step: Step, instance: str, problem: str, *, attempt: int) -> None:
    """The record of a step that could not be begun at all."""
    around.bus.emit(
        StepStarted(
            host=host.name,
            step=instance,
            phase=step.phase,
            kind=step.kind,
            title=step.title,
            attempt=attempt,
            read_only=True,
        )
    )
    around.bus.emit(
        StepFinished(
            host=host.name,
            step=instance,
            phase=step.phase,
            attempt=attempt,
            outcome=str(Outcome.FAILED),
            took_ms=0,
            problem=problem,
        )
    )


def wait(around: Surroundings, host: str, instance: str, cause: str, seconds: float, detail: str = "") -> bool:
    """Wait, and say for what; True where the run was asked to stop meanwhile."""
    began = around.clock.monotonic()
    stopped = around.clock.wait(around.stop.event, seconds)
    took_ms = int((around.clock.monotonic() - began) * 1000)
    around.bus.emit(Waited(host=host, step=instance, cause=cause, took_ms=took_ms, detail=cut(detail, 200)))
    return stopped
