"""What a person asks for, as values: the command line fills them in, the app carries them out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from pathlib import Path
from typing import Any

from runner.document.paths import resolved
from runner.frozen import frozen, names, shallow


@frozen
class Selection:
    """Which playbook, on which hosts, with what, and without which steps."""

    playbook: Path
    inventories: tuple[Path, ...] = ()
    hosts: str = ""
    variables: tuple[str, ...] = ()
    start_at: str = ""
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    override: tuple[str, ...] = ()
    """Checklist items whose gates are opened by a person, with a reason."""

    def to_json(self) -> dict[str, Any]:
        """With absolute paths, so that it can be asked again from anywhere."""
        return {
            "playbook": str(resolved(self.playbook)),
            "inventories": [str(resolved(path)) for path in self.inventories],
            "hosts": self.hosts,
            "variables": list(self.variables),
            "start_at": self.start_at,
            "only": list(self.only),
            "skip": list(self.skip),
            "override": list(self.override),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Selection:
        return cls(
            playbook=Path(data["playbook"]),
            inventories=tuple(Path(path) for path in data["inventories"]),
            hosts=str(data["hosts"]),
            variables=tuple(data["variables"]),
            start_at=str(data["start_at"]),
            only=tuple(data["only"]),
            skip=tuple(data["skip"]),
            override=tuple(data.get("override", ())),
        )


@frozen
class Reason:
    """
    Why a run is made: `change` is standard, normal or emergency. What nobody said is empty.

    `window` is what was agreed, as two moments in RFC 3339 with a / between them.
    """

    ticket: str = ""
    reason: str = ""
    change: str = "normal"
    impact: str = ""
    risk: str = ""
    complexity: str = ""
    resources: str = ""
    users_affected: str = ""
    window: str = ""

    def to_json(self) -> dict[str, str]:
        return shallow(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Reason:
        return cls(**{name: str(data[name]) for name in names(cls) if name in data})


@frozen
class Context:
    """The process around the request: folder, environment, flags, and whether a person can be asked."""

    folder: Path
    environment: Mapping[str, str]
    flags: Mapping[str, Any] = field(default_factory=dict)
    settings_file: Path | None = None
    terminal: bool = False
