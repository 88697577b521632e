"""Permissions that were asked for, against those that a host reported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.steps.parts.answers import Answers


def differing(params: Mapping[str, Any], said: Answers) -> list[str]:
    """Which of mode, owner and group were asked for and are different on the host; `0640 instead of 0644`."""
    differs = []
    if "mode" in params and int(params["mode"], 8) != int(said.text("mode", "0"), 8):
        differs.append(f"mode {int(said.text('mode', '0'), 8):04o} instead of {params['mode']}")
    for key, number in (("owner", "uid"), ("group", "gid")):
        if key in params and params[key] not in (said.text(key), said.text(number)):
            differs.append(f"{key} {said.text(key)} instead of {params[key]}")
    return differs
