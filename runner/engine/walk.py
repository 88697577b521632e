"""The order in which a host comes to its steps: groups, lists, steps that one host does for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runner.engine.carry import Carrier
from runner.engine.items import SKIPPED, by_item, items_of
from runner.engine.once import Once, Shared, in_doubt
from runner.engine.past import base
from runner.engine.progress import Halt, worst
from runner.engine.surroundings import Surroundings
from runner.engine.undo import Undo
from runner.events import Waited
from runner.model import OnFailure, Outcome, Step
from runner.playbook.template import TemplateFailed


class Walk:
    """Goes through steps on a host. `skip` maps the ids of steps that a person left out to the reason."""

    def __init__(self, around: Surroundings, carrier: Carrier, once: Once, skip: Mapping[str, str]) -> None:
        self._around = around
        self._carrier = carrier
        self._progress = carrier.progress
        self._host = carrier.host.name
        self._once = once
        self._skip = skip

    def steps(self, steps: Iterable[Step], suffix: str = "") -> None:
        """One after another; raises Halt where no further one may begin."""
        for step in steps:
            self._carrier.may_begin(f"{step.id}{suffix}")
            self.step(step, suffix)

    def step(self, step: Step, suffix: str) -> None:
        """`suffix` tells what takes back one item of a list from what takes back the next."""
        if step.id in self._skip:
            self._carrier.skip(step, step.id, self._skip[step.id])
            return
        if not by_item(step) and not self._carrier.wanted(step, step.id, self._progress.names):
            return
        if step.kind == "group":
            self._group(step, suffix)
        elif step.once and not suffix:
            self._once_only(step)
        elif step.loop is None:
            self._carrier.do(step, f"{step.id}{suffix}", {})
        else:
            self._each(step, suffix)

    def _group(self, step: Step, suffix: str) -> None:
        behind, touched = len(self._progress.undo), self._progress.touched
        try:
            self.steps(step.steps, suffix)
        except Halt as halt:
            if halt.rollback or halt.outcome is not Outcome.FAILED or step.on_failure is OnFailure.STOP:
                raise  # a step that wants all taken back says more than its group
            if step.on_failure is OnFailure.ROLLBACK:
                raise Halt(halt.because, halt.outcome, rollback=True) from halt
        finally:
            if step.undo and self._progress.touched > touched:
                self._progress.undo.insert(behind, Undo(steps=step.undo, suffix=suffix, item={}))

    def _each(self, step: Step, suffix: str) -> list[Any]:
        """One instance per item, `<id>.<n>`; `register` gets the list of their results, which is returned."""
        carrier, progress = self._carrier, self._progress
        try:
            items = items_of(step, progress.names)
        except TemplateFailed as error:
            carrier.fail(step, step.id, f"with: {error.message}")
            return []
        instances = tuple(f"{step.id}{suffix}.{number}" for number in range(1, len(items) + 1))
        carrier.doubts.settle_others(step, suffix, instances)
        if not items:
            carrier.skip(step, step.id, "with: the list is empty")
        each = by_item(step)
        results: list[Any] = []
        for instance, item in zip(instances, items, strict=True):
            carrier.may_begin(instance)
            if each and not carrier.wanted(step, instance, {**progress.names, "item": item}):
                results.append({} if instance in progress.outcomes else dict(SKIPPED))
            else:
                results.append(carrier.do(step, instance, {"item": item}).values)
        progress.register(step, results, from_record=self._from_record(step, instances))
        return results

    def _once_only(self, step: Step) -> None:
        """On this host, or what another made of it."""
        clock = self._around.clock
        began = clock.monotonic()
        owner, ended = self._once.claim(step.id, self._host, self._around.stop.event)
        took_ms = int((clock.monotonic() - began) * 1000)
        if took_ms:
            waited = Waited(host=self._host, step="", cause="once", took_ms=took_ms, detail=f"{step.id} on {owner}")
            self._around.bus.emit(waited, later=True)
        if owner == self._host:
            self._for_all(step)
            return
        if ended is None:
            raise Halt(f"stopped before {step.id}", Outcome.CANCELLED)
        before = (name for name in self._progress.past.steps if base(name) == step.id and name != step.id)
        for name in (step.id, *before):  # what an earlier sitting began here, and did not do
            self._carrier.skip(step, name, f"once: {ended.outcome} on {owner}")
        if ended.outcome is Outcome.UNKNOWN:
            raise Halt(f"{step.id} (once) {ended.problem or in_doubt(owner)}", Outcome.FAILED)
        if not ended.outcome.good and step.on_failure is not OnFailure.CONTINUE:
            raise Halt(f"{step.id} (once) {ended.outcome} on {owner}", Outcome.CANCELLED)
        self._progress.register(step, ended.values, from_record=ended.earlier)

    def _for_all(self, step: Step) -> None:
        """Do it, all items of its list, and tell those who wait how it ended."""
        try:
            self._carrier.may_begin(step.id)
            values = self._carrier.do(step, step.id, {}).values if step.loop is None else self._each(step, "")
        except Halt as halt:
            self._tell(step, halt.outcome, None)
            raise
        ends = (end for name, end in self._progress.outcomes.items() if base(name) == step.id)
        self._tell(step, worst(ends), values)

    def _tell(self, step: Step, outcome: Outcome, values: Any) -> None:
        """Tell the other hosts how the step ended; where nothing of it was begun, the next host may do it."""
        ran = [name for name in self._progress.ran if base(name) == step.id]
        if not ran:
            self._once.leave(step.id)
            return
        shared = Shared(outcome=outcome, values=values, earlier=self._from_record(step, ran))
        self._once.done(step.id, self._host, shared)

    def _from_record(self, step: Step, instances: Iterable[str]) -> bool:
        return any(self._carrier.kept(step, self._progress.past.step(name)) for name in instances)
