"""What inventories say, before groups and ssh_config had their say: each value with the place it stands at."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from runner.document.source import At, Document
from runner.errors import Location, Problem
from runner.frozen import frozen

ALL = "all"
"""The group that every host is in."""


_SECRET = re.compile(r"ansible_\w*(?:pass|password|passphrase|private_key)(?!\w)")


def is_secret(name: str) -> bool:
    """Whether an Ansible variable holds what must not be shown or kept."""
    return _SECRET.fullmatch(name) is not None


@frozen
class Mark:
    """A place in a file, and its line, so that a mistake found later can still be shown there."""

    where: Location
    line: str = ""
    width: int = 1

    def __str__(self) -> str:
        return f"{self.where.file}:{self.where.line}"

    def problem(self, message: str) -> Problem:
        """Without the line where a secret stands in it."""
        line = "" if _SECRET.search(self.line) else self.line
        return Problem(message=message, where=self.where, line=line, width=self.width)


def mark(document: Document, at: At, *, on_key: bool = False) -> Mark:
    """The place of a value of a YAML document, or of its key."""
    where, width = document.spot(at, on_key=on_key)
    return Mark(where=where, line=document.line(where.line), width=width)


@frozen
class Written:
    """
    A value and where it stands. `ansible`: the variable comes from an Ansible file, so `ansible_*` has a meaning.

    `beside`: from a folder of variables beside the inventory, which for Ansible is stronger than all groups in it.
    """

    value: Any
    mark: Mark
    ansible: bool = False
    beside: bool = False

    def same(self, other: Written) -> bool:
        return other is self or _canonical(self.value) == _canonical(other.value)


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=repr)


Values = dict[str, Written]


class HostEntry:
    """`settings` are about the connection, by the names of the rawat form; `vars` are for playbooks."""

    def __init__(self, name: str, mark: Mark) -> None:
        self.name, self.mark = name, mark
        self.settings: Values = {}
        self.vars: Values = {}


class GroupEntry:
    """`hosts` and `children` are names, each with the place where it is said to belong here; `settings`: `limit`."""

    def __init__(self, name: str, mark: Mark) -> None:
        self.name, self.mark = name, mark
        self.settings: Values = {}
        self.hosts: dict[str, Mark] = {}
        self.children: dict[str, Mark] = {}
        self.vars: Values = {}


class Draft:
    """One inventory as it was read, or several united. `vars` are those of the group `all`."""

    def __init__(self, problems: Iterable[Problem] = ()) -> None:
        self.hosts: dict[str, HostEntry] = {}
        self.groups: dict[str, GroupEntry] = {}
        self.vars: Values = {}
        self.problems = list(problems)
        self.notes: list[str] = []

    @property
    def limits(self) -> dict[str, int]:
        """Of each limited group how many of its hosts may be at work at a time."""
        limited = [group for group in self.groups.values() if "limit" in group.settings]
        return {group.name: int(group.settings["limit"].value) for group in limited}

    def host(self, name: str, at: Mark) -> HostEntry:
        return self.hosts.setdefault(name, HostEntry(name, at))

    def group(self, name: str, at: Mark) -> GroupEntry:
        return self.groups.setdefault(name, GroupEntry(name, at))

    def absorb(self, other: Draft) -> None:
        """Unite with another inventory: groups are joined; one thing said in two ways is a mistake in the second."""
        self.problems += other.problems
        self.notes += other.notes
        self._join(self.vars, other.vars, f"of '{ALL}'")
        for host in other.hosts.values():
            mine = self.host(host.name, host.mark)
            self._join(mine.settings, host.settings, f"of host '{host.name}'")
            self._join(mine.vars, host.vars, f"of host '{host.name}'")
        for group in other.groups.values():
            same = self.group(group.name, group.mark)
            self._join(same.settings, group.settings, f"of group '{group.name}'")
            self._join(same.vars, group.vars, f"of group '{group.name}'")
            same.hosts = {**group.hosts, **same.hosts}
            same.children = {**group.children, **same.children}

    def _join(self, mine: Values, other: Values, whose: str) -> None:
        for key, written in other.items():
            first = mine.setdefault(key, written)
            if not first.same(written):
                self.problems.append(
                    written.mark.problem(
                        f"'{key}' {whose} is {shown_as(key, written)} here, and {shown_as(key, first)} at {first.mark}"
                    )
                )


def show(value: Any) -> str:
    """A value in a message, on one line and short."""
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:59]}…"


def shown_as(name: str, written: Written) -> str:
    """The value of a variable in a message; not that of a secret."""
    return "a secret" if is_secret(name) else show(written.value)


def shown(path: Path) -> str:
    """The name of a file in messages: short where it is under the current folder."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
