"""Steps that run on one host only: whoever comes first does it, the others wait and take over the result."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from runner.engine.items import SKIPPED
from runner.engine.past import Before, Past, base
from runner.frozen import frozen
from runner.model import FINALLY, UNDO, Outcome, Playbook, Step


@frozen
class Shared:
    """
    How a step ended for all hosts; `values` is what `register` gives: of a step with `with` the list of its results.

    `earlier`: in a sitting before this one, as its record tells. `problem` says why nobody but its host can go on.
    """

    outcome: Outcome
    values: Any = None
    earlier: bool = False
    problem: str = ""


class Once:
    """
    Who does which step, and how it ended. A host that gives up before it began, or that has nothing to
    do, leaves the step to the next.

    What a host began in an earlier sitting, and nobody saw the end of, is left to nobody: only that host can go on.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._owner: dict[str, str] = {}
        self._ended: dict[str, Shared] = {}
        self._begun: dict[str, str] = {}

    def claim(self, step: str, host: str, stop: threading.Event) -> tuple[str, Shared | None]:
        """
        (host that does it, how it ended); the latter is None where it is this host's to do, or stop was set.

        Nobody waits for a step that was begun before: its host comes first in a run, or not at all.
        """
        with self._changed:
            while True:
                owner = self._owner.setdefault(step, host)
                if owner == host or step in self._ended or stop.is_set():
                    return owner, self._ended.get(step)
                if step in self._begun:
                    return owner, Shared(outcome=Outcome.UNKNOWN, problem=self._begun[step])
                self._changed.wait(0.5)

    def done(self, step: str, host: str, ended: Shared) -> None:
        with self._changed:
            self._owner[step] = host
            self._ended[step] = ended
            self._changed.notify_all()

    def leave(self, step: str) -> None:
        """Its host found nothing to do, or could not begin: whoever comes next does it."""
        with self._changed:
            if step not in self._begun:
                del self._owner[step]
            self._changed.notify_all()

    def begun(self, step: str, host: str, problem: str) -> None:
        """A host began it, and only that host can tell how far it is."""
        with self._changed:
            self._owner[step] = host
            self._begun[step] = problem

    @property
    def first(self) -> frozenset[str]:
        """The hosts that have a step to go on with before others come to it."""
        return frozenset(self._owner[step] for step in self._begun if step not in self._ended)

    def gone(self, host: str) -> None:
        """A host ended: what it had claimed and not begun is free again."""
        with self._changed:
            for step in self._claimed(host) - self._begun.keys():
                del self._owner[step]
            self._changed.notify_all()

    def broken(self, host: str) -> None:
        """A host ended in the middle: what it had claimed and not done, it may have begun."""
        with self._changed:
            self._begun |= {step: in_doubt(host) for step in self._claimed(host)}
            self._changed.notify_all()

    def _claimed(self, host: str) -> set[str]:
        return {step for step, owner in self._owner.items() if owner == host and step not in self._ended}


def once_before(playbook: Playbook, hosts: Mapping[str, Past]) -> Once:
    """What earlier sittings have done of the steps that run once, or may have; by name of host."""
    once = Once()
    order = [step.id for step in playbook.walk() if step.phase not in (UNDO, FINALLY)]
    for step in playbook.walk():
        for name, past in hosts.items() if step.once else ():
            instances = _instances(step, past.steps)
            stood = _instances(step, past.rollback.steps) if past.rollback is not None else []
            known = [before.state == "done" for before in instances]
            doubted = set(map(base, past.in_doubt))
            if step.id in doubted:  # also where it had a list then and has none now
                once.begun(step.id, name, in_doubt(name))
            elif any(before.state == "done" for before in stood):
                once.begun(step.id, name, f"is not taken back yet on {name}; `rawat resume` goes on with it there")
            elif any(known) and not _whole(step, past, order, every=all(known)):
                once.begun(step.id, name, f"was begun on {name}; `rawat resume` goes on with it there")
            elif any(known):
                values = [SKIPPED if before.state == "new" else before.values for before in instances]
                ended = Shared(outcome=Outcome.OK, values=values[0] if step.loop is None else values, earlier=True)
                once.done(step.id, name, ended)
    return once


def _instances(step: Step, steps: Mapping[str, Before]) -> list[Before]:
    """What there is of a step on a host, items in the order of their numbers."""
    if step.loop is None:
        return [steps[step.id]] if step.id in steps else []
    items = {name: before for name, before in steps.items() if name.rpartition(".")[0] == step.id}
    return [items[name] for name in sorted(items, key=lambda name: int(name.rpartition(".")[2]))]


def _whole(step: Step, past: Past, order: list[str], *, every: bool) -> bool:
    """
    Whether nothing of it is left to do; `every`: all that is known of it is done. Only the host knows a list, but it
    came further than that or it did not.
    """
    if step.loop is None or past.finished or not every:
        return every or past.finished
    later = set(order[order.index(step.id) + 1 :]) if step.id in order else set()
    return any(base(name) in later for name in past.steps)


def in_doubt(host: str) -> str:
    """Why no other host goes on: what to say behind the name of the step."""
    return f"is in doubt on {host}; `rawat resume` settles it there"
