"""Who is in which group, how near, and which value of a variable holds for a host."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from runner.document.source import likely
from runner.errors import Problem
from runner.frozen import frozen
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


@frozen
class _Open:
    """A variable that two groups give, each with its group, and why none of them simply holds."""

    name: str
    held: tuple[Written, str]
    other: tuple[Written, str]
    why: str

    def problem(self, host: str) -> Problem:
        (first, group), (second, other) = self.held, self.other
        return second.mark.problem(
            f"'{self.name}' of host '{host}' is {shown_as(self.name, second)} by group '{other}' here, and "
            f"{shown_as(self.name, first)} by group '{group}' at {first.mark}; {self.why}; say it for the host itself"
        )


class Membership:
    """
    The groups of each host, nearest first, and the values they give.

    A group is as far as the shortest way to it. A group inside another is stronger than that other, however far;
    of groups that are not inside one another the nearest is. Two equally near that differ are a mistake, where the
    host itself does not say; so are two of Ansible's of which Ansible would let the farther one win.
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
        self._given: dict[tuple[str, ...], tuple[dict[str, tuple[Written, str]], dict[str, _Open]]] = {}
        self._depths: dict[str, int] = {}
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
            self._given[direct] = self._from_groups(self._distances(direct))
        given, open_ones = self._given[direct]
        own = {name: (written, "") for name, written in self._draft.hosts[host].vars.items()}
        for name in [name for name in open_ones if name not in own]:
            self.problems.append(open_ones.pop(name).problem(host))
        return {**{name: (written, ALL) for name, written in self._draft.vars.items()}, **given, **own}

    def _distances(self, direct: Iterable[str]) -> dict[str, int]:
        found = dict.fromkeys(direct, 1)
        waiting = list(found)
        for name in waiting:
            for parent in self._parents.get(name, ()):
                if parent not in found:
                    found[parent] = found[name] + 1
                    waiting.append(parent)
        return found

    def _from_groups(self, distances: Mapping[str, int]) -> tuple[dict[str, tuple[Written, str]], dict[str, _Open]]:
        """The values that groups give, and those that nobody can tell, where the host itself does not say."""
        names = dict.fromkeys(name for group in distances for name in self._draft.groups[group].vars)
        above = {group: self._distances(self._parents.get(group, ())) for group in distances}
        found: dict[str, tuple[Written, str]] = {}
        open_ones: dict[str, _Open] = {}
        for name in names:
            everybody = {
                group: self._draft.groups[group].vars[name]
                for group in distances
                if name in self._draft.groups[group].vars
            }
            givers = [group for group in everybody if not any(group in above[other] for other in everybody)]
            nearest = [group for group in givers if distances[group] == min(distances[giver] for giver in givers)]
            held = found[name] = (everybody[nearest[0]], nearest[0])
            others = [(everybody[group], group, "both are equally near") for group in nearest[1:]]
            if name in self._draft.vars:
                everybody[ALL] = self._draft.vars[name]
            strongest = max(everybody, key=lambda group: self._strength(group, everybody[group]))
            if held[0].ansible and everybody[strongest].ansible:
                others.append((everybody[strongest], strongest, "the latter is nearer, but Ansible takes the former"))
            for second, group, why in others:
                if not held[0].same(second):
                    open_ones.setdefault(name, _Open(name=name, held=held, other=(second, group), why=why))
        return found, open_ones

    def _strength(self, group: str, written: Written) -> tuple[bool, bool, int, str]:
        """The order in which Ansible lets one of its groups win over another: by depth, whoever is nearer."""
        return written.beside, group != ALL, self._depth(group), group

    def _depth(self, group: str) -> int:
        """How far down a group is, by the longest way from the top."""
        if group not in self._depths:
            self._depths[group] = 1 + max(map(self._depth, self._parents.get(group, ())), default=0)
        return self._depths[group]
