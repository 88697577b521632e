"""Settings to objects: which class serves which seam."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from math import inf
from pathlib import Path
from typing import Any

from runner.errors import InvalidInput
from runner.journal.folder import Records
from runner.model import Host
from runner.registry import Registry
from runner.seams import Passwords, Session, Transport
from runner.settings import Settings
from runner.steps import BUILT_IN

KINDS: Registry[type[Any]] = Registry("rawat.steps", BUILT_IN)


def records_of(settings: Settings) -> Records:
    """Raises InvalidInput where they are somebody else's."""
    return readable(Records(settings.records))


def readable(records: Records) -> Records:
    """The records, if we may look into their folder; it is made for its owner alone. Raises InvalidInput."""
    try:
        there = records.path.is_dir()
    except PermissionError:
        there = True
    if there and not os.access(records.path, os.R_OK | os.X_OK):
        raise InvalidInput(
            f"{records.path}: these records are for their owner alone, and you may not read them",
            hint="work as their owner, read a copy that you may read, or choose others with --records",
        )
    return records


class Late:
    """A runner.seams.Transport that is made when somebody connects: its libraries are not imported before."""

    def __init__(self, make: Callable[[], Transport]) -> None:
        self._make = make

    def connect(self, host: Host, *, run_id: str, passwords: Passwords, within_s: float = inf) -> Session:
        return self._make().connect(host, run_id=run_id, passwords=passwords, within_s=within_s)

    def close(self) -> None:
        """Whoever makes it closes it."""


class Transports:
    """
    The transport that a host asks for, made when the first host does. A runner.seams.Transport.

    `resumed`: the run had earlier sittings. `inventories`: those that were named for it.
    """

    def __init__(self, settings: Settings, *, resumed: bool = False, inventories: Sequence[Path] = ()) -> None:
        self._settings = settings
        self._resumed = resumed
        self._inventories = tuple(map(str, inventories))
        self._made: dict[str, Transport] = {}
        self._lock = threading.Lock()

    def connect(self, host: Host, *, run_id: str, passwords: Passwords, within_s: float = inf) -> Session:
        return self.named(host.transport).connect(host, run_id=run_id, passwords=passwords, within_s=within_s)

    def late(self, name: str) -> Transport:
        return Late(lambda: self.named(name))

    def named(self, name: str) -> Transport:
        """One of each name for all hosts, though they ask for it at the same moment."""
        with self._lock:
            if name not in self._made:
                self._made[name] = self._make(name)
            return self._made[name]

    def close(self) -> None:
        for transport in self._made.values():
            transport.close()

    def _make(self, name: str) -> Transport:
        if name == "local":
            from runner.transport.local import LocalTransport

            return LocalTransport(resumed=self._resumed)
        if name == "ssh":
            from runner.transport.ssh import SshTransport

            return SshTransport(
                known_hosts=self._settings.known_hosts,
                connect_timeout_s=self._settings.connect_timeout_s,
                keepalive_s=self._settings.keepalive_s,
                resumed=self._resumed,
                inventories=self._inventories,
            )
        raise InvalidInput(f"'{name}' is no transport; there are: ssh, local")
