"""How each host is reached: what the inventory says, then ssh_config, and the jump hosts before it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from runner.document.paths import expanded, not_own
from runner.document.source import likely
from runner.errors import InvalidInput, Problem
from runner.frozen import frozen, replace
from runner.inventory.draft import HostEntry, Mark, Values
from runner.inventory.groups import Sourced
from runner.inventory.ssh_config import YES, Found, SshConfig
from runner.model import Host

MAX_HOPS = 8
LOCALHOST = "localhost"
_HOP = re.compile(
    r"(?:ssh://)?(?:(?P<user>\S+)@)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:@/\[\]]+)(?::(?P<port>[0-9]{1,5}))?/?\Z"
)


@frozen
class Made:
    """A host, where each of its fields was written, and what of ssh_config was left out for it."""

    host: Host
    origins: Mapping[str, str]
    notes: tuple[str, ...] = ()


class Connections:
    """Makes the hosts of an inventory, and those that only ssh_config knows; `known_hosts` where neither says any."""

    def __init__(self, hosts: Mapping[str, HostEntry], ssh: SshConfig, known_hosts: Iterable[str]) -> None:
        self._entries = hosts
        self._ssh = ssh
        self._aliases = frozenset(ssh.aliases())
        self._looked_up: dict[tuple[str, str, str, Any], Found] = {}
        self._known_hosts = tuple(str(expanded(file)) for file in known_hosts)

    def outside(self, name: str) -> bool:
        """Whether a name that is not in the inventory can still be a target."""
        return name == LOCALHOST or name in self._aliases

    def make(self, name: str, variables: Sourced, groups: tuple[str, ...] = ()) -> Made:
        """One host. Raises InvalidInput where its jump hosts are not known or go round in a circle."""
        entry = self._entries.get(name)
        made = self._own(name, entry.settings if entry else {})
        hops, origin, notes = self._hops(name, (name,))
        host = replace(
            made.host,
            jump=hops,
            groups=groups,
            vars={key: written.value for key, (written, _) in variables.items()},
            origins={key: f"{written.mark}" + _by(group) for key, (written, group) in variables.items()},
        )
        return Made(
            host=host,
            origins={**made.origins, **({"jump": origin} if origin else {})},
            notes=tuple(dict.fromkeys((*made.notes, *notes))),
        )

    def _own(self, name: str, settings: Values, **given: Any) -> Made:
        """A host by itself; `given` is what was written where it is named, and stronger than all else."""
        said: dict[str, Any] = {key: written.value for key, written in settings.items()} | given
        origins = {key: str(written.mark) for key, written in settings.items()}
        if said.get("transport", "local" if name == LOCALHOST and not said else "ssh") == "local":
            host = Host(name=name, address=str(said.get("address", name)), transport="local")
            return Made(host=host, origins=origins)
        found = self._found(name, said)
        values: dict[str, Any] = found.values
        kept = {ours: found.origins[theirs] for ours, theirs in _NAMES.items() if theirs in found.origins}
        host = Host(
            name=name,
            address=str(said.get("address") or values.get("hostname") or name),
            port=said.get("port") or (int(values["port"]) if "port" in values else None),
            user=said.get("user") or values.get("user"),
            identity_files=_paths(said.get("identity_file")) or found.files,
            identities_only=values.get("identitiesonly", "no").lower() in YES,
            known_hosts=self._keys(_paths(said.get("known_hosts")), found.known_hosts),
            host_key_alias=said.get("host_key_alias") or values.get("hostkeyalias"),
        )
        if "known_hosts" not in origins and not found.known_hosts:
            kept["known_hosts"] = "settings"
        return Made(host=host, origins={**kept, **origins}, notes=found.notes)

    def _keys(self, said: tuple[str, ...], named: tuple[str, ...]) -> tuple[str, ...]:
        """Where its key is looked up: `said` by the inventory, else `named` by ssh_config; then what holds for all."""
        common = not_own(self._known_hosts) if named and not said else self._known_hosts
        return tuple(dict.fromkeys((*(said or named), *common)))

    def _found(self, name: str, said: Mapping[str, Any]) -> Found:
        address, user, port = str(said.get("address", "")), str(said.get("user", "")), said.get("port")
        key = (name, address, user, port)
        if key not in self._looked_up:
            self._looked_up[key] = self._ssh.lookup(name, address=address, user=user, port=port)
        return self._looked_up[key]

    def _hops(self, name: str, chain: tuple[str, ...]) -> tuple[tuple[Host, ...], str, tuple[str, ...]]:
        """The hops before a host, first hop first, with the place that says so. `chain` is the way that led here."""
        entry = self._entries.get(name)
        settings = entry.settings if entry else {}
        if "transport" in settings and settings["transport"].value == "local":
            return (), "", ()
        if "jump" in settings:
            words, place = tuple(settings["jump"].value), settings["jump"].mark
            ours = not settings["jump"].ansible
            return self._chain(words, chain, place=place, origin=str(place), strict=ours)
        found = self._found(name, {key: written.value for key, written in settings.items()})
        text = found.values.get("proxyjump", "none")
        if text.lower() == "none":
            return (), "", ()
        words = tuple(word.strip() for word in text.split(","))
        return self._chain(words, chain, place=None, origin=found.origins["proxyjump"], strict=False)

    def _chain(
        self, words: tuple[str, ...], chain: tuple[str, ...], *, place: Mark | None, origin: str, strict: bool
    ) -> tuple[tuple[Host, ...], str, tuple[str, ...]]:
        hops: list[Host] = []
        notes: list[str] = []
        for number, word in enumerate(words):
            made = self._hop(word, place, origin, strict=strict)
            if made.host.name in (hop.name for hop in hops):
                raise _wrong(f"'{made.host.name}' is a jump host twice", place, origin)
            if made.host.name in chain:
                raise _wrong(f"jump hosts go round in a circle: {' > '.join((*chain, made.host.name))}", place, origin)
            if len(chain) > MAX_HOPS or len(hops) >= MAX_HOPS:
                raise _wrong(f"more than {MAX_HOPS} jump hosts, one behind the other", place, origin)
            if number == 0:
                before, _, more = self._hops(made.host.name, (*chain, made.host.name))
                hops += before
                notes += more
            hops.append(made.host)
            notes += made.notes
        if len(hops) > MAX_HOPS:
            raise _wrong(f"more than {MAX_HOPS} jump hosts, one behind the other", place, origin)
        return tuple(hops), origin, tuple(notes)

    def _hop(self, word: str, place: Mark | None, origin: str, *, strict: bool) -> Made:
        found = _HOP.match(word)
        port = int(found["port"]) if found and found["port"] else None
        if found is None or (port is not None and not 0 < port < 65536):
            raise _wrong(f"'{word}' is no jump host: write a host's name, or user@host:port", place, origin)
        name = found["host"].strip("[]")
        entry = self._entries.get(name)
        bare = found["user"] is None and port is None
        if strict and bare and entry is None and name not in self._aliases:
            known = [*self._entries, *self._aliases]
            hint = likely(name, known) or "; for another one write user@host or host:port"
            raise _wrong(f"there is no host '{name}' to jump over{hint}", place, origin)
        given = {key: value for key, value in (("user", found["user"]), ("port", port)) if value}
        made = self._own(name, entry.settings if entry else {}, **given)
        if made.host.transport == "local":
            raise _wrong(f"'{name}' is this machine; it is no hop on the way to another", place, origin)
        return made


_NAMES = {
    "address": "hostname", "port": "port", "user": "user", "identity_file": "identityfile",
    "known_hosts": "userknownhostsfile", "host_key_alias": "hostkeyalias", "identities_only": "identitiesonly",
}  # fmt: skip


def _by(group: str) -> str:
    return f" (group {group})" if group else ""


def _paths(said: Any) -> tuple[str, ...]:
    return tuple(str(expanded(file)) for file in said or ())


def _wrong(message: str, place: Mark | None, origin: str) -> InvalidInput:
    return InvalidInput(problems=(place.problem(message) if place else Problem(message=f"{origin}: {message}"),))
