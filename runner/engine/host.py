"""One host from its connection to its last event: what was left of it, all phases, rollback, `finally`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from runner.engine.carry import Carrier
from runner.engine.doubts import Doubts
from runner.engine.hold import session_of
from runner.engine.link import Link
from runner.engine.once import Once
from runner.engine.past import Past, Rollback, base
from runner.engine.progress import Halt, Progress
from runner.engine.surroundings import Surroundings
from runner.engine.undo import undo_of
from runner.engine.walk import Walk
from runner.errors import LockBusy, TransportError
from runner.events import HostFinished, RollbackStarted, StepFinished
from runner.frozen import replace, shallow
from runner.model import FINALLY, UNDO, Facts, Host, Outcome, Step
from runner.playbook.template import TemplateFailed


class HostRun:
    """Everything that happens on one host, on one thread."""

    def __init__(
        self,
        host: Host,
        link: Link,
        around: Surroundings,
        *,
        names: Mapping[str, Any],
        skip: Mapping[str, str],
        once: Once,
        signed: Callable[[str], bool],
        past: Past,
    ) -> None:
        """`skip` maps the ids of steps that a person left out to the reason; `past` is what earlier sittings left."""
        self.host = host
        self._link = link
        self._around = around
        self._once = once
        self._past = past
        self._progress = Progress(names, past)
        self._rolled_back = False
        self._doubts = Doubts(around, link, self._progress)
        self._carrier = Carrier(host, link, around, self._progress, self._doubts, signed=signed)
        self._walk = Walk(around, self._carrier, once, skip)

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
        return self._progress.settled

    def _run(self) -> Outcome:
        because = ""
        try:
            self._connect()
            self._settle_past()
            for steps in self._around.playbook.phases.values():
                self._walk.steps(steps)
            outcome = self._progress.worst
        except Halt as halt:
            outcome, because = halt.outcome, halt.because
            if halt.rollback:
                self._roll_back(halt.because)
        if self._progress.worsen(outcome) is not Outcome.UNKNOWN:
            stopped = self._side(self._around.playbook.finally_, {}, "", stoppable=True)
            because = because or stopped
        outcome = self._progress.worsen(outcome)
        self._once.gone(self.host.name)
        # waited for: the host forgets the run after this, and with it how its last step ended
        self._around.bus.emit(
            HostFinished(host=self.host.name, outcome=str(outcome), because=because, rolled_back=self._rolled_back)
        )
        return outcome

    def _connect(self) -> None:
        """The facts are in the names from here on; a host whose link is gone still gets its local steps."""
        try:
            facts = session_of(self._around, self._link).facts
        except (TransportError, LockBusy) as error:
            raise Halt(error.message, Outcome.UNREACHABLE) from error
        names = self._progress.names
        names["facts"] = _plain(facts)
        names["run"] = {**names["run"], "began": self._past.began or facts.clock}

    def _settle_past(self) -> None:
        """What earlier sittings left that no main step comes to: steps in doubt, and a rollback that was broken off."""
        known = {step.id: step for step in self._around.playbook.walk()}
        aside = {name: step for name, step in known.items() if step.phase in (UNDO, FINALLY)}
        last = {name for name, step in aside.items() if step.phase == FINALLY}
        doubted = self._past.in_doubt
        self._doubts.settle(name for name in doubted if base(name) not in known)
        self._doubts.settle((name for name in doubted if base(name) in last), aside)
        if self._past.rollback is not None:
            self._carrier.may_begin("the rollback")
            self._finish(self._past.rollback)
        left = [name for name in doubted if base(name) in aside and name not in self._progress.outcomes]
        self._doubts.settle(left, aside)
        if self._progress.outcomes:
            self._progress.anew(self._attempts(aside))

    def _finish(self, rollback: Rollback) -> None:
        """Take back what an earlier sitting had begun to; raises Halt where that did not go well."""
        progress = self._progress
        names, past = dict(progress.names), progress.past
        progress.past = replace(past, steps={**past.steps, **rollback.steps})
        try:
            progress.undo = undo_of(self._around.playbook, rollback.steps, progress.names, progress.register)
        except TemplateFailed as error:
            because = f"the rollback of an earlier sitting cannot be gone on with: {error.message}"
            raise Halt(because, Outcome.UNKNOWN) from error
        self._roll_back(rollback.because)
        progress.names, progress.past, progress.undo, progress.touched = names, past, [], 0
        self._carrier.timed = self._carrier.stoppable = True
        own = {step.id for step in self._around.playbook.walk() if step.phase == UNDO}
        bad = [name for name, end in progress.outcomes.items() if base(name) in own and not end.good]
        if progress.worst is Outcome.UNKNOWN:
            name = next((name for name in bad if progress.outcomes[name] is Outcome.UNKNOWN), "STEP")
            because = f"the rollback of an earlier sitting is not through: {name} is in doubt; "
            raise Halt(f"{because}say how it ended: --settle {name}=done, or not-done", Outcome.UNKNOWN)
        if not self._rolled_back:
            because = f"the rollback of an earlier sitting did not go well: {', '.join(bad) or 'not all of it began'}"
            settle = f", or, where you put the host right: --settle {bad[0]}=done" if bad else ""
            raise Halt(f"{because}; `rawat resume` tries it again{settle}", progress.worst)

    def _attempts(self, aside: Mapping[str, Step]) -> dict[str, int]:
        """How many attempts were made at instances of undo and `finally` steps, in all sittings."""
        events = tuple(self._around.bus.events)
        mine = (event for event in events if isinstance(event, StepFinished) and event.host == self.host.name)
        numbers = {name: before.attempts for name, before in self._progress.past.steps.items()}
        numbers |= {event.step: event.attempt for event in mine}
        return {name: used for name, used in numbers.items() if base(name) in aside}

    def _roll_back(self, because: str) -> None:
        """What was done is taken back, last first; what fails on the way does not keep the rest from it."""
        bad, self._rolled_back = self._progress.bad, True
        if not self._progress.undo:
            return
        self._around.bus.emit(RollbackStarted(host=self.host.name, because=because))
        for undo in reversed(self._progress.undo):
            self._side(undo.steps, undo.item, undo.suffix, stoppable=False)
        self._rolled_back = self._progress.bad == bad

    def _side(self, steps: Sequence[Step], item: Mapping[str, Any], suffix: str, *, stoppable: bool) -> str:
        """
        Steps of a rollback or of `finally`: each runs where it can, whatever became of the one before.

        Where the run was asked to stop, what is `stoppable` ends before its next step; why, else empty.
        """
        self._carrier.timed, self._carrier.stoppable = False, stoppable
        names = self._progress.names
        for step in steps:
            names |= item
            try:
                self._carrier.may_begin(f"{step.id}{suffix}")
                self._link.spare()
                self._walk.step(step, suffix)
            except Halt as halt:
                self._progress.worsen(halt.outcome)
                self._progress.bad += 1
                if stoppable and self._around.stop.asked:
                    return halt.because
            finally:
                names.pop("item", None)
        return ""


def _plain(facts: Facts) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in shallow(facts).items()}
