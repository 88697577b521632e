"""
Reports in a person's language: messages, numbers, durations and moments.

The catalogues are .po texts beside this file, read as they are: gettext wants .mo files, which are made in memory, so
that a wheel and an editable install work alike and a translation is reviewed as text. English is in the code.
"""

from __future__ import annotations

import ast
import gettext
import re
import struct
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from functools import cache
from io import BytesIO
from pathlib import Path

from runner.errors import InvalidInput

LOCALE = Path(__file__).with_name("locale")
SOURCE = "en"


def mark(message: str) -> str:
    """`message` as it is: what is translated later is found by this name."""
    return message


_MONTHS = (
    mark("Jan"), mark("Feb"), mark("Mar"), mark("Apr"), mark("May"), mark("Jun"), mark("Jul"), mark("Aug"),
    mark("Sep"), mark("Oct"), mark("Nov"), mark("Dec"),
)  # fmt: skip


class Language:
    """The words of one language. Values are put in by name, and never read as messages themselves."""

    def __init__(self, code: str, messages: gettext.NullTranslations, *, decimal: str, thousands: str) -> None:
        self.code = code
        self._messages = messages
        self._decimal = decimal
        self._thousands = thousands

    def text(self, message: str, /, **values: object) -> str:
        """The message in this language; `{name}` in it stands for a value."""
        said = self._messages.gettext(message) if message else ""
        return said.format(**values) if values else said

    def count(self, one: str, many: str, number: int, /, **values: object) -> str:
        """The message that goes with a number, which is `{n}` in it."""
        return self._messages.ngettext(one, many, number).format(n=self.number(number), **values)

    def number(self, value: float, places: int = 0) -> str:
        """`20,500` or `0.4`, as the language writes them."""
        said = f"{value:,.{places}f}"
        return said.translate({ord(","): self._thousands, ord("."): self._decimal})

    def spoken(self, ms: int) -> str:
        """`0.4 s`, `48 s`, `10 min 52 s`, `1 h 12 min`."""
        if ms < 9_950:
            return self.text("{n} s", n=self.number(ms / 1000, 1))
        minutes, seconds = divmod(round(ms / 1000), 60)
        if not minutes:
            return self.text("{n} s", n=seconds)
        if minutes < 60:
            return self.text("{minutes} min {seconds} s", minutes=minutes, seconds=seconds)
        hours, minutes = divmod(minutes, 60)
        return self.text("{hours} h {minutes} min", hours=self.number(hours), minutes=minutes)

    def brief(self, ms: int) -> str:
        """A mark on a scale: `0`, `30 s`, `5 min`, `2 h`."""
        seconds = ms // 1000
        if seconds >= 3600:
            return self.text("{n} h", n=self.number(seconds / 3600, 1 if seconds % 3600 else 0))
        if seconds >= 60:
            return self.text("{n} min", n=self.number(seconds / 60, 1 if seconds % 60 else 0))
        return self.text("{n} s", n=seconds) if seconds else "0"

    def size(self, count: float) -> str:
        """`1.1 MB`, in powers of 1000."""
        for unit in ("B", "kB", "MB", "GB", "TB"):
            if count < 1000 or unit == "TB":
                break
            count /= 1000
        return f"{self.number(count, 0 if unit == 'B' else 1)} {unit}"

    def moment(self, at: str, zone: tzinfo | None) -> str:
        """`24 Nov 2026, 12:50:11 WIB` for a moment of the record; as it stands where it is none."""
        when = parsed(at)
        if when is None:
            return at or "-"
        there = when.astimezone(zone)
        month = self.text(_MONTHS[there.month - 1])
        return f"{there.day} {month} {there.year}, {there:%H:%M:%S} {there:%Z}"


def parsed(at: str) -> datetime | None:
    try:
        when = datetime.fromisoformat(at.replace("Z", "+00:00"))
    except ValueError:
        return None
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def languages() -> tuple[str, ...]:
    """Codes of the languages there are, English first."""
    return (SOURCE, *sorted(path.stem for path in LOCALE.glob("*.po")))


@cache
def language(code: str) -> Language:
    """Raises InvalidInput for a language that there is no catalogue of."""
    if code == SOURCE:
        return Language(code, gettext.NullTranslations(), decimal=".", thousands=",")
    if code not in languages():
        raise InvalidInput(f"there are no reports in '{code}'; there are: {', '.join(languages())}")
    po = (LOCALE / f"{code}.po").read_text(encoding="utf-8")
    return Language(code, gettext.GNUTranslations(BytesIO(compiled(po))), decimal=",", thousands=".")


def entries(po: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(key, translations) of a .po text; the key of a plural is `one NUL many`."""
    for block in re.split(r"\n\s*\n", po):
        fields: dict[str, str] = {}
        name = ""
        for line in block.splitlines():
            if line.startswith("#") or not line.strip():
                continue
            if not line.startswith('"'):
                name, _, line = line.partition(" ")
            fields[name] = fields.get(name, "") + str(ast.literal_eval(line.strip()))
        if "msgid" in fields:
            many = fields.get("msgid_plural")
            key = fields["msgid"] if many is None else f"{fields['msgid']}\0{many}"
            yield key, tuple(text for field, text in fields.items() if field.startswith("msgstr"))


def compiled(po: str) -> bytes:
    """The .mo form of a .po text (GNU gettext manual, "The Format of GNU MO Files")."""
    table = sorted((key.encode(), "\0".join(said).encode()) for key, said in entries(po) if all(said))
    keys = b"".join(key + b"\0" for key, _ in table)
    texts = b"".join(text + b"\0" for _, text in table)
    head = 28
    at_keys = head + 16 * len(table)
    at_texts = at_keys + len(keys)
    index_keys, index_texts = b"", b""
    for key, text in table:
        index_keys += struct.pack("<2I", len(key), at_keys)
        index_texts += struct.pack("<2I", len(text), at_texts)
        at_keys += len(key) + 1
        at_texts += len(text) + 1
    start = struct.pack("<7I", 0x950412DE, 0, len(table), head, head + 8 * len(table), 0, 0)
    return start + index_keys + index_texts + keys + texts
