"""Paths as people write them: with a `~` in front."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from runner.errors import InvalidInput

OWN_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
SYSTEM_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")


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


def not_own(files: Iterable[str]) -> tuple[str, ...]:
    """Files of known hosts without the user's own: as for ssh, these give way to those that ssh_config names."""
    own = {str(in_home(file)) for file in OWN_KNOWN_HOSTS}
    return tuple(file for file in files if str(in_home(file)) not in own)
