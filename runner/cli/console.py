"""What the commands share: the context of the process, options, and how an error is told."""

from __future__ import annotations

import errno
import os
import select
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO, TypeVar

import click

if TYPE_CHECKING:
    from runner.app.request import Context, Selection
    from runner.errors import Problem, RawatError

F = TypeVar("F", bound=Callable[..., Any])


def unread(error: OSError) -> bool:
    """Whether it says that nobody reads us any more: the reader of a pipe had enough, or the terminal was closed."""
    return isinstance(error, BrokenPipeError) or (error.errno == errno.EIO and any(map(_hung_up, _said_on())))


def _said_on() -> tuple[TextIO, TextIO]:
    return sys.stdout, sys.stderr


def _hung_up(stream: TextIO) -> bool:
    """A broken disk gives the same error as a terminal that is gone, but no hang-up."""
    waiting = select.poll()
    waiting.register(stream, 0)
    return any(event & select.POLLHUP for _, event in waiting.poll(0))


def silence() -> None:
    """Nobody reads what we say any more: what is left to say goes nowhere, at the end of the process too."""
    for stream in _said_on():
        try:
            stream.flush()
        except OSError as error:
            if not unread(error):
                raise
            _hush(stream)


def cut_short() -> None:
    """A person wants no more of it: what was not written yet goes nowhere, and nothing waits for a slow reader."""
    for stream in _said_on():
        _hush(stream)


def _hush(stream: TextIO) -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def fail_as_json(message: str, code: int, *, hint: str = "", problems: Sequence[Problem] = ()) -> int:
    """With --json there is a document on stdout in every case."""
    where = [
        {"message": problem.message}
        | ({name: getattr(problem.where, name) for name in ("file", "line", "column")} if problem.where else {})
        for problem in problems
    ]
    show_json({"schema": "rawat-error@1", "exit": code, "error": message, "hint": hint, "problems": where})
    return code


def fail(error: RawatError, *, as_json: bool = False) -> int:
    """Tell an error: what, where, why, and what to do next; with `as_json` on stdout too."""
    try:
        _tell(error)
        if as_json:
            problems = getattr(error, "problems", ())
            message = "; ".join(problem.message for problem in problems) or error.message
            fail_as_json(message, error.exit_code, hint=error.hint, problems=problems)
    except OSError as trouble:
        if not unread(trouble):
            raise
        silence()
    return error.exit_code


def _tell(error: RawatError) -> None:
    from runner.errors import InvalidInput
    from runner.hygiene import visible

    if isinstance(error, InvalidInput):
        for problem in error.problems:
            click.echo(visible(str(problem)), err=True)
        if len(error.problems) > 1:
            click.echo(f"{len(error.problems)} problems; nothing was touched", err=True)
    else:
        click.echo(f"error: {visible(error.message)}", err=True)
    if error.hint:
        click.echo(f"  {visible(error.hint)}", err=True)


def show_json(data: Any) -> None:
    """One document on stdout."""
    from runner.hygiene import json_text

    click.echo(json_text(data))


def here() -> Path:
    """The current folder. Raises InvalidInput where somebody removed it, or no record could name it."""
    from runner.errors import InvalidInput

    try:
        folder = Path.cwd()
        str(folder).encode()
    except FileNotFoundError as error:
        raise InvalidInput("the folder that you are in was removed", hint="cd into another one") from error
    except UnicodeEncodeError as error:
        raise InvalidInput(f"{str(folder)!r}: the name of this folder is not UTF-8 text", hint="rename it") from error
    return folder


def shown(path: Path) -> str:
    """A path as it is told: short where it is under the current folder."""
    return str(path.relative_to(here())) if path.is_relative_to(here()) else str(path)


def terminal() -> bool:
    """Whether a person sits at both ends and may be asked."""
    return sys.stdin.isatty() and drawn()


def drawn() -> bool:
    """Whether what is written for people goes to a terminal that can be drawn on."""
    return sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


def context_of(config: str | None = None, **flags: Any) -> Context:
    """`flags` are settings by their key; those that are None or empty were not given."""
    from runner.app.request import Context

    return Context(
        folder=here(),
        environment=dict(os.environ),
        flags={key: value for key, value in flags.items() if value not in (None, "", ())},
        settings_file=Path(config) if config else None,
        terminal=terminal(),
    )


def _each(words: Sequence[str]) -> tuple[str, ...]:
    return tuple(step.strip() for word in words for step in word.split(","))


def selection_of(playbook: str, given: dict[str, Any]) -> Selection:
    """Raises InvalidInput where an option has an empty value: a variable of a pipeline that is not set."""
    from runner.app.request import Selection
    from runner.errors import InvalidInput

    for name, option in (("hosts", "--hosts"), ("start_at", "--from")):
        if given[name] is not None and not given[name].strip():
            raise InvalidInput(f"{option} has an empty value; leave it out, or say what is meant")
    return Selection(
        playbook=Path(playbook),
        inventories=tuple(Path(path) for path in given["inventory"]),
        hosts=given["hosts"] or "",
        variables=given["variable"],
        start_at=given["start_at"] or "",
        only=_each(given["only"]),
        skip=_each(given["skip"]),
        override=given.get("override") or (),
    )


_WORDS = (
    ("inventory", "-i"), ("hosts", "--hosts"), ("variable", "-e"), ("start_at", "--from"), ("only", "--only"),
    ("skip", "--skip"), ("known_hosts", "--known-hosts"), ("config", "--config"), ("records", "--records"),
)  # fmt: skip


def next_command(command: str, playbook: str, given: Mapping[str, Any]) -> str:
    """A command line that means the same hosts, steps and values as this one."""
    words = [playbook] if playbook else []
    for name, option in _WORDS:
        values = given.get(name) or ()
        words += [word for value in ([values] if isinstance(values, str) else values) for word in (option, value)]
    return " ".join([command, shlex.join(words)]).rstrip()


def setting_options(function: F) -> F:
    """Options of every command that reads settings."""
    for option in (
        click.option("--records", metavar="DIR", help="Folder of the records."),
        click.option("--config", metavar="FILE", type=click.Path(dir_okay=False), help="Settings file (rawat.yml)."),
    ):
        function = option(function)
    return function


def run_argument(name: str = "run", **how: Any) -> Callable[[F], F]:
    """A RUN, or several. The folder of one, which a run tells at its end, means its id and `--records` together."""

    def add(function: F) -> F:
        @wraps(function)
        def located(*args: Any, **given: Any) -> Any:
            said, runs = given[name], []
            for word in (said,) if isinstance(said, str) else said:
                run, given["records"] = _located(word, given["records"])
                runs.append(run)
            given[name] = runs[0] if isinstance(said, str) else tuple(runs)
            return function(*args, **given)

        added: F = click.argument(name, **how)(located)  # type: ignore[assignment]
        return added

    return add


def _located(said: str, records: str | None) -> tuple[str, str | None]:
    """(run, folder of records) of a path; what is none stays. Raises InvalidInput for a part of a run's folder."""
    from runner.document.paths import expanded, resolved
    from runner.errors import InvalidInput

    if os.sep not in said and not os.access(said, os.F_OK):
        return said, records
    from runner.journal.folder import run_at

    path = expanded(said)
    folder = run_at(path)
    if folder is None:
        return said, records
    if resolved(path) != folder:
        raise InvalidInput(f"{said} is a part of run {folder.name}, no run", hint=f"say the run: {shown(folder)}")
    if records and resolved(expanded(records)) != folder.parent:
        raise InvalidInput(f"{said} is not in the records {records}", hint="leave --records out, or say the run's id")
    return folder.name, str(folder.parent)


def selection_options(function: F) -> F:
    """What to run where: the same words for plan and run."""
    for option in reversed(
        (
            click.option("-i", "--inventory", multiple=True, metavar="FILE", help="Inventory; may be given again."),
            click.option("--hosts", metavar="PATTERN", help="Instead of the playbook's own pattern."),
            click.option("-e", "--variable", multiple=True, metavar="KEY=VALUE", help="Value of a variable."),
            click.option("--from", "start_at", metavar="STEP", help="Leave out what comes before this step."),
            click.option("--only", multiple=True, metavar="STEP", help="This step only; several: with commas."),
            click.option("--skip", multiple=True, metavar="STEP", help="Leave this step out; several: with commas."),
            click.option("--known-hosts", multiple=True, metavar="FILE", help="known_hosts files to trust."),
        )
    ):
        function = option(function)
    return function
