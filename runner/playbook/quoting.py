"""Where in a shell text a value would stand: as a word of its own, or inside quotes, a comment, a here-document."""

from __future__ import annotations

import re

HOLE = "\0"
"""Stands in the text where a `{{ value }}` was; NUL cannot occur in YAML."""

_HEREDOC = re.compile(r"<<-?\s*(?:'([^'\n]+)'|\"([^\"\n]+)\"|\\?([A-Za-z_][\w]*))")
_CLOSING = {"'": "single quotes", '"': "double quotes", "#": "a comment", "`": "backquotes"}


def holes(text: str) -> list[str]:
    """
    For each HOLE of a POSIX sh text, in order: "" where a quoted word may stand, else what it stands inside.

    Inside is "single quotes", "double quotes", "a comment", "backquotes", "a here-document" or "${...}".
    """
    found: list[str] = []
    stack: list[str] = []
    waiting: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        top = stack[-1] if stack else ""
        if char == HOLE:
            found.append(_CLOSING.get(top, "${...}" if top == "{" else ""))
        elif top == "'":
            _pop_if(stack, char == "'")
        elif top == "#":
            _pop_if(stack, char == "\n")
            if char == "\n":
                at = _after_heredocs(text, at, waiting, found) - 1
        elif char == "\\":
            at += 1 if text[at + 1 : at + 2] != HOLE else 0
        elif text.startswith("$(", at):
            stack.append("(")
            at += 1
        elif text.startswith("${", at):
            stack.append("{")
            at += 1
        elif char in '"`':
            stack.pop() if top == char else stack.append(char)
        elif top == '"':
            pass
        else:
            at = _plain(text, at, stack, waiting, found)
        at += 1
    return found


def _plain(text: str, at: int, stack: list[str], waiting: list[str], found: list[str]) -> int:
    """One character outside quotes; the place of the last character that it used up."""
    char = text[at]
    top = stack[-1] if stack else ""
    if char == "'" and top != "{":
        stack.append("'")
    elif char == "(":
        stack.append("(")
    elif (char == ")" and top == "(") or (char == "}" and top == "{"):
        stack.pop()
    elif char == "#" and top != "{" and (at == 0 or text[at - 1] in " \t\n;&|("):
        stack.append("#")
    elif char == "<" and (match := _HEREDOC.match(text, at)) and text[at - 1 : at] != "<":
        waiting.append(next(group for group in match.groups() if group))
        return match.end() - 1
    elif char == "\n":
        return _after_heredocs(text, at, waiting, found) - 1
    return at


def _after_heredocs(text: str, newline: int, waiting: list[str], found: list[str]) -> int:
    """The place after the here-documents that begin behind this newline."""
    at = newline + 1
    for word in waiting:
        end = re.compile(rf"^\t*{re.escape(word)}$", re.MULTILINE).search(text, at)
        body = text[at : end.start() if end else len(text)]
        found += ["a here-document"] * body.count(HOLE)
        at = min(end.end() + 1, len(text)) if end else len(text)
    waiting.clear()
    return at


def _pop_if(stack: list[str], condition: bool) -> None:
    if condition:
        stack.pop()
