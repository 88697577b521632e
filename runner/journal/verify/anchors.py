"""Heads of the ledger that are kept outside."""

from __future__ import annotations

from runner.frozen import frozen
from runner.journal.verify.look import Look
from runner.journal.verify.verdict import Anchor, Finding


@frozen
class Outside:
    """What the reader brings along: whether an anchor is asked for."""

    required: bool = False


def check_anchors(
    look: Look, runs: tuple[str, ...], outside: Outside, expect_head: str
) -> tuple[tuple[Anchor, ...], tuple[Finding, ...]]:
    """The anchors there are, and what is wrong with them or missing."""
    return (), ()
