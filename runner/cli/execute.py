"""Commands that do the work: run, answer, demo."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from runner.cli.console import context_of, selection_of, selection_options, setting_options, show_json, terminal

if TYPE_CHECKING:
    from runner.app.request import Context
    from runner.app.run import Finished
    from runner.engine.plan import Plan
    from runner.seams import People, Question, Watcher


@click.command()
@click.argument("playbook", type=click.Path())
@selection_options
@setting_options
@click.option("--ticket", default="", help="Why: the ticket of this change.")
@click.option("--reason", default="", help="Why, in words.")
@click.option("--yes", is_flag=True, help="Answer every question of the playbook with yes; on record as your word.")
@click.option("--reconnect-timeout", metavar="TIME", help="How long to try a host again whose link was lost.")
@click.option("--ask-sudo", is_flag=True, help="Ask for the password for sudo before the run.")
@click.option("--json", "as_json", is_flag=True, help="The record as one JSON document on stdout.")
def run(playbook: str, ticket: str, reason: str, yes: bool, ask_sudo: bool, as_json: bool, **given: Any) -> int:
    """Carry out a playbook, and leave a record."""
    from runner.app.prepare import prepare
    from runner.app.request import Reason

    context = context_of(
        given["config"],
        records=given["records"],
        known_hosts=given["known_hosts"],
        reconnect_timeout=given["reconnect_timeout"],
    )
    prepared = prepare(selection_of(playbook, given), context)
    for note in prepared.inventory.notes:
        click.echo(f"note: {note}", err=True)
    again = " ".join(["rawat run", playbook, *(f"-i {path}" for path in given["inventory"])])
    finished = carry_out_live(prepared, context, Reason(ticket=ticket, reason=reason), yes=yes, ask_sudo=ask_sudo)
    tell_end(finished, again=again, as_json=as_json)
    return finished.exit_code


def carry_out_live(
    prepared: Any, context: Context, reason: Any, *, yes: bool = False, ask_sudo: bool = False
) -> Finished:
    """Run a prepared plan with the progress that fits the terminal."""
    from runner.app import identity
    from runner.app.run import carry_out
    from runner.cli.plain import PlainProgress

    name = identity.name_of(identity.who(context.environment))
    shown: list[Any] = []

    def watchers(run_id: str, plan: Plan) -> Sequence[Watcher]:
        if sys.stderr.isatty() and context.environment.get("TERM") != "dumb" and not context.environment.get("CI"):
            from runner.cli.live import LiveProgress

            shown.append(LiveProgress())
        else:
            shown.append(PlainProgress())
        return shown

    def people(run_id: str) -> People:
        from runner.app.answers import AnswerFiles
        from runner.cli.asking import TerminalPeople, YesPeople

        def tell(question: Question) -> None:
            who = f" ({', '.join(question.who)})" if question.who else ""
            command = f"rawat answer {run_id} {question.host} {question.step} yes"
            click.echo(f"waiting for an answer{who} to: {question.text}\n  {command}", err=True)

        if yes:
            return YesPeople(name)
        files = AnswerFiles(prepared.settings.records / run_id, tell)
        if not terminal():
            return files
        return TerminalPeople(name, next((one for one in shown if not isinstance(one, PlainProgress)), None), files)

    ask = None
    if terminal():
        from runner.cli.asking import ask_hidden

        ask = ask_hidden
    return carry_out(prepared, context, reason, watchers=watchers, people=people, ask=ask, ask_sudo=ask_sudo)


def tell_end(finished: Finished, *, again: str, as_json: bool) -> None:
    """The end of a run: failures first, then the summary; one JSON document on stdout where that is asked for."""
    from runner.record import to_json
    from runner.report.text import summary

    text = summary(finished.record, records=str(finished.records.path), again=again)
    click.echo(text, err=as_json)
    if finished.index_trouble:
        click.echo(f"note: {finished.index_trouble}", err=True)
    if as_json:
        show_json(to_json(finished.record))


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
