"""
Patterns that choose hosts: `db`, `db1,db2`, `app*`, `web[0-9]`, `credit:!db`, `credit:&eu`, `all`.

Terms are joined by `,` or `:`. Plain terms are united, then `&` keeps what is in both, then `!` takes away,
whatever the order they stand in; without a plain term all hosts are meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fnmatch import fnmatchcase

from runner.document.source import likely
from runner.errors import InvalidInput, Problem
from runner.inventory.draft import ALL
from runner.inventory.names import normal

_TERM = re.compile(r"(?:\[[^\]]*\]|[^,:\[])+|\[")
_FROM_TO = re.compile(r"\[[^\]]*:[^\]]*\]")
_PLACE = re.compile(r"(.+)\[-?[0-9]+\]")
_GLOB = re.compile(r"[*?\[]")


def match(
    pattern: str, members: Mapping[str, tuple[str, ...]], *, outside: Callable[[str], bool] = lambda name: False
) -> tuple[str, ...]:
    """
    The hosts that a pattern means, in the order of `members["all"]`; then those that are only known `outside`.

    `members` are the hosts of each group. Raises InvalidInput for each term that means nothing.
    """
    problems: list[Problem] = []
    chosen: dict[str, set[str]] = {"": set(), "&": set(), "!": set()}
    kept: set[str] | None = None
    named: list[str] = []
    terms = [term.strip() for term in _TERM.findall(normal(pattern)) if term.strip()]
    if not terms:
        raise InvalidInput(f"the pattern '{pattern}' names no host; 'all' means every one")
    for term in terms:
        sign = term[0] if term[0] in "&!" else ""
        word = term[len(sign) :].strip()
        found = _hosts(word, members)
        if found is None and not _GLOB.search(word) and outside(word):
            found = {word}
            named += [word] if not sign else []
        if found is None:
            problems.append(Problem(message=_nothing(word, members)))
            continue
        if sign == "&":
            kept = found if kept is None else kept & found
        else:
            chosen[sign] |= found
    if problems:
        raise InvalidInput(problems=tuple(problems))
    plain = chosen[""] if any(term[0] not in "&!" for term in terms) else set(members[ALL])
    wanted = (plain if kept is None else plain & kept) - chosen["!"]
    order = dict.fromkeys((*members[ALL], *named))
    return tuple(host for host in order if host in wanted)


def _hosts(word: str, members: Mapping[str, tuple[str, ...]]) -> set[str] | None:
    if word in members:
        return set(members[word])
    if _FROM_TO.search(word) or _by_place(word, members):
        return None
    if not _GLOB.search(word):
        return {word} if word in members[ALL] else None
    found = {host for host in members[ALL] if fnmatchcase(host, word)}
    groups = [name for name in members if name != ALL and fnmatchcase(name, word)]
    found.update(host for name in groups for host in members[name])
    return found if found or groups or word == "*" else None


def _by_place(word: str, members: Mapping[str, tuple[str, ...]]) -> str:
    """The group of which the word is one host by its place, to Ansible; as a glob it could mean another one."""
    found = _PLACE.fullmatch(word)
    return found[1] if found and found[1] in members else ""


def _nothing(word: str, members: Mapping[str, tuple[str, ...]]) -> str:
    if word.startswith("~"):
        return f"'{word}': regular expressions are not patterns; write a glob such as app*"
    if _FROM_TO.search(word):
        return f"'{word}': a pattern has no [from:to]; write [0-9] for one of these characters"
    if group := _by_place(word, members):
        place = f"'{word}': to Ansible that is a host of '{group}' by its place"
        return f"{place}; name the host, or write {group}? for a glob"
    if _GLOB.search(word):
        return f"'{word}' matches no host and no group"
    known = [*members, *members[ALL]]
    if len(known) == 1:
        return f"'{word}' is no host and no group; the inventory is empty"
    return f"'{word}' is no host and no group" + likely(word, known)
