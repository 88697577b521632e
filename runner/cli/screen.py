"""Text that fits a terminal; what goes to a file or a pipe stays as it is."""

from __future__ import annotations

import sys

import click

_MARKED = ("☑ ", "☐ ", "☒ ", "- ")
_APART, _FIRM = "   ", "\0"
"""What stands between parts of a line that are not torn apart, and what stands for their blanks meanwhile."""
_NARROWEST = 40


def columns(*, err: bool = False) -> int:
    """How wide the terminal is that stdout (or stderr) goes to; 0 where it goes elsewhere."""
    stream = sys.stderr if err else sys.stdout
    if not stream.isatty():
        return 0
    import shutil

    return max(_NARROWEST, shutil.get_terminal_size().columns)


def say(text: str, *, err: bool = False) -> None:
    """Write lines for people: on a terminal a long one goes on below the beginning of its own text."""
    width = columns(err=err)
    click.echo(fitted(text, width) if width else text, err=err)


def fitted(text: str, width: int) -> str:
    """Lines of at most `width`, but for words that are longer, and commands: a person copies those."""
    return "\n".join(part for line in text.split("\n") for part in _wrapped(line, width))


def _wrapped(line: str, width: int) -> list[str]:
    if len(line) <= width:
        return [line]
    import re  # what runs print elsewhere is never wrapped
    import textwrap

    begins = [gap.end() for gap in re.finditer(r"\s{2,}(?=\S)", line) if gap.end() <= width * 0.45]
    at = begins[-1] if begins else 0
    if line.startswith("rawat ", at):
        return [line]
    indent = " " * (at + 2 if line.startswith(_MARKED, at) or not begins else at)
    parts = line[at:].split(_APART)
    if len(parts) > 1:
        parts = [part.replace(" ", _FIRM) if len(part) < width - at else part for part in parts]
    whole = line[:at] + _APART.join(parts)
    lines = textwrap.wrap(
        whole, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False, replace_whitespace=False
    )
    return [part.replace(_FIRM, " ") for part in lines]
