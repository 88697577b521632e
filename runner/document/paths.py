"""Paths as people write them: with a `~` in front."""

from __future__ import annotations

from pathlib import Path

from runner.errors import InvalidInput


def expanded(path: str | Path) -> Path:
    """The path with the home folder in place of `~`. Raises InvalidInput where there is no such home."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        name = Path(path).parts[0][1:]
        why = (
            f"there is no user '{name}' here"
            if name
            else "you have no home folder here; set HOME, or write the path in full"
        )
        raise InvalidInput(f"{path}: {why}") from error


def in_home(path: str) -> Path | None:
    """The same for a path of our own choice, that is left out where there is no home."""
    try:
        return expanded(path)
    except InvalidInput:
        return None
