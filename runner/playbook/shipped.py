"""Where the playbooks are that rawat ships."""

from __future__ import annotations

from pathlib import Path

NAMES = ("backup", "patching", "database-optimization", "verification")
"""Those of the four jobs, in the order in which the demo runs them."""

INCIDENTS = ("slow-database", "payment-fix", "migrate-mysql-to-postgresql")


def shipped_playbooks() -> tuple[Path, ...]:
    """The files of the four jobs."""
    return tuple(shipped_playbook(name) for name in NAMES)


def incident_playbooks() -> tuple[Path, ...]:
    """The files of those for incidents and migrations."""
    return tuple(shipped_playbook(name) for name in INCIDENTS)


def shipped_playbook(name: str) -> Path:
    """One file, by its name. Raises FileNotFoundError."""
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_playbooks", package.parent / "playbooks"):
        if (path := folder / f"{name}.yml").is_file():
            return path
    raise FileNotFoundError(f"the shipped playbook {name} is not installed")
