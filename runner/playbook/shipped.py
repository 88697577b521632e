"""Where the playbooks are that rawat ships."""

from __future__ import annotations

from pathlib import Path

NAMES = ("backup", "patching", "database-optimization", "verification")


def shipped_playbooks() -> tuple[Path, ...]:
    """Their files, in the order in which the demo runs them."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_playbooks", package.parent / "playbooks"):
        if folder.is_dir():
            return tuple(folder / f"{name}.yml" for name in NAMES)
    raise FileNotFoundError("the shipped playbooks are not installed")
