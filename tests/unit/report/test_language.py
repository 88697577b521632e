"""Every message is translated, whole, with the same values in it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from jinja2 import Environment, nodes

import runner.report
from runner.errors import InvalidInput
from runner.report.language import LOCALE, SOURCE, entries, language, languages

ROOM = Path(runner.report.__file__).parent
MODULES = [
    path
    for name in ("html", "junit", "table", "markdown", "data", "svg", "language")
    for path in ROOM.glob(f"{name}*.py")
]


def messages() -> set[str]:
    """Keys of all messages in code and template, as a catalogue has them."""
    found = {key for path in MODULES for key in _in_code(path)}
    return found | set(_in_template(ROOM / "html.jinja"))


def _in_code(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
            if name in ("text", "mark") and texts:
                yield texts[0]
            elif name == "count" and len(texts) == 2:
                yield f"{texts[0]}\0{texts[1]}"
            elif name == "count" and node.args and isinstance(node.args[0], ast.Name):
                yield from _named(path)


def _named(path: Path) -> Iterator[str]:
    """`one, many = "...", "..."` before a call."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) in ("one, many", "(one, many)"):
            one, many = ast.literal_eval(node.value)
            yield f"{one}\0{many}"


def _in_template(path: Path) -> Iterator[str]:
    for call in Environment(autoescape=True).parse(path.read_text(encoding="utf-8")).find_all(nodes.Call):
        texts = [arg.value for arg in call.args if isinstance(arg, nodes.Const) and isinstance(arg.value, str)]
        if isinstance(call.node, nodes.Name) and call.node.name == "_":
            yield texts[0]
        elif isinstance(call.node, nodes.Getattr) and call.node.attr == "count" and len(texts) == 2:
            yield f"{texts[0]}\0{texts[1]}"


def test_there_are_messages() -> None:
    found = messages()
    assert len(found) > 150
    assert "Where the time went" in found and "Identify" in found
    assert "Backed up and restored: {good} of {n} host.\0Backed up and restored: {good} of {n} hosts." in found


@pytest.mark.parametrize("code", [code for code in languages() if code != SOURCE])
def test_every_message_is_translated_and_nothing_else(code: str) -> None:
    catalogue = dict(entries((LOCALE / f"{code}.po").read_text(encoding="utf-8")))
    head = catalogue.pop("")
    assert f"Language: {code}" in head[0]
    assert sorted(messages() - catalogue.keys()) == [], "not in the catalogue"
    assert sorted(catalogue.keys() - messages()) == [], "said nowhere"
    for key, said in catalogue.items():
        wanted = set(re.findall(r"{\w+}", key))
        for text in said:
            assert text.strip(), key
            assert set(re.findall(r"{\w+}", text)) == wanted, key


def test_no_message_stands_twice() -> None:
    for code in languages()[1:]:
        keys = [key for key, _ in entries((LOCALE / f"{code}.po").read_text(encoding="utf-8"))]
        assert len(keys) == len(set(keys))


def test_gettext_reads_what_is_compiled_in_memory() -> None:
    t = language("id")
    assert t.text("Checklist") == "Daftar periksa"
    assert t.count("{n} step", "{n} steps", 1) == "1 langkah"
    assert t.count("{n} step", "{n} steps", 4) == "4 langkah"
    assert t.text("said by nobody") == "said by nobody"
    assert t.text("") == ""


def test_numbers_durations_and_moments_as_each_language_writes_them() -> None:
    en, indonesian, zone = language("en"), language("id"), ZoneInfo("Asia/Jakarta")
    assert (en.number(20500), indonesian.number(20500)) == ("20,500", "20.500")
    assert (en.spoken(400), indonesian.spoken(400)) == ("0.4 s", "0,4 dtk")
    assert [en.spoken(ms) for ms in (9_949, 9_951, 48_000, 59_600, 652_000, 4_320_000)] == [
        "9.9 s", "10 s", "48 s", "1 min 0 s", "10 min 52 s", "1 h 12 min",
    ]  # fmt: skip
    assert indonesian.spoken(652_000) == "10 mnt 52 dtk"
    assert en.moment("2026-08-17T03:00:00.000Z", zone) == "17 Aug 2026, 10:00:00 WIB"
    assert indonesian.moment("2026-08-17T03:00:00.000Z", zone) == "17 Agu 2026, 10:00:00 WIB"
    assert (en.moment("", zone), en.moment("soon", zone)) == ("-", "soon")
    assert (en.size(999), en.size(1_077_248), indonesian.size(1_077_248)) == ("999 B", "1.1 MB", "1,1 MB")


def test_a_value_is_never_read_as_a_message() -> None:
    assert language("en").text("{n} s", n="{secret.__class__}") == "{secret.__class__} s"


def test_a_language_that_there_is_not_is_bad_input() -> None:
    with pytest.raises(InvalidInput, match="en, id"):
        language("xx")
