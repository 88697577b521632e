"""The JSON Schema of the playbook language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from runner.document.forms import ID, NAME, PART, TIME
from runner.document.schema import nested
from runner.model import KINDS_OF_PLAYBOOK, PHASES, OnFailure
from runner.units import LARGEST, LONGEST_S, SIZE

DURATION = {
    "type": ["string", "number"],
    "description": "A number of seconds, or a text such as 30s, 10m, 2h.",
    "pattern": TIME,
    "exclusiveMinimum": 0,
    "maximum": LONGEST_S,
}
SHARE = {
    "description": "A number of hosts, or a share of all hosts such as 25%.",
    "type": ["integer", "string"],
    "minimum": 1,
    "pattern": PART,
}
_EXPRESSION = {"type": ["string", "boolean"], "minLength": 1}

STEP_KEYS: Mapping[str, Any] = {
    "id": {"type": "string", "pattern": ID, "description": "Names the step in the record; unique in the playbook."},
    "title": {"type": "string", "minLength": 1, "description": "What the step is for, in a person's words."},
    "when": _EXPRESSION
    | {
        "description": "An expression; where it is false the step is skipped, and says so. "
        "With `with`: for each item, where it names `item`."
    },
    "with": {
        "type": ["array", "string"],
        "description": "A list, or a template that gives one: the step runs once per item, named `item`.",
    },
    "become": {"type": "string", "description": "The user to work as, by sudo; an empty text is the login's own."},
    "timeout": DURATION
    | {
        "description": "The step's deadline, kept on the host by a watch that looks once a second: what ends within a "
        "second or two behind it may still have ended well. Default 1h."
    },
    "retries": {
        "type": ["object", "integer"],
        "minimum": 1,
        "maximum": 100,
        "additionalProperties": False,
        "properties": {
            "attempts": {"type": "integer", "minimum": 1, "maximum": 100, "description": "Attempts in all."},
            "delay": DURATION | {"description": "Wait before the second attempt; it doubles, up to tenfold."},
        },
        "description": "How often to try where the step failed and its end is known.",
    },
    "until": _EXPRESSION
    | {
        "description": "An expression over `result`; the step is tried again until it is true. "
        "Of a command or script that names `result.exit` it decides as `expect` does; otherwise it must end well, too."
    },
    "register": {"type": "string", "pattern": NAME, "description": "The name later steps know the result by."},
    "expect": _EXPRESSION
    | {
        "description": "An expression over `result` that must be true, else the step failed. "
        "For a command or script it decides instead of the exit code."
    },
    "watch": {
        "type": "object",
        "required": ["for"],
        "additionalProperties": False,
        "properties": {"for": DURATION, "every": DURATION},
        "description": "Ask again for so long; it must be good every time. For kinds that only read.",
    },
    "on_failure": {"enum": [str(way) for way in OnFailure], "description": "What a failure of this step means."},
    "expects_reboot": {
        "type": "boolean",
        "description": "The step boots the host: it has ended well once the host answers with a new boot id.",
    },
    "lock": {
        "type": "string",
        "pattern": ID,
        "description": "A named resource that one step at a time may use, across hosts and runs of one records folder.",
    },
    "output_limit": {
        "type": ["integer", "string"],
        "minimum": 0,
        "maximum": LARGEST,
        "pattern": SIZE,
        "description": "The step fails once it wrote more than this (1 GiB), or a tenth of its host's free disk.",
    },
    "requires": {
        "type": "array",
        "items": {
            "anyOf": [
                {"type": "string", "pattern": ID},
                {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["item", "within"],
                    "properties": {
                        "item": {"type": "string", "pattern": ID},
                        "within": DURATION,
                        "database": {"type": "string", "minLength": 1},
                    },
                },
            ]
        },
        "description": "Checklist items that must be proven on this host before the step may start. "
        "`{item: restore-proven, within: 24h}` accepts an earlier run as well, which restored a copy of the same "
        "`database` (left out: the one that the step works on) at most so long ago.",
    },
    "idempotent": {"type": "boolean", "description": "It is safe to repeat when nobody knows how it ended."},
    "check": {"type": "string", "description": "A command that only reads: exit 0 = done already, 1 = not done."},
    "no_output": {"type": "boolean", "description": "Keep and show nothing of what the step prints."},
    "once": {
        "type": "boolean",
        "description": "On one host only, whichever comes first; the others take over the result.",
    },
    "local": {"type": "boolean", "description": "On the controller instead of the host."},
    "undo": {"type": "array", "items": {"$ref": "#/$defs/step"}, "description": "Undoes it when a rollback is asked."},
    "steps": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/step"}, "description": "A group."},
    "include": {
        "type": "string",
        "description": "A file with a list of steps, beside this file or under the project's root.",
    },
}
_TYPES = ["string", "integer", "number", "boolean", "array", "object", "null"]
DECLARATION: Mapping[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "default": {},
        "type": {
            "anyOf": [{"type": "string", "enum": _TYPES}, {"type": "array", "minItems": 1, "items": {"enum": _TYPES}}],
        },
        "required": {"type": "boolean"},
        "help": {"type": "string"},
        "enum": {"type": "array", "minItems": 1},
        "minimum": {"type": "number"},
        "maximum": {"type": "number"},
        "pattern": {"type": "string"},
        "items": {"type": "object"},
    },
}
"""Of a variable; `pattern` and `items` are judged by `declaration_problems` too."""
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
_SECRET = {
    "anyOf": [
        {"type": "string", "pattern": NAME},
        {
            "type": "object",
            "required": ["name"],
            "additionalProperties": False,
            "properties": {"name": {"type": "string", "pattern": NAME}, "required": {"type": "boolean"}},
        },
    ],
    "description": "The name of a secret; with `required: false` it is empty where nobody gives it.",
}
_ROLLOUT = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "batches": {"type": "array", "minItems": 1, "items": SHARE},
        "parallel": {"type": "integer", "minimum": 1, "maximum": 1000},
        "stop_when_failed": SHARE,
        "timeout": DURATION | {"description": "How long the whole run may take. Default 24h."},
    },
}


def playbook_schema(kinds: Mapping[str, Mapping[str, Any]], phases: Sequence[str] = PHASES) -> dict[str, Any]:
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
            "secrets": {"type": "array", "items": _SECRET},
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
                "properties": {phase: {"$ref": "#/$defs/steps"} for phase in phases},
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
        "properties": {**STEP_KEYS, **{name: nested(schema) for name, schema in kinds.items()}},
    }
    return {"list": {"type": "array", "items": {"$ref": "#/$defs/step"}}, "step": step}
