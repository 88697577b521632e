"""What the commands share: the context of the process, options, and how an error is told."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from runner.app.request import Context, Selection
    from runner.errors import RawatError

F = TypeVar("F", bound=Callable[..., Any])


def fail(error: RawatError) -> int:
    """Tell an error: what, where, why, and what to do next."""
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
    return error.exit_code


def show_json(data: Any) -> None:
    """One document on stdout."""
    click.echo(json.dumps(data, indent=2, ensure_ascii=False, default=str))


def terminal() -> bool:
    """Whether a person sits at both ends and may be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not os.environ.get("CI")


def context_of(config: str | None = None, **flags: Any) -> Context:
    """`flags` are settings by their key; those that are None or empty were not given."""
    from runner.app.request import Context

    return Context(
        folder=Path.cwd(),
        environment=dict(os.environ),
        flags={key: value for key, value in flags.items() if value not in (None, "", ())},
        settings_file=Path(config) if config else None,
        terminal=terminal(),
    )


def selection_of(playbook: str, given: dict[str, Any]) -> Selection:
    from runner.app.request import Selection

    return Selection(
        playbook=Path(playbook),
        inventories=tuple(Path(path) for path in given["inventory"]),
        hosts=given["hosts"] or "",
        variables=given["variable"],
        start_at=given["start_at"] or "",
        only=given["only"],
        skip=given["skip"],
        override=given.get("override") or (),
    )


def setting_options(function: F) -> F:
    """Options of every command that reads settings."""
    for option in (
        click.option("--records", metavar="DIR", help="Folder of the records."),
        click.option("--config", metavar="FILE", type=click.Path(dir_okay=False), help="Settings file (rawat.yml)."),
    ):
        function = option(function)
    return function


def selection_options(function: F) -> F:
    """What to run where: the same words for plan and run."""
    for option in reversed(
        (
            click.option("-i", "--inventory", multiple=True, metavar="FILE", help="Inventory; may be given again."),
            click.option("--hosts", metavar="PATTERN", help="Instead of the playbook's own pattern."),
            click.option("-e", "--variable", multiple=True, metavar="KEY=VALUE", help="Value of a variable."),
            click.option("--from", "start_at", metavar="STEP", help="Leave out what comes before this step."),
            click.option("--only", multiple=True, metavar="STEP", help="This step only; may be given again."),
            click.option("--skip", multiple=True, metavar="STEP", help="Leave this step out; may be given again."),
            click.option("--known-hosts", multiple=True, metavar="FILE", help="known_hosts files to trust."),
        )
    ):
        function = option(function)
    return function
