"""From a selection to a plan: read everything, check everything, touch nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.app.refusals import refusals
from runner.app.request import Context, Selection
from runner.app.secrets import with_given
from runner.app.wiring import KINDS
from runner.document.paths import resolved
from runner.engine.plan import Choice, Plan, make_plan
from runner.errors import InvalidInput, Problem
from runner.frozen import frozen
from runner.inventory.load import Inventory
from runner.inventory.load import load as load_inventory
from runner.model import FINALLY, UNDO, Playbook
from runner.playbook.load import load as load_playbook
from runner.playbook.variables import given
from runner.settings import Settings
from runner.settings import load as load_settings
from runner.shell import quote


@frozen
class Prepared:
    settings: Settings
    playbook: Playbook
    inventory: Inventory
    plan: Plan
    selection: Selection
    notes: tuple[str, ...] = ()
    """What was ignored of the inventories, and of what is said of the hosts that are chosen."""


def settings_of(context: Context) -> Settings:
    """Raises InvalidInput."""
    return load_settings(
        folder=context.folder, environment=context.environment, flags=context.flags, file=context.settings_file
    )


def inventory_of(settings: Settings, selection_paths: tuple[object, ...] = ()) -> Inventory:
    """The inventories that are named, else those of the settings."""
    paths = [Path(str(path)) for path in selection_paths] or list(settings.inventory)
    return load_inventory(
        paths, ssh_config=settings.ssh_config, known_hosts=[str(path) for path in settings.known_hosts]
    )


@contextmanager
def looked_for(settings: Settings, named: tuple[object, ...], *, near: Path | None = None) -> Iterator[None]:
    """
    Hosts that are not there, where there is no inventory: InvalidInput says where that was looked for, and what to say.

    One that lies `near` a playbook is named, and not taken: who works from elsewhere may mean other hosts.
    """
    try:
        yield
    except InvalidInput as error:
        if not named and not settings.inventory and not error.hint:
            folders = " or ".join(map(str, dict.fromkeys((settings.root, Path.cwd()))))
            above = resolved(near).parents[:2] if near else ()
            beside = next((file for file in (up / "inventory.yml" for up in above) if file.is_file()), None)
            what = f"name it: -i {quote(str(beside))}" if beside else "name one with -i FILE, or in rawat.yml"
            error.hint = f"there is no inventory.yml in {folders}; {what}"
        raise


def prepare(selection: Selection, context: Context) -> Prepared:
    """Raises InvalidInput with all that is wrong in playbook, inventory, variables or selection."""
    settings = settings_of(context)
    playbook = with_given(load_playbook(selection.playbook, kinds=KINDS), context.environment)
    inventory = inventory_of(settings, selection.inventories)
    with looked_for(settings, selection.inventories, near=selection.playbook):
        chosen = inventory.select(
            selection.hosts or playbook.hosts, instead_of=playbook.hosts if selection.hosts else ""
        )
    choice = Choice(
        variables=given(selection.variables, playbook.variables),
        start_at=selection.start_at,
        only=selection.only,
        skip=selection.skip,
    )
    plan = make_plan(playbook, chosen.hosts, choice, left_out=chosen.left_out, limits=chosen.limits)
    steps = [step for step in playbook.walk() if step.kind != "group" and step.phase != UNDO]
    asked = (choice.start_at, *choice.only)
    at_end = any(inner.id in asked for step in playbook.finally_ for inner in step.walk())
    if all(step.id in plan.skip for step in steps if at_end or step.phase != FINALLY):
        raise InvalidInput(
            f"no step of {playbook.name} is left to run: {', '.join(sorted(set(plan.skip.values())))}",
            hint=f"its steps: {', '.join(step.id for step in steps)}",
        )
    if problems := [*_missed(plan), *refusals(plan)]:
        raise InvalidInput(problems=tuple(problems))
    return Prepared(
        settings=settings, playbook=playbook, inventory=inventory, plan=plan, selection=selection, notes=chosen.notes
    )


def _missed(plan: Plan) -> list[Problem]:
    if not plan.skip:
        return []
    from runner.app.left_out import without_results

    return without_results(plan)
