"""Inventories to an Inventory, or to every mistake that is in them, each with its place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from runner.document.paths import expanded, in_home
from runner.errors import InvalidInput, Problem
from runner.inventory.connect import Connections, Made
from runner.inventory.draft import Draft, HostEntry
from runner.inventory.groups import Membership, Sourced, check_groups
from runner.inventory.inventory import Inventory, Selected
from runner.inventory.names import look, scripts
from runner.inventory.read import read
from runner.inventory.ssh_config import SshConfig

__all__ = ["Inventory", "Selected", "load"]

SSH_CONFIG = Path("~/.ssh/config")
SYSTEM_SSH_CONFIG = Path("/etc/ssh/ssh_config")


def load(paths: Sequence[Path], *, ssh_config: Path | None = SSH_CONFIG, known_hosts: Sequence[str] = ()) -> Inventory:
    """
    Read inventories (rawat YAML, Ansible INI or YAML, told apart by their content) and unite them.

    As for ssh, the system's ssh_config is read after the user's own, but not after another file that is named.
    `known_hosts` hold for hosts for which neither the inventory nor ssh_config names such files. Without any path
    the names of ssh_config and `localhost` can still be chosen. Raises InvalidInput with all problems.
    """
    draft, ansible = _united(paths)
    _stop([*draft.problems, *check_groups(draft)])
    draft.notes += _lookalikes(draft.hosts)
    connections = Connections(draft.hosts, SshConfig(*_ssh_configs(ssh_config)), known_hosts)
    membership = Membership(draft)
    problems: list[Problem] = []
    variables: dict[str, Sourced] = {}
    for name, entry in draft.hosts.items():
        variables[name] = membership.variables(name)
        if ansible:
            from runner.inventory.ansible.connection import translate

            translated = translate(entry, variables[name])
            entry.settings, variables[name] = translated.settings, translated.variables
            problems += translated.problems
            draft.notes += translated.notes
    made: dict[str, Made] = {}
    for name in draft.hosts:
        try:
            made[name] = connections.make(name, variables[name], membership.groups(name))
        except InvalidInput as error:
            problems += error.problems
    _stop([*membership.problems, *problems])
    return Inventory(
        made=made, members=membership.members(), limits=draft.limits, noted=tuple(draft.notes), connections=connections
    )


def _united(paths: Sequence[Path]) -> tuple[Draft, bool]:
    """All of them as one, and whether any is an Ansible one."""
    draft = Draft()
    folders: list[Path] = []
    for path in dict.fromkeys(paths):
        found = read(path)
        draft.absorb(found.draft)
        folders += [path.parent] if found.ansible else []
    for folder in dict.fromkeys(folders):
        from runner.inventory.ansible.folders import read_folders

        read_folders(draft, folder)
    return draft, bool(folders)


def _lookalikes(hosts: Mapping[str, HostEntry]) -> Iterator[str]:
    """Names that are easily mistaken for one another, each with the first of its kind."""
    seen: dict[str, HostEntry] = {}
    for name, entry in hosts.items():
        first = seen.setdefault(look(name), entry)
        if first is entry:
            continue
        if name.lower() == first.name.lower():
            why = "only case tells them apart"
        else:
            why = f"it has {scripts(name)} letters, that one {scripts(first.name)}"
        yield f"{entry.mark}: host '{name}' looks like '{first.name}' at {first.mark}; {why}"


def _ssh_configs(path: Path | None) -> tuple[Path, ...]:
    """The files of ssh_config that hold: the one that is named, and the system's after the user's own."""
    if path is None:
        return ()
    return (path, SYSTEM_SSH_CONFIG) if expanded(path) == in_home(str(SSH_CONFIG)) else (path,)


def _stop(problems: Sequence[Problem]) -> None:
    if problems:
        found = dict.fromkeys(problems)
        raise InvalidInput(problems=tuple(sorted(found, key=lambda problem: (problem.where is None, problem.where))))
