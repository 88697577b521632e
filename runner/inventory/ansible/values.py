"""Variables of Ansible's files, put into a draft by one set of rules."""

from __future__ import annotations

import ast
import warnings
from typing import Any

from runner.document.source import scalar
from runner.inventory.ansible.connection import is_connection
from runner.inventory.draft import ALL, Draft, GroupEntry, HostEntry, Mark, Values, Written, show, shown_as
from runner.inventory.names import normal, wrong_name, wrong_variable

_BOOLEANS_OF_OLD = frozenset({"yes", "no", "on", "off"})
_LITERALS = {"True": True, "False": False, "None": None}
_LONGEST = 1 << 16


def host(draft: Draft, name: str, at: Mark) -> HostEntry:
    """The host of that name in the draft, made where it is new; a name that cannot be is a problem."""
    name = normal(name)
    wrong = wrong_name(name) or (
        f"'{ALL}' is the group of all hosts; no host can have that name" if name == ALL else ""
    )
    if wrong and name not in draft.hosts:
        draft.problems.append(at.problem(wrong))
    return draft.host(name, at)


def group(draft: Draft, name: str, at: Mark) -> GroupEntry | None:
    """The same for a group; None for `all`, which has no entry of its own."""
    name = normal(name)
    if name == ALL:
        return None
    if (wrong := wrong_name(name)) and name not in draft.groups:
        draft.problems.append(at.problem(wrong))
    return draft.group(name, at)


def put(draft: Draft, values: Values, name: str, value: Any, at: Mark) -> None:
    """One variable; the same name with another value in the same place of the inventory is a problem."""
    if wrong := wrong_variable(name):
        draft.problems.append(at.problem(f"'{name}': {wrong}"))
        return
    written = Written(value=value, mark=at, ansible=True)
    if not is_connection(name):
        if "{%" in str(value):
            draft.notes.append(
                f"{at}: '{name}' holds a statement, {{% %}}; it is taken as text, as only {{{{ }}}} is filled in"
            )
        elif isinstance(value, str) and value.lower() in _BOOLEANS_OF_OLD:
            draft.notes.append(f"{at}: '{name}' is the text '{value}'; write true or false for a truth value")
    first = values.setdefault(name, written)
    if not first.same(written):
        draft.problems.append(
            at.problem(f"'{name}' is {shown_as(name, written)} here, and {shown_as(name, first)} at {first.mark}")
        )


def literal(text: str) -> Any:
    """
    The value of a text in an INI file.

    As in Ansible, `True`, `False`, `None`, numbers, and what is written as a Python text, list or mapping get their
    type, a comment of Python's behind them or not; all else is text. Unlike there a number is one only where it writes
    back as the same text: `0644`, `1e3`, `0x10` and `1_000` stay text. Tuples and sets come out as lists.
    """
    bare = text.partition("#")[0].rstrip()
    if bare in _LITERALS:
        return _LITERALS[bare]
    if text[:1] in "'\"[({" and text and len(text) <= _LONGEST:
        return _python(text)
    value = scalar(bare)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else text


def otherwise(text: str) -> str:
    """What Ansible makes of a text that `literal` leaves one, in words; an empty text where it is one there, too."""
    if not text[:1].isdigit() and text[:1] not in ("+", "-", "."):
        return ""
    value = _python(text)
    return "" if isinstance(value, str) else f"to Ansible it is {show(value)}"


def _python(text: str) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's own words on what only looks like Python, as in '\\d'
            return _plain(ast.literal_eval(text))
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return text


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    if isinstance(value, set | frozenset):
        return [_plain(inner) for inner in sorted(value, key=repr)]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)
