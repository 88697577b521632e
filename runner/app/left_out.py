"""Steps that use the result of a step which a person left out: they could only fail in the middle of the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runner.app.known import masks
from runner.app.later import Unknown
from runner.app.sources import needs_of
from runner.app.wiring import KINDS
from runner.engine.naming import host_names
from runner.engine.plan import Plan
from runner.errors import Problem
from runner.model import FINALLY, UNDO, Host, Step
from runner.playbook.evaluation import defined_where, holds, needed
from runner.playbook.names import texts_of
from runner.playbook.template import TemplateFailed


def without_results(plan: Plan) -> list[Problem]:
    """What `--from`, `--only` and `--skip` took from steps that are left, where these do not ask for it first."""
    return list(_Left(plan).problems())


class _Left:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._given: set[str] = set()
        self._gone: dict[str, Step] = {}

    def problems(self) -> Iterator[Problem]:
        for steps in (*self._plan.playbook.phases.values(), self._plan.playbook.finally_):
            yield from self._steps(steps, (), frozenset())

    def _steps(self, steps: Sequence[Step], whens: tuple[str, ...], safe: frozenset[str]) -> Iterator[Problem]:
        """`whens` are the conditions around; `safe` are the names that they ask for."""
        for step in steps:
            if step.id in self._plan.skip:
                if step.register:
                    self._gone.setdefault(step.register, step)
                continue
            own = (*whens, step.when) if step.when else whens
            inner = safe | defined_where(step.when or "")
            yield from self._step(step, own, safe, inner)
            if step.register:
                self._given.add(step.register)
            yield from self._steps((*step.steps, *step.undo), own, inner)

    def _step(
        self, step: Step, whens: tuple[str, ...], safe: frozenset[str], inner: frozenset[str]
    ) -> Iterator[Problem]:
        lost: set[str] = set()
        for text in texts_of(step, KINDS):
            told = safe if text.at == ("when",) else inner | ({step.register} if text.result else set())
            lost |= needed(text.text, expression=text.expression) - told
        lost |= needs_of(self._plan, step) - inner
        lost &= self._gone.keys() - self._given
        if lost and not self._never(whens):
            for name in sorted(lost):
                yield Problem(message=self._message(step, name), where=step.location)

    def _message(self, step: Step, name: str) -> str:
        source = self._gone[name]
        why = self._plan.skip[source.id]
        flag, _, _ = why.partition(" ")
        add = f"take {why} away" if flag == "--skip" else f"say {flag} {source.id}"
        add += " as well" if flag == "--only" else ""
        out = "" if step.phase in (FINALLY, UNDO) or step.kind == "group" else f", leave '{step.id}' out, too"
        return (
            f"'{step.id}' uses '{name}', the result of '{source.id}', which is left out ({why}): {add}{out}, "
            f"or let it ask first: when: {name} is defined"
        )

    def _never(self, whens: tuple[str, ...]) -> bool:
        """Whether one of the conditions is false on each host, whatever is not known yet."""
        return bool(whens) and all(
            any(_is_false(when, self._names(host)) for when in whens) for host in self._plan.hosts
        )

    def _names(self, host: Host) -> Mapping[str, Any]:
        known = host_names(host, self._plan.variables[host.name], masks(self._plan), run_id="{run.id}")
        return {**known, **dict.fromkeys((*self._given, "facts"), Unknown())}


def _is_false(when: str, names: Mapping[str, Any]) -> bool:
    try:
        return not holds(when, names)
    except TemplateFailed:
        return False
