"""Words to POSIX shell text: quoting, assignments, paths. Pure; a Secret or a NUL is refused, never quoted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from runner.errors import InvalidInput

_SAFE = re.compile(r"[A-Za-z0-9_@%+:,./-]+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RESERVED = frozenset(
    ["if", "then", "else", "elif", "fi", "do", "done", "case", "esac", "while", "until", "for", "in", "time"]
)


def quote(word: str | object) -> str:
    """
    `word` as one word of a POSIX shell line, as it is, whatever is in it.

    Unlike shlex.quote, `a=b` and reserved words are quoted too, so that they stay words in front of a command.
    Raises TypeError for anything but text (a Secret above all), InvalidInput for a NUL, which no argument can hold.
    """
    if not isinstance(word, str):
        raise TypeError(f"a shell word must be text, not {type(word).__name__}; a secret travels in the environment")
    if "\0" in word:
        raise InvalidInput("a value holds a NUL character, which no shell word can")
    if _SAFE.fullmatch(word) and word not in _RESERVED:
        return word
    return "'" + word.replace("'", "'\"'\"'") + "'"


def join(words: Iterable[str]) -> str:
    """One line that runs `words[0]` with the others as its arguments."""
    return " ".join(quote(word) for word in words)


def assign(name: str, value: str) -> str:
    """`name=value`, as a line or in front of a command."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is not a name that a shell variable can have")
    return f"{name}={quote(value)}" if value else f"{name}=''"


def exports(env: Mapping[str, str]) -> list[str]:
    """Lines that put `env` into the environment of what follows."""
    return [f"export {assign(name, value)}" for name, value in env.items()]


def path(value: str) -> str:
    """A path as one word; `~/` in front is the home of the user the script runs as."""
    if value == "~":
        return '"$HOME"'
    if value.startswith("~/"):
        return '"$HOME"/' + (quote(value[2:]) if value[2:] else "")
    return quote(value)


def assign_path(name: str, value: str) -> str:
    """`name=path`, with `~/` as in `path`."""
    return f"{assign(name, 'x')[:-1]}{path(value)}" if value else assign(name, "")
