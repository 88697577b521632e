"""
Templates: what is one, and how a value with templates in it is filled in.

Parameters know `{{ expression }}` only, so that shell text such as `${#x}` and `'{%s}'` means itself. A text that is
one expression keeps its value's type. In shell text every value is quoted as a word. What came back from a host is a
value here, and is never read as a template.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from runner.document.source import At
from runner.errors import RawatError


class TemplateFailed(RawatError):
    """A template could not be rendered; the message says which name or why."""

    exit_code = 2


class Raw(str):
    """Text that goes into a shell line as it is: what the filter `raw` makes."""

    __slots__ = ()


class Incomplete(str):
    """The ends of a text of which the middle was not kept: who asks for it in a template is told `why` instead."""

    __slots__ = ("why",)
    why: str

    def __new__(cls, text: str, why: str) -> Incomplete:
        made = super().__new__(cls, text)
        made.why = why
        return made


def text_of(value: Any) -> str:
    """A value as text: what JSON would write for true, false and null, so that no Python word leaks out."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def is_template(value: Any) -> bool:
    return isinstance(value, str) and "{{" in value


def templates_in(value: Any, at: At = ()) -> Iterator[tuple[At, str]]:
    """Every text with a template in it, however deep, and where it stands below `at`."""
    if is_template(value):
        yield at, value
    elif isinstance(value, Mapping | list | tuple):
        for key, inner in value.items() if isinstance(value, Mapping) else enumerate(value):
            yield from templates_in(inner, (*at, key))


def templated(value: Any) -> bool:
    return next(templates_in(value), None) is not None


def render(value: Any, names: Mapping[str, Any], *, shell: bool = False) -> Any:
    """
    `value` with its templates filled in, lists and mappings through and through.

    A text made with a Secret is a Secret. Raises TemplateFailed.
    """
    if isinstance(value, str):
        if "{{" not in value:
            return value
        from runner.playbook.evaluation import filled

        return filled(value, names, shell=shell)
    if isinstance(value, Mapping):
        return {key: render(item, names, shell=shell) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [render(item, names, shell=shell) for item in value]
    return value
