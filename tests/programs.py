"""
Folders with some programs of this machine and no others, for a PATH.

Each is a script that calls the real one, and no link to it: whatever a test writes over it, the machine's own stays.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path


def program(file: Path, text: str) -> None:
    """A program of that name, by sh; also in place of one that is there."""
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(0o755)


def real(file: Path, found: str) -> None:
    """A program that is another one of this machine."""
    program(file, f'exec {shlex.quote(found)} "$@"')


def programs(folder: Path, names: Iterable[str]) -> None:
    """Those of `names` in `folder`; python3 is the one that runs the tests."""
    for name in names:
        found = sys.executable if name == "python3" else shutil.which(name)
        assert found is not None, f"{name} is not installed here: `inv setup` installs it"
        real(folder / name, found)
