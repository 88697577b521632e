"""
Several scripts carried out as one, in one trip: each in a subshell of its own, their outputs kept apart.

Each answer is framed by its length, so that nothing that a script prints can be taken for another's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from runner.errors import InvalidInput
from runner.model import Exit
from runner.redact import Secret
from runner.seams import KEEP_BYTES, Completed, Script
from runner.steps.parts.texts import script, text

ERRORS = 4096
"""Bytes that are kept of what a script says on stderr: the last ones."""

_HEAD = re.compile(rb"rawat:bundled=([0-9]+)\t([0-9]+)\t([0-9]+)\t([0-9]+)\n")


def bundle(scripts: Sequence[Script], *, limit_s: float) -> Script:
    """
    One script for all of them, each ended after `limit_s` seconds. Raises InvalidInput for one that sh does not read.
    """
    env: dict[str, str | Secret] = {}
    parts = [script(("bundle",), {"most": str(_most(len(scripts))), "limit": str(max(1, round(limit_s)))})]
    for number, each in enumerate(scripts):
        if each.interpreter != "sh" or each.save_to is not None or not isinstance(each.stdin, bytes | None):
            raise InvalidInput("only plain shell scripts can be carried out together")
        names = {name: f"RAWAT_PART_{number}_{name}" for name in each.env}
        env |= {names[name]: value for name, value in each.env.items()}
        given = [f"{name}=${{{names[name]}}}\nexport {name}" for name in names]
        parts.append("\n".join(["(", *given, _own(each.text), _closing(each, number)]))
    return Script(text="\n".join(parts), env=env)


def unbundle(done: Completed, count: int) -> list[Completed]:
    """What each of `count` scripts came to; fewer where the host did not get so far."""
    found: list[Completed] = []
    at = done.stdout.find(b"rawat:bundled=0\t")
    while at >= 0 and len(found) < count and (head := _HEAD.match(done.stdout, at)):
        code, out, err = (int(head[place]) for place in (2, 3, 4))
        start = head.end()
        middle = start + min(out, _most(count))
        end = middle + min(err, ERRORS)
        if end > len(done.stdout):
            break
        found.append(
            Completed(
                exit=Exit(code=code),
                stdout=done.stdout[start:middle],
                stderr=done.stdout[middle:end],
                stdout_bytes=out,
                stderr_bytes=err,
            )
        )
        at = end + 1
    return found


def _most(count: int) -> int:
    """Bytes kept of each stdout, so that all of them together can be read as a whole."""
    return min(1 << 17, (KEEP_BYTES - 65536) // max(1, count) - ERRORS - 64)


def _own(whole: str) -> str:
    """A script without the text that all of them begin with, which stands in front of the bundle once."""
    return whole.replace(text("common"), "set -eu\n", 1)


def _closing(each: Script, number: int) -> str:
    kept = ') >"$bundle/out" 2>"$bundle/err"'
    if not isinstance(each.stdin, bytes):
        return f"\n{kept} </dev/null &\nanswer {number}\n"
    given, mark = each.stdin.decode().removesuffix("\n"), "RAWAT_STDIN"
    while mark in given:
        mark += "_"
    return f"\n{kept} <<'{mark}' &\n{given}\n{mark}\nanswer {number}\n"
