"""Ranges in host names as Ansible has them: `web[01:20].example`, `db-[a:c]`, `n[0:10:2]`."""

from __future__ import annotations

import re
from itertools import product

MAX_NAMES = 10_000
_RANGE = re.compile(r"\[([^\]]*)\]")
_BOUNDS = re.compile(r"([0-9]+|[A-Za-z]):([0-9]+|[A-Za-z])(?::([0-9]{1,6}))?\Z")


def expand(text: str) -> list[str]:
    """All names that a text with ranges stands for, in order. Raises ValueError with words for a person."""
    parts: list[list[str]] = []
    total = 1
    for number, piece in enumerate(_RANGE.split(text)):
        found = _range(piece) if number % 2 else [piece]
        total *= len(found)
        if total > MAX_NAMES:
            raise ValueError(f"'{text}' stands for more than {MAX_NAMES} hosts")
        parts.append(found)
    return ["".join(chosen) for chosen in product(*parts)]


def _range(text: str) -> list[str]:
    found = _BOUNDS.match(text)
    if found is None or found[1].isdigit() != found[2].isdigit():
        raise ValueError(f"'[{text}]' is no range; write [1:20], [01:20] or [a:f]")
    first, last, step = found[1], found[2], int(found[3] or 1)
    low, high = (int(first), int(last)) if first.isdigit() else (ord(first), ord(last))
    if step == 0 or high < low or (not first.isdigit() and first.islower() != last.islower()):
        raise ValueError(f"'[{text}]' is an empty range")
    if (high - low) // step >= MAX_NAMES:
        raise ValueError(f"'[{text}]' stands for more than {MAX_NAMES} hosts")
    if not first.isdigit():
        return [chr(code) for code in range(low, high + 1, step)]
    width = len(first) if first.startswith("0") and len(first) > 1 else 0
    if width and len(last) != width:
        raise ValueError(f"'[{text}]': with a leading 0 both ends have the same number of digits")
    return [f"{number:0{width}d}" if width else str(number) for number in range(low, high + 1, step)]
