"""A host as it is at a moment, and how it differs from an earlier one: expected and found."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runner.errors import InvalidInput
from runner.model import Facts
from runner.seams import Script
from runner.steps.dialects.packages import none_known, packages
from runner.steps.parts.answers import Answers
from runner.steps.parts.sockets import listening
from runner.steps.parts.texts import script

PARTS = ("services", "failed_units", "ports", "packages", "mounts")
DIFFERENCES = (
    *("stopped-services", "new-failed-units", "closed-ports", "new-ports"),
    *("removed-packages", "changed-packages", "new-packages", "gone-mounts"),
)
"""What may be different. A service that is new is none of them."""

AS_ALLOWED = "rows that may differ"


def taking(parts: Sequence[str], facts: Facts | None) -> Script:
    """A script that tells of the host what `parts` ask for."""
    dialect = packages(facts)
    if "packages" in parts and dialect is None:
        return Script(text=none_known(facts))
    values = {"asked": " ".join(parts), "family": dialect.text if dialect else ""}
    return Script(text=script(("units", "listening", "baseline"), values))


def taken(parts: Sequence[str], said: Answers) -> dict[str, Any]:
    """What that script told: lists of names, and versions by package."""
    found: dict[str, Any] = {}
    for name, key in (("services", "service"), ("failed_units", "failed_unit"), ("mounts", "mount")):
        if name in parts:
            found[name] = sorted(set(said.every(key)))
    if "ports" in parts:
        found["ports"] = [str(each) for each in listening(said)]
    if "packages" in parts:
        found["packages"] = {row[0]: row[1] for row in said.fields("package") if len(row) == 2}
    return found


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each as one of DIFFERENCES and a sentence; what was not taken both times is left out."""

    def both(part: str) -> tuple[Any, Any]:
        there = part in before and part in now
        return (before[part], now[part]) if there else ((), ())

    was, found = both("services")
    for name in _without(was, found):
        yield "stopped-services", f"service {name}: expected running, found not running"
    was, found = both("failed_units")
    for name in _without(found, was):
        yield "new-failed-units", f"unit {name}: expected not failed, found failed"
    was, found = both("ports")
    for name in _without(was, found):
        yield "closed-ports", f"port {name}: expected listening, found closed"
    for name in _without(found, was):
        yield "new-ports", f"port {name}: expected closed, found listening"
    was, found = both("mounts")
    for name in _without(was, found):
        yield "gone-mounts", f"{name}: expected mounted, found not mounted"
    was, found = both("packages")
    for name in _without(was, found):
        yield "removed-packages", f"package {name}: expected {was[name]}, found it gone"
    for name in sorted(set(was) & set(found)):
        if was[name] != found[name]:
            yield "changed-packages", f"package {name}: expected {was[name]}, found {found[name]}"
    for name in _without(found, was):
        yield "new-packages", f"package {name}: expected none, found {found[name]}"


def _without(some: Any, others: Any) -> list[str]:
    return sorted(set(some) - set(others))


def compared(params: Mapping[str, Any], now: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Every difference from the earlier baseline. Raises InvalidInput where that is none."""
    before = params.get("against")
    if before is None:
        return []
    if isinstance(before, str):
        try:
            before = json.loads(before)
        except ValueError as error:
            raise InvalidInput(f"against: this is no baseline: {error}") from error
    wanted = [*(params.get("baseline") or ()), *(["rows"] if params.get("rows") else [])]
    missing = [name for name in wanted if not isinstance(before, Mapping) or name not in before]
    if missing:
        raise InvalidInput(f"against: the earlier baseline has no {', '.join(missing)}")
    found = list(differences(before, now))
    for name, given in (params.get("rows") or {}).items():
        was, value, may = before["rows"].get(name), now["rows"].get(name), given.get("may", "equal")
        if name in now["rows"] and was != value:
            fine = may == "differ" or (may == "grow" and _grew(was, value))
            wanted_ = f"at least {was}" if may == "grow" else was
            found.append((AS_ALLOWED if fine else "rows", f"rows {name}: expected {wanted_}, found {value}"))
    return found


def _grew(was: Any, value: Any) -> bool:
    return isinstance(was, int | float) and isinstance(value, int | float) and value > was
