"""Options that say why a run is made, and what kind of change it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from runner.app.request import Reason

F = TypeVar("F", bound=Callable[..., Any])
_WORDS = {
    "ticket": "Why: the ticket of this change.",
    "reason": "Why, in words.",
    "impact": "What it does to those who depend on it.",
    "risk": "What may go wrong.",
    "complexity": "How hard it is.",
    "resources": "Who and what it needs.",
    "users_affected": "Who notices.",
    "window": "When it may run: BEGIN/END in RFC 3339; outside of it nothing begins.",
}


def change_options(function: F) -> F:
    """--ticket, --reason, --type and what else a change is described by."""
    for name, words in reversed(_WORDS.items()):
        flag = f"--{name.replace('_', '-')}"
        function = click.option(flag, name, default="", help=words)(function)
    kinds = click.Choice(["standard", "normal", "emergency"])
    words = "standard: approved once and for all; emergency: reviewed after it."
    return click.option("--type", "change", type=kinds, default="normal", show_default=True, help=words)(function)


def reason_of(given: Mapping[str, Any]) -> Reason:
    from runner.app.request import Reason

    return Reason(change=given["change"], **{name: given[name] for name in _WORDS})
