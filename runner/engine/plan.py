"""What is going to be done, known without touching a host: hosts in batches, steps, variables, and the digest of it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from runner.document.source import likely
from runner.errors import InvalidInput, Problem
from runner.frozen import frozen
from runner.model import FINALLY, Host, Playbook, Rollout, Step
from runner.playbook.variables import values_of
from runner.redact import cut


@frozen
class Choice:
    """What a person asked for beside playbook and inventory: `-e`, `--from`, `--only`, `--skip`."""

    variables: Mapping[str, Any]
    start_at: str = ""
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()


@frozen
class Plan:
    """
    A plan is a value: the same inputs give the same `digest`, whenever and wherever it is made.

    `variables` maps each host's name to the values its steps will see; `skip` the ids of steps to why they are left
    out; `left_out` says the same of hosts, as `{"host"|"step", "why"}`.
    """

    playbook: Playbook
    hosts: tuple[Host, ...]
    batches: tuple[tuple[str, ...], ...]
    variables: Mapping[str, Mapping[str, Any]]
    skip: Mapping[str, str]
    left_out: tuple[Mapping[str, str], ...]
    limits: Mapping[str, int]
    digest: str

    def to_json(self) -> dict[str, Any]:
        """What the digest is made from, and the digest."""
        return {
            **_content(self.playbook, self.hosts, self.batches, self.variables, self.skip, self.limits),
            "digest": self.digest,
        }


def make_plan(
    playbook: Playbook,
    hosts: Sequence[Host],
    choice: Choice,
    *,
    left_out: Sequence[Mapping[str, str]] = (),
    limits: Mapping[str, int] | None = None,
) -> Plan:
    """
    `limits` are of groups: how many of their hosts may be at work at a time. Raises InvalidInput with all that is
    wrong: no host, steps that do not exist, variables that do not fit.
    """
    if not hosts:
        raise InvalidInput(
            f"no host is selected for '{playbook.name}' (its pattern: {playbook.hosts})",
            hint="see `rawat hosts` for what there is, or choose with --hosts",
        )
    skip = _skip(playbook, choice)
    variables = values_of(playbook, hosts, choice.variables)
    if problems := list(dict.fromkeys(_texts_for_conditions(playbook, variables, skip))):
        raise InvalidInput(problems=tuple(problems))
    batches = make_batches([host.name for host in hosts], playbook.rollout)
    limits = limits or {}
    content = _content(playbook, hosts, batches, variables, skip, limits)
    steps = [{"step": name, "why": why} for name, why in skip.items()]
    return Plan(
        playbook=playbook,
        hosts=tuple(hosts),
        batches=batches,
        variables=variables,
        skip=skip,
        left_out=(*left_out, *steps),
        limits=limits,
        digest=digest_of(content),
    )


def digest_of(content: Mapping[str, Any]) -> str:
    """sha256 of the canonical JSON of a plan's content."""
    return hashlib.sha256(canonical(content)).hexdigest()


def canonical(content: Any) -> bytes:
    """JSON with sorted keys and no spaces, UTF-8."""
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=str).encode()


def make_batches(names: Sequence[str], rollout: Rollout) -> tuple[tuple[str, ...], ...]:
    """Names in batches of the sizes given; the last size repeats until all are in one."""
    batches: list[tuple[str, ...]] = []
    left = list(names)
    while left:
        size = rollout.batches[min(len(batches), len(rollout.batches) - 1)].of(len(names))
        batches.append(tuple(left[:size]))
        left = left[size:]
    return tuple(batches)


def _content(
    playbook: Playbook,
    hosts: Sequence[Host],
    batches: Sequence[Sequence[str]],
    variables: Mapping[str, Mapping[str, Any]],
    skip: Mapping[str, str],
    limits: Mapping[str, int],
) -> dict[str, Any]:
    return {
        "rawat": 1,
        "playbook": playbook.name,
        "sources": {source.path: source.sha256 for source in playbook.sources},
        "hosts": [
            {
                "name": host.name,
                "address": host.address,
                "port": host.port,
                "user": host.user,
                "transport": host.transport,
                "jump": [hop.name for hop in host.jump],
                "variables": dict(variables[host.name]),
            }
            for host in hosts
        ],
        "batches": [list(batch) for batch in batches],
        "parallel": playbook.rollout.parallel,
        "stop_when_failed": str(playbook.rollout.stop_when_failed),
        "timeout_s": playbook.rollout.timeout_s,
        "skip": dict(skip),
        "limits": dict(limits),
    }


def _texts_for_conditions(
    playbook: Playbook, variables: Mapping[str, Mapping[str, Any]], skip: Mapping[str, str]
) -> Iterable[Problem]:
    """Variables that decide a `when` by themselves and are texts: "no" from -e or an inventory would be true."""
    conditions = [step for step in playbook.walk() if step.when is not None and step.id not in skip]
    if not conditions:
        return
    from runner.playbook.evaluation import taken_as_true

    for step in conditions:
        names = taken_as_true(step.when or "")
        for host, values in variables.items():
            for name in sorted(names & values.keys()):
                if isinstance(values[name], str):
                    value = cut(repr(values[name]), 60)
                    message = f"'{name}' of {host} is a text, {value}; 'when: {step.when}' wants true or false of it"
                    yield Problem(message=message, where=step.location)


def _skip(playbook: Playbook, choice: Choice) -> dict[str, str]:
    """Steps that a person leaves out, with the reason; groups stand for their steps."""
    order = [step.id for step in _forward(playbook)]
    known = set(order)
    problems = [
        Problem(message=f"there is no step '{name}' in {playbook.name}{likely(name, known)}")
        for name in (*choice.only, *choice.skip, *([choice.start_at] if choice.start_at else []))
        if name not in known
    ]
    if problems:
        raise InvalidInput(problems=tuple(problems))
    skip: dict[str, str] = {}
    wanted = {inner.id for step in _forward(playbook) if step.id in choice.only for inner in _inside(step)}
    start = order.index(choice.start_at) if choice.start_at else 0
    last = [step.id for step in _forward(playbook) if step.phase == FINALLY]
    for number, step in enumerate(_forward(playbook)):
        # `finally` is left out in part only where a step of it is asked for by name
        if step.kind == "group":
            continue
        if number < start and (step.phase != FINALLY or choice.start_at in last):
            skip[step.id] = f"--from {choice.start_at}"
        elif choice.only and step.id not in wanted and (step.phase != FINALLY or not wanted.isdisjoint(last)):
            skip[step.id] = f"--only {', '.join(choice.only)}"
    for step in _forward(playbook):
        if step.id in choice.skip:
            skip |= {inner.id: f"--skip {step.id}" for inner in _inside(step) if inner.kind != "group"}
    return skip


def _forward(playbook: Playbook) -> Iterable[Step]:
    """Steps and the steps of groups, in order; what undoes them not."""
    for steps in (*playbook.phases.values(), playbook.finally_):
        for step in steps:
            yield from _inside(step)


def _inside(step: Step) -> Iterable[Step]:
    yield step
    for inner in step.steps:
        yield from _inside(inner)
