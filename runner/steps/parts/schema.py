"""Pieces of JSON Schema that several kinds use, worded for the pages made from them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runner.units import DURATION, LARGEST, LONGEST_S, SHARE, SIZE

Schema = Mapping[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def text(description: str, **more: Any) -> Schema:
    return {"type": "string", "minLength": 1, "description": description, **more}


def flag(description: str, default: bool) -> Schema:
    return {"type": "boolean", "default": default, "description": description}


def whole(description: str, **more: Any) -> Schema:
    return {"type": "integer", "description": description, **more}


def choice(description: str, values: Sequence[str], default: str | None = None) -> Schema:
    return {"enum": list(values), "description": description, **({"default": default} if default else {})}


def duration(description: str, default: str | None) -> Schema:
    return {
        "anyOf": [{"type": "string", "pattern": DURATION}, {"type": "number", "minimum": 0, "maximum": LONGEST_S}],
        "description": f"{description} Written as `30s`, `10m`, `2h`, or a number of seconds.",
        **({"default": default} if default else {}),
    }


def size(description: str, *, share: bool = False, **more: Any) -> Schema:
    forms: list[Schema] = [{"type": "string", "pattern": SIZE}, {"type": "number", "minimum": 0, "maximum": LARGEST}]
    written = "`500MB`, `10GB`, `1GiB` or a number of bytes"
    if share:
        forms.insert(1, {"type": "string", "pattern": SHARE})
        written += ", or as a share such as `20%`"
    return {"anyOf": forms, "description": f"{description} Written as {written}.", **more}


def host_path(description: str, **more: Any) -> Schema:
    return {
        "type": "string",
        "pattern": "^(/|~$|~/)[^\\x00]*$",
        "description": f"{description} Absolute, or `~/` for the home of the user the step runs as.",
        **more,
    }


def mode(description: str) -> Schema:
    return {
        "type": "string",
        "pattern": "^0?[0-7]{3,4}$",
        "description": f"{description} Octal, such as `0644`.",
        "examples": ["0644", "0750"],
    }


def owner(description: str) -> Schema:
    return {"type": "string", "pattern": "^[A-Za-z0-9_.][A-Za-z0-9_.@-]*\\$?$", "description": description}


def one_or_more(item: Schema, description: str, *, least: int = 0, **more: Any) -> Schema:
    several = {"type": "array", "items": item, **({"minItems": least} if least else {})}
    return {"anyOf": [item, several], "description": description, **more}


def strings(description: str, **more: Any) -> Schema:
    line = {"type": "string", "pattern": "^[^\\r\\n]*$"}
    return {"type": "object", "additionalProperties": line, "description": description, **more}


def record(title: str, description: str, properties: Mapping[str, Schema], **more: Any) -> Schema:
    """The schema of a kind whose parameters are a mapping."""
    return {
        "$schema": DIALECT,
        "title": title,
        "description": description,
        "type": "object",
        "additionalProperties": False,
        "properties": dict(properties),
        **more,
    }


def as_list(value: Any) -> list[Any]:
    """What `one_or_more` allows, always as a list."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]
