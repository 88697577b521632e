"""People's names out of copies that leave the house; the same name is the same pseudonym within one pack."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable

NOBODY = frozenset({"", "root", "admin", "nobody"})
"""Accounts that are no person's name."""


class Pseudonyms:
    """Replaces names where they stand as words of their own, in plain text, HTML and JSON alike."""

    def __init__(self, names: Iterable[str]) -> None:
        people = sorted({name for name in names if name not in NOBODY and not name.startswith("SHA256:")})
        whose: dict[str, str] = {}
        numbers: dict[str, int] = {}
        for name in people:
            number = numbers.setdefault(name.partition("@")[0], len(numbers) + 1)
            whose[name] = f"person-{number}"
        self._whose = {form: word for name, word in whose.items() for form in _forms(name)}
        every = sorted(map(re.escape, self._whose), key=len, reverse=True)
        self._pattern = re.compile(rf"(?<![\w.-])(?:{'|'.join(every)})(?![\w-])") if every else None

    def text(self, text: str) -> str:
        return self._pattern.sub(lambda found: self._whose[found[0]], text) if self._pattern else text


def _forms(name: str) -> Iterable[str]:
    """As it stands in plain text, in HTML and in JSON."""
    return {name, html.escape(name), json.dumps(name)[1:-1], json.dumps(name, ensure_ascii=False)[1:-1]}
