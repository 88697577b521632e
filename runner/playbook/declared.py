"""A variable's declaration: what makes a value one, and what may be wrong in it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from runner.document.schema import check, check_value, schema_problem
from runner.document.source import Document, likely
from runner.errors import Problem
from runner.playbook.schema import DECLARATION
from runner.playbook.template import templated

_KEYS = frozenset(DECLARATION["properties"])
LIMITS = _KEYS - {"default", "required", "help"}
"""What a value has to keep to."""
_SHAPE = {key: rule for key, rule in DECLARATION.items() if key != "additionalProperties"}


def is_declaration(value: Any) -> bool:
    """A mapping with one of these words says how a variable is to be; any other value is the variable's own."""
    return isinstance(value, dict) and bool({"default", "type", "required", "help", "enum"} & set(value))


def declaration_problems(document: Document, name: str, value: Mapping[str, Any]) -> list[Problem]:
    """
    All that is wrong in the declaration of a variable; its default is looked at where the rest is right, and it is
    no template: what that comes to is looked at for each host.
    """
    wrong = [*_unknown_keys(document, name, value), *_limits(document, name, value)]
    if wrong or "default" not in value or templated(value["default"]):
        return wrong
    schema = {key: value[key] for key in value if key in LIMITS}
    at = ("vars", name, "default")
    return [
        document.problem(at, f"the default of '{name}': {message}") for message in check_value(value["default"], schema)
    ]


def _unknown_keys(document: Document, name: str, value: Mapping[str, Any]) -> Iterator[Problem]:
    for key in value.keys() - _KEYS:
        message = f"'{key}' is not a key of a variable's declaration{likely(key, _KEYS)}"
        yield document.problem(("vars", name, key), message, on_key=True)


def _limits(document: Document, name: str, value: Mapping[str, Any]) -> Iterator[Problem]:
    found = check(document, {"properties": {"vars": {"properties": {name: _SHAPE}}}})
    yield from found
    if found:
        return
    if "pattern" in value:
        try:
            re.compile(value["pattern"])
        except re.error as error:
            message = f"{value['pattern']!r} is not a regular expression: {error}"
            yield document.problem(("vars", name, "pattern"), message)
    if "items" in value and (message := schema_problem(value["items"])):
        yield document.problem(("vars", name, "items"), f"this is not a JSON Schema of items: {message}")
