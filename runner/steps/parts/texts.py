"""
The shell texts shipped with the kinds, in `runner/steps/sh/`.

A script is a block of quoted assignments followed by texts that never change: all quoting is in one place, and
each text can be read, linted and tested as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

from runner import shell
from runner.redact import Secret


@cache
def text(name: str) -> str:
    """The text of `runner/steps/sh/<name>.sh`."""
    return resources.files("runner.steps").joinpath("sh", f"{name}.sh").read_text("utf-8")


def script(
    names: tuple[str, ...], values: Mapping[str, str] | None = None, paths: Mapping[str, str] | None = None
) -> str:
    """Assignments of `values`, and of `paths` (where `~/` is the home), then the texts `common` and `names`."""
    lines = [shell.assign(name, value) for name, value in (values or {}).items()]
    lines += [shell.assign_path(name, value) for name, value in (paths or {}).items()]
    return "\n".join([*lines, text("common"), *(text(name) for name in names)])


def environment(values: Mapping[str, Any]) -> dict[str, str | Secret]:
    """What goes along in the environment: the values that are there and not empty, texts and Secrets as they are."""
    texts = (
        (name, value if isinstance(value, Secret) else "" if value is None else str(value))
        for name, value in values.items()
    )
    return {name: text for name, text in texts if len(text)}
