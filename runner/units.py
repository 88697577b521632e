"""Durations and sizes as people write them, read in one place."""

from __future__ import annotations

import math
import re

from runner.errors import InvalidInput
from runner.frozen import frozen

DURATION = r"^([0-9]{1,9}(\.[0-9]+)?\s*(ms|s)?|[0-9]{1,8}(\.[0-9]+)?\s*m|[0-9]{1,5}(\.[0-9]+)?\s*[hd])$"
"""What a duration written as text looks like: a number and its unit, seconds where there is none; 99999d at most."""

LONGEST_S = 99_999 * 86_400
"""The longest duration: what calendars, shells and timers can still count with."""

SIZE = r"^[0-9]{1,15}(\.[0-9]+)?\s*([kKMGTP]i?)?B?$"
"""What a size written as text looks like: `500MB` is 500 x 1000 x 1000 bytes, `1GiB` is 1024 x 1024 x 1024."""

LARGEST = 10**18
"""The largest size that is given as a number of bytes."""

SHARE = r"^[0-9]+(\.[0-9]+)?\s*%$"

_SECONDS = {"ms": 0.001, "s": 1.0, "": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}


@frozen
class Amount:
    """So many bytes, or so many percent of the whole; exactly one is given."""

    bytes: int | None = None
    percent: float | None = None

    def __str__(self) -> str:
        return f"{self.percent:g} %" if self.percent is not None else text_of_size(self.bytes or 0)


def duration_s(value: object) -> float:
    """Seconds in `30s`, `10m`, `2h`, `1.5d`, `250ms`, or a number of seconds. Raises InvalidInput."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LONGEST_S:
        return float(value)
    if isinstance(value, str) and re.fullmatch(DURATION, said := value.strip()):
        number = said.rstrip("mshd")
        return float(number) * _SECONDS[said[len(number) :]]
    raise InvalidInput(f"{value!r} is not a duration: write 30s, 10m, 2h or a number of seconds, at most 99999d")


def whole_seconds(value: object) -> int:
    """A duration for a program that counts in seconds: rounded up, so that it is 0 only where 0 was said."""
    return math.ceil(round(duration_s(value), 6))


def size_bytes(value: object) -> int:
    """Bytes in `500MB`, `10GB`, `1GiB`, or a number of bytes (rounded up). Raises InvalidInput."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= LARGEST:
        return -int(-value // 1)
    if isinstance(value, str) and (
        found := re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]+)?)\s*([kKMGTP]?)(i?)B?", value.strip())
    ):
        base = 1024 if found[3] else 1000
        return -int(-(float(found[1]) * base ** _POWERS[found[2].lower()]) // 1)
    raise InvalidInput(f"{value!r} is not a size: write 500MB, 10GB, 1GiB or a number of bytes")


def amount(value: object) -> Amount:
    """A size, or a share such as `20%`. Raises InvalidInput."""
    if isinstance(value, str) and (found := re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*%", value.strip())):
        return Amount(percent=float(found[1]))
    return Amount(bytes=size_bytes(value))


def text_of_size(count: float) -> str:
    """A size for people, in powers of 1000: `1.2 GB`."""
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if abs(count) < 1000 or unit == "TB":
            return f"{count:.0f} {unit}" if unit == "bytes" else f"{count:.1f} {unit}"
        count /= 1000
    raise AssertionError("not reached")


def text_of_duration(seconds: float) -> str:
    """A duration for people: `250 ms`, `3.2 s`, `2 min 10 s`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s" if seconds % 1 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{count} {unit}" for count, unit in parts if count)


def written_duration(seconds: float) -> str:
    """A duration as duration_s reads it, in the largest unit that it is whole in: `400d`, `5m`, `2.5s`."""
    for unit in ("d", "h", "m"):
        if seconds and not seconds % _SECONDS[unit]:
            return f"{seconds / _SECONDS[unit]:.0f}{unit}"
    return f"{seconds:.0f}s" if seconds == int(seconds) else f"{seconds}s"


def counted(number: int, one: str, many: str = "") -> str:
    """`1 host`, `3 hosts`, `1,500 rows`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
