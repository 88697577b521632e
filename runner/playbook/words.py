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
RESULT = frozenset({"ok", "changed", "exit", "stdout", "stderr", "truncated"})
"""What every result of a step has; a kind that `gives` certain values has those and no others besides."""


def host_values(host: Host) -> dict[str, Any]:
    """What `host` is in a template."""
    return {"name": host.name, "address": host.address, "groups": list(host.groups)}


def unknown_word(name: str, word: str, variables: Iterable[str] = ()) -> str:
    """What is wrong with `name.word`, or an empty text."""
    if name not in BELOW or word in BELOW[name]:
        return ""
    if word in variables:
        return f"there is no '{name}.{word}'; the variable is '{word}' by itself"
    return _no_such(name, word, BELOW[name])


def unknown_in_result(name: str, word: str, gives: frozenset[str]) -> str:
    """What is wrong with `name.word` of a result, or an empty text; what every mapping can do may be asked of it."""
    return "" if word in RESULT | gives or hasattr(dict, word) else _no_such(name, word, RESULT | gives)


def _no_such(name: str, word: str, among: frozenset[str]) -> str:
    known = sorted(among)
    return f"there is no '{name}.{word}'" + (likely(word, known) or f"; known are: {', '.join(known)}")
