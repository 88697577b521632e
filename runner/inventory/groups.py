"""Who is in which group, how near, and which value of a variable holds for a host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from runner.document.source import likely
from runner.errors import Problem
from runner.inventory.draft import ALL, Draft, Written, shown_as

Sourced = Mapping[str, tuple[Written, str]]
"""Of each variable the value that holds, and the group that gave it ("" for the host itself)."""


def check_groups(draft: Draft) -> list[Problem]:
    """Names in groups that are not there, groups that contain themselves, names of both a group and a host."""
    problems = []
    for group in draft.groups.values():
        for host, place in group.hosts.items():
            if host not in draft.hosts:
                also = "; it is a group: list it under 'children'" if host in draft.groups else ""
                problems.append(place.problem(f"there is no host '{host}'" + (also or likely(host, draft.hosts))))
        for child, place in group.children.items():
            if child not in draft.groups:
                also = "; it is a host: list it under 'hosts'" if child in draft.hosts else ""
                problems.append(place.problem(f"there is no group '{child}'" + (also or likely(child, draft.groups))))
        twin = draft.hosts.get(group.name)
        if twin is not None and (list(group.hosts) != [group.name] or group.children):
            problems.append(
                group.mark.problem(f"'{group.name}' is a host too ({twin.mark}); a pattern could mean either")
            )
    return problems + list(_cycles(draft))


def _cycles(draft: Draft) -> Iterator[Problem]:
    done: set[str] = set()
    for start in draft.groups:
        path: list[str] = []
        rest: list[tuple[str, int]] = [(start, 0)]
        while rest:
            name, depth = rest.pop()
            del path[depth:]
            if name in path:
                circle = [*path[path.index(name) :], name]
                yield draft.groups[circle[-2]].children[name].problem(f"groups in a circle: {' > '.join(circle)}")
                continue
            if name in done or name not in draft.groups:
                continue
            path.append(name)
            done.add(name)
            rest += [(child, depth + 1) for child in reversed(draft.groups[name].children)]


class Membership:
    """
    The groups of each host, nearest first, and the values they give.

    A group is as far as the shortest way to it. A group inside another is stronger than that other, however far;
    of groups that are not inside one another the nearest is. Two equally near that differ are a mistake.
    The draft must have passed `check_groups`.
    """

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._parents: dict[str, list[str]] = {}
        self._direct: dict[str, list[str]] = {}
        for group in draft.groups.values():
            for child in group.children:
                self._parents.setdefault(child, []).append(group.name)
            for host in group.hosts:
                self._direct.setdefault(host, []).append(group.name)
        self._given: dict[tuple[str, ...], dict[str, tuple[Written, str]]] = {}
        self.problems: list[Problem] = []

    def groups(self, host: str) -> tuple[str, ...]:
        """The groups a host is in, nearest first; `all` is not among them."""
        return tuple(self._distances(self._direct.get(host, ())))

    def members(self) -> dict[str, tuple[str, ...]]:
        """The hosts of each group, its children's included, in the order of the inventory."""
        found: dict[str, list[str]] = {name: [] for name in self._draft.groups}
        for host in self._draft.hosts:
            for group in self.groups(host):
                found[group].append(host)
        return {ALL: tuple(self._draft.hosts)} | {name: tuple(hosts) for name, hosts in found.items()}

    def variables(self, host: str) -> Sourced:
        """The values that hold for a host, with the group each comes from."""
        direct = tuple(self._direct.get(host, ()))
        if direct not in self._given:
            self._given[direct] = self._from_groups(host, self._distances(direct))
        own = {name: (written, "") for name, written in self._draft.hosts[host].vars.items()}
        return {**{name: (written, ALL) for name, written in self._draft.vars.items()}, **self._given[direct], **own}

    def _distances(self, direct: Iterable[str]) -> dict[str, int]:
        found = dict.fromkeys(direct, 1)
        waiting = list(found)
        for name in waiting:
            for parent in self._parents.get(name, ()):
                if parent not in found:
                    found[parent] = found[name] + 1
                    waiting.append(parent)
        return found

    def _from_groups(self, host: str, distances: Mapping[str, int]) -> dict[str, tuple[Written, str]]:
        names = dict.fromkeys(name for group in distances for name in self._draft.groups[group].vars)
        above = {group: self._distances(self._parents.get(group, ())) for group in distances}
        found = {}
        for name in names:
            givers = [group for group in distances if name in self._draft.groups[group].vars]
            givers = [group for group in givers if not any(group in above[other] for other in givers)]
            nearest = [group for group in givers if distances[group] == min(distances[giver] for giver in givers)]
            found[name] = (self._draft.groups[nearest[0]].vars[name], nearest[0])
            for other in nearest[1:]:
                self._differ(host, name, nearest[0], other)
        return found

    def _differ(self, host: str, name: str, group: str, other: str) -> None:
        first, second = self._draft.groups[group].vars[name], self._draft.groups[other].vars[name]
        if not first.same(second):
            self.problems.append(
                second.mark.problem(
                    f"'{name}' of host '{host}' is {shown_as(name, second)} by group '{other}' here, and "
                    f"{shown_as(name, first)} by group '{group}' at {first.mark}; both are equally near"
                )
            )
