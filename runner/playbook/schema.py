"""The JSON Schema of the playbook language, and what its errors mean to the person who wrote the file."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from jsonschema.validators import extend

from runner.errors import Problem
from runner.model import KINDS_OF_PLAYBOOK, PHASES, OnFailure
from runner.playbook.source import At, Document, likely
from runner.playbook.template import is_template
from runner.redact import Secret

ID = "^[a-z][a-z0-9_-]{0,63}$"
NAME = "^[A-Za-z_][A-Za-z0-9_]{0,63}$"
DURATION = {
    "type": ["string", "number"],
    "description": "A number of seconds, or a text such as 30s, 10m, 2h.",
    "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*(ms|s|m|h|d)\s*$",
    "exclusiveMinimum": 0,
}
SHARE = {
    "description": "A number of hosts, or a share of all hosts such as 25%.",
    "type": ["integer", "string"],
    "minimum": 1,
    "pattern": "^(100|[1-9][0-9]?)%$",
}
_EXPRESSION = {"type": ["string", "boolean"], "minLength": 1}

STEP_KEYS: Mapping[str, Any] = {
    "id": {"type": "string", "pattern": ID, "description": "Names the step in the record; unique in the playbook."},
    "title": {"type": "string", "minLength": 1, "description": "What the step is for, in a person's words."},
    "when": _EXPRESSION | {"description": "An expression; where it is false the step is skipped, and says so."},
    "with": {
        "type": ["array", "string"],
        "description": "A list, or a template that gives one: the step runs once per item, named `item`.",
    },
    "become": {"type": "string", "description": "The user to work as, by sudo; an empty text is the login's own."},
    "timeout": DURATION | {"description": "The step's deadline, kept on the host. Default 1h."},
    "retries": {
        "type": ["object", "integer"],
        "minimum": 1,
        "additionalProperties": False,
        "properties": {
            "attempts": {"type": "integer", "minimum": 1, "maximum": 100, "description": "Attempts in all."},
            "delay": DURATION | {"description": "Wait before the second attempt; it doubles, up to tenfold."},
        },
        "description": "How often to try where the step failed and its end is known.",
    },
    "until": _EXPRESSION | {"description": "An expression over `result`; the step is tried again until it is true."},
    "register": {"type": "string", "pattern": NAME, "description": "The name later steps know the result by."},
    "expect": _EXPRESSION | {"description": "An expression over `result` that must be true, else the step failed."},
    "watch": {
        "type": "object",
        "required": ["for"],
        "additionalProperties": False,
        "properties": {"for": DURATION, "every": DURATION},
        "description": "Ask again for so long; it must be good every time. For kinds that only read.",
    },
    "on_failure": {"enum": [str(way) for way in OnFailure], "description": "What a failure of this step means."},
    "output_limit": {"type": ["integer", "string"], "description": "The step fails once it wrote more than this."},
    "requires": {
        "type": "array",
        "items": {"type": "string", "pattern": ID},
        "description": "Checklist items that must be proven on this host before the step may start.",
    },
    "idempotent": {"type": "boolean", "description": "It is safe to repeat when nobody knows how it ended."},
    "check": {"type": "string", "description": "A command that only reads: exit 0 = done already, 1 = not done."},
    "no_output": {"type": "boolean", "description": "Keep and show nothing of what the step prints."},
    "once": {"type": "boolean", "description": "On one host only: the first that is selected."},
    "local": {"type": "boolean", "description": "On the controller instead of the host."},
    "undo": {"type": "array", "items": {"$ref": "#/$defs/step"}, "description": "Undoes it when a rollback is asked."},
    "steps": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/step"}, "description": "A group."},
    "include": {"type": "string", "description": "A file with a list of steps, under the project's root."},
}
DECLARATION: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "default": {},
        "type": {"enum": ["string", "integer", "number", "boolean", "array", "object"]},
        "required": {"type": "boolean"},
        "help": {"type": "string"},
        "enum": {"type": "array", "minItems": 1},
        "minimum": {"type": "number"},
        "maximum": {"type": "number"},
        "pattern": {"type": "string", "format": "regex"},
        "items": {"type": "object"},
    },
}
_CHECKLIST = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["id", "phase", "text"],
        "additionalProperties": False,
        "properties": {
            "id": {"type": "string", "pattern": ID},
            "phase": {"enum": list(PHASES)},
            "text": {"type": "string", "minLength": 1},
            "proof": {"type": "array", "minItems": 1, "items": {"type": "string", "pattern": ID}},
            "by": {"enum": ["hand"]},
            "required": {"type": "boolean"},
        },
    },
}
_ROLLOUT = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "batches": {"type": "array", "minItems": 1, "items": SHARE},
        "parallel": {"type": "integer", "minimum": 1, "maximum": 1000},
        "stop_when_failed": SHARE,
    },
}


def playbook_schema(kinds: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The whole schema of a playbook, with the step kinds given: name -> schema of its parameters."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:rawat:playbook:1",
        "title": "rawat playbook, version 1",
        "type": "object",
        "required": ["rawat", "name", "kind", "hosts", "phases"],
        "additionalProperties": False,
        "properties": {
            "rawat": {"const": 1, "description": "The version of the language."},
            "name": {"type": "string", "pattern": ID},
            "title": {"type": "string", "minLength": 1},
            "kind": {"enum": list(KINDS_OF_PLAYBOOK)},
            "owner": {"type": "string"},
            "hosts": {"type": "string", "minLength": 1, "description": "A pattern such as db:&eu:!db3."},
            "become": {"type": "string"},
            "vars": {"type": "object", "propertyNames": {"pattern": NAME}},
            "secrets": {"type": "array", "items": {"type": "string", "pattern": NAME}, "uniqueItems": True},
            "rollout": _ROLLOUT,
            "checklist": _CHECKLIST,
            "policy": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"phases": {"enum": ["all", "used"]}},
            },
            "phases": {
                "type": "object",
                "additionalProperties": False,
                "minProperties": 1,
                "properties": {phase: {"$ref": "#/$defs/steps"} for phase in PHASES},
            },
            "finally": {"$ref": "#/$defs/steps"},
        },
        "$defs": {"steps": steps_schema({}) | {"$ref": "#/$defs/list"}, **_definitions(kinds)},
    }


def steps_schema(kinds: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The schema of an included file: a list of steps."""
    if not kinds:
        return {}
    return {"$ref": "#/$defs/list", "$defs": _definitions(kinds)}


def _definitions(kinds: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    step = {
        "type": "object",
        "additionalProperties": False,
        "properties": {**STEP_KEYS, **kinds},
    }
    return {"list": {"type": "array", "items": {"$ref": "#/$defs/step"}}, "step": step}


def _is_string(_: Any, instance: Any) -> bool:
    return isinstance(instance, str | Secret)


Validator: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, type_checker=Draft202012Validator.TYPE_CHECKER.redefine("string", _is_string)
)
"""Draft 2020-12, to which a Secret is a text."""


def check(document: Document, schema: Mapping[str, Any]) -> list[Problem]:
    """Every way in which a document breaks the schema, in the order of the text; templates stand for any value."""
    errors = Validator(schema).iter_errors(document.data)
    found = [problem for error in errors for problem in _problems(document, error, ())]
    return sorted(dict.fromkeys(found), key=lambda problem: (problem.where is None, problem.where))


def check_value(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """What is wrong with one value once it is rendered, each as `where: what`."""
    found = []
    for error in Validator(schema).iter_errors(value):
        for leaf in _leaves(error, templates=False):
            at = ".".join(str(part) for part in leaf.absolute_path)
            found += [f"{at}: {message}" if at else message for _, _, message in _messages(leaf)]
    return list(dict.fromkeys(found))


def _problems(document: Document, error: ValidationError, at: At) -> Iterator[Problem]:
    for leaf in _leaves(error, templates=True):
        for path, on_key, message in _messages(leaf):
            yield document.problem((*at, *path), message, on_key=on_key)


def _leaves(error: ValidationError, *, templates: bool) -> Iterator[ValidationError]:
    """The errors that a person can act on: of several alternatives, those of the one that was meant."""
    if templates and is_template(error.instance):
        return
    if error.validator not in ("anyOf", "oneOf") or not error.context:
        yield error
        return
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    kept = [[leaf for inner in errors for leaf in _leaves(inner, templates=templates)] for errors in branches.values()]
    if not all(kept):
        return
    meant = [errors for errors in kept if not any(_wrong_type(leaf, error) for leaf in errors)]
    yield from min(meant, key=len) if meant else [error]


def _wrong_type(leaf: ValidationError, whole: ValidationError) -> bool:
    return leaf.validator == "type" and len(leaf.absolute_path) == len(whole.absolute_path)


def _messages(error: ValidationError) -> Iterator[tuple[At, bool, str]]:
    """(path, whether the key is meant, message) for one error."""
    at: At = tuple(error.absolute_path)
    rule: Any = error.validator_value
    schema: Any = error.schema
    instance: Any = error.instance
    match error.validator:
        case "additionalProperties":
            known = sorted(schema.get("properties", {}))
            for key in instance:
                if key not in known:
                    yield (*at, key), True, _unknown(str(key), known, at)
        case "required":
            for key in rule:
                if key not in instance:
                    yield at, True, f"'{key}' is missing here"
        case "type":
            yield at, False, f"expected {_types(rule)}, found {_show(instance)}"
        case "enum":
            words = [str(word) for word in rule]
            yield (
                at,
                False,
                f"{_show(instance)} is not one of {', '.join(words)}" + likely(str(instance), words),
            )
        case "const":
            yield at, False, f"expected {_show(rule)}, found {_show(instance)}"
        case "pattern":
            wanted = schema.get("description") or f"it must match {rule}"
            yield at, False, f"{_show(instance)} does not have the form that is wanted here: {wanted}"
        case "anyOf" | "oneOf":
            yield at, False, f"{_show(instance)} is none of the forms that are allowed here"
        case "minItems" | "minProperties":
            yield at, False, "this is empty"
        case _:
            yield at, False, _shorten(error.message)


def _unknown(key: str, known: Iterable[str], at: At) -> str:
    if not at:
        what = "key of a playbook"
    elif isinstance(at[-1], int):
        what = "step key" if at[-2] not in ("checklist",) else "checklist key"
    else:
        what = f"key of '{at[-1]}'"
    return f"'{key}' is not a {what}" + (likely(key, known) or f"; known are: {', '.join(list(known)[:12])}")


def _types(value: Any) -> str:
    words = {"object": "a mapping", "array": "a list", "string": "a text", "integer": "a whole number",
             "number": "a number", "boolean": "true or false", "null": "nothing"}  # fmt: skip
    return " or ".join(words[name] for name in ([value] if isinstance(value, str) else value))


def _show(value: Any) -> str:
    if isinstance(value, Secret):
        return repr(value)
    return _shorten(json.dumps(value, ensure_ascii=False, default=str))


def _shorten(text: str, most: int = 120) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
