"""Steps that run on one host only: whoever comes first does it, the others wait and take over the result."""

from __future__ import annotations

import threading

from runner.engine.result import StepResult


class Once:
    """Who does which step, and how it ended. A host that gives up before the end leaves the step to the next."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._owner: dict[str, str] = {}
        self._result: dict[str, StepResult] = {}

    def claim(self, step: str, host: str, stop: threading.Event) -> tuple[str, StepResult | None]:
        """(host that does it, its result); the result is None where it is this host's to do, or stop was set."""
        with self._changed:
            while True:
                owner = self._owner.setdefault(step, host)
                if owner == host or step in self._result or stop.is_set():
                    return owner, self._result.get(step)
                self._changed.wait(0.5)

    def done(self, step: str, result: StepResult) -> None:
        with self._changed:
            self._result[step] = result
            self._changed.notify_all()

    def gone(self, host: str) -> None:
        """A host ended: what it had claimed and not done is free again."""
        with self._changed:
            for step in [step for step, owner in self._owner.items() if owner == host and step not in self._result]:
                del self._owner[step]
            self._changed.notify_all()
