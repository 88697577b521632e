"""Text of hosts made harmless for a terminal and the log of a pipeline: what would act is shown, not done."""

from __future__ import annotations

import re
from functools import cache
from typing import Any

ANSWER = "rawat:"
"""Begins a line by which a script of ours answers; with a blank behind it, it is for people."""

_BIDI = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c"


def visible(text: str) -> str:
    """
    `text` with control characters as `^[`, C1 as `<U+009B>`, direction marks as `<U+202E>`; line ends and tabs stay.

    A carriage return before a line end is dropped, alone it is shown: it could write over a line. `##[` anywhere is a
    command to runners of pipelines, and gets a space.
    """
    printable = text.replace("\n", "").replace("\t", "").isprintable()
    shown = text if printable else _acting().sub(_shown, text.replace("\r\n", "\n"))
    return shown.replace("##[", "## [")


def json_text(data: Any) -> str:
    """One document. Nothing is lost: what would act on a terminal or in a pipeline's log is an escape of JSON."""
    import json

    text = json.dumps(data, indent=2, ensure_ascii=False, default=str)
    escaped = text if text.isascii() and "\x7f" not in text else _acting().sub(_escaped, text)
    return escaped.replace("##[", "#\\u0023[")


def no_command(line: str) -> str:
    """A line that nothing of ours stands before: `::` at its beginning, blanks or not, would be such a command, too."""
    return line.replace("::", ": :", 1) if line.lstrip().startswith("::") else line


def without_answers(text: str) -> list[str]:
    """The lines of an output that are for people."""
    return [line for line in text.split("\n") if not line.startswith(ANSWER) or line[len(ANSWER) :][:1] in ("", " ")]


def one_line(text: str) -> str:
    """The same on one line, for names and titles."""
    return visible(text).replace("\n", "⏎").replace("\t", " ")


@cache
def _acting() -> re.Pattern[str]:
    """What acts; none of it is printable. To compile it takes as long as to import two modules of ours."""
    return re.compile(f"[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f{_BIDI}\\u2028\\u2029\\ud800-\\udfff]")


def _escaped(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x20 or code == 0x7F:
        return f"^{chr(code ^ 0x40)}"
    return f"<U+{code:04X}>"
