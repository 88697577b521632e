"""The hosts of a run to choose from, with everything resolved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from runner.errors import InvalidInput
from runner.frozen import frozen
from runner.inventory.connect import Connections, Made
from runner.inventory.names import normal
from runner.inventory.pattern import match
from runner.model import Host

Row = tuple[str, Any, str]
"""What, its value, and where that was written."""


@frozen
class Selected:
    """
    The hosts chosen, in order; those that were left out as `{"host", "why"}`; what was ignored for the chosen.

    `limits` are those of the chosen hosts' groups: how many of a group may be at work at a time.
    """

    hosts: tuple[Host, ...]
    left_out: tuple[Mapping[str, str], ...] = ()
    notes: tuple[str, ...] = ()
    limits: Mapping[str, int] = field(default_factory=dict)


class Inventory:
    """
    Hosts and groups, in the order they were written in; made by `runner.inventory.load.load`.

    `notes` say what was ignored, of the inventories themselves and for all of their hosts.
    """

    def __init__(
        self,
        *,
        made: Mapping[str, Made],
        members: Mapping[str, tuple[str, ...]],
        limits: Mapping[str, int],
        noted: tuple[str, ...],
        connections: Connections,
    ) -> None:
        self._made = made
        self._connections = connections
        self._limits = limits
        self._noted = noted
        self.groups: Mapping[str, tuple[str, ...]] = members
        self.hosts: tuple[Host, ...] = tuple(one.host for one in made.values())
        self.notes: tuple[str, ...] = _notes(noted, made.values())

    def select(self, pattern: str, *, instead_of: str = "") -> Selected:
        """
        The hosts a pattern means. Raises InvalidInput for a name that means nothing, and where no host is left.

        `instead_of` is the pattern that `pattern` overrides: hosts of it that are not chosen are in `left_out`.
        """
        names = match(pattern, self.groups, outside=self._connections.outside)
        if not names:
            raise InvalidInput(f"the pattern '{pattern}' leaves no host")
        made = [self._one(name) for name in names]
        left_out = tuple(
            {"host": name, "why": f"not among the hosts asked for: {pattern}"}
            for name in self._meant(instead_of)
            if name not in names
        )
        hosts = tuple(one.host for one in made)
        groups = {group for host in hosts for group in host.groups}
        limits = {group: limit for group, limit in self._limits.items() if group in groups}
        return Selected(hosts=hosts, left_out=left_out, notes=_notes(self._noted, made), limits=limits)

    def describe(self, host: Host | str) -> list[Row]:
        """All that is known of a host, for people, as rows of (what, value, where it was written)."""
        made = self._one(normal(host) if isinstance(host, str) else host.name)
        rows: list[Row] = []
        for what, value in _fields(made.host):
            rows.append((what, value, made.origins.get(what, "default")))
        if made.host.groups:
            rows.append(("groups", ", ".join(made.host.groups), "inventory"))
        rows += [(f"vars.{name}", value, made.host.origins[name]) for name, value in made.host.vars.items()]
        return rows

    def _one(self, name: str) -> Made:
        found = self._made.get(name)
        return found if found is not None else self._connections.make(name, {})

    def _meant(self, pattern: str) -> tuple[str, ...]:
        try:
            return match(pattern, self.groups, outside=self._connections.outside) if pattern else ()
        except InvalidInput:
            return ()


def _notes(noted: tuple[str, ...], made: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*noted, *(note for one in made for note in one.notes))))


def _fields(host: Host) -> list[tuple[str, Any]]:
    hops = [f"{hop.user}@{hop.name}" if hop.user else hop.name for hop in host.jump]
    rows: list[tuple[str, Any]] = [
        ("transport", host.transport),
        ("address", host.address),
        ("port", host.port),
        ("user", host.user),
        ("identity_file", ", ".join(host.identity_files)),
        ("jump", ", ".join(hops)),
        ("identities_only", host.identities_only or None),
        ("host_key_alias", host.host_key_alias),
        ("known_hosts", ", ".join(host.known_hosts)),
    ]
    return [(what, value) for what, value in rows if value not in (None, "")]
