"""The names that are always there, and what is below each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runner.document.source import likely
from runner.frozen import names
from runner.model import Facts, Host

BELOW: Mapping[str, frozenset[str]] = {
    "facts": frozenset(names(Facts)),
    "host": frozenset({"name", "address", "groups"}),
    "run": frozenset({"id", "began"}),
}


def host_values(host: Host) -> dict[str, Any]:
    """What `host` is in a template."""
    return {"name": host.name, "address": host.address, "groups": list(host.groups)}


def unknown_word(name: str, word: str, variables: Iterable[str] = ()) -> str:
    """What is wrong with `name.word`, or an empty text."""
    if name not in BELOW or word in BELOW[name]:
        return ""
    if word in variables:
        return f"there is no '{name}.{word}'; the variable is '{word}' by itself"
    known = sorted(BELOW[name])
    return f"there is no '{name}.{word}'" + (likely(word, known) or f"; known are: {', '.join(known)}")
