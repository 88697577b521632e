"""Commands that do the work: run, resume, answer, demo."""

from __future__ import annotations

from typing import Any

import click

from runner.cli.carrying import carry_out_live, carrying_context, carrying_options
from runner.cli.change import change_options, reason_of
from runner.cli.console import context_of, run_argument, selection_of, selection_options, setting_options

_SELECTING = ("inventory", "hosts", "variable", "start_at", "only", "skip")


@click.command()
@click.argument("playbook", type=click.Path(), required=False)
@click.option("--plan", metavar="PLAN", help="Instead of a playbook: only this plan, by its file or digest.")
@selection_options
@click.option("--override", multiple=True, metavar="ITEM", help="Open the gate of a checklist item; needs a --reason.")
@setting_options
@change_options
@carrying_options
def run(playbook: str | None, plan: str | None, **given: Any) -> int:
    """Carry out a playbook, and leave a record."""
    from runner.app.approve import prepare_saved
    from runner.app.prepare import prepare
    from runner.errors import InvalidInput
    from runner.hygiene import one_line

    context = carrying_context(given)
    if plan is None and playbook is not None:
        prepared = prepare(selection_of(playbook, given), context)
    elif plan is not None and playbook is None and not any(given[name] for name in _SELECTING):
        prepared = prepare_saved(context, plan)
    else:
        raise InvalidInput("say either a playbook, with what selects hosts and steps, or --plan alone")
    for note in prepared.notes:
        click.echo(f"note: {one_line(note)}", err=True)
    return carry_out_live(prepared, context, reason_of(given), given)


@click.command(short_help="Go on with a run that did not come to its end.")
@run_argument(default="last")
@setting_options
@click.option("--known-hosts", multiple=True, metavar="FILE", help="known_hosts files to trust.")
@click.option("--settle", multiple=True, metavar="[HOST:]STEP=done|not-done", help="Your word on a step in doubt.")
@click.option("--reason", default="", help="Why: for --settle and --changed, and for the record.")
@click.option("--changed", is_flag=True, help="Go on though playbook, inventory or variables are not what they were.")
@carrying_options
def resume(run: str, settle: tuple[str, ...], reason: str, changed: bool, **given: Any) -> int:
    """Go on with a RUN that was interrupted, cancelled, failed or left in doubt: a new sitting of the same run."""
    from runner.app.resume import find_resumable

    context = carrying_context(given)
    found = find_resumable(context, run, settle=settle, reason=reason, changed=changed)
    return carry_out_live(found.prepared, context, found.reason, given, earlier=found.earlier)


@click.command(short_help="Ask a run that is under way to begin nothing new.")
@run_argument(default="last")
@click.option("--kill", is_flag=True, help="End what runs on the hosts now, instead of letting it end by itself.")
@setting_options
def cancel(run: str, kill: bool, config: str | None, records: str | None) -> None:
    """Ask a RUN that is under way on this machine to begin nothing new, and to seal its record."""
    from runner.app.cancel import cancel_run

    click.echo(cancel_run(context_of(config, records=records), run, kill=kill))


@click.command(short_help="Answer a question that a run waits for.")
@run_argument()
@click.argument("host")
@click.argument("step")
@click.argument("word", type=click.Choice(["yes", "no"]))
@setting_options
def answer(run: str, host: str, step: str, word: str, config: str | None, records: str | None) -> None:
    """Answer a question of a RUN that waits for a person at a STEP on a HOST."""
    from runner.app.read import give_answer

    path = give_answer(context_of(config, records=records), run, host=host, step=step, yes=word == "yes")
    click.echo(f"answered {word}: {path}")


@click.command(short_help="The main job on a machine that has nothing.")
@click.argument("folder", default="rawat-demo", type=click.Path(file_okay=False))
@click.option("--local", is_flag=True, help="Without SSH, on this machine's own shell.")
def demo(folder: str, local: bool) -> int:
    """
    Run the four shipped playbooks on a small credit database, over a throw-away SSH server.

    All of it is in FOLDER; left out: `rawat-demo`.
    """
    from runner.cli.demo import show_demo

    return show_demo(folder, local=local)
