"""What settings come out as."""

from __future__ import annotations

from dataclasses import field
from pathlib import Path
from typing import Any

from runner.frozen import frozen


@frozen
class Entry:
    """
    One setting as it holds, as plain data.

    `origin` is `default`, `rawat.yml:4`, `environment RAWAT_RECORDS` or `flag`.
    """

    key: str
    value: Any
    origin: str


@frozen
class Policy:
    """What a run has to keep to, beside its ticket; for the record it is written down as it held."""

    signature: bool = False
    approvals: int = 0
    approvers: tuple[str, ...] = ()
    standard: tuple[str, ...] = ()
    review: bool = False
    self_review: bool = False
    emergency_review_s: float = 72 * 3600.0
    retention_s: float = 0.0
    anchor: bool = False


@frozen
class Settings:
    """What holds for this project. `root` is the folder of `file`, else the one searched from. Paths are absolute."""

    root: Path
    file: Path | None
    records: Path
    index: str
    inventory: tuple[Path, ...]
    known_hosts: tuple[str, ...]
    ssh_config: Path
    timezone: str
    ticket_required: bool
    same_machine_allowed: bool
    connect_timeout_s: float
    keepalive_s: float
    reconnect_timeout_s: float
    lock_timeout_s: float
    signing_key: Path | None = None
    signing_principal: str = ""
    anchors: tuple[str, ...] = ()
    anchor_authority: Path | None = None
    policy: Policy = Policy()
    _entries: tuple[Entry, ...] = field(default=(), repr=False)

    def entries(self) -> tuple[Entry, ...]:
        """Every setting, in the order of the documentation, and where its value came from."""
        return self._entries
