"""One attempt of a step on a host: render, look, act, look again, judge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from runner.document.schema import check_value
from runner.engine.link import Link
from runner.engine.naming import found_text, kept_values, render_params, result_values, user_of
from runner.engine.people import RecordingPeople
from runner.engine.surroundings import Surroundings
from runner.errors import InvalidInput, JournalError, LinkLost, TransportError
from runner.events import CommandSent, LinkDropped, StepFinished, StepStarted, Waited
from runner.model import Exit, Facts, Host, Outcome, Step
from runner.playbook.template import TemplateFailed, evaluate, render
from runner.seams import (
    Check,
    Completed,
    Launch,
    OnOutput,
    OutputFile,
    Script,
    Session,
    Stream,
    Verdict,
    Wish,
)

DEFAULT_TIMEOUT_S = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """How a step ended on a host. `values` is what `register` gives to later steps."""

    outcome: Outcome
    problem: str = ""
    changed: bool | None = None
    exit: Exit | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""
    host_ms: int | None = None
    repeatable: bool = True


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
        try:
            return self._run()
        except JournalError:
            raise
        except (TemplateFailed, InvalidInput) as error:
            self._start("", "")
            return StepResult(outcome=Outcome.FAILED, problem=error.message, repeatable=False)
        except LinkLost as error:
            return self._lost(error)
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
            return self._judged(verdict, Completed(exit=Exit(code=0)))
        session = self.link.session(local=self.step.local)
        wish = self._wish(session.facts)
        found, skip = self._look(session, wish)
        if skip is not None:
            return skip
        script = self.kind.act(wish, found)
        done = self._send(session, wish, script)
        result = self._read(wish, done, found)
        if result.outcome is Outcome.OK and self.step.watch is not None:
            result = self._watch(session, wish, script, found, result)
        if result.outcome is Outcome.OK and result.changed is not False:
            result = self._look_again(session, wish, found, result)
        return result

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

    def _look(self, session: Session, wish: Wish) -> tuple[Check | None, StepResult | None]:
        """What the look found, and the result where there is nothing to do."""
        if self.step.check is not None:
            self._start("", "")
            line = str(render(self.step.check, self.names, shell=True))
            done = self._launch(session, wish, Script(text=line), _quiet, read_only=True)
            if done.exit.code == 0:
                return None, StepResult(outcome=Outcome.OK, changed=False, exit=done.exit, summary="done already")
            return None, None
        script = self.kind.look(wish)
        if script is None:
            return None, None
        self._start("", "")
        found = self.kind.judge(wish, self._launch(session, wish, script, _quiet, read_only=True))
        if found.needed is False:
            verdict = Verdict(ok=True, changed=False, values=found.values, summary=found.why or "nothing to do")
            return found, self._judged(verdict, Completed(exit=Exit(code=0)))
        return found, None

    def _look_again(self, session: Session, wish: Wish, found: Check | None, result: StepResult) -> StepResult:
        """After the act: does the host now say that nothing is left to do?"""
        left = ""
        if self.step.check is not None:
            line = str(render(self.step.check, self.names, shell=True))
            done = self._launch(session, wish, Script(text=line), _quiet, read_only=True)
            left = f"the check still says that it is not done ({done.exit})" if done.exit.code == 1 else ""
        elif found is not None and found.needed and self.kind.confirms(wish.params):
            script = self.kind.look(wish)
            if script is not None:
                check = self.kind.judge(wish, self._launch(session, wish, script, _quiet, read_only=True))
                left = f"it ran, but looking again: {check.why}" if check.needed else ""
        if not left:
            return result
        return StepResult(outcome=Outcome.FAILED, problem=left, changed=True, exit=result.exit, values=result.values)

    def _send(self, session: Session, wish: Wish, script: Script) -> Completed:
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
        return self._launch(session, wish, script, self._show, read_only=self.kind.reads_only(wish.params))

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

    def _launch(
        self, session: Session, wish: Wish, script: Script, on_output: OnOutput, *, read_only: bool
    ) -> Completed:
        launch = Launch(
            run_id=self.around.run_id,
            step=self.instance,
            attempt=self.number,
            script=script,
            user=wish.user,
            deadline_s=self.step.timeout_s or DEFAULT_TIMEOUT_S,
            read_only=read_only,
        )
        if self.step.output_limit is not None:
            launch = replace(launch, output_limit=self.step.output_limit)
        return session.run(launch, on_output)

    def _show(self, stream: Stream, data: bytes) -> None:
        text = self.output.write(stream, data)
        self.around.bus.output(self.host.name, self.instance, stream, text)

    def _read(self, wish: Wish, done: Completed, found: Check | None) -> StepResult:
        if done.exit.unknown is not None or done.exit.killed == "not known":
            return StepResult(
                outcome=Outcome.UNKNOWN,
                problem=f"nobody knows how it ended: {done.exit}",
                exit=done.exit,
                repeatable=self._may_repeat(wish),
            )
        if done.exit.timeout_s is not None:
            return StepResult(outcome=Outcome.FAILED, problem=str(done.exit), exit=done.exit, host_ms=_host_ms(done))
        return self._judged(self.kind.read(wish, done, found), done)

    def _judged(self, verdict: Verdict, done: Completed) -> StepResult:
        """The verdict, with `expect` and `until` of the playbook on top."""
        values = result_values(verdict, done)
        ok, problem = verdict.ok, verdict.problem
        names = {**self.names, "result": values}
        if self.step.register:
            names[self.step.register] = values
        if self.step.expect is not None and (ok or self.step.kind in ("command", "script")):
            ok = bool(evaluate(self.step.expect, names))
            problem = "" if ok else f"expected {self.step.expect}; found {found_text(values)}"
        if ok and self.step.until is not None and not evaluate(self.step.until, names):
            ok, problem = False, f"not yet: {self.step.until}; found {found_text(values)}"
        return StepResult(
            outcome=Outcome.OK if ok else Outcome.FAILED,
            problem=problem,
            changed=verdict.changed,
            exit=done.exit,
            values=values,
            summary=verdict.summary,
            host_ms=_host_ms(done),
        )

    def _watch(
        self, session: Session, wish: Wish, script: Script, found: Check | None, result: StepResult
    ) -> StepResult:
        """Ask again until the time is over; the first bad answer decides."""
        assert self.step.watch is not None
        watch, clock = self.step.watch, self.around.clock
        end, asked, bad = clock.monotonic() + watch.for_s, 1, result
        while (left := end - clock.monotonic()) > 0:
            if wait(self.around, self.host.name, self.instance, "watch", min(watch.every_s, left)):
                break
            done = self._launch(session, wish, script, self._show, read_only=True)
            asked += 1
            bad = self._read(wish, done, found)
            if bad.outcome is not Outcome.OK:
                return bad
        note = f"asked {asked} times in {watch.for_s:g} s, good every time"
        return StepResult(
            outcome=bad.outcome, changed=False, exit=bad.exit, values=bad.values, host_ms=bad.host_ms,
            summary=f"{bad.summary}; {note}" if bad.summary else note,
        )  # fmt: skip

    def _lost(self, error: LinkLost) -> StepResult:
        self._start("", "")
        self.link.drop(error)
        self.around.bus.emit(LinkDropped(host=self.host.name, message=error.message))
        if self.kind.reads_only(self.step.params):
            return StepResult(outcome=Outcome.UNREACHABLE, problem=error.message)
        return StepResult(
            outcome=Outcome.UNKNOWN,
            problem=f"the link was lost while it ran: {error.message}",
            exit=Exit(unknown=error.message),
            repeatable=False,
        )

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


def _host_ms(done: Completed) -> int | None:
    return None if done.duration_s is None else int(done.duration_s * 1000)


def _quiet(stream: Stream, data: bytes) -> None:
    """Looks are not part of a step's output."""
