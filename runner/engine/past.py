"""What earlier sittings of a run left behind on a host, as the engine needs it to go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Any, Literal

from runner.engine.rolled import Rolled
from runner.events import Event, HostConnected, SittingStarted, StepStarted
from runner.frozen import frozen, replace
from runner.model import FINALLY, UNDO, Outcome
from runner.record import HostRecord, StepRecord

Word = Literal["done", "not-done"]
REDACTED = "[redacted:"


@frozen
class Before:
    """
    What is known of one step instance from before: attempts used so far, and how the last one stands.

    `state` is new, done, again (a new attempt is due) or doubt. `word` is a person's, on a step in doubt. `boot_ids`
    are those of the host and of the controller when the last attempt began, empty where they are not known. `phase`,
    `user` (None: the login's) and `reads_only` are what it was begun as, for where the playbook does not say any more.
    """

    state: Literal["new", "done", "again", "doubt"] = "new"
    attempts: int = 0
    outcome: Outcome = Outcome.OK
    changed: bool | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    word: Word | None = None
    boot_ids: tuple[str, str] = ("", "")
    phase: str = ""
    user: str | None = None
    reads_only: bool = False


NOTHING = Before()


@frozen
class Rollback:
    """One that was broken off: why it was begun, and how all steps stood then, its own and those it takes back."""

    because: str
    steps: Mapping[str, Before]


@frozen
class Past:
    """
    A host's earlier sittings; `began` is the Unix time by its own clock when the run first came to it (0: it never
    did), `machine` its machine id then. `steps` is as things stand when `rollback` has come to its end.
    """

    steps: Mapping[str, Before] = field(default_factory=dict)
    began: float = 0.0
    machine: str = ""
    finished: bool = False
    rollback: Rollback | None = None

    @property
    def in_doubt(self) -> tuple[str, ...]:
        """Steps of which nobody saw the end: what the host keeps of them is all that there is to know."""
        return tuple(name for name, before in self.steps.items() if before.state == "doubt")

    def step(self, instance: str) -> Before:
        return self.steps.get(instance, NOTHING)

    @property
    def said(self) -> Mapping[str, Before]:
        """Steps in doubt of which a person said how they ended."""
        return {name: before for name, before in self.steps.items() if before.state == "doubt" and before.word}

    def at_word(self) -> Past:
        """As it stands when that is taken for true."""
        steps = {name: _taken(before, anew=before.phase in (UNDO, FINALLY)) for name, before in self.steps.items()}
        rollback = self.rollback
        if rollback is not None:
            then = {name: _taken(before, anew=False) for name, before in rollback.steps.items()}
            rollback = replace(rollback, steps=then)
        return replace(self, steps=steps, rollback=rollback)


def _taken(before: Before, *, anew: bool) -> Before:
    """A step at a person's word; `anew` is what belonged to its own sitting, and starts anew whatever came of it."""
    if before.state != "doubt" or before.word is None:
        return before
    return replace(before, state="done" if before.word == "done" and not anew else "again")


def base(instance: str) -> str:
    """The id that a step has in the playbook."""
    return instance.partition(".")[0]


NEVER_SEEN = (0.0, "")


def first_seen(events: Iterable[Event]) -> Mapping[str, tuple[float, str]]:
    """Clock (Unix time) and machine id of each host when a run first came to it; 0 and empty where it did not say."""
    seen: dict[str, tuple[float, str]] = {}
    for event in events:
        if isinstance(event, HostConnected):
            clock, machine = seen.get(event.host, NEVER_SEEN)
            facts = event.facts
            seen[event.host] = clock or float(facts.get("clock") or 0), machine or str(facts.get("machine_id") or "")
    return seen


def boots(events: Iterable[Event]) -> Mapping[tuple[str, str], tuple[str, str]]:
    """Of the last attempt of each host and step: the boot ids of the host and of the controller when it began."""
    hosts: dict[str, str] = {}
    controller = ""
    found: dict[tuple[str, str], tuple[str, str]] = {}
    for event in events:
        if isinstance(event, SittingStarted):
            controller = str(event.controller.get("boot_id") or "")
        elif isinstance(event, HostConnected):
            hosts[event.host] = str(event.facts.get("boot_id") or "")
        elif isinstance(event, StepStarted):
            found[event.host, event.step] = hosts.get(event.host, ""), controller
    return found


def readers(events: Iterable[Event]) -> frozenset[tuple[str, str]]:
    """Hosts and steps whose last attempt changes nothing."""
    last = {(event.host, event.step): event.read_only for event in events if isinstance(event, StepStarted)}
    return frozenset(place for place, read_only in last.items() if read_only)


def past_of(
    host: HostRecord,
    words: Mapping[str, Word],
    *,
    seen: tuple[float, str] = NEVER_SEEN,
    booted: Mapping[tuple[str, str], tuple[str, str]] | None = None,
    reading: frozenset[tuple[str, str]] = frozenset(),
    rolled: Rolled,
) -> Past:
    """
    From the record of a host; `words` maps steps in doubt, and such as failed to take back, to what a person says of
    them; `seen` is what `first_seen` has of it, `booted` what `boots`, `reading` what `readers`, `rolled` what
    `rollbacks` gives.

    What a rollback took back is to be done again; undo and `finally` belong to a sitting and start anew. A host is not
    finished while one of its steps is in doubt.
    """

    def known(step: StepRecord, *, stands: bool) -> Before:
        before = _before(step, words.get(step.id), stands=stands)
        return replace(
            before,
            boot_ids=(booted or {}).get((host.name, step.id), before.boot_ids),
            phase=step.phase,
            user=step.user or None,
            reads_only=(host.name, step.id) in reading,
        )

    def then(step: StepRecord) -> Before:
        """As it stood when the rollback was broken off; a main step that ended badly may have done something, too."""
        before = known(step, stands=step.id in rolled.stands | rolled.back)
        refused = before.reads_only and bool(step.attempts) and step.outcome != Outcome.OK
        if step.id not in rolled.stands or before.state != "again" or refused:
            return before
        last = step.attempts[-1]
        return replace(before, state="done", outcome=Outcome(last.outcome), changed=last.changed, values=last.values)

    main = rolled.stands if not rolled.because else frozenset[str]()
    steps = {name: known(step, stands=name in main) for name, step in host.steps.items()}
    past = Past(steps=steps, began=seen[0], machine=seen[1])
    rollback = Rollback(because=rolled.because, steps={name: then(step) for name, step in host.steps.items()})
    finished = host.outcome == Outcome.OK and not past.in_doubt
    return replace(past, finished=finished, rollback=rollback if rolled.because else None)


def _before(step: StepRecord, word: Word | None, *, stands: bool) -> Before:
    """`stands`: what it did was not taken back."""
    attempts = step.attempts[-1].number if step.attempts else 0
    if not step.attempts:
        return NOTHING
    last = step.attempts[-1]
    if word is not None or last.outcome == Outcome.UNKNOWN or not last.outcome:
        sent = bool(last.command_sha256) or bool(last.outcome)
        return Before(state="doubt" if sent else "again", attempts=attempts, word=word)
    if step.outcome == Outcome.OK and stands:
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
