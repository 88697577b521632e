"""What the commands that carry a plan out share: options, progress, questions, and how the end is told."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

from runner.cli.console import context_of, show_json, terminal

if TYPE_CHECKING:
    from runner.app.prepare import Prepared
    from runner.app.request import Context, Reason
    from runner.app.run import Earlier, Finished
    from runner.engine.plan import Plan
    from runner.seams import People, Question, Watcher

F = TypeVar("F", bound=Callable[..., Any])


def carrying_options(function: F) -> F:
    """Options of every command that works on hosts."""
    for option in reversed(
        (
            click.option("--reconnect-timeout", metavar="TIME", help="How long to try a host whose link was lost."),
            click.option("--yes", is_flag=True, help="Answer every question with yes; on record as your word."),
            click.option("--ask-sudo", is_flag=True, help="Ask for the password for sudo before the run."),
            click.option("--json", "as_json", is_flag=True, help="The record as one JSON document on stdout."),
        )
    ):
        function = option(function)
    return function


def carrying_context(given: dict[str, Any]) -> Context:
    return context_of(
        given["config"],
        records=given["records"],
        known_hosts=given["known_hosts"],
        reconnect_timeout=given["reconnect_timeout"],
    )


def carry_out_live(
    prepared: Prepared,
    context: Context,
    reason: Reason,
    *,
    yes: bool = False,
    ask_sudo: bool = False,
    earlier: Earlier | None = None,
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
    return carry_out(
        prepared, context, reason, watchers=watchers, people=people, ask=ask, ask_sudo=ask_sudo, earlier=earlier
    )


def tell_end(finished: Finished, *, as_json: bool) -> None:
    """The end of a run: failures first, then the summary; one JSON document on stdout where that is asked for."""
    from runner.record import to_json
    from runner.report.text import summary

    text = summary(finished.record, records=str(finished.records.path))
    click.echo(text, err=as_json)
    if finished.index_trouble:
        click.echo(f"note: {finished.index_trouble}", err=True)
    if as_json:
        show_json(to_json(finished.record))
