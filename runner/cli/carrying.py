"""What the commands that carry a plan out share: options, progress, questions, and how the end is told."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

from runner.cli.console import context_of, cut_short, drawn, show_json, shown, silence, terminal, unread
from runner.cli.screen import say

if TYPE_CHECKING:
    from runner.app.assemble import Earlier
    from runner.app.prepare import Prepared
    from runner.app.request import Context, Reason
    from runner.app.run import Finished
    from runner.cli.live import LiveProgress
    from runner.cli.plain import PlainProgress
    from runner.seams import People, Question

F = TypeVar("F", bound=Callable[..., Any])


def carrying_options(function: F) -> F:
    """Options of every command that works on hosts."""
    for option in reversed(
        (
            click.option("--reconnect-timeout", metavar="TIME", help="How long to try a host whose link was lost."),
            click.option("--lock-timeout", metavar="TIME", help="How long to wait for a host that another run holds."),
            click.option("--yes", is_flag=True, help="Answer every question with yes; on record as your word."),
            click.option(
                "--on-cancel",
                type=click.Choice(["leave", "kill"]),
                default="leave",
                show_default=True,
                help="What a signal does to steps that run: let them run on, or end them on the host.",
            ),
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
        lock_timeout=given["lock_timeout"],
    )


def carry_out_live(
    prepared: Prepared, context: Context, reason: Reason, given: Mapping[str, Any], *, earlier: Earlier | None = None
) -> int:
    """Run a prepared plan with the progress that fits the terminal, and tell its end; `given` are carrying_options."""
    from runner.app.run import carry_out

    progress = _progress([name for name, past in earlier.past.items() if past.finished] if earlier else [])
    try:
        finished = carry_out(
            prepared,
            context,
            reason,
            watchers=lambda run_id, plan: [progress],
            people=lambda run_id: _people(run_id, prepared, context, progress, yes=bool(given.get("yes"))),
            ask=_ask(),
            ask_sudo=bool(given.get("ask_sudo")),
            earlier=earlier,
            on_cancel=given.get("on_cancel", "leave"),
            heard=progress.stopping,
        )
    finally:
        progress.close()  # whatever happened, the terminal is a person's again
    try:
        tell_end(finished, as_json=bool(given.get("as_json")))
    except KeyboardInterrupt:
        cut_short()  # the run is over and sealed; other words behind half of its end would be none
    except OSError as error:
        if not unread(error):
            raise
        silence()  # nobody reads it; how the run ended stands all the same
    return finished.exit_code


def _progress(done: Collection[str]) -> LiveProgress | PlainProgress:
    """Live on a terminal, plain lines without one; of hosts that are `done` nothing is told."""
    if drawn():
        from runner.cli.live import LiveProgress

        return LiveProgress(done)
    from runner.cli.plain import PlainProgress

    return PlainProgress(done)


def _people(
    run_id: str, prepared: Prepared, context: Context, progress: LiveProgress | PlainProgress, *, yes: bool
) -> People:
    """Who answers questions: --yes, the terminal, or `rawat answer` from elsewhere."""
    from runner.app import identity
    from runner.app.answers import AnswerFiles
    from runner.cli.asking import TerminalPeople, YesPeople
    from runner.hygiene import one_line

    def tell(question: Question) -> None:
        who = f" ({', '.join(question.who)})" if question.who else ""
        command = f"rawat answer {run_id} {question.host} {question.step} yes"
        click.echo(f"waiting for an answer{who} to: {one_line(question.text)}\n  {command}", err=True)

    name = identity.name_of(identity.who(context.environment))
    if yes:
        return YesPeople(name)
    files = AnswerFiles(prepared.settings.records / run_id, tell)
    live: Any = progress if hasattr(progress, "pause") else None
    return TerminalPeople(name, live, files) if terminal() else files


def _ask() -> Callable[[str], str] | None:
    if not terminal():
        return None
    from runner.cli.asking import ask_hidden

    return ask_hidden


def tell_end(finished: Finished, *, as_json: bool) -> None:
    """The end of a run: failures first, then the summary; one JSON document on stdout where that is asked for."""
    from runner.app.seals import seals
    from runner.record import to_json
    from runner.report.text import summary

    sealed = tuple(seals(finished.records.path / finished.run))
    text = summary(finished.record, records=shown(finished.records.path), seals=sealed)
    say(text, err=as_json)
    if finished.index_trouble:
        click.echo(f"note: {finished.index_trouble}", err=True)
    if as_json:
        show_json(to_json(finished.record) | {"seals": sealed, "running": False})
