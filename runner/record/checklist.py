"""The checklist of a run: the seven phases and the playbook's own items, each with what proves it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runner.frozen import frozen, replace
from runner.model import PHASES, Outcome
from runner.record.values import RunRecord, StepRecord


@frozen
class ItemRecord:
    """
    A checklist item: `state` is pass, fail, open, waived, na or "not used"; `proof` says by what.

    `by` is a person's name where a person said so: a word, never a measurement.
    """

    id: str
    phase: str
    text: str
    required: bool
    state: str
    proof: tuple[str, ...] = ()
    by: str = ""
    note: str = ""


APART = ("not applicable on ", "left out by ", "skipped by ", "every step of it ")
"""How a line of an item's proof begins that says what was not carried out, and why."""
_GOOD = frozenset(outcome.value for outcome in Outcome if outcome.good)


def checklist(record: RunRecord) -> tuple[ItemRecord, ...]:
    """
    Every item in the order of the phases, own items behind the phase they belong to.

    Worked out anew each time, from every step of every host: whoever needs it twice hands it on.
    """
    return tuple(_checklist(record))


def completion(items: Iterable[ItemRecord]) -> tuple[int, int]:
    """(required items that are done, required items) of a checklist."""
    required = [item for item in items if item.required]
    return sum(item.state in ("pass", "waived", "na") for item in required), len(required)


def open_items(items: Iterable[ItemRecord]) -> tuple[ItemRecord, ...]:
    """Those of a checklist that are required, and that nothing proves and nobody has spoken for."""
    return tuple(item for item in items if item.required and item.state in ("open", "fail"))


def not_through(record: RunRecord, item: ItemRecord) -> tuple[str, ...]:
    """Hosts that have not ended every step that an item rests on: what an open item waits for, or was broken off by."""
    if item.id in PHASES:
        names = [str(step["id"]) for step in record.declared if step.get("phase") == item.phase]
    else:
        names = [str(step) for own in record.items if own.get("id") == item.id for step in own.get("proof", ())]
    groups = _groups(record)
    wanted = {leaf for name in names for leaf in _leaves(name, groups)}
    return tuple(
        host.name
        for host in record.hosts.values()
        if wanted - {step.base for step in host.steps.values() if step.outcome}
    )


def _checklist(record: RunRecord) -> Iterable[ItemRecord]:
    words = _words(record.acts)
    ran = _Ran(record)
    for phase in PHASES:
        item = _phase_item(record, ran, phase)
        yield words[item.id](item) if item.id in words else item
        for own in record.items:
            if own.get("phase") == phase:
                item = _own_item(ran, own)
                yield words[item.id](item) if item.id in words else item


def _words(acts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The latest word of a person for each item, as a change to its record."""
    states = {"pass": "pass", "fail": "fail", "na": "na", "waive": "waived"}
    found: dict[str, Any] = {}
    for act in acts:
        if act.get("act") == "sign-off" and act.get("verdict") in states:
            state, by, note = states[str(act["verdict"])], str(act.get("by", "")), str(act.get("note", ""))
            found[str(act.get("item"))] = lambda item, state=state, by=by, note=note: replace(
                item, state=state, by=by, note=note, proof=(*item.proof, f"word of {by}")
            )
    return found


def _phase_item(record: RunRecord, ran: _Ran, phase: str) -> ItemRecord:
    declared = [str(step["id"]) for step in record.declared if step.get("phase") == phase]
    text = f"Phase {phase}"
    if declared:
        state, proof = ran.proven(declared)
        return ItemRecord(id=phase, phase=phase, text=text, required=True, state=state, proof=proof)
    proof = ()
    if phase == "identify" and record.why.get("ticket") and record.why.get("reason"):
        proof = (f"ticket {record.why['ticket']}: {record.why['reason']}",)
    elif phase == "plan" and record.plan:
        proof = (f"plan {record.plan[:12]} frozen before the first connection",)
    elif phase == "document" and record.sealed:
        proof = ("record sealed",)
    if proof:
        return ItemRecord(id=phase, phase=phase, text=text, required=True, state="pass", proof=proof)
    used = phase == "document" or record.all_phases
    state = "open" if used else "not used"
    return ItemRecord(id=phase, phase=phase, text=text, required=used, state=state)


def _own_item(ran: _Ran, own: Mapping[str, Any]) -> ItemRecord:
    item = ItemRecord(
        id=str(own["id"]),
        phase=str(own["phase"]),
        text=str(own["text"]),
        required=bool(own.get("required", True)),
        state="open",
    )
    if own.get("by_hand"):
        return item
    state, proof = ran.proven([str(step) for step in own.get("proof", ())], every=True)
    # nothing proves it, and that it does not apply is a person's to say
    return replace(item, state="open" if state == "na" else state, proof=proof)


class _Ran:
    """The steps of a run as its hosts ran them: those of each host by their id in the playbook."""

    def __init__(self, record: RunRecord) -> None:
        self._groups = _groups(record)
        self._hosts: list[tuple[str, dict[str, list[StepRecord]]]] = []
        for host in record.hosts.values():
            instances: dict[str, list[StepRecord]] = {}
            for step in host.steps.values():
                instances.setdefault(step.base, []).append(step)
            self._hosts.append((host.name, instances))

    def proven(self, ids: Sequence[str], *, every: bool = False) -> tuple[str, tuple[str, ...]]:
        """
        (pass, fail, open or na, what says so) for steps on every host of the run.

        Where a condition skipped all of them on a host, they do not apply there; where it did on every host, that is
        no proof. What a person left out is open: with `every` each such step, else only where nothing else was done.
        """
        wanted = [leaf for name in ids for leaf in _leaves(name, self._groups)]
        proof: list[str] = []
        skipped = _Skipped()
        state = "pass"
        ran = False
        for host, instances in self._hosts:
            done: list[str] = []
            missing = False
            for name in wanted:
                steps = instances.get(name, ())
                if len(steps) == 1 and steps[0].outcome == "ok":  # nearly all of them, and there may be thousands
                    done.append(_proof(host, steps[0]))
                    continue
                ends = {step.ended for step in steps}
                if Outcome.UNKNOWN in ends:
                    state = "open" if state == "pass" else state
                    proof.append(f"nobody knows how {host}/{name} ended")
                elif ends - _GOOD - {""} == {Outcome.CANCELLED}:
                    state = "open" if state == "pass" else state
                    proof.append(f"{host}/{name} cancelled")
                elif ends - _GOOD - {""}:
                    state = "fail"
                    proof.append(f"{host}/{name} failed")
                elif not ends or "" in ends:
                    state = "open" if state == "pass" else state
                else:
                    done += [_proof(host, step) for step in steps if step.outcome == Outcome.OK]
                    skipped.add(host, [step for step in steps if step.outcome == Outcome.SKIPPED])
                    continue
                missing = True
            proof += done
            ran = ran or bool(done)
            if done or missing:
                skipped.applies(host)
        left_out = skipped.left_out
        if state == "pass" and not ran:
            return ("open" if left_out else "na"), skipped.none_of_it()
        if state == "pass" and every and left_out:
            state = "open"
        return state, (*proof, *left_out, *skipped.not_applicable())


class _Skipped:
    """Why steps were not carried out, and on which hosts: by their conditions, or because a person left them out."""

    def __init__(self) -> None:
        self._conditions: dict[str, dict[str, str]] = {}
        self._left: dict[str, dict[str, None]] = {}

    def add(self, host: str, steps: Iterable[StepRecord]) -> None:
        for step in steps:
            if step.why.startswith("--"):
                self._left.setdefault(step.why, {})[step.base] = None
            elif not step.why.startswith("once: "):  # another host did it for this one, and is asked itself
                self._conditions.setdefault(host, {})[step.base] = step.why

    def applies(self, host: str) -> None:
        """Something of it was to be done there."""
        self._conditions.pop(host, None)

    @property
    def left_out(self) -> tuple[str, ...]:
        return tuple(f"left out by {why}: {', '.join(steps)}" for why, steps in self._left.items())

    def not_applicable(self) -> tuple[str, ...]:
        """The hosts that have one reason together; nobody knows it where steps were left out that may have applied."""
        if self._left:
            return ()
        hosts: dict[str, list[str]] = {}
        for host, whys in self._conditions.items():
            hosts.setdefault("; ".join(dict.fromkeys(whys.values())), []).append(host)
        return tuple(f"not applicable on {', '.join(names)} ({why})" for why, names in hosts.items())

    def none_of_it(self) -> tuple[str, ...]:
        """Where nothing was carried out anywhere."""
        conditions = tuple(dict.fromkeys(step for whys in self._conditions.values() for step in whys))
        if not self._left:
            return ("every step of it was skipped by its condition",)
        if not conditions:
            return (f"every step of it was left out by {', '.join(sorted(self._left))}",)
        return (*self.left_out, f"skipped by its condition: {', '.join(conditions)}")


def _proof(host: str, step: StepRecord) -> str:
    digest = str(step.attempts[-1].output.get("sha256", ""))[:12] if step.attempts else ""
    return f"{host}/{step.id}" + (f" sha256 {digest}" if digest else "")


def _groups(record: RunRecord) -> Mapping[str, Sequence[str]]:
    return {str(step["id"]): [str(inner) for inner in step.get("steps", ())] for step in record.declared}


def _leaves(name: str, groups: Mapping[str, Sequence[str]]) -> Iterable[str]:
    inner = groups.get(name) or ()
    if not inner:
        yield name
    for child in inner:
        yield from _leaves(child, groups)
