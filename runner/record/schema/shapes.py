"""Words to write a closed JSON Schema with: every field has its meaning, and no other is let in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Schema = Mapping[str, Any]


def field(kind: str, doc: str, **more: Any) -> Schema:
    return {"type": kind, "description": doc, **more}


def text(doc: str, **more: Any) -> Schema:
    return field("string", doc, **more)


def word(doc: str, *words: str) -> Schema:
    return {"enum": list(words), "description": doc}


def flag(doc: str) -> Schema:
    return field("boolean", doc)


def whole(doc: str) -> Schema:
    return field("integer", doc)


def ms(doc: str) -> Schema:
    return field("integer", f"{doc}, in milliseconds")


def maybe(schema: Schema) -> Schema:
    """Null where it is not so far, or nobody knows."""
    return {**schema, "type": [schema["type"], "null"]}


def array(items: Schema, doc: str) -> Schema:
    return field("array", doc, items=items)


def texts(doc: str) -> Schema:
    return array({"type": "string"}, doc)


def mapping(values: Schema, doc: str) -> Schema:
    return field("object", doc, additionalProperties=values)


def anything(doc: str) -> Schema:
    return field("object", doc)


def closed(doc: str, /, *optional: str, **fields: Schema) -> Schema:
    return field(
        "object", doc, properties=fields, required=[name for name in fields if name not in optional],
        additionalProperties=False,
    )  # fmt: skip


def begun(schema: Schema) -> Schema:
    """Empty where the run ended before it began."""
    return {**schema, "required": []}


SHA256 = {"pattern": "^([0-9a-f]{64})?$"}
MOMENT = {"pattern": r"^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z)?$"}
CAUSES = mapping(
    {"type": "integer"}, "milliseconds by cause: connect, throttled, work, overhead, and the kinds of waiting"
)
