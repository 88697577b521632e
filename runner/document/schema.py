"""What breaks a JSON Schema, said to the person who wrote the file: each mistake at its place, with the likely word."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from runner.document.forms import WORDS
from runner.document.quick import certainly_valid
from runner.document.source import At, Document, likely
from runner.errors import Problem
from runner.redact import Secret, cut

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

SHOWN = 14
"""So many of the words that are known are told where none is likely."""

Excuse = Callable[[Any], bool]
"""Says of a value that it stands for another one that is not known yet: a template."""


def nested(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A schema to stand inside another one; where it names its dialect, its part is judged by that alone."""
    return {word: rule for word, rule in schema.items() if word != "$schema"}


def _is_integer(_: Any, instance: Any) -> bool:
    return isinstance(instance, int) and not isinstance(instance, bool)


@cache
def validator() -> Any:
    """Draft 2020-12, to which 22.0 is no whole number: nobody would take it as one."""
    from jsonschema import Draft202012Validator
    from jsonschema.validators import extend

    types = Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer)
    return extend(Draft202012Validator, type_checker=types)  # type: ignore[no-untyped-call]


def check(document: Document, schema: Mapping[str, Any], *, excuse: Excuse = lambda value: False) -> list[Problem]:
    """Every way in which a document breaks the schema, in the order of the text; what is excused is not looked at."""
    if certainly_valid(document.data, schema, excuse=excuse):
        return []
    errors = validator()(schema).iter_errors(document.data)
    found = [problem for error in errors for problem in _problems(document, error, excuse)]
    return sorted(dict.fromkeys(found), key=lambda problem: (problem.where is None, problem.where))


def without_misfits(
    document: Document, schema: Mapping[str, Any], *, excuse: Excuse = lambda value: False
) -> tuple[Any, list[At]]:
    """
    The data with what is of another type than is wanted left out, and where that was.

    An empty mapping or list stands instead where one is wanted, and an empty list for one with a wrong item; but what
    stands among mappings stays there.
    """
    errors = [leaf for error in validator()(schema).iter_errors(document.data) for leaf in _leaves(error, excuse)]
    misfits = {tuple(leaf.absolute_path): wanted for leaf in errors if (wanted := _wanted(leaf))}
    return _without(document.data, misfits, ()), list(misfits)


def _without(data: Any, misfits: Mapping[At, Sequence[str]], at: At) -> Any:
    if isinstance(data, list):
        wrong = [wanted for number in range(len(data)) if (wanted := misfits.get((*at, number)))]
        if any(wanted != ["object"] for wanted in wrong):
            return []
        return [_without(item, misfits, (*at, number)) for number, item in enumerate(data)]
    if not isinstance(data, dict):
        return data
    kept: dict[Any, Any] = {}
    for key, value in data.items():
        wanted = misfits.get((*at, key))
        if wanted is None:
            kept[key] = _without(value, misfits, (*at, key))
        elif "object" in wanted or "array" in wanted:
            kept[key] = {} if "object" in wanted else []
    return kept


def check_value(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """What is wrong with one value once it is rendered, each as `where: what`. A Secret is judged by what it hides."""
    found = []
    for leaf in _wrong(_opened(value), schema):
        at = ".".join(str(part) for part in leaf.absolute_path)
        found += [f"{at}: {message}" if at else message for _, _, message in _messages(leaf)]
    return list(dict.fromkeys(found))


def with_texts(value: Any, schema: Mapping[str, Any], *, text: Callable[[Any], str]) -> Any:
    """`value` with `text` of a number, of true and of false where a text is wanted."""
    scalars = {
        tuple(leaf.absolute_path)
        for leaf in _wrong(_opened(value), schema)
        if isinstance(leaf.instance, bool | int | float) and "string" in _wanted(leaf)
    }

    def changed(value: Any, at: At) -> Any:
        if at in scalars:
            return text(value)
        if isinstance(value, Mapping):
            return {key: changed(inner, (*at, key)) for key, inner in value.items()}
        if isinstance(value, list):
            return [changed(inner, (*at, number)) for number, inner in enumerate(value)]
        return value

    return changed(value, ()) if scalars else value


def _wrong(value: Any, schema: Mapping[str, Any]) -> Iterator[ValidationError]:
    if not certainly_valid(value, schema):
        for error in validator()(schema).iter_errors(value):
            yield from _leaves(error, lambda value: False)


class _Opened(str):
    """What a Secret hides, to be judged; whoever shows it shows that it is one."""

    __slots__ = ("secret",)
    secret: Secret

    def __repr__(self) -> str:
        return repr(self.secret)


def _opened(value: Any) -> Any:
    if isinstance(value, Secret):
        opened = _Opened(value.reveal())
        opened.secret = value
        return opened
    if isinstance(value, Mapping):
        return {key: _opened(inner) for key, inner in value.items()}
    return [_opened(inner) for inner in value] if isinstance(value, list | tuple) else value


def _closed(value: Any) -> Any:
    if isinstance(value, _Opened):
        return repr(value)
    if isinstance(value, Mapping):
        return {key: _closed(inner) for key, inner in value.items()}
    return [_closed(inner) for inner in value] if isinstance(value, list) else value


def schema_problem(schema: Mapping[str, Any]) -> str:
    """Why something that a person wrote is no JSON Schema, or an empty text."""
    from jsonschema.exceptions import SchemaError

    try:
        validator().check_schema(schema)
    except SchemaError as error:
        at = ".".join(str(part) for part in error.absolute_path)
        return f"{at}: {_shorten(error.message)}" if at else _shorten(error.message)
    return ""


def _problems(document: Document, error: ValidationError, excuse: Excuse) -> Iterator[Problem]:
    for leaf in _leaves(error, excuse):
        for path, on_key, message in _messages(leaf):
            yield document.problem(path, message, on_key=on_key)


def _leaves(error: ValidationError, excuse: Excuse) -> Iterator[ValidationError]:
    """The errors that a person can act on: of several alternatives, those of the one that was meant."""
    if excuse(error.instance):
        return
    if error.validator not in ("anyOf", "oneOf") or not error.context:
        yield error
        return
    branches: dict[Any, list[ValidationError]] = {}
    for inner in error.context:
        branches.setdefault(inner.schema_path[0], []).append(inner)
    kept = [[leaf for inner in errors for leaf in _leaves(inner, excuse)] for errors in branches.values()]
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
        case "type" | "anyOf" | "oneOf" if wanted := _wanted(error):
            yield at, False, f"expected {_types(wanted)}, found {_show(instance)}{_meaning(schema)}"
        case "additionalProperties":
            known = sorted(schema.get("properties", {}))
            for key in instance:
                if key not in known:
                    takers = (name for name in known if name in instance and _takes(schema["properties"][name], key))
                    yield (*at, key), True, _unknown(str(key), known, at, next(takers, ""))
        case "required":
            for key in rule:
                if key not in instance:
                    yield at, True, f"'{key}' is missing here"
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
            form = WORDS.get(rule) or schema.get("description") or f"it must match {rule}"
            yield at, False, f"{_show(instance)} does not have the form that is wanted here: {form}"
        case "anyOf" | "oneOf":
            yield at, False, _either(error) or f"{_show(instance)} is none of the forms that are allowed here"
        case "minItems" | "minProperties":
            yield at, False, "this is empty"
        case _:
            yield at, False, _shorten(error.message)


def _either(error: ValidationError) -> str:
    """Where more than one of several keys is there, of which each excludes the others."""
    rules: Any = error.validator_value
    keys = [rule["required"][0] for rule in rules if set(rule) == {"required"} and len(rule["required"]) == 1]
    if error.validator != "oneOf" or error.context or len(keys) < len(rules):
        return ""
    *most, last = [f"'{key}'" for key in keys]
    return f"either {', '.join(most)} or {last} is wanted here, and not {'both' if len(keys) == 2 else 'several'}"


def _wanted(error: ValidationError) -> list[str]:
    """The types of which a value had to be one; of alternatives only where every one is of another type."""
    types: dict[Any, list[str]] = {}
    for leaf in [error] if error.validator == "type" else error.context or ():
        branch = leaf.schema_path[0]
        types.setdefault(branch, [])
        if leaf is error or _wrong_type(leaf, error):
            rule: Any = leaf.validator_value
            types[branch] = [rule] if isinstance(rule, str) else list(rule)
    if error.validator not in ("type", "anyOf", "oneOf") or not all(types.values()):
        return []
    return list(dict.fromkeys(name for names in types.values() for name in names))


def _meaning(schema: Mapping[str, Any]) -> str:
    """What the schema says of the value, in its first sentence."""
    first = str(schema.get("description", "")).partition(". ")[0].removesuffix(".")
    return f". {_shorten(first)}." if first else ""


def _takes(schema: Any, key: Any) -> bool:
    """Whether a mapping of this schema, or of one of its alternatives, may have the key."""
    alternatives = (*schema.get("anyOf", ()), *schema.get("oneOf", ()))
    return key in schema.get("properties", {}) or any(_takes(inner, key) for inner in alternatives)


_ELSEWHERE = {
    "name": "title", "shell": "command", "run": "command", "cmd": "command", "loop": "with", "with_items": "with",
    "failed_when": "expect: not (...)", "ignore_errors": "on_failure: continue", "run_once": "once",
    "delegate_to": "local", "block": "steps", "become_user": "become", "delay": "retries", "no_log": "no_output",
    "debug": "note",
}  # fmt: skip
"""Keys of a step as others name them, and what they are here."""


def _unknown(key: str, known: Sequence[str], at: At, within: str) -> str:
    """`within` is a key beside it whose value may have this one."""
    if not at:
        what = "key here"
    elif isinstance(at[-1], int):
        what = "checklist key" if "checklist" in at else "step key"
    else:
        what = f"key of '{at[-1]}'"
    elsewhere = _ELSEWHERE.get(key, "") if what == "step key" else ""
    if within or elsewhere:
        hint = (
            f"; it goes into '{within}': {within}: {{..., {key}: ...}}" if within else f"; here that is '{elsewhere}'"
        )
    else:
        more = f" and {len(known) - SHOWN} more" if len(known) > SHOWN else ""
        hint = likely(key, known) or f"; known are: {', '.join(known[:SHOWN])}{more}"
    return f"'{key}' is not a {what}{hint}"


def _types(names: Sequence[str]) -> str:
    words = {"object": "a mapping", "array": "a list", "string": "a text", "integer": "a whole number",
             "number": "a number", "boolean": "true or false", "null": "nothing"}  # fmt: skip
    return " or ".join(words[name] for name in names)


def _show(value: Any) -> str:
    if isinstance(value, _Opened):
        return repr(value)
    return _shorten(json.dumps(_closed(value), ensure_ascii=False, default=str))


def _shorten(text: str, most: int = 120) -> str:
    return cut(text, most)
