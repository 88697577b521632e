"""Template files of the project that steps fill in: read before a run, for the names that they ask for."""

from __future__ import annotations

import re
from collections.abc import Iterator

from runner.app.wiring import KINDS
from runner.document.source import likely
from runner.engine.plan import Plan
from runner.errors import InvalidInput
from runner.frozen import frozen
from runner.model import Host, Step
from runner.playbook.names import ALWAYS
from runner.playbook.template import is_template
from runner.seams import Wish
from runner.steps.parts.local import project_file


@frozen
class Source:
    """A template file: its name as the step says it, and its text."""

    name: str
    text: str


def source_of(plan: Plan, step: Step) -> Source | None:
    """None where the step fills in no file, or one that is not known or not there yet."""
    key = "" if step.kind == "group" else getattr(KINDS.get(step.kind), "source", "")
    name = step.params.get(key) if key else None
    if not isinstance(name, str) or is_template(name):
        return None
    try:
        return Source(name=name, text=project_file(as_written(plan, step), name).read_text("utf-8"))
    except (InvalidInput, OSError, UnicodeDecodeError):
        return None


def needs_of(plan: Plan, step: Step) -> frozenset[str]:
    """The names that the file of a step cannot do without."""
    source = source_of(plan, step)
    if source is None:
        return frozenset()
    from runner.playbook.evaluation import file_needs

    return file_needs(source.text)


def mistakes_in_source(plan: Plan, step: Step) -> Iterator[str]:
    """What is wrong with the file of a step, whatever the values will be."""
    source = source_of(plan, step)
    if source is None:
        return
    from runner.playbook.evaluation import file_problem

    if problem := file_problem(source.text):
        yield f"{source.name}:{problem}"
    known = {*ALWAYS, "item", *plan.playbook.secrets, *plan.playbook.optional}
    known |= {name for values in plan.variables.values() for name in values}
    known |= {other.register for other in plan.playbook.walk() if other.register}
    for name in sorted(needs_of(plan, step) - known):
        line = next((n for n, line in enumerate(source.text.splitlines(), 1) if re.search(rf"\b{name}\b", line)), 1)
        yield f"{source.name}:{line}: '{name}' is not declared{likely(name, known)}"


def as_written(plan: Plan, step: Step) -> Wish:
    """The step with its parameters as the playbook has them."""
    host: Host = plan.hosts[0]
    return Wish(
        params=step.params,
        host=host,
        facts=None,
        run_id="{run.id}",
        step=step.id,
        user=step.become,
        root=plan.playbook.root,
        folder=plan.playbook.folder_of(step),
        names=plan.variables[host.name],
    )
