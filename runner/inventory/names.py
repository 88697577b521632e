"""Which names hosts, groups and variables may have."""

from __future__ import annotations

import re
import unicodedata

VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}\Z")

_PORT = re.compile(r"[0-9]{1,10}\Z")
_ASCII = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*\Z")
_WRITTEN_TOGETHER = (
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
    frozenset({"LATIN", "CJK", "BOPOMOFO"}),
)
_LONGEST = 253
_SHAPES = str.maketrans(
    "авеѕіјкмнорстухһԁԛԝАВЕЅІЈКМНОРСТУХԚԜ" + "αινορυγΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
    "abesijkmhopctyxhdqwABESIJKMHOPCTYXQW" + "aivopuyABEZHIKMNOPTYX",
)
"""Letters of Cyrillic and Greek to those of Latin that look like them: of Unicode's confusables (UTS 39) the plain."""


def normal(name: str) -> str:
    """The one spelling of a name (NFC), so that `é` as one character or as two is the same host."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)


def wrong_name(name: str) -> str:
    """What is wrong with a name of a host or a group; an empty text where nothing is."""
    if not name:
        return "a name must not be empty"
    if len(name) > _LONGEST:
        return f"a name has at most {_LONGEST} characters"
    if _ASCII.match(name):
        return ""
    if ":" in name:
        return "a name has no ':'; give a port or an IPv6 address as a value of its own"
    for number, char in enumerate(name):
        if not _may_stand(char, first=number == 0):
            return f"{_named(char)} cannot stand {'at the beginning of' if number == 0 else 'in'} a name"
    for label in name.split("."):
        scripts = {_script(char) for char in label if unicodedata.category(char)[0] == "L"}
        if len(scripts) > 1 and not any(scripts <= together for together in _WRITTEN_TOGETHER):
            return f"'{label}' mixes {' and '.join(sorted(scripts)).lower()} letters, which look alike"
    return ""


def look(name: str) -> str:
    """The same for names that a reader takes for one another: that differ by case, width, or letters of one shape."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFKC", name.translate(_SHAPES)).casefold()


def scripts(name: str) -> str:
    """`latin`, `cyrillic and latin`: of the letters of a name."""
    return " and ".join(sorted({_script(char).lower() for char in name if unicodedata.category(char)[0] == "L"}))


def port_of(text: str) -> int | None:
    """The port that a text names, or None. Python alone would take foreign digits, and raise for very many."""
    found = _PORT.match(text)
    return int(text) if found and 0 < int(text) < 65536 else None


def wrong_variable(name: str) -> str:
    """What is wrong with the name of a variable."""
    if VARIABLE.match(name):
        return ""
    return "a variable's name has letters, digits and '_' only, and begins with no digit"


def _may_stand(char: str, *, first: bool) -> bool:
    category = unicodedata.category(char)
    if char.isascii():
        return char.isalnum() or char == "_" or (char in ".-" and not first)
    return category[0] == "L" or category == "Nd" or (category in ("Mn", "Mc") and not first)


def _named(char: str) -> str:
    if char.isprintable() and not char.isspace():
        return f"'{char}'"
    return f"the character U+{ord(char):04X}"


def _script(char: str) -> str:
    return "LATIN" if char.isascii() else unicodedata.name(char, "unknown").split()[0]
