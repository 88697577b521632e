"""Times and moments as people read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from runner.hygiene import one_line
from runner.units import counted

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo


def clock_face(ms: int) -> str:
    """`0:04`, `10:52`, `1:12:09`; under ten seconds with tenths: `0.4 s`."""
    if ms < 10_000:
        return f"{ms / 1000:.1f} s"
    seconds = round(ms / 1000)
    hours, rest = divmod(seconds, 3600)
    minutes, seconds = divmod(rest, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"


def spoken(ms: int) -> str:
    """`0.4 s`, `48 s`, `10 min 52 s`, `1 h 12 min`."""
    if ms < 10_000:
        return f"{ms / 1000:.1f} s"
    seconds = round(ms / 1000)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min"


def signed_word(sealed: bool, seals: Sequence[Mapping[str, Any]]) -> str:
    """By whom every sitting says to be signed (seals as in runner.seams.Reading); `rawat verify` says if that is so."""
    if not sealed or not seals:
        return "not sealed"
    if not all(seal.get("signed") for seal in seals):
        return "not signed"
    return "signed by " + ", ".join(dict.fromkeys(str(seal.get("signer") or "?") for seal in seals))


def zone_of(name: str) -> ZoneInfo | None:
    """The zone by its IANA name; None is the machine's own."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError):
        return None


def local(at: str, zone: ZoneInfo | None, form: str = "%d %b %H:%M") -> str:
    """A moment of the record in a zone."""
    if not at:
        return "-"
    return datetime.fromisoformat(at.replace("Z", "+00:00")).astimezone(zone).strftime(form)


def zone_word(zone: ZoneInfo | None) -> str:
    """`WIB`, `UTC`, or an offset."""
    return datetime.now(UTC).astimezone(zone).strftime("%Z")


def short(run: str) -> str:
    """A run id as it is shown in tables; the end tells runs of one minute apart."""
    return f"{run[:5]}…{run[-4:]}" if len(run) > 12 else run


amount = counted


def grouped_left_out(entries: Iterable[Mapping[str, Any]]) -> dict[str, list[str]]:
    """Hosts and steps that were left out, by the reason."""
    found: dict[str, list[str]] = {}
    for entry in entries:
        found.setdefault(str(entry.get("why")), []).append(one_line(str(entry.get("host") or entry.get("step"))))
    return found
