"""
Whether a value certainly keeps a JSON Schema, for the part of Draft 2020-12 that our schemas use.

What is wrong, and where, is jsonschema's to say. But importing it takes a seventh of a short run, and nearly every
file is right: so it is asked only about what is not certainly right, and about words that are not known here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

Excuse = Callable[[Any], bool]
Schema = Mapping[str, Any]
Rule = Callable[["_Look", Any, Any, Schema], bool]


class _Unsure(Exception):
    """A word of the schema, or a value, that only the library judges."""


def certainly_valid(value: Any, schema: Schema, *, excuse: Excuse = lambda value: False) -> bool:
    """True where every rule is kept, or broken by a value that is excused; False where that is not certain."""
    try:
        return _valid(_Look(schema, excuse), value, schema)
    except (_Unsure, RecursionError):
        return False


class _Look(NamedTuple):
    root: Schema
    excuse: Excuse

    @property
    def strict(self) -> _Look:
        """What decides which rules hold is looked at without excuse."""
        return _Look(self.root, lambda value: False)


def _valid(look: _Look, value: Any, schema: Schema | bool) -> bool:
    if value is not None and not isinstance(value, str | int | float | dict | list):
        raise _Unsure
    if isinstance(schema, bool):
        return schema or look.excuse(value)
    return all(_rule(word)(look, rule, value, schema) for word, rule in schema.items()) or look.excuse(value)


def _rule(word: str) -> Rule:
    if word not in _RULES:
        raise _Unsure
    return _RULES[word]


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


_TYPES: Final[Mapping[str, Callable[[Any], bool]]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": _number,
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


def _type(_: _Look, rule: Any, value: Any, __: Schema) -> bool:
    return any(_TYPES[name](value) for name in ([rule] if isinstance(rule, str) else rule))


def _same(one: Any, other: Any) -> bool:
    """Lists, mappings and fractions, of which some are equal to what is of another type, are left to the library."""
    if isinstance(one, dict | list | float) or isinstance(other, dict | list | float):
        if isinstance(one, str) or isinstance(other, str):
            return False
        raise _Unsure
    return type(one) is type(other) and bool(one == other)


def _properties(look: _Look, rule: Any, value: Any, _: Schema) -> bool:
    return all(_valid(look, value[name], inner) for name, inner in rule.items() if name in value)


def _additional(look: _Look, rule: Any, value: Any, schema: Schema) -> bool:
    known = schema.get("properties", {})
    return all(_valid(look, inner, rule) for name, inner in value.items() if name not in known)


def _if(look: _Look, rule: Any, value: Any, schema: Schema) -> bool:
    return _valid(look, value, schema.get("then" if _valid(look.strict, value, rule) else "else", True))


def _ref(look: _Look, rule: Any, value: Any, _: Schema) -> bool:
    head, _, name = rule.rpartition("/")
    if head != "#/$defs" or "~" in name or "%" in name:
        raise _Unsure
    return _valid(look, value, look.root["$defs"][name])


def _unique(_: _Look, rule: Any, value: Any, __: Schema) -> bool:
    if not all(type(item) is str for item in value):
        raise _Unsure
    return not rule or len(set(value)) == len(value)


def _only(applies: str, rule: Rule) -> Rule:
    """A rule that says nothing of values of another type."""
    fits = _TYPES[applies]
    return lambda look, given, value, schema: not fits(value) or rule(look, given, value, schema)


_RULES: Final[Mapping[str, Rule]] = {
    **dict.fromkeys(
        ("$schema", "$id", "$defs", "title", "description", "default", "examples", "then", "else"),
        lambda look, rule, value, schema: True,
    ),
    "type": _type,
    "const": lambda look, rule, value, schema: _same(rule, value),
    "enum": lambda look, rule, value, schema: any(_same(word, value) for word in rule),
    "$ref": _ref,
    "allOf": lambda look, rule, value, schema: all(_valid(look, value, inner) for inner in rule),
    "anyOf": lambda look, rule, value, schema: any(_valid(look, value, inner) for inner in rule),
    "oneOf": lambda look, rule, value, schema: sum(_valid(look, value, inner) for inner in rule) == 1,
    "not": lambda look, rule, value, schema: not _valid(look.strict, value, rule),
    "if": _if,
    "properties": _only("object", _properties),
    "additionalProperties": _only("object", _additional),
    "propertyNames": _only("object", lambda look, rule, value, _: all(_valid(look, name, rule) for name in value)),
    "required": _only("object", lambda look, rule, value, _: all(name in value for name in rule)),
    "dependentRequired": _only(
        "object", lambda look, rule, value, _: all(set(rule[name]) <= value.keys() for name in rule if name in value)
    ),
    "minProperties": _only("object", lambda look, rule, value, _: len(value) >= rule),
    "items": _only("array", lambda look, rule, value, _: all(_valid(look, item, rule) for item in value)),
    "minItems": _only("array", lambda look, rule, value, _: len(value) >= rule),
    "maxItems": _only("array", lambda look, rule, value, _: len(value) <= rule),
    "uniqueItems": _only("array", _unique),
    "minLength": _only("string", lambda look, rule, value, _: len(value) >= rule),
    "maxLength": _only("string", lambda look, rule, value, _: len(value) <= rule),
    "pattern": _only("string", lambda look, rule, value, _: re.search(rule, value) is not None),
    "minimum": _only("number", lambda look, rule, value, _: value >= rule),
    "exclusiveMinimum": _only("number", lambda look, rule, value, _: value > rule),
    "maximum": _only("number", lambda look, rule, value, _: value <= rule),
}
