"""One host through its steps: conditions, groups, loops, rollback, finally."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from runner.engine.errand import Task
from runner.engine.gate import closed
from runner.engine.gone import settle_gone, why_gone
from runner.engine.items import SKIPPED, by_item, items_of
from runner.engine.link import Link
from runner.engine.locks import resource
from runner.engine.once import Once, Shared, in_doubt
from runner.engine.past import Before, Past, Rollback, redacted
from runner.engine.result import StepResult
from runner.engine.step import run_step
from runner.engine.surroundings import Surroundings
from runner.engine.trial import refuse
from runner.engine.undo import Undo, undo_of
from runner.errors import LockBusy, TransportError
from runner.events import GateRefused, HostFinished, RollbackStarted, StepFinished, StepSkipped, Waited
from runner.frozen import frozen, replace, shallow
from runner.model import FINALLY, UNDO, Facts, Host, OnFailure, Outcome, Step
from runner.playbook.template import TemplateFailed


class _Halt(Exception):
    def __init__(self, because: str, outcome: Outcome, *, rollback: bool = False) -> None:
        super().__init__(because)
        self.because = because
        self.outcome = outcome
        self.rollback = rollback


@frozen
class Selection:
    """What a person left out: `skip` maps the ids of steps to the reason."""

    skip: Mapping[str, str]


class HostRun:
    """Everything that happens on one host, on one thread."""

    def __init__(
        self,
        host: Host,
        link: Link,
        around: Surroundings,
        *,
        names: Mapping[str, Any],
        selection: Selection,
        once: Once,
        signed: Callable[[str], bool],
        past: Past,
    ) -> None:
        self.host = host
        self._link = link
        self._around = around
        self._once = once
        self._signed = signed
        self._selection = selection
        self._past = past
        self._doubts = past.in_doubt
        self._names: dict[str, Any] = dict(names)
        self._undo: list[Undo] = []
        self._outcomes: dict[str, Outcome] = {}
        self._worst = Outcome.OK
        self._ran: set[str] = set()
        """Instances that were begun, now or in an earlier sitting; the others could not be."""
        self._touched = 0
        """Steps that did something, or may have."""
        self._timed = True

    def run(self) -> Outcome:
        """All phases, then the rollback where it is asked for, then `finally`; the last event says how it ended."""
        try:
            return self._run()
        except BaseException:
            # nobody may wait for it any more, nor do what it may have begun
            self._once.broken(self.host.name)
            raise

    @property
    def settled(self) -> bool:
        """Whether nothing of this or an earlier sitting is in doubt: what the host keeps of the run may go."""
        known = all(self._outcomes.get(name, Outcome.UNKNOWN) is not Outcome.UNKNOWN for name in self._doubts)
        return known and self._worst is not Outcome.UNKNOWN

    def _run(self) -> Outcome:
        because = ""
        try:
            self._connect()
            self._settle_past()
            for steps in self._around.playbook.phases.values():
                self._steps(steps)
            outcome = self._worst
        except _Halt as halt:
            outcome, because = halt.outcome, halt.because
            if halt.rollback:
                self._roll_back(halt.because)
        if outcome is not Outcome.UNKNOWN:
            self._finally()
        outcome = self._worse(outcome)
        self._once.gone(self.host.name)
        # waited for: the host forgets the run after this, and with it how its last step ended
        self._around.bus.emit(HostFinished(host=self.host.name, outcome=str(outcome), because=because))
        return outcome

    def _connect(self) -> None:
        """The facts are in the names from here on; a host whose link is gone still gets its local steps."""
        try:
            facts = self._link.connect().facts
        except (TransportError, LockBusy) as error:
            raise _Halt(error.message, Outcome.UNREACHABLE, rollback=bool(self._undo)) from error
        self._names["facts"] = _plain(facts)
        self._names["run"] = {**self._names["run"], "began": self._past.began or facts.clock}

    def _settle_past(self) -> None:
        """What earlier sittings left that no main step comes to: steps in doubt, and a rollback that was broken off."""
        known = {step.id: step for step in self._around.playbook.walk()}
        aside = {name: step for name, step in known.items() if step.phase in (UNDO, FINALLY)}
        last = {name for name, step in aside.items() if step.phase == FINALLY}
        self._settle_gone(name for name in self._doubts if _base(name) not in known)
        self._settle_gone((name for name in self._doubts if _base(name) in last), aside)
        if self._past.rollback is not None:
            self._finish(self._past.rollback)
        left = [name for name in self._doubts if _base(name) in aside and name not in self._outcomes]
        self._settle_gone(left, aside)
        self._anew(aside)

    def _finish(self, rollback: Rollback) -> None:
        """Take back what an earlier sitting had begun to; raises _Halt where that did not go well."""
        names, past = dict(self._names), self._past
        self._past = replace(past, steps={**past.steps, **rollback.steps})
        try:
            self._undo = undo_of(self._around.playbook, rollback.steps, self._names, self._register)
        except TemplateFailed as error:
            because = f"the rollback of an earlier sitting cannot be gone on with: {error.message}"
            raise _Halt(because, Outcome.UNKNOWN) from error
        self._roll_back(rollback.because)
        self._names, self._past, self._undo, self._touched, self._timed = names, past, [], 0, True
        bad = [name for name, outcome in self._outcomes.items() if not outcome.good]
        if self._worst is Outcome.UNKNOWN:
            name = next((name for name in bad if self._outcomes[name] is Outcome.UNKNOWN), "STEP")
            because = f"the rollback of an earlier sitting is not through: {name} is in doubt; "
            raise _Halt(f"{because}say how it ended: --settle {name}=done, or not-done", Outcome.UNKNOWN)
        if not self._worst.good:
            because = f"the rollback of an earlier sitting did not go well: {', '.join(bad)}; "
            raise _Halt(f"{because}put the host right, then `rawat resume` does its steps anew", self._worst)

    def _anew(self, aside: Mapping[str, Step]) -> None:
        """Whatever became of undo and `finally` steps: from here on each is a new attempt, with a number of its own."""
        if not self._outcomes:
            return
        events = tuple(self._around.bus.events)
        mine = (event for event in events if isinstance(event, StepFinished) and event.host == self.host.name)
        numbers = {name: before.attempts for name, before in self._past.steps.items()}
        numbers |= {event.step: event.attempt for event in mine}
        fresh = {n: Before(state="again", attempts=used) for n, used in numbers.items() if _base(n) in aside}
        self._past = replace(self._past, steps={**self._past.steps, **fresh})

    def _steps(self, steps: Iterable[Step], suffix: str = "") -> None:
        for step in steps:
            self._may_begin(f"{step.id}{suffix}")
            self._step(step, suffix)

    def _may_begin(self, name: str) -> None:
        """Raises _Halt where the run was asked to stop, or its time is over."""
        if self._around.stop.asked:
            raise _Halt(f"stopped before {name}", Outcome.CANCELLED)
        if self._timed and self._around.late:
            raise _Halt(f"{self._around.late}; not begun: {name}", Outcome.FAILED)

    def _step(self, step: Step, suffix: str = "") -> None:
        """`suffix` tells what takes back one item of a list from what takes back the next."""
        if step.id in self._selection.skip:
            self._skip(step, step.id, self._selection.skip[step.id])
            return
        if not by_item(step) and not self._wanted(step, step.id, self._names):
            return
        if step.kind == "group":
            self._group(step, suffix)
        elif step.once and not suffix:
            self._once_only(step)
        elif step.loop is None:
            self._do(step, f"{step.id}{suffix}", {})
        else:
            self._each(step, suffix)

    def _group(self, step: Step, suffix: str) -> None:
        behind, touched = len(self._undo), self._touched
        try:
            self._steps(step.steps, suffix)
        except _Halt as halt:
            if halt.rollback or halt.outcome is not Outcome.FAILED or step.on_failure is OnFailure.STOP:
                raise  # a step that wants all taken back says more than its group
            if step.on_failure is OnFailure.ROLLBACK:
                raise _Halt(halt.because, halt.outcome, rollback=True) from halt
        finally:
            if step.undo and self._touched > touched:
                self._undo.insert(behind, Undo(steps=step.undo, suffix=suffix, item={}))

    def _once_only(self, step: Step) -> None:
        """On this host, or what another made of it."""
        clock = self._around.clock
        began = clock.monotonic()
        owner, ended = self._once.claim(step.id, self.host.name, self._around.stop.event)
        took_ms = int((clock.monotonic() - began) * 1000)
        if took_ms:
            waited = Waited(host=self.host.name, step="", cause="once", took_ms=took_ms, detail=f"{step.id} on {owner}")
            self._around.bus.emit(waited, later=True)
        if owner == self.host.name:
            self._for_all(step)
            return
        if ended is None:
            raise _Halt(f"stopped before {step.id}", Outcome.CANCELLED)
        self._skip(step, step.id, f"once: {ended.outcome} on {owner}")
        if ended.outcome is Outcome.UNKNOWN:
            raise _Halt(f"{step.id} (once) {ended.problem or in_doubt(owner)}", Outcome.FAILED)
        if not ended.outcome.good and step.on_failure is not OnFailure.CONTINUE:
            raise _Halt(f"{step.id} (once) {ended.outcome} on {owner}", Outcome.CANCELLED)
        self._register(step, ended.values, from_record=ended.earlier)

    def _for_all(self, step: Step) -> None:
        """Do it, all items of its list, and tell those who wait how it ended."""
        try:
            self._may_begin(step.id)
            values = self._do(step, step.id, {}).values if step.loop is None else self._each(step, "")
        except _Halt as halt:
            self._tell(step, halt.outcome, None)
            raise
        ends = (end for name, end in self._outcomes.items() if _base(name) == step.id)
        self._tell(step, _worst(ends), values)

    def _tell(self, step: Step, outcome: Outcome, values: Any) -> None:
        """How it ended for all hosts; where nothing of it was begun it is for the next."""
        ran = [name for name in self._ran if _base(name) == step.id]
        if not ran:
            self._once.leave(step.id)
            return
        earlier = any(self._kept(step, self._past.step(name)) for name in ran)
        self._once.done(step.id, self.host.name, Shared(outcome=outcome, values=values, earlier=earlier))

    def _each(self, step: Step, suffix: str) -> list[Any]:
        """One instance per item, `<id>.<n>`; `register` gets the list of their results, which is returned."""
        try:
            items = items_of(step, self._names)
        except TemplateFailed as error:
            self._fail(step, step.id, f"with: {error.message}")
            return []
        instances = tuple(f"{step.id}{suffix}.{number}" for number in range(1, len(items) + 1))
        self._settle_others(step, suffix, instances)
        if not items:
            self._skip(step, step.id, "with: the list is empty")
        each = by_item(step)
        results: list[Any] = []
        for instance, item in zip(instances, items, strict=True):
            self._may_begin(instance)
            if each and not self._wanted(step, instance, {**self._names, "item": item}):
                results.append({} if instance in self._outcomes else dict(SKIPPED))
            else:
                results.append(self._do(step, instance, {"item": item}).values)
        self._register(step, results, from_record=any(self._kept(step, self._past.step(name)) for name in instances))
        return results

    def _do(self, step: Step, instance: str, item: Mapping[str, Any]) -> StepResult:
        """Run it and draw the consequences; what an earlier sitting has done stays done."""
        if not item and instance == step.id:
            self._settle_others(step, "", (instance,))
        before = self._past.step(instance)
        names = {**self._names, **item}
        kept = self._kept(step, before)
        if kept:
            result = StepResult(outcome=before.outcome, changed=before.changed, values=before.values)
        else:
            self._gate(step, instance)
            task = Task(host=self.host, link=self._link, step=step, instance=instance, names=names, until=self._until)
            try:
                with resource(self._around, task):
                    result = run_step(self._around, task, before=before)
            except LockBusy as error:
                return self._fail(step, instance, error.message)
        self._outcomes[instance] = result.outcome
        self._ran.add(instance)
        did = result.outcome is not Outcome.OK or result.changed is not False
        self._touched += did
        if step.undo and did:
            self._undo.append(Undo(steps=step.undo, suffix=instance.removeprefix(step.id), item=item))
        if not item:
            self._register(step, result.values, from_record=kept)
        self._judge(step, instance, result)
        return result

    @property
    def _until(self) -> float:
        """When the run has no time left for a step; what cleans up has all of its own."""
        return self._around.until if self._timed else float("inf")

    def _kept(self, step: Step, before: Before) -> bool:
        """Whether what the record has of a step stands for it: not where a lost secret can be asked for again."""
        if before.state != "done" or not step.register or not redacted(before.values):
            return before.state == "done"
        return not (step.idempotent or bool(self._around.kinds.get(step.kind)().reads_only(step.params)))

    def _judge(self, step: Step, instance: str, result: StepResult) -> None:
        if result.outcome.good:
            return
        self._worst = self._worse(result.outcome)
        because = f"{step.phase}/{instance}: {result.problem}"
        if result.outcome is Outcome.UNKNOWN:
            raise _Halt(because, Outcome.UNKNOWN)
        if step.on_failure is not OnFailure.CONTINUE:
            back = step.on_failure is OnFailure.ROLLBACK and result.outcome is not Outcome.CANCELLED
            raise _Halt(because, result.outcome, rollback=back)

    def _gate(self, step: Step, instance: str) -> None:
        """Checklist items that must be proven on this host first."""
        for item, missing in closed(self._around, self.host.name, step, self._outcomes, self._signed):
            message = f"{instance} needs '{item}' proven first; not yet: {', '.join(missing)}"
            self._around.bus.emit(GateRefused(host=self.host.name, step=instance, gate=item, message=message))
            raise _Halt(message, Outcome.REFUSED)

    def _wanted(self, step: Step, instance: str, names: Mapping[str, Any]) -> bool:
        """Whether `when` holds; else it, or the one item of it, is skipped on record."""
        if step.when is None:
            return True
        from runner.playbook.evaluation import holds

        try:
            wanted = holds(step.when, names)
        except TemplateFailed as error:
            self._fail(step, instance, f"when: {error.message}")
            return False
        if not wanted:
            self._no_doubt(step, instance)
            self._skip(step, instance, f"when: {step.when}")
        return wanted

    def _no_doubt(self, step: Step, instance: str) -> None:
        """Raises _Halt where it, or a step in it, was begun in an earlier sitting and nobody knows how it ended."""
        inside = set(_ids(step))
        for name in self._past.in_doubt:
            own = _base(name) in inside if instance == step.id else name == instance
            if own and self._past.step(name).word is None:
                because = f"{name} is in doubt, and its `when` does not hold any more ({step.when}); "
                raise _Halt(f"{because}say how it ended: --settle {name}=done, or not-done", Outcome.UNKNOWN)

    def _settle_others(self, step: Step, suffix: str, instances: Sequence[str]) -> None:
        """Items in doubt that its list does not have now, or that were one step without a list, or the other way."""
        name = f"{step.id}{suffix}"
        others = (other for other in self._past.in_doubt if other == name or other.rpartition(".")[0] == name)
        self._settle_gone(other for other in others if other not in instances)

    def _settle_gone(self, names: Iterable[str], known: Mapping[str, Step] | None = None) -> None:
        """
        Steps in doubt that nobody goes on with, of the playbook (`known`, by id) or not in it now; raises _Halt where
        nobody knows how one of them ended.
        """
        for name in names:
            step = (known or {}).get(_base(name))
            result = settle_gone(self._around, self._link, name, self._past.step(name), step)
            self._outcomes[name] = result.outcome
            if result.outcome is Outcome.UNKNOWN:
                because = f"{name} is in doubt, and {why_gone(step)} ({result.problem}); "
                raise _Halt(f"{because}say how it ended: --settle {name}=done, or not-done", Outcome.UNKNOWN)

    def _skip(self, step: Step, instance: str, why: str) -> None:
        for inner in step.steps or (step,):
            if step.steps:
                self._skip(inner, inner.id, why)
            else:
                self._around.bus.emit(StepSkipped(host=self.host.name, step=instance, phase=step.phase, why=why))

    def _fail(self, step: Step, instance: str, problem: str) -> StepResult:
        """A step that could not even be begun."""
        result = StepResult(outcome=Outcome.FAILED, problem=problem, repeatable=False)
        self._outcomes[instance] = result.outcome
        refuse(self._around, self.host, step, instance, problem)
        self._judge(step, instance, result)
        return result

    def _register(self, step: Step, values: Any, *, from_record: bool) -> None:
        if step.register:
            lost = from_record and redacted(values)
            why = (
                f"the result of {step.id} held a secret, which no record keeps; it cannot be had back by a resumed run"
            )
            self._names[step.register] = _missing(why) if lost else values

    def _roll_back(self, because: str) -> None:
        """What was done is taken back, last first; what fails on the way does not keep the rest from it."""
        if not self._undo:
            return
        self._around.bus.emit(RollbackStarted(host=self.host.name, because=because))
        for undo in reversed(self._undo):
            self._side(undo.steps, undo.item, undo.suffix)

    def _finally(self) -> None:
        if not self._around.stop.asked:
            self._side(self._around.playbook.finally_, {}, "")

    def _side(self, steps: Sequence[Step], item: Mapping[str, Any], suffix: str) -> None:
        """Steps of a rollback or of `finally`: each runs where it can, whatever became of the one before."""
        self._timed = False
        for step in steps:
            self._link.spare()
            self._names |= item
            try:
                self._step(step, suffix)
            except _Halt as halt:
                self._worst = self._worse(halt.outcome)
            finally:
                self._names.pop("item", None)

    def _worse(self, outcome: Outcome) -> Outcome:
        return _worst((self._worst, outcome))


def _worst(outcomes: Iterable[Outcome]) -> Outcome:
    order = (Outcome.OK, Outcome.SKIPPED, Outcome.CANCELLED, Outcome.REFUSED, Outcome.UNREACHABLE, Outcome.FAILED,
             Outcome.UNKNOWN)  # fmt: skip
    return max(outcomes, key=order.index, default=Outcome.OK)


def _base(instance: str) -> str:
    """The id in the playbook."""
    return instance.partition(".")[0]


def _ids(step: Step) -> Iterator[str]:
    yield step.id
    for inner in step.steps:
        yield from _ids(inner)


def _missing(why: str) -> Any:
    from runner.playbook.evaluation import missing

    return missing(why)


def _plain(facts: Facts) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in shallow(facts).items()}
