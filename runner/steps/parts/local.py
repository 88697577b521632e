"""Files of the project on the controller: found under its root and nowhere else."""

from __future__ import annotations

from pathlib import Path

from runner.document.paths import resolved
from runner.errors import InvalidInput
from runner.seams import Wish


class MissingFile(InvalidInput):
    """A file of the project that is not there now; a step before may make it."""


def project_file(wish: Wish, name: str, *, what: str = "src") -> Path:
    """
    The real path of a file of the project: relative to the playbook's folder, else to the root.

    Raises InvalidInput where it is missing, no file, or lies outside the root (links followed).
    """
    root = resolved(wish.root)
    for base in (wish.folder, wish.root):
        found = resolved(base / name)
        if found.exists():
            break
    if not found.is_relative_to(root):
        raise InvalidInput(f"{what}: {name!r} lies outside the project ({root})")
    if not found.is_file():
        raise MissingFile(f"{what}: {name!r} is not a file of the project ({root})")
    return found


def project_target(wish: Wish, *parts: str, what: str = "to") -> Path:
    """A path under the project's root that may not exist yet. Raises InvalidInput where it would lie outside."""
    root = resolved(wish.root)
    found = resolved(root.joinpath(*parts))
    if found == root or not found.is_relative_to(root):
        raise InvalidInput(f"{what}: {'/'.join(parts)!r} lies outside the project ({root})")
    return found
