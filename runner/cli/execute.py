"""Commands that do the work: run, resume, answer, demo."""

from __future__ import annotations

from typing import Any

import click

from runner.cli.carrying import carry_out_live, carrying_context, carrying_options, tell_end
from runner.cli.console import context_of, selection_of, selection_options, setting_options


@click.command()
@click.argument("playbook", type=click.Path())
@selection_options
@setting_options
@click.option("--ticket", default="", help="Why: the ticket of this change.")
@click.option("--reason", default="", help="Why, in words.")
@carrying_options
def run(playbook: str, ticket: str, reason: str, yes: bool, ask_sudo: bool, as_json: bool, **given: Any) -> int:
    """Carry out a playbook, and leave a record."""
    from runner.app.prepare import prepare
    from runner.app.request import Reason

    context = carrying_context(given)
    prepared = prepare(selection_of(playbook, given), context)
    for note in prepared.inventory.notes:
        click.echo(f"note: {note}", err=True)
    finished = carry_out_live(prepared, context, Reason(ticket=ticket, reason=reason), yes=yes, ask_sudo=ask_sudo)
    tell_end(finished, as_json=as_json)
    return finished.exit_code


@click.command()
@click.argument("run", default="last")
@setting_options
@click.option("--known-hosts", multiple=True, metavar="FILE", help="known_hosts files to trust.")
@click.option("--settle", multiple=True, metavar="STEP=done|not-done", help="Your word on a step in doubt.")
@click.option("--reason", default="", help="Why: for --settle and --changed, and for the record.")
@click.option("--changed", is_flag=True, help="Go on though playbook, inventory or variables are not what they were.")
@carrying_options
def resume(run: str, settle: tuple[str, ...], reason: str, changed: bool, **given: Any) -> int:
    """Go on with a RUN that was interrupted, cancelled, failed or left in doubt: a new sitting of the same run."""
    from runner.app.resume import find_resumable

    context = carrying_context(given)
    found = find_resumable(context, run, settle=settle, reason=reason, changed=changed)
    finished = carry_out_live(
        found.prepared, context, found.reason, yes=given["yes"], ask_sudo=given["ask_sudo"], earlier=found.earlier
    )
    tell_end(finished, as_json=given["as_json"])
    return finished.exit_code


@click.command()
@click.argument("run")
@click.argument("host")
@click.argument("step")
@click.argument("word", type=click.Choice(["yes", "no"]))
@setting_options
def answer(run: str, host: str, step: str, word: str, config: str | None, records: str | None) -> None:
    """Answer a question of a RUN that waits for a person at a STEP on a HOST."""
    from runner.app.read import give_answer

    path = give_answer(context_of(config, records=records), run, host=host, step=step, yes=word == "yes")
    click.echo(f"answered {word}: {path}")


@click.command()
@click.argument("folder", default="rawat-demo", type=click.Path(file_okay=False))
@click.option("--local", is_flag=True, help="Without SSH, on this machine's own shell.")
def demo(folder: str, local: bool) -> int:
    """Run the four shipped playbooks on a small credit database, over a throw-away SSH server."""
    from runner.cli.demo import show_demo

    return show_demo(folder, local=local)
