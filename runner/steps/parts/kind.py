"""Defaults of a kind that works on a host; a kind says only what is different."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.parts.answers import failure

Mistake = tuple[tuple[str | int, ...], str, str]
"""What is wrong with parameters that are not rendered yet: where in them, what, and the word it is about ("": none)."""


class HostKind:
    """A kind that changes something, cannot look beforehand, and may not be repeated in doubt."""

    idempotent: ClassVar[bool] = False
    shell: ClassVar[tuple[str, ...]] = ()
    secret: ClassVar[tuple[str, ...]] = ()
    reboots: ClassVar[bool] = False
    unsettles: ClassVar[bool] = False
    """Whether it may stop what runs on a machine, so that the one that rawat runs on comes last."""
    evidence: ClassVar[bool] = False
    """Whether its values are proof: the record keeps them though no step registers them."""

    def reads_only(self, params: Any) -> bool:
        return False

    def mistakes(self, params: Any) -> Sequence[Mistake]:
        return []

    def watched(self, params: Any) -> Sequence[tuple[str | int, ...]]:
        return []

    def together(self, wish: Wish, seen: Sequence[Mapping[str, Any]]) -> Verdict | None:
        return None

    def look(self, wish: Wish) -> Script | None:
        return None

    def judge(self, wish: Wish, found: Completed) -> Check:
        return cannot_tell(found)

    def confirms(self, params: Any) -> bool:
        return False

    def ready(self, wish: Wish) -> Script | None:
        return None


class Probe(HostKind):
    """A kind that only reads: it always runs, and its act is the look."""

    idempotent: ClassVar[bool] = True

    def reads_only(self, params: Any) -> bool:
        return True


def cannot_tell(found: Completed) -> Check:
    return Check(needed=None, why=failure(found) if not found.exit.ok else "nothing on the host can tell")


def several(lines: Sequence[str], *, most: int = 8) -> str:
    """`lines` as one text for people, shortened."""
    more = len(lines) - most
    return "; ".join(lines[:most]) + (f"; and {more} more" if more > 0 else "")
