"""What earlier sittings of a run left behind on a host, as the engine needs it to go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any, Literal

from runner.events import Event, HostConnected
from runner.frozen import frozen
from runner.model import UNDO, Outcome
from runner.record import HostRecord, StepRecord

Word = Literal["done", "not-done"]
REDACTED = "[redacted:"


@frozen
class Before:
    """
    What is known of one step instance from before: attempts used so far, and how the last one stands.

    `state` is new, done, again (a new attempt is due) or doubt. `word` is a person's, on a step in doubt.
    """

    state: Literal["new", "done", "again", "doubt"] = "new"
    attempts: int = 0
    outcome: Outcome = Outcome.OK
    changed: bool | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    word: Word | None = None


NOTHING = Before()


@frozen
class Past:
    """
    A host's earlier sittings; `boot_id` is that of the host when it was last connected to, `began` the Unix time by
    its own clock when the run first came to it (0: it never did).
    """

    steps: Mapping[str, Before] = field(default_factory=dict)
    boot_id: str = ""
    began: float = 0.0
    finished: bool = False

    @property
    def in_doubt(self) -> tuple[str, ...]:
        """Steps of which nobody saw the end: what the host keeps of them is all that there is to know."""
        return tuple(name for name, before in self.steps.items() if before.state == "doubt")

    def step(self, instance: str) -> Before:
        return self.steps.get(instance, NOTHING)


def first_clock(events: Iterable[Event], host: str) -> float:
    """The clock of a host (Unix time) when a run first came to it; 0 where it never did."""
    connected = (event for event in events if isinstance(event, HostConnected) and event.host == host)
    return next((float(event.facts["clock"]) for event in connected if event.facts.get("clock")), 0.0)


def past_of(host: HostRecord, words: Mapping[str, Word], *, began: float = 0.0) -> Past:
    """
    From the record of a host; `words` maps steps in doubt, by instance or id, to what a person says of them.

    A step that a rollback took back is to be done again; undo and `finally` belong to a sitting and start anew.
    """
    undone = any(step.phase == UNDO and step.attempts for step in host.steps.values())
    steps = {}
    for name, step in host.steps.items():
        word = words.get(name) or words.get(step.base)
        steps[name] = _before(step, word, undone=undone)
    finished = host.outcome == Outcome.OK
    return Past(steps=steps, boot_id=str(host.facts.get("boot_id") or ""), began=began, finished=finished)


def _before(step: StepRecord, word: Word | None, *, undone: bool) -> Before:
    attempts = step.attempts[-1].number if step.attempts else 0
    if not step.attempts:
        return NOTHING
    last = step.attempts[-1]
    if last.outcome == Outcome.UNKNOWN or not last.outcome:
        sent = bool(last.command_sha256) or last.outcome == Outcome.UNKNOWN
        return Before(state="doubt" if sent else "again", attempts=attempts, word=word)
    if step.outcome == Outcome.OK and not undone and step.phase not in (UNDO, "finally"):
        return Before(
            state="done", attempts=attempts, outcome=Outcome.OK, changed=last.changed, values=dict(last.values)
        )
    return Before(state="again", attempts=attempts)


def redacted(values: Any) -> bool:
    """Whether a registered result lost something to the redactor, so that it is not what it was."""
    if isinstance(values, str):
        return REDACTED in values
    if isinstance(values, Mapping):
        return any(map(redacted, values.values()))
    return isinstance(values, list | tuple) and any(map(redacted, values))
