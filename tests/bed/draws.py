"""Random places for faults, from a seed that is printed: BED_SEED repeats them."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence

from tests.bed.proxy import Counters, Direction


def drawn() -> random.Random:
    """pytest shows what was printed where a test fails."""
    seed = int(os.environ.get("BED_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"BED_SEED={seed} draws the same places again")
    return random.Random(seed)


def cuts(draw: random.Random, whole: Counters, number: int) -> Sequence[tuple[Direction, int]]:
    """
    A direction and after how many bytes, of a conversation as long as `whole`: in turn down and up, and in each
    direction one place in every part of its length, the parts being equal.
    """
    found: list[tuple[Direction, int]] = []
    for turn in range(number):
        way: Direction = "up" if turn % 2 else "down"
        length = whole.bytes_up if way == "up" else whole.bytes_down
        parts = (number + 1 - turn % 2) // 2
        part = turn // 2
        found.append((way, draw.randint(part * length // parts + 1, max(1, (part + 1) * length // parts))))
    return found
