"""One attempt of a step on a host: render, look, act, look again, judge."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from runner.document.schema import check_value
from runner.engine.link import Link
from runner.engine.naming import kept_values, render_params, user_of
from runner.engine.past import Before
from runner.engine.people import RecordingPeople
from runner.engine.reboot import booted
from runner.engine.recovery import NeverStarted, launch_through
from runner.engine.result import StepResult, ended_otherwise, judged
from runner.engine.surroundings import Surroundings
from runner.errors import InvalidInput, JournalError, TransportError
from runner.events import CommandSent, StepFinished, StepRecalled, StepStarted, Waited
from runner.model import Exit, Facts, Host, Outcome, Step
from runner.playbook.template import TemplateFailed, render
from runner.seams import (
    Check,
    Completed,
    Launch,
    OnOutput,
    OutputFile,
    Script,
    Stream,
    Verdict,
    Wish,
)

DEFAULT_TIMEOUT_S = 3600.0


class Trial:
    """One attempt."""

    def __init__(
        self,
        around: Surroundings,
        host: Host,
        link: Link,
        step: Step,
        instance: str,
        names: Mapping[str, Any],
        number: int,
    ) -> None:
        self.around = around
        self.host = host
        self.link = link
        self.step = step
        self.instance = instance
        self.names = names
        self.number = number
        self.kind: Any = self.around.kinds.get(step.kind)()
        self.output: OutputFile = self.around.journal.output(self.host.name, instance, number, keep=not step.no_output)
        self.began = self.around.clock.monotonic()
        self.started = False

    def run(self) -> StepResult:
        """The whole attempt."""
        return self._guarded(self._run)

    def settle(self, before: Before, boot_id: str) -> StepResult:
        """
        How this attempt ended, which an earlier sitting began and did not see the end of.

        First match wins: a person's word; the host knows the end, or still runs it; it never arrived; a look tells;
        it may be repeated. Otherwise it stays unknown.
        """
        self.started = True
        self.around.bus.emit(
            StepRecalled(host=self.host.name, step=self.instance, phase=self.step.phase, attempt=self.number)
        )
        if before.word == "done":
            return StepResult(outcome=Outcome.OK, summary="done, by a person's word")
        if before.word == "not-done" or self.kind.reads_only(self.step.params):
            why = "not done, by a person's word" if before.word else "its end was not seen; it only reads"
            return StepResult(outcome=Outcome.UNREACHABLE, problem=why, free=True)
        result = self._guarded(lambda: self._found(boot_id))
        if result.outcome is Outcome.UNREACHABLE and not result.free:
            problem = f"its end was not seen, and the host cannot be asked: {result.problem}"
            return StepResult(outcome=Outcome.UNKNOWN, problem=problem, repeatable=False)
        return result

    def _found(self, boot_id: str) -> StepResult:
        """What the host says of an attempt of an earlier sitting."""
        session = self.link.session(local=self.step.local)
        wish = self._wish(session.facts)
        settled = session.settle(self._made(wish, Script(text=""), read_only=False), self._show)
        rebooted = bool(boot_id) and session.facts.boot_id != boot_id
        if settled.completed is not None:
            result = self._read(wish, settled.completed, None)
        elif settled.state in ("none", "torn") and not rebooted:
            return StepResult(outcome=Outcome.UNREACHABLE, problem="it never arrived on the host", free=True)
        else:
            why = "the host was booted again meanwhile" if rebooted else "nobody wrote down how it ended"
            unknown = Completed(exit=Exit(unknown=why))
            result = self._read(wish, unknown, None)
        return self._settle(wish, result) if result.outcome is Outcome.UNKNOWN else result

    def _guarded(self, work: Callable[[], StepResult]) -> StepResult:
        try:
            return work()
        except JournalError:
            raise
        except (TemplateFailed, InvalidInput) as error:
            self._start("", "")
            return StepResult(outcome=Outcome.FAILED, problem=error.message, repeatable=False)
        except NeverStarted as error:
            return StepResult(outcome=Outcome.UNREACHABLE, problem=error.message, free=True)
        except TransportError as error:
            self._start("", "")
            return StepResult(outcome=Outcome.UNREACHABLE, problem=error.message)
        except Exception as error:  # noqa: BLE001 - one of the two places that isolate what plugs in
            self._start("", "")
            problem = f"a fault in the step kind '{self.step.kind}': {type(error).__name__}: {error}"
            return StepResult(outcome=Outcome.FAILED, problem=problem, repeatable=False)

    def finished(self, result: StepResult, *, last: bool) -> StepFinished:
        kept = self.output.close()
        good = result.outcome.good
        return StepFinished(
            host=self.host.name,
            step=self.instance,
            phase=self.step.phase,
            attempt=self.number,
            outcome=str(result.outcome),
            took_ms=int((self.around.clock.monotonic() - self.began) * 1000),
            host_ms=result.host_ms,
            exit=None if result.exit is None else result.exit.to_json(),
            changed=result.changed,
            problem=result.problem,
            summary=result.summary,
            tail="" if good or self.step.no_output else self.output.tail(),
            values=kept_values(result.values) if self.step.register and not self.step.no_output else {},
            register=self.step.register or "",
            output=kept,
            last=last,
        )

    def _run(self) -> StepResult:
        if not hasattr(self.kind, "act"):  # a ControllerKind; isinstance of a Protocol takes 0.1 ms
            wish = self._wish(None)
            self._start("\n".join(self.kind.preview(wish)), "")
            people = RecordingPeople(self.around, self.host.name, self.instance)
            verdict = self.kind.decide(wish, people, self.around.stop.event)
            return judged(self.step, self.names, verdict, Completed(exit=Exit(code=0)))
        facts = self.link.session(local=self.step.local).facts
        wish = self._wish(facts)
        found, skip = self._look(wish)
        if skip is not None:
            return skip
        script = self.kind.act(wish, found)
        result = self._read(wish, self._send(wish, script), found)
        if result.outcome is Outcome.OK and self.step.watch is not None:
            result = self._watch(wish, script, found, result)
        if result.outcome is Outcome.OK and self._reboots:
            return self._booted(wish, result, facts.boot_id)
        if result.outcome is Outcome.OK and result.changed is not False:
            return self._look_again(wish, found, result)
        return self._settle(wish, result) if result.outcome is Outcome.UNKNOWN else result

    @property
    def _reboots(self) -> bool:
        return self.step.expects_reboot or bool(self.kind.reboots)

    def _booted(self, wish: Wish, result: StepResult, boot_id: str) -> StepResult:
        script = self.kind.ready(wish)
        ready = None if script is None else lambda: self._launch(wish, script, _quiet, read_only=True)
        limit_s = self.step.timeout_s or DEFAULT_TIMEOUT_S
        return booted(
            self.around,
            self.link,
            result,
            boot_id=boot_id,
            instance=self.instance,
            until=self.began + limit_s,
            ready=ready,
        )

    def _wish(self, facts: Facts | None) -> Wish:
        params = render_params(self.kind, self.step.params, self.names)
        wrong = [] if params is self.step.params else check_value(params, self.kind.schema)
        if wrong:
            raise InvalidInput(f"{self.step.kind}: " + "; ".join(wrong))
        return Wish(
            params=params,
            host=self.host,
            facts=facts,
            run_id=self.around.run_id,
            step=self.instance,
            user=user_of(self.step, self.around.playbook, self.names),
            root=self.around.playbook.root,
            folder=self.around.playbook.root,
            names=self.names,
        )

    def _look(self, wish: Wish) -> tuple[Check | None, StepResult | None]:
        """What the look found, and the result where there is nothing to do."""
        if self.step.check is not None:
            self._start("", "")
            done = self._check(wish)
            if done.exit.code == 0:
                return None, StepResult(outcome=Outcome.OK, changed=False, exit=done.exit, summary="done already")
            return None, None
        script = self.kind.look(wish)
        if script is None:
            return None, None
        self._start("", "")
        found = self.kind.judge(wish, self._launch(wish, script, _quiet, read_only=True))
        if found.needed is False:
            verdict = Verdict(ok=True, changed=False, values=found.values, summary=found.why or "nothing to do")
            return found, judged(self.step, self.names, verdict, Completed(exit=Exit(code=0)))
        return found, None

    def _look_again(self, wish: Wish, found: Check | None, result: StepResult) -> StepResult:
        """After the act: does the host now say that nothing is left to do?"""
        if self.step.check is None and not (found is not None and found.needed and self.kind.confirms(wish.params)):
            return result
        left, why = self._left(wish)
        if not left:
            return result
        problem = f"it ran, but looking again: {why}"
        return StepResult(outcome=Outcome.FAILED, problem=problem, changed=True, exit=result.exit, values=result.values)

    def _settle(self, wish: Wish, result: StepResult) -> StepResult:
        """An end that nobody knows, settled by looking: it happened, it did not, or the look cannot tell either."""
        if self.step.check is None and not self.kind.confirms(wish.params):
            return result
        try:
            left, why = self._left(wish)
        except TransportError:
            return result
        if left is None:
            return result
        if left:
            problem = f"{result.problem}; a look shows that it is not done: {why}"
            return StepResult(outcome=Outcome.FAILED, problem=problem, exit=result.exit, free=True)
        summary = f"settled by a look: it is done ({result.problem})"
        return StepResult(outcome=Outcome.OK, changed=True, exit=result.exit, values=result.values, summary=summary)

    def _left(self, wish: Wish) -> tuple[bool | None, str]:
        """Whether something is left to do (None: cannot tell), and why; by the step's `check`, else the kind's look."""
        if self.step.check is not None:
            done = self._check(wish)
            return {0: False, 1: True}.get(
                -1 if done.exit.code is None else done.exit.code
            ), f"the check ends with {done.exit}"
        script = self.kind.look(wish)
        if script is None:
            return None, ""
        check = self.kind.judge(wish, self._launch(wish, script, _quiet, read_only=True))
        return check.needed, check.why

    def _check(self, wish: Wish) -> Completed:
        line = str(render(self.step.check, self.names, shell=True))
        return self._launch(wish, Script(text=line), _quiet, read_only=True)

    def _send(self, wish: Wish, script: Script) -> Completed:
        """The act itself: first the record of what goes out, then the launch."""
        redact = self.around.bus.redactor.text
        command = redact("\n".join(self.kind.preview(wish)))
        digest = self.around.journal.script(redact(script.text))
        if self.started:
            self.around.bus.emit(
                CommandSent(
                    host=self.host.name, step=self.instance, attempt=self.number, command=command, sha256=digest
                )
            )
        else:
            self._start(command, digest)
        return self._launch(wish, script, self._show, read_only=self.kind.reads_only(wish.params))

    def _start(self, command: str, digest: str) -> None:
        if self.started:
            return
        self.started = True
        self.around.bus.emit(
            StepStarted(
                host=self.host.name,
                step=self.instance,
                phase=self.step.phase,
                kind=self.step.kind,
                title=self.step.title,
                attempt=self.number,
                user=user_of(self.step, self.around.playbook, self.names) or "",
                read_only=self.kind.reads_only(self.step.params),
                command=command,
                sha256=digest,
            )
        )

    def _launch(self, wish: Wish, script: Script, on_output: OnOutput, *, read_only: bool) -> Completed:
        launch = self._made(wish, script, read_only=read_only)
        return launch_through(
            self.around,
            self.link,
            launch,
            on_output,
            instance=self.instance,
            local=self.step.local,
            reboots=self._reboots,
        )

    def _made(self, wish: Wish, script: Script, *, read_only: bool) -> Launch:
        launch = Launch(
            run_id=self.around.run_id,
            step=self.instance,
            attempt=self.number,
            script=script,
            user=wish.user,
            deadline_s=self.step.timeout_s or DEFAULT_TIMEOUT_S,
            read_only=read_only,
        )
        limit = self.step.output_limit
        return launch if limit is None else replace(launch, output_limit=limit)

    def _show(self, stream: Stream, data: bytes) -> None:
        text = self.output.write(stream, data)
        self.around.bus.output(self.host.name, self.instance, stream, text)

    def _read(self, wish: Wish, done: Completed, found: Check | None) -> StepResult:
        otherwise = ended_otherwise(done, repeatable=self._may_repeat(wish))
        return otherwise or judged(self.step, self.names, self.kind.read(wish, done, found), done)

    def _watch(self, wish: Wish, script: Script, found: Check | None, result: StepResult) -> StepResult:
        """Ask again until the time is over; the first bad answer decides."""
        assert self.step.watch is not None
        watch, clock = self.step.watch, self.around.clock
        end, asked, bad = clock.monotonic() + watch.for_s, 1, result
        while (left := end - clock.monotonic()) > 0:
            if wait(self.around, self.host.name, self.instance, "watch", min(watch.every_s, left)):
                break
            done = self._launch(wish, script, self._show, read_only=True)
            asked += 1
            bad = self._read(wish, done, found)
            if bad.outcome is not Outcome.OK:
                return bad
        note = f"asked {asked} times in {watch.for_s:g} s, good every time"
        return StepResult(
            outcome=bad.outcome, changed=False, exit=bad.exit, values=bad.values, host_ms=bad.host_ms,
            summary=f"{bad.summary}; {note}" if bad.summary else note,
        )  # fmt: skip

    def _may_repeat(self, wish: Wish) -> bool:
        return self.step.idempotent or bool(self.kind.reads_only(wish.params)) or bool(self.kind.idempotent)


def refuse(around: Surroundings, host: Host, step: Step, instance: str, problem: str) -> None:
    """The record of a step that could not be begun at all."""
    around.bus.emit(
        StepStarted(host=host.name, step=instance, phase=step.phase, kind=step.kind, title=step.title, read_only=True)
    )
    around.bus.emit(
        StepFinished(
            host=host.name,
            step=instance,
            phase=step.phase,
            attempt=1,
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
    around.bus.emit(Waited(host=host, step=instance, cause=cause, took_ms=took_ms, detail=detail[:200]))
    return stopped


def _quiet(stream: Stream, data: bytes) -> None:
    """Looks are not part of a step's output."""
