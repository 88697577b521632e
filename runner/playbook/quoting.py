"""
Where in a shell text a value would stand: as a word of its own, or where quoting it as a word would not make it safe.

Follows a POSIX sh text as far as that needs: quotes, comments, here-documents, expansions, arithmetic and `case`.
"""

from __future__ import annotations

import re

from runner.frozen import frozen

HOLE = "\0"
"""Stands in the text where a `{{ value }}` was; NUL cannot occur in YAML."""

_NAMES = {
    "'": "single quotes", '"': "double quotes", "#": "a comment", "`": "backquotes", "$'": "$'...'",
    "((": "$((...))", "{": "${...}", "{lit": "${...}",
}  # fmt: skip
_BLANKS = " \t\n"
_ENDS = _BLANKS + ";&|()<>"
"""A word ends before these."""
_BEGINS = r"(?:\A|(?<!\\)[;&|(){}`\n!]|\b(?:do|then|else|elif|if|while|until%s))[ \t]*\Z"
_COMMAND = re.compile(_BEGINS % "")
_LAST = re.compile(_BEGINS % "|in|esac|done|fi")
_PARAMETER = re.compile(r"\$\{(?:[A-Za-z_]\w*|[0-9@*#?$!-])?(?:\[[^]\n]*\])?([#%/^,]?)")
_DELIMITER = re.compile(
    r"<<(?P<strip>-?)[ \t]*(?:'(?P<quoted>[^'\n]+)'|\"(?P<double>[^\"\n\\$`]+)\"|\\(?P<escaped>\w+)"
    r"|(?P<word>[^\s;&|()<>'\"\\$`\0]+))(?=[\s;&|()<>]|\Z)"
)
_LEGACY = re.compile(r"\$\[[^]]*")


def holes(text: str) -> list[str]:
    """
    For each HOLE of a POSIX sh text, in order: "" where a quoted word may stand, else where it stands.

    That is "inside single quotes", "inside a here-document", "right behind a backslash" and the like.
    """
    return _Scan(text).run()


@frozen
class _Here:
    """A here-document that begins behind the next line end, and how much was open where it was asked for."""

    word: str
    quoted: bool
    strip: bool
    depth: int


class _Scan:
    """
    One pass over a text. The stack holds what is open: quotes, `(` for commands, `((` for arithmetic, `{` for `${...}`,
    `{lit` where single quotes mean nothing in it, and `case`, in which a `)` closes nothing.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: list[str] = []
        self.stack: list[str] = []
        self.waiting: list[_Here] = []
        self.before = "\n"
        """The character that the shell saw last: `#` begins a comment only where no word is under way."""
        self.doubt = ""

    @property
    def top(self) -> str:
        return self.stack[-1] if self.stack else ""

    def run(self) -> list[str]:
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == HOLE:
                self._hole()
            elif self.top in ("'", "$'"):
                self._single(char)
            elif self.top == "#":
                self._comment(char)
            elif char == "\\":
                self._escaped()
                continue
            elif char in '$"`':
                self._expansion(char)
            elif self.top != '"':
                self._plain(char)
            self.before = char
            self.at += 1
        return self.found

    def _hole(self) -> None:
        name = "backquotes" if "`" in self.stack and self.top not in ("'", '"') else _NAMES.get(self.top, "")
        if name:
            self.found.append(f"inside {name}")
        elif self.before == "$":
            self.found.append("right behind a '$'")
        else:
            self.found.append(self.doubt)

    def _single(self, char: str) -> None:
        if self.top == "$'" and self.text.startswith("\\'", self.at):
            # the end of the quotes to dash, and none to bash
            self.doubt = self.doubt or "behind a $'...\\'...', which shells read in two ways"
        if char == "'":
            self.stack.pop()

    def _comment(self, char: str) -> None:
        if char == "\n":
            self.stack.pop()
            self._newline()
        elif char == "`" and "`" in self.stack:
            del self.stack[self._last("`") :]

    def _last(self, opened: str) -> int:
        return len(self.stack) - 1 - self.stack[::-1].index(opened)

    def _escaped(self) -> None:
        behind = self.text[self.at + 1 : self.at + 2]
        if behind == HOLE:
            self.found.append("right behind a backslash")
        if behind != "\n":  # which goes with the backslash, as if neither had been there
            self.before = "\\"
        self.at += 2

    def _expansion(self, char: str) -> None:
        text, at = self.text, self.at
        if char in '"`':
            if self.top == char:
                self.stack.pop()
            elif char == "`" and "`" in self.stack:
                del self.stack[self._last("`") :]
            else:
                self.stack.append(char)
        elif text.startswith("$((", at):
            self.stack += ["((", "(("]
            self.at += 2
        elif text.startswith("$(", at):
            self.stack.append("(")
            self.at += 1
        elif text.startswith("${", at):
            match = _PARAMETER.match(text, at)
            literal = self.top in ('"', "{lit") and not (match and match[1])
            self.stack.append("{lit" if literal else "{")
            self.at = match.end() - 1 if match else at + 1
        elif text.startswith("$$", at):
            self.at += 1
        elif text.startswith("$'", at) and self.top not in ('"', "{lit"):
            self.stack.append("$'")
            self.at += 1
        elif (match := _LEGACY.match(text, at)) and HOLE in match[0]:
            self.doubt = self.doubt or "inside or behind a $[...], which shells read in two ways"

    def _plain(self, char: str) -> None:
        """One character outside quotes."""
        if char == "'":
            if self.top != "{lit":
                self.stack.append("'")
        elif char in "(){}":
            self._bracket(char)
        elif char == "#":
            if self.top not in ("{", "{lit") and self.before in f"{_ENDS}`":
                self.stack.append("#")
        elif char == "<":
            self._less()
        elif char == "\n":
            self._newline()
        elif char in "ce":
            self._word()

    def _bracket(self, char: str) -> None:
        if char == "(" and self.top not in ("{", "{lit"):
            self.stack.append("((" if self.top == "((" else "(")
            if self.top == "(" and self.text.startswith("(", self.at + 1):
                self.stack[-1:] = ["((", "(("]
                self.at += 1
        elif (char == ")" and self.top in ("(", "((")) or (char == "}" and self.top in ("{", "{lit")):
            self.stack.pop()

    def _word(self) -> None:
        """`case` and `esac`, where a command may begin."""
        word = self.text[self.at : self.at + 4]
        if word not in ("case", "esac") or self.text[self.at + 4 : self.at + 5] not in ("", *f"{_ENDS}\\`"):
            return
        line = max(0, self.at - 80)
        if word == "case" and _COMMAND.search(self.text, line, self.at):
            self.stack.append("case")
        elif word == "esac" and self.top == "case" and _LAST.search(self.text, line, self.at):
            self.stack.pop()

    def _less(self) -> None:
        text, at = self.text, self.at
        if not text.startswith("<<", at) or self.top in ("((", "{", "{lit"):
            return
        if text.startswith("<<<", at):
            self.at += 2
            return
        match = _DELIMITER.match(text, at)
        if match is None:
            self.doubt = self.doubt or "behind a here-document whose last line is not plain to see"
            self.at += 1
            return
        word = match["quoted"] or match["double"] or match["escaped"] or match["word"]
        quoted = not match["word"]
        self.waiting.append(_Here(word=word, quoted=quoted, strip=bool(match["strip"]), depth=len(self.stack)))
        self.at = match.end() - 1

    def _newline(self) -> None:
        """The here-documents that begin behind it are passed over."""
        for here in self.waiting:
            if here.depth < len(self.stack):
                self.doubt = self.doubt or "behind a here-document that begins within another command"
            start = self.at + 1
            end, after = _body(self.text, start, here)
            self.found += ["inside a here-document"] * self.text.count(HOLE, start, end)
            self.at = after
        self.waiting.clear()


def _body(text: str, at: int, here: _Here) -> tuple[int, int]:
    """(the end of a here-document that begins at `at`, the line end behind its last line)"""
    joined = False
    while at < len(text):
        end = text.find("\n", at)
        end = len(text) if end < 0 else end
        line = text[at:end]
        if not joined and (line.lstrip("\t") if here.strip else line) == here.word:
            return at, end
        joined = not here.quoted and (len(line) - len(line.rstrip("\\"))) % 2 == 1
        at = end + 1
    return len(text), len(text)
