"""What is called certainly valid is valid for the library too; and what people write is, so that it stays unloaded."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from runner.app.kinds import whole_schema
from runner.document.quick import certainly_valid
from runner.document.schema import check_value
from runner.document.source import parse
from runner.playbook.template import is_template
from runner.redact import Secret

PLAYBOOKS = sorted((Path(__file__).parents[2] / "playbooks").glob("*.yml"))

TYPES = ("object", "array", "string", "integer", "number", "boolean", "null")


def _value(draw: Random, depth: int = 2) -> Any:
    if depth and draw.random() < 0.5:
        inner = [_value(draw, depth - 1) for _ in range(draw.randrange(3))]
        return inner if draw.random() < 0.5 else dict(zip(draw.sample("abc", len(inner)), inner, strict=True))
    return draw.choice([None, True, False, -1, 0, 1, 2, "", "a", "ab", "x1", 0.0, 1.0, 1.5])


def _schema(draw: Random, depth: int = 3) -> Any:
    """Of two or three words at random; one of them is none that we know."""
    if draw.random() < 0.05:
        return draw.random() < 0.8

    def inner() -> Any:
        return _schema(draw, depth - 1)

    words: dict[str, Callable[[], Any]] = {
        "type": lambda: draw.choice([draw.choice(TYPES), draw.sample(TYPES, 2)]),
        "const": lambda: _value(draw),
        "enum": lambda: [_value(draw, 1) for _ in range(3)],
        "required": lambda: draw.sample("abc", draw.randrange(3)),
        "dependentRequired": lambda: {draw.choice("abc"): ["a"]},
        **{
            name: lambda: draw.randrange(3)
            for name in ("minProperties", "minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum")
        },
        "exclusiveMinimum": lambda: draw.randrange(2),
        "uniqueItems": lambda: draw.random() < 0.5,
        "pattern": lambda: draw.choice(["^a", "[0-9]$", "b"]),
        "description": lambda: "words",
        "$ref": lambda: "#/$defs/other",
        "contains": lambda: {"type": "string"},
    }
    if depth:
        words |= {
            "properties": lambda: {name: inner() for name in draw.sample("abc", 2)},
            **dict.fromkeys(("additionalProperties", "propertyNames", "items", "not", "if", "then", "else"), inner),
            **dict.fromkeys(("allOf", "anyOf", "oneOf"), lambda: [inner() for _ in range(draw.randrange(1, 4))]),
        }
    return {word: words[word]() for word in draw.sample(sorted(words), draw.randrange(1, 4))}


def test_what_is_certainly_valid_is_valid() -> None:
    """For any schema and any value; and it is certain often enough to be of use."""
    said = valid = 0
    for seed in range(4000):
        draw = Random(seed)
        schema = {"allOf": [_schema(draw)], "$defs": {"other": _schema(draw, 0)}}
        if "$ref" in str(schema["$defs"]):
            continue
        value = _value(draw)
        library = Draft202012Validator(schema).is_valid(value)
        certain = certainly_valid(value, schema)
        assert library or not certain, f"seed {seed}: {value!r} breaks {schema}"
        valid += library
        said += certain
    assert said > valid * 0.6


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_playbooks_are_judged_without_the_library(path: Path) -> None:
    """And not when a key too much, a missing one, or another type is in any place of them."""
    data: Any = parse(path.read_text(encoding="utf-8"), name=path.name).data
    schema = whole_schema()
    assert certainly_valid(data, schema, excuse=is_template)
    library = Draft202012Validator(schema)
    for broken in _broken(data):
        if certainly_valid(broken, schema):
            assert library.is_valid(broken)


def _broken(data: Any) -> list[Any]:
    """The data, each time with one thing in it that is else."""
    if isinstance(data, dict):
        found = [{**data, "surplus": 1}, *({k: v for k, v in data.items() if k != name} for name in data), "text", 7]
        for name, inner in data.items():
            found += [{**data, name: other} for other in _broken(inner)]
        return found
    if isinstance(data, list):
        return [[], *([*data[:at], other, *data[at + 1 :]] for at in range(len(data)) for other in _broken(data[at]))]
    return [None, True, -1, "", [], {}, "no such word at all"]


def test_a_secret_is_left_to_the_library() -> None:
    """It is a text there, and broken rules are still told."""
    value = {"password": Secret("password", "correct horse")}
    schema = {"type": "object", "properties": {"password": {"type": "string"}}}
    assert not certainly_valid(value, schema)
    assert check_value(value, schema) == []
    assert check_value(value, {"properties": {"password": {"type": "integer"}}}) != []


def test_jsonschema_is_not_loaded_for_what_is_right(tmp_path: Path) -> None:
    """And is where something is wrong: the message comes from it."""
    playbook = tmp_path / "p.yml"
    good = "rawat: 1\nname: p\nkind: other\nhosts: all\nphases:\n  implement:\n    - {id: a, command: 'true'}\n"
    code = (
        "import sys; from pathlib import Path\n"
        "from runner.app.wiring import KINDS; from runner.playbook.load import load\n"
        "from runner.errors import InvalidInput\n"
        "try: load(Path('p.yml'), kinds=KINDS)\n"
        "except InvalidInput as error: print(error)\n"
        "print('jsonschema' in sys.modules)"
    )

    def said() -> str:
        done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
        return done.stdout

    playbook.write_text(good, encoding="utf-8")
    assert said() == "False\n"
    playbook.write_text(good.replace("command", "comand"), encoding="utf-8")
    assert said().endswith("True\n")
