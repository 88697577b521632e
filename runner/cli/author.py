"""Commands for who writes playbooks: init, check, plan, kinds, schema."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from runner.cli.console import (
    context_of,
    here,
    next_command,
    selection_of,
    selection_options,
    setting_options,
    show_json,
)
from runner.cli.screen import columns, say

_AROUND = ("config", "records", "known_hosts")
"""Options of `rawat plan` that are not kept with a plan."""


@click.command(short_help="Write a commented project into an empty folder.")
@click.argument("folder", default=".", type=click.Path(file_okay=False))
def init(folder: str) -> None:
    """Write a commented rawat.yml, inventory.yml and a first playbook into an empty FOLDER."""
    from runner.app.init import write_project

    for path in write_project(Path(folder)):
        click.echo(f"wrote {path}")
    click.echo("next: rawat check playbooks/first.yml && rawat run playbooks/first.yml")


@click.command(short_help="Report every mistake of playbooks, with its place.")
@click.argument("files", nargs=-1, required=True, type=click.Path())
def check(files: tuple[str, ...]) -> int:
    """Report all problems of playbooks, with file, line, column and the likely word."""
    from runner.app.check import check_playbook, notes_on
    from runner.cli.console import fail
    from runner.errors import InvalidInput
    from runner.hygiene import visible
    from runner.report.words import amount

    problems: list[Any] = []
    here()
    for file in files:
        try:
            playbook = check_playbook(Path(file))
        except InvalidInput as error:
            problems += error.problems
            continue
        for note in notes_on(playbook):
            click.echo(visible(note), err=True)
        steps = sum(1 for step in playbook.walk() if step.kind != "group")
        items = amount(len(playbook.checklist), "checklist item")
        click.echo(f"{file}: ok ({playbook.name}: {amount(steps, 'step')}, {items} of its own)")
    return fail(InvalidInput(problems=tuple(problems))) if problems else 0


@click.command()
@click.argument("playbook", type=click.Path())
@selection_options
@setting_options
@click.option("--live", is_flag=True, help="Connect and look, changing nothing: what would change, what not.")
@click.option("--detailed-exitcode", is_flag=True, help="With --live: exit 3 where there is work to do.")
@click.option("--save", is_flag=True, help="Keep the plan in the records, to be approved: rawat approve.")
@click.option("--commands", is_flag=True, help="Every line that would be sent.")
@click.option("--ask-sudo", is_flag=True, help="With --live: ask for the sudo password.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def plan(
    playbook: str,
    live: bool,
    detailed_exitcode: bool,
    save: bool,
    commands: bool,
    ask_sudo: bool,
    as_json: bool,
    **given: Any,
) -> int:
    """Show what would be done where, and the plan's digest. Touches no host without --live."""
    from runner.app.plan import describe
    from runner.app.prepare import prepare

    context = context_of(given["config"], records=given["records"], known_hosts=given["known_hosts"])
    prepared = prepare(selection_of(playbook, given), context)
    looks = None
    code = 0
    if live:
        from runner.app.live import look
        from runner.cli.asking import ask_hidden

        looks = look(prepared, context, ask=ask_hidden if ask_sudo and context.terminal else None)
        code = looks.exit_code(detailed=detailed_exitcode)
    described = describe(prepared, live=looks.said if looks else None)
    described["next"] = next_command("rawat run", playbook, given)
    if save:
        from runner.app.approve import save_plan

        click.echo(f"kept as {save_plan(prepared, context)}", err=True)
        short = str(described["digest"])[:12]
        described["next"] = next_command(f"rawat run --plan {short}", "", {name: given[name] for name in _AROUND})
        if prepared.settings.policy.approvals:
            described["next"] = f"rawat approve {short}, then somebody else: {described['next']}"
    if as_json:
        show_json(described | ({"refused": dict(looks.refused)} if looks else {}))
        return code
    from runner.engine.crowd import notes as crowd_notes
    from runner.report.plan import WIDTH, plan_text

    notes = [why if why.startswith(host) else f"{host}: {why}" for host, why in looks.refused.items()] if looks else []
    crowd = crowd_notes(len(prepared.plan.hosts), prepared.plan.playbook.rollout.parallel)
    said = (*prepared.notes, *crowd, *notes)
    say(plan_text(described, commands=commands, notes=said, width=columns() or WIDTH))
    return code


@click.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="The schemas, as JSON.")
def kinds(name: str | None, as_json: bool) -> None:
    """The step kinds, or all about one of them."""
    from runner.app.kinds import kind_page, kind_table, schema_of, schemas

    if as_json:
        show_json(schema_of(name) if name else schemas())
    else:
        click.echo(kind_page(name) if name else kind_table())


@click.command(short_help="The JSON Schema of playbooks, or of records.")
@click.argument("what", default="playbook", type=click.Choice(["playbook", "record"]))
def schema(what: str) -> None:
    """The JSON Schema of playbooks, for editors; or that of a record, as `rawat show --json` gives it."""
    if what == "record":
        from runner.record.schema import schema as record_schema

        show_json(record_schema())
        return
    from runner.app.kinds import whole_schema

    show_json(whole_schema())
