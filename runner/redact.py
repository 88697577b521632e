"""
Secret values, and the filter that takes them out of everything that is shown or kept.

A secret is found as it is, line by line, percent-encoded, as JSON and unicode escapes, quoted for shells, SQL and HTML,
as hex, and as base64 and base64url at any alignment; wrapped or not, and with backslashes wherever a program puts them.
What a program reverses, encrypts or splits by itself is not found: that is what `no_output` is for.
"""

from __future__ import annotations

import base64
import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import lru_cache
from itertools import product
from typing import Any
from urllib.parse import quote, quote_plus

from runner.errors import InvalidInput

SHORTEST = 6
"""Shorter secrets are refused: taking them out would take half of the text with them."""

CUT = "…"
"""Stands where the rest of a text was left out."""
SHOWING = 4
"""So many characters of a secret, or more, are taken out where a text is cut within it."""
LONG_LINE = 4096
"""So many bytes of a line are not held back until its end comes."""
_BETWEEN = b"\\\r\n"
"""What may stand between any two bytes of a secret: line ends where it is wrapped, backslashes where it is quoted."""

Span = tuple[int, int, str]


class Secret:
    """A value that never shows itself: repr and str are masked, and it is no str, so nothing joins it by mistake."""

    __slots__ = ("_value", "name")

    def __init__(self, name: str, value: str) -> None:
        self.name = name
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one place that sends it."""
        return self._value

    def __len__(self) -> int:
        return len(self._value)

    def __repr__(self) -> str:
        return f"<secret {self.name}>"

    __str__ = __repr__


def mask(name: str) -> str:
    """What stands where a secret was."""
    return f"[redacted:{name}]"


class Redactor:
    """Knows the secrets of a run. Takes them out of whole texts and values; `stream()` gives a filter for output."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        self._literal: dict[bytes, str] = {}
        self._joined: dict[bytes, str] = {}
        self._longest = 1
        self.hold = 0
        for secret in secrets:
            if len(secret) < SHORTEST:
                raise InvalidInput(
                    f"the secret '{secret.name}' has {len(secret)} characters; {SHORTEST} are the least that can be "
                    "taken out of outputs without taking out ordinary words",
                    hint="use a longer secret",
                )
            self._know(secret)

    def learn(self, secret: Secret) -> None:
        """What a template made of a secret, such as all its letters large, is one as well."""
        if len(secret) >= SHORTEST and self.text(secret.reveal()) == secret.reveal():
            self._know(secret)

    def _know(self, secret: Secret) -> None:
        literal, joined = dict(self._literal), dict(self._joined)
        for needle in _forms(secret.reveal()):
            self._longest = max(self._longest, len(needle))
            bare = needle.translate(None, _BETWEEN)
            if len(bare) >= SHORTEST:
                joined.setdefault(bare, secret.name)
            else:
                literal.setdefault(needle, secret.name)
        self.hold = self._longest - 1 + len(CUT.encode())
        # other threads look for secrets meanwhile
        self._literal, self._joined = literal, joined

    def __bool__(self) -> bool:
        return bool(self._literal or self._joined)

    def stream(self) -> RedactingStream:
        return RedactingStream(self)

    def text(self, text: str) -> str:
        """`text` without secrets; the same object where there is none."""
        if not self:
            return text
        raw = text.encode("utf-8", "surrogatepass")
        if not self.spans(raw):
            return text
        stream = self.stream()
        return (stream.feed(raw) + stream.end()).decode("utf-8", "surrogatepass")

    def value(self, value: Any) -> Any:
        """A JSON value without secrets, keys included; a Secret becomes its mask."""
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return self._number(value)
        if isinstance(value, Secret):
            return mask(value.name)
        if isinstance(value, dict | Mapping):
            return {self.text(str(key)): self.value(item) for key, item in value.items()}
        if isinstance(value, tuple):
            return tuple([self.value(item) for item in value])
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value

    def _number(self, value: int | float) -> Any:
        """A secret of digits alone may come back as a number."""
        text = str(int(abs(value)) if isinstance(value, int) or value.is_integer() else abs(value))
        if len(text) < SHORTEST or not self:
            return value
        found = self.spans(text.encode())
        return mask(found[0][2]) if found and found[0][:2] == (0, len(text)) else value

    def spans(self, raw: bytes) -> list[Span]:
        """Where secrets stand: (start, end, name), overlapping ones joined, in order."""
        found = [(at, at + len(needle), name) for needle, name in self._literal.items() for at in _all(raw, needle)]
        joined = raw.translate(None, _BETWEEN)
        hits = [(at, at + len(needle), name) for needle, name in self._joined.items() for at in _all(joined, needle)]
        for end in _all(joined, CUT.encode()):
            hits += self._cut(joined, end)
        if hits:
            kept = _kept(raw) if len(joined) < len(raw) else int
            spans = ((kept(start), kept(end - 1) + 1, name) for start, end, name in hits)
            # a longer one could not be found in a stream, whatever is held back
            found += [span for span in spans if span[1] - span[0] <= self._longest]
        return _merge(found)

    def _cut(self, joined: bytes, end: int) -> Iterable[Span]:
        """The beginnings of secrets right before `end`."""
        for needle, name in self._joined.items():
            start = joined.find(needle[:SHOWING], max(0, end - len(needle) + 1), end)
            while start >= 0:
                if needle.startswith(joined[start:end]):
                    yield start, end, name
                    break
                start = joined.find(needle[:SHOWING], start + 1, end)


class RedactingStream:
    """
    A filter for bytes that come in pieces: however they are cut, the result is that of the whole.

    Holds back what may be the beginning of a secret; `end` gives the rest. `count` is the number taken out.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._carry = b""
        self._covered = 0
        self.count = 0

    def feed(self, chunk: bytes) -> bytes:
        """The bytes that are certain now; up to the end of a line, since what another stream says may be put behind."""
        if not self._redactor:
            return chunk
        raw = self._carry + chunk
        certain = max(0, len(raw) - self._redactor.hold)
        lines = raw.rfind(b"\n", 0, certain) + 1
        return self._emit(raw, lines if lines or certain < LONG_LINE else certain)

    def end(self) -> bytes:
        return self._emit(self._carry, len(self._carry))

    def _emit(self, raw: bytes, cut: int) -> bytes:
        """What stands before `cut`; `_covered` bytes at the front belong to a secret that is masked already."""
        out = []
        at = covered = self._covered
        for start, end, name in self._redactor.spans(raw):
            if start < covered or (start == 0 and covered):
                at = covered = max(covered, end)
                continue
            if start >= cut:
                break
            out.append(raw[at:start])
            out.append(mask(name).encode())
            self.count += 1
            at = covered = end
        if at < cut:
            out.append(raw[at:cut])
        self._carry = raw[cut:]
        self._covered = max(0, covered - cut)
        return b"".join(out)


def _all(raw: bytes, needle: bytes) -> Iterable[int]:
    at = raw.find(needle)
    while at >= 0:
        yield at
        at = raw.find(needle, at + 1)


def _merge(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, end, name in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]), merged[-1][2])
        else:
            merged.append((start, end, name))
    return merged


def _kept(raw: bytes) -> Any:
    """A function from places in `raw` without what may stand between, to places in `raw`."""
    between = [at for at, byte in enumerate(raw) if byte in _BETWEEN]
    shifted = [at - number for number, at in enumerate(between)]
    return lambda at: at + bisect_right(shifted, at)


def cut(text: str, most: int) -> str:
    """At most `most` characters of a text, the last of them a mark where it had more: a secret may be cut there."""
    return text if len(text) <= most else f"{text[: most - 1]}{CUT}"


@lru_cache(maxsize=256)
def _forms(value: str) -> frozenset[bytes]:
    """What to look for; whatever differs by backslashes and line ends only is there once or more."""
    from html import escape  # 3 ms, and most runs have no secret

    texts = {value, *(line for line in value.splitlines() if len(line) >= SHORTEST)}
    forms: set[str] = set()
    found: set[bytes] = set()
    for text in texts:
        raw = text.encode("utf-8", "surrogateescape")
        encoded = {quote(raw, safe=""), quote(raw), quote_plus(raw)}
        forms |= {text, *encoded, *(_lower_percent(form) for form in encoded)}
        for ascii_only, coded, digits in product((True, False), ("", "<>&'", "<>&'\"+`"), "xX"):
            forms.add(_as_json(text, ascii_only, coded, digits))
        for digits in "xX":
            forms.add("".join(f"\\u{unit:04{digits}}" for unit in _units(text)))
            forms.add("".join(f"\\x{byte:02{digits}}" for byte in raw))
        forms |= {text.replace("'", other) for other in ("'\\''", "'\"'\"'", "''")} | {text.replace('"', '""')}
        quoted = escape(text)
        decimal = quoted.replace("&#x27;", "&#39;")
        forms |= {quoted, decimal, decimal.replace("&quot;", "&#34;"), escape(text, quote=False)}
        forms |= {raw.hex(), raw.hex().upper()}
        found |= _base64s(raw)
    return frozenset(found | {form.encode("utf-8", "surrogateescape") for form in forms if len(form) >= SHORTEST})


def _units(text: str) -> Iterable[int]:
    """The numbers that UTF-16 has for it, as JSON writes characters."""
    data = text.encode("utf-16-be", "surrogatepass")
    return (int.from_bytes(data[at : at + 2], "big") for at in range(0, len(data), 2))


def _as_json(text: str, ascii_only: bool, coded: str, digits: str) -> str:
    """
    As one of the libraries for JSON writes it: what is not ASCII perhaps by number, and so what HTML has a meaning for.

    The numbers have small letters in Python, PHP and Rails, large ones in Java and .NET, which codes `"` and `+` too.
    """

    def written(char: str) -> str:
        if char in coded:
            return f"\\u{ord(char):04{digits}}"
        as_text = json.dumps(char, ensure_ascii=ascii_only)[1:-1]
        return as_text.upper().replace("U", "u") if digits == "X" and as_text.startswith("\\u") else as_text

    return "".join(map(written, text))


def _lower_percent(text: str) -> str:
    parts = text.split("%")
    return "%".join([parts[0], *(part[:2].lower() + part[2:] for part in parts[1:])])


def _base64s(raw: bytes) -> frozenset[bytes]:
    """
    The characters that base64 gives these bytes whatever stands before and behind them, at three alignments.

    Where nothing stands behind them they have an end as well, padded or not: a rest of it would be shown.
    """
    found = set()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + raw)[(before * 8 + 5) // 6 :]
        core = encoded[: (before + len(raw)) * 8 // 6 - (before * 8 + 5) // 6]
        if len(core) >= SHORTEST:
            for form in (core, encoded, encoded.rstrip(b"=")):
                found |= {form, form.replace(b"+", b"-").replace(b"/", b"_")}
    return frozenset(found)
