"""
SQL text as a kind is given it: how many statements, and its named values filled in as literals.

A value is written `:name`. It is replaced outside of strings, quoted names and comments only, by a literal of the
database's own syntax, so that no value can ever become SQL.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from runner.errors import InvalidInput


def _pieces_of(quoted: str) -> re.Pattern[str]:
    """What a reader of SQL must tell apart; the rest of the text is of no interest."""
    return re.compile(
        rf"""(?P<quoted>{quoted}|`(?:[^`]|``)*`)
          | (?P<dollar>\$(?P<tag>[A-Za-z_]*)\$.*?\$(?P=tag)\$)
          | (?P<comment>--[^\n]*|/\*.*?\*/)
          | (?P<name>(?<![:\w\])]):(?P<key>[A-Za-z_]\w*))
          | (?P<end>;)""",
        re.DOTALL | re.VERBOSE,
    )


_DOUBLED = _pieces_of(r"""[eE]'(?:[^'\\]|''|\\.)*'|'(?:[^']|'')*'|"(?:[^"]|"")*\"""")
_ESCAPED = _pieces_of(r"""'(?:[^'\\]|''|\\.)*'|"(?:[^"\\]|""|\\.)*\"""")


def filled(query: str, params: Mapping[str, Any], literal: Callable[[Any], str], *, backslash: bool = False) -> str:
    """`query` with every `:name` replaced; raises InvalidInput where a name has no value, or a value no place."""
    used = set()

    def replaced(found: re.Match[str]) -> str:
        if found["name"] is None:
            return found[0]
        key = found["key"]
        if key not in params:
            raise InvalidInput(f"query: ':{key}' has no value under params")
        used.add(key)
        value = params[key]
        if isinstance(value, list | tuple):
            return "(" + ", ".join(literal(item) for item in value) + ")" if value else "(NULL)"
        return literal(value)

    text = _pieces(backslash).sub(replaced, query)
    if unused := sorted(params.keys() - used):
        raise InvalidInput(f"params: {', '.join(unused)}: not used in the query; write :{unused[0]}")
    return text


def single(query: str, *, backslash: bool = False) -> bool:
    """Whether `query` is one statement; a `;` at its end, and comments, do not count."""
    end = len(bare(query, backslash=backslash))
    return not any(found["end"] for found in _pieces(backslash).finditer(query[:end]))


def bare(query: str, *, backslash: bool = False) -> str:
    """`query` without what stands behind its last word: `;`, comments and line breaks."""
    blank = _pieces(backslash).sub(lambda found: " " * len(found[0]) if found["comment"] else found[0], query)
    return query[: len(blank.rstrip("; \t\r\n"))]


def number(text: str) -> Any:
    """A number where `text` is written exactly as one, else the text: `007` and `1e3` stay texts."""
    if re.fullmatch(r"-?(0|[1-9][0-9]*)", text):
        return int(text)
    if re.fullmatch(r"-?(0|[1-9][0-9]*)\.[0-9]+", text):
        return float(text)
    return text


def _pieces(backslash: bool) -> re.Pattern[str]:
    return _ESCAPED if backslash else _DOUBLED
