"""What a run would refuse in its middle though it can be known before: told at once, and nothing is touched."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from runner.app.sources import as_written, mistakes_in_source
from runner.app.wiring import KINDS
from runner.engine.naming import host_names
from runner.engine.plan import Plan
from runner.errors import InvalidInput, Problem
from runner.model import Step
from runner.playbook.template import TemplateFailed, is_template, templated
from runner.seams import Wish
from runner.steps.parts.local import MissingFile

ASKED = 3
"""A kind is asked about so many hosts with values of their own: what it refuses is hardly ever the matter of one."""


def refusals(plan: Plan) -> list[Problem]:
    """Of steps whose values are known: what their kinds refuse, and files of the project that are missing."""
    makes_files = any(step.local or step.kind == "fetch" for step in plan.playbook.walk())
    undoes = {inner.id: step.id for step in plan.playbook.walk() for first in step.undo for inner in first.walk()}
    found: list[Problem] = []
    for step in plan.playbook.walk():
        if step.kind == "group" or step.id in plan.skip or undoes.get(step.id) in plan.skip:
            continue
        if not _never(plan, step):
            found += [_problem(step, InvalidInput(said)) for said in mistakes_in_source(plan, step)]
        for wish in _wishes(plan, step, found):
            try:
                _asked(KINDS.get(step.kind)(), wish)
            except MissingFile as error:
                found += [] if makes_files else [_problem(step, error)]
            except InvalidInput as error:
                found.append(_problem(step, error))
    return list(dict.fromkeys(found))


def _never(plan: Plan, step: Step) -> bool:
    """Whether variables alone say that the step is left out on each host."""
    if step.when is None:
        return False
    from runner.app.known import masks, never

    given = masks(plan)
    return all(never(step, host_names(host, plan.variables[host.name], given, run_id="")) for host in plan.hosts)


def _wishes(plan: Plan, step: Step, found: list[Problem]) -> Iterator[Wish]:
    """The step as some of its hosts would get it, where nothing of that has to be found out first."""
    if step.when is None and not templated(step.params) and not is_template(step.become):
        yield as_written(plan, step)
        return
    from runner.app.known import masks, never, wished

    for number, host in enumerate(plan.hosts):
        names = host_names(host, plan.variables[host.name], masks(plan), run_id="{run.id}")
        if never(step, names):
            continue
        try:
            wish, whole = wished(plan, step, host, names, None)
        except TemplateFailed:
            continue
        except InvalidInput as error:
            found.append(_problem(step, error))
            continue
        if whole and number < ASKED:
            yield wish


def _asked(kind: Any, wish: Wish) -> None:
    """Raises InvalidInput; that a kind cannot go on without what a host has to say is no refusal."""
    asks: list[Callable[[], object]] = [lambda: kind.preview(wish)]
    asks += [lambda: kind.look(wish)] if hasattr(kind, "look") else []
    asks += [lambda: kind.act(wish, None)] if hasattr(kind, "act") else []
    for ask in asks:
        with suppress(TemplateFailed, TypeError, AttributeError, LookupError, ValueError):
            ask()


def _problem(step: Step, error: InvalidInput) -> Problem:
    return Problem(message=f"'{step.id}', {step.kind}: {error.message}", where=step.location)
