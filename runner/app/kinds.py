"""What step kinds there are, and their schemas as pages: for the command line and for the docs alike."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runner.app.wiring import KINDS
from runner.document.source import likely
from runner.errors import InvalidInput
from runner.playbook.schema import STEP_KEYS, playbook_schema
from runner.playbook.template import text_of

FAMILIES = ("plain", "system", "database", "people")


def schemas() -> dict[str, Any]:
    """name -> JSON Schema of the parameters."""
    return {name: dict(KINDS.get(name).schema) for name in KINDS.names()}


def schema_of(name: str) -> dict[str, Any]:
    """Of one kind's parameters. Raises InvalidInput where there is no such kind."""
    return dict(_kind(name).schema)


def _kind(name: str) -> Any:
    if name not in KINDS:
        known = KINDS.names()
        raise InvalidInput(f"there is no step kind '{name}'{likely(name, known)}", hint="`rawat kinds` lists them")
    return KINDS.get(name)


def whole_schema() -> dict[str, Any]:
    """The schema of a playbook with every kind, as an editor wants it."""
    return playbook_schema(schemas())


def kind_table() -> str:
    lines = []
    for name in KINDS.names():
        kind = KINDS.get(name)
        lines.append((kind.family, name, str(kind.schema.get("title", ""))))
    width = max(len(name) for _, name, _ in lines)
    return "\n".join(f"{family:<9} {name:<{width}}  {title}" for family, name, title in sorted(lines, key=_rank))


def kind_page(name: str) -> str:
    """The page of a kind, in Markdown, made from its schema."""
    kind = _kind(name)
    return "\n".join(_page(name, kind, kind.schema)) + "\n"


def _rank(line: tuple[str, str, str]) -> tuple[int, str]:
    family, name, _ = line
    return (FAMILIES.index(family) if family in FAMILIES else len(FAMILIES), name)


def _page(name: str, kind: Any, schema: Mapping[str, Any]) -> Iterator[str]:
    yield f"# `{name}`"
    yield ""
    yield str(schema.get("title", ""))
    yield ""
    if schema.get("description"):
        yield str(schema["description"])
        yield ""
    yield f"Family: {kind.family}. " + _manners(kind)
    yield ""
    rows = list(_rows(schema, ""))
    if rows:
        yield "| parameter | type | meaning |"
        yield "| --- | --- | --- |"
        yield from rows
        yield ""
    for example in schema.get("examples", ()):
        yield "```yaml"
        yield f"{name}: {json.dumps(example, ensure_ascii=False)}"
        yield "```"
        yield ""
    yield f"Beside `{name}`, a step may have: {', '.join(f'`{key}`' for key in _beside(kind))}."


def _manners(kind: Any) -> str:
    said = [_reading(kind)]
    if getattr(kind, "idempotent", False):
        said.append("Safe to repeat.")
    if kind.shell:
        said.append("Values in shell text are quoted.")
    if kind.secret:
        said.append("Secrets may stand in: " + ", ".join(f"`{key}`" for key in kind.secret) + ".")
    return " ".join(said)


def _reading(kind: Any) -> str:
    """Whether it changes the host, and where it does not as it stands, with which words it would."""
    if not hasattr(kind, "act"):
        return "Touches no host."
    if not _reads(kind):
        return "May change the host."
    acting = [
        f"`{key}: {' | '.join(words)}`"
        for key, inner in kind.schema.get("properties", {}).items()
        if (words := [text_of(value) for value in _choices(inner) if not kind().reads_only({key: value})])
    ]
    return f"Only reads as it stands; with {' or '.join(acting)} it changes the host." if acting else "Only reads."


def _choices(schema: Mapping[str, Any]) -> Sequence[Any]:
    return (True,) if schema.get("type") == "boolean" else tuple(schema.get("enum", ()))


def _reads(kind: Any) -> bool:
    return bool(kind().reads_only({}))


_OF_HOSTS = frozenset(
    {"become", "timeout", "watch", "expects_reboot", "output_limit", "idempotent", "check", "local"}
)  # fmt: skip
"""Keys about work on a host: they say nothing of a step that touches none."""


def _beside(kind: Any) -> Iterator[str]:
    """The step keys that go with a kind."""
    on_host = hasattr(kind, "act")
    for key in STEP_KEYS:
        if key in ("steps", "include") or (key == "watch" and not _reads(kind)) or (key in _OF_HOSTS and not on_host):
            continue
        yield key


def _rows(schema: Mapping[str, Any], prefix: str) -> Iterator[str]:
    required = set(schema.get("required", ()))
    for variant in (schema, *schema.get("oneOf", ()), *schema.get("anyOf", ())):
        if not isinstance(variant, Mapping):
            continue
        needed = required | set(variant.get("required", ()))
        for key, inner in variant.get("properties", {}).items():
            name = f"{prefix}{key}"
            must = " (required)" if key in needed else ""
            text = str(inner.get("description", "")).replace("|", "\\|").replace("\n", " ")
            if "default" in inner:
                text += f" Default: `{json.dumps(inner['default'], ensure_ascii=False)}`."
            yield f"| `{name}`{must} | {_type(inner)} | {text} |"
            if inner.get("type") == "object" and "properties" in inner:
                yield from _rows(inner, f"{name}.")


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " \\| ".join(f"`{word}`" for word in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kinds = schema.get("type") or [
        inner.get("type", "any") for inner in (*schema.get("oneOf", ()), *schema.get("anyOf", ()))
    ]
    words = kinds if isinstance(kinds, list) else [kinds]
    return " or ".join(dict.fromkeys(str(word) for word in words)) or "any"
