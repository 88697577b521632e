"""
How a script answers: lines `rawat:key=value` among its output, and why it failed.

A value is one line; `\\n` in it is a line break, `\\\\` a backslash. A key may come more than once.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from runner.hygiene import ANSWER
from runner.seams import Completed

_ERROR = re.compile(r"\b(error|fatal|panic|failed|cannot|denied|refused|insufficient)\b|^E: ", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(.)")


class Answers:
    """The marked lines of an output, by key."""

    def __init__(self, output: bytes) -> None:
        self._values: dict[str, list[str]] = {}
        for line in output.decode("utf-8", "replace").split("\n"):
            if line.startswith(ANSWER) and "=" in line:
                key, _, value = line[len(ANSWER) :].partition("=")
                self._values.setdefault(key, []).append(value)

    def text(self, key: str, default: str = "") -> str:
        """The last value under `key`, with its escapes undone."""
        found = self._values.get(key)
        return _ESCAPE.sub(lambda m: "\n" if m[1] == "n" else m[1], found[-1]) if found else default

    def number(self, key: str) -> int | None:
        """The last value under `key` as a whole number; None where there is none."""
        text = self.text(key)
        return int(text) if re.fullmatch(r"-?[0-9]{1,30}", text) else None

    def decimal(self, key: str) -> float | None:
        """The last value under `key` as a number; None where there is none."""
        text = self.text(key)
        return float(text) if re.fullmatch(r"-?[0-9]{1,30}(\.[0-9]+)?", text) else None

    def every(self, key: str) -> Sequence[str]:
        """All values under `key`, as they stand."""
        return self._values.get(key, [])

    def fields(self, key: str) -> list[list[str]]:
        """All values under `key`, each split at tabs."""
        return [line.split("\t") for line in self.every(key)]

    def data(self, key: str) -> list[Any]:
        """All values under `key`, each a JSON text; what is not JSON is left out."""
        return [value for line in self.every(key) for value in _json(line)]


def _json(line: str) -> list[Any]:
    try:
        return [json.loads(line)]
    except ValueError:
        return []


def failure(done: Completed) -> str:
    """Why a script did not end well, in one line: its own words, and the last error of a program that it ran."""
    said = _lines(done.stderr)
    own = [line.removeprefix("rawat: ") for line in said if line.startswith("rawat: ")]
    others = [line for line in said if not line.startswith("rawat: ")]
    errors = [line for line in others if _ERROR.search(line)]
    if own and done.exit.code is not None:
        return f"{own[-1]} ({errors[-1]})" if errors and errors[-1] not in own[-1] else own[-1]
    last = errors or others or _lines(done.stdout)
    return f"{done.exit}: {last[-1]}" if last else str(done.exit)


def _lines(output: bytes) -> list[str]:
    return [line.strip() for line in output.decode("utf-8", "replace").splitlines() if line.strip()]


def cut_short(done: Completed) -> bool:
    """Whether the middle of the answer was not kept, so that it cannot be read as a whole."""
    return done.stdout_bytes > len(done.stdout)
