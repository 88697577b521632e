"""Steps that run on one host only: whoever comes first does it, the others wait and take over the result."""

from __future__ import annotations

import threading

from runner.engine.result import StepResult
from runner.model import Outcome


class Once:
    """
    Who does which step, and how it ended. A host that gives up before the end leaves the step to the next.

    What a host began in an earlier sitting, and nobody saw the end of, is left to nobody: only that host can settle it.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._owner: dict[str, str] = {}
        self._result: dict[str, StepResult] = {}
        self._in_doubt: set[str] = set()
        self._earlier: set[str] = set()

    def claim(self, step: str, host: str, stop: threading.Event) -> tuple[str, StepResult | None]:
        """
        (host that does it, its result); the result is None where it is this host's to do, or stop was set.

        Nobody waits for a step in doubt: its host comes first in a run, or not at all.
        """
        with self._changed:
            while True:
                owner = self._owner.setdefault(step, host)
                if owner == host or step in self._result or stop.is_set():
                    return owner, self._result.get(step)
                if step in self._in_doubt:
                    return owner, StepResult(outcome=Outcome.UNKNOWN)
                self._changed.wait(0.5)

    def done(self, step: str, result: StepResult, *, earlier: bool = False) -> None:
        """`earlier`: in a sitting before this one, as its record tells."""
        with self._changed:
            self._result[step] = result
            (self._earlier.add if earlier else self._earlier.discard)(step)
            self._changed.notify_all()

    def doubt(self, step: str, host: str) -> None:
        """A host began it in an earlier sitting, and nobody knows how it ended."""
        with self._changed:
            self._owner[step] = host
            self._in_doubt.add(step)

    def from_record(self, step: str) -> bool:
        """Whether the result of a step is what a record kept of it."""
        return step in self._earlier

    @property
    def first(self) -> frozenset[str]:
        """The hosts that have a step to settle before others come to it."""
        return frozenset(self._owner[step] for step in self._in_doubt if step not in self._result)

    def gone(self, host: str) -> None:
        """A host ended: what it had claimed and not done is free again."""
        with self._changed:
            for step in self._claimed(host) - self._in_doubt:
                del self._owner[step]
            self._changed.notify_all()

    def broken(self, host: str) -> None:
        """A host ended in the middle: what it had claimed and not done, it may have begun."""
        with self._changed:
            self._in_doubt |= self._claimed(host)
            self._changed.notify_all()

    def _claimed(self, host: str) -> set[str]:
        return {step for step, owner in self._owner.items() if owner == host and step not in self._result}
