"""What is sent to a supervisor: shell code in braces, every value one single-quoted word."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Final

from runner.errors import LaunchRefused
from runner.redact import Secret
from runner.seams import Launch

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_SAFE = re.compile(rb"[^A-Za-z0-9_-]")
_FORMAT = re.compile(rb"[\\%\0]")
_FORMATS: Final = {b"\\": b"\\\\", b"%": b"%%", b"\0": b"\\000"}

INLINE_BYTES = 1 << 16
"""Standard input up to this size travels inside the request: no round trip, no process on the host."""

SEGMENT_BYTES = 8 << 20
"""Larger input is stored on the host first, in segments of this size, each of them a round trip."""


SPOOL_DAYS = 14
"""How long a run's folder is kept on a host when nothing happens in it."""


class NotSendable(LaunchRefused):
    """A launch that cannot be sent as it stands; nothing was started."""


def word(value: bytes) -> bytes:
    """One word of shell code that means exactly these bytes. Raises NotSendable where there is a NUL in it."""
    if b"\0" in value:
        raise NotSendable("a script or a variable holds a NUL byte, which no shell can carry")
    return b"'" + value.replace(b"'", b"'\\''") + b"'"


def encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


@lru_cache(maxsize=1024)
def entry(step: str, attempt: int) -> str:
    """The name of an attempt in the run's spool."""
    return f"{plain(step)}.{attempt}"


def plain(name: str) -> str:
    """As the name of a file: itself where that is a plain word, else escaped; never longer than 120 letters."""
    raw = _SAFE.sub(lambda found: b"=%02x" % found.group()[0], encoded(name)).decode("ascii")
    if len(raw) > 120:
        import hashlib

        raw = raw[:80] + "=" + hashlib.sha256(encoded(name)).hexdigest()[:32]
    return raw


def environment(env: Mapping[str, str | Secret]) -> bytes:
    """Shell code that exports all of it. Raises NotSendable for a name no shell accepts."""
    parts = []
    for name, value in env.items():
        if not _NAME.fullmatch(name):
            raise NotSendable(f"{name!r} is no name for an environment variable")
        text = value.reveal() if isinstance(value, Secret) else value
        parts.append(b"export " + name.encode("ascii") + b"=" + word(encoded(text)))
    return b"\n".join(parts)


def start(number: int, launch: Launch, stdin: bytes) -> bytes:
    """The request that starts a launch; `stdin` is its word: b"-", b"r", or b"p" and a format for printf."""
    name = "-" if launch.read_only else entry(launch.step, launch.attempt)
    deadline = max(1, math.ceil(launch.deadline_s))
    interpreter = ("sh",) if launch.script.interpreter == "sh" else shlex.split(launch.script.interpreter) or ("sh",)
    words = (
        f"{{ s {number} {name} {deadline} {max(0, launch.output_limit)}".encode(),
        word(stdin),
        word(environment(launch.script.env)),
        word(encoded(launch.script.text)),
        *(word(encoded(part)) for part in interpreter),
    )
    return b" ".join(words) + b"; }\n"


def lock(number: int, name: str, owner: str) -> bytes:
    """The request for a lock; `owner` becomes one line of at most 500 characters."""
    line = " ".join(owner.replace("\0", " ").split())[:500]
    return f"{{ l {number} {plain(name)} ".encode() + word(encoded(line)) + b"; }\n"


def as_format(data: bytes) -> bytes:
    """Bytes as a format that printf turns into them; it can write a NUL, which a word cannot carry."""
    text = _FORMAT.sub(lambda found: _FORMATS[found.group()], data)
    # a dash in front would be an option
    return b"p" + (b"\\055" + text[1:] if text.startswith(b"-") else text)


@cache
def _script() -> bytes:
    text = Path(__file__).with_name("supervisor.sh").read_text(encoding="utf-8")
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("#")).encode() + b"\n"


def supervisor(
    *, mark: str, session: str, run_id: str, folder: str, days: int = SPOOL_DAYS, resumed: bool = False, first: str = ""
) -> bytes:
    """The supervisor with the values of this connection; comments and indentation stay here."""
    again = "1" if resumed else ""
    head = (
        f"r_mark='{mark}'", f"r_ses={session}", f"r_resumed={again}", f"r_run={run_folder(run_id)}", f"r_days={days}",
        f"r_first={first}", "r_folder=",
    )  # fmt: skip
    return "\n".join(head).encode() + word(encoded(folder)) + b"\n" + _script()


def run_folder(run_id: str) -> str:
    """The name of a run's folder in the spool."""
    return "run-" + _SAFE.sub(lambda found: b"=%02x" % found.group()[0], encoded(run_id)).decode("ascii")
