"""One step on one host, from the question whether it may begin to what follows from its end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from runner.engine.doubts import Doubts, stays
from runner.engine.errand import Task
from runner.engine.gate import closed
from runner.engine.link import Link
from runner.engine.locks import resource
from runner.engine.past import Before, redacted
from runner.engine.progress import Halt, Progress
from runner.engine.result import StepResult
from runner.engine.step import run_step
from runner.engine.surroundings import Surroundings
from runner.engine.trial import refuse
from runner.errors import LockBusy
from runner.events import GateRefused, StepSkipped
from runner.model import Host, Outcome, Step
from runner.playbook.template import TemplateFailed


class Carrier:
    """Carries out steps on a host. What must end the host's work raises Halt, whoever calls it."""

    def __init__(
        self,
        host: Host,
        link: Link,
        around: Surroundings,
        progress: Progress,
        doubts: Doubts,
        *,
        signed: Callable[[str], bool],
    ) -> None:
        """`signed`: whether a person has spoken for an item of the checklist."""
        self.host = host
        self.progress = progress
        self.doubts = doubts
        self.timed = True
        """Whether the time of the run holds for it; what cleans up has all of its own."""
        self.stoppable = True
        """Whether a run that was asked to stop begins no more of it; a rollback comes to its end."""
        self._link = link
        self._around = around
        self._signed = signed

    def may_begin(self, name: str) -> None:
        """Raises Halt where the run was asked to stop, or its time is over."""
        if self.stoppable and self._around.stop.asked:
            raise Halt(f"stopped before {name}", Outcome.CANCELLED)
        if self.timed and self._around.late:
            raise Halt(f"{self._around.late}; not begun: {name}", Outcome.FAILED)

    def wanted(self, step: Step, instance: str, names: Mapping[str, Any]) -> bool:
        """Whether `when` holds; else the step, or this one item of its list, is skipped on record."""
        if step.when is None:
            return True
        from runner.playbook.evaluation import holds

        try:
            wanted = holds(step.when, names)
        except TemplateFailed as error:
            self.fail(step, instance, f"when: {error.message}")
            return False
        if not wanted:
            self.doubts.none_in(step, instance)
            self.skip(step, instance, f"when: {step.when}")
        return wanted

    def do(self, step: Step, instance: str, item: Mapping[str, Any]) -> StepResult:
        """Run it and draw the consequences; what an earlier sitting has done stays done."""
        if not item and instance == step.id:
            self.doubts.settle_others(step, "", (instance,))
        before = self.progress.past.step(instance)
        kept = self.kept(step, before)
        if kept:
            result = StepResult(outcome=before.outcome, changed=before.changed, values=before.values)
        else:
            self._gate(step, instance)
            if before.state != "doubt":
                self.doubts.outlive()
            try:
                result = self._run(step, instance, {**self.progress.names, **item}, before)
            except LockBusy as error:
                self.may_begin(instance)
                return self.fail(step, instance, error.message)
        self.progress.ended(step, instance, result, item)
        if not item:
            self.progress.register(step, result.values, from_record=kept)
        self.progress.judge(step, instance, result)
        return result

    def _run(self, step: Step, instance: str, names: Mapping[str, Any], before: Before) -> StepResult:
        until = self._around.until if self.timed else float("inf")
        task = Task(host=self.host, link=self._link, step=step, instance=instance, names=names, until=until)
        with resource(self._around, task):
            return run_step(self._around, task, before=before)

    def kept(self, step: Step, before: Before) -> bool:
        """Whether what the record has of a step stands for it: not where a lost secret can be asked for again."""
        if before.state != "done" or not step.register or not redacted(before.values):
            return before.state == "done"
        return not (step.idempotent or bool(self._around.kinds.get(step.kind)().reads_only(step.params)))

    def _gate(self, step: Step, instance: str) -> None:
        """Checklist items that must be proven on this host first."""
        for item, missing in closed(self._around, self.host.name, step, self.progress.outcomes, self._signed):
            message = f"{instance} needs '{item}' proven first; not yet: {', '.join(missing)}"
            self._around.bus.emit(GateRefused(host=self.host.name, step=instance, gate=item, message=message))
            raise Halt(message, Outcome.REFUSED)

    def skip(self, step: Step, instance: str, why: str) -> None:
        """Put on record that the step, or every step of a group, was not wanted."""
        for inner in step.steps or (step,):
            if step.steps:
                self.skip(inner, inner.id, why)
            else:
                self._around.bus.emit(StepSkipped(host=self.host.name, step=instance, phase=step.phase, why=why))

    def fail(self, step: Step, instance: str, problem: str) -> StepResult:
        """A step that could not even be begun. One that was, and that nobody saw the end of, stays in doubt."""
        past = self.progress.past
        for name in past.in_doubt:
            if instance in (name, name.rpartition(".")[0]):
                raise stays(name, f"{name} is in doubt, and {problem}")
        result = StepResult(outcome=Outcome.FAILED, problem=problem, repeatable=False)
        self.progress.outcomes[instance] = result.outcome
        attempt = past.step(instance).attempts + 1
        refuse(self._around, self.host, step, instance, problem, attempt=attempt)
        self.progress.judge(step, instance, result)
        return result
