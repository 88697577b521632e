"""Ansible's YAML form of an inventory, its static part: groups of hosts, children and vars."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from runner.document.source import At, Document, likely
from runner.inventory.ansible.ranges import expand
from runner.inventory.ansible.values import group, host, put
from runner.inventory.draft import Draft, Values, mark
from runner.inventory.names import normal

_KEYS = ("hosts", "children", "vars")


def read_ansible_yaml(document: Document) -> Draft:
    """Every top-level key is a group. Values are those of YAML 1.2: `yes` is a text, and noted."""
    draft = Draft()
    for name in document.data:
        _read_group(draft, document, (name,))
    return draft


def _read_group(draft: Draft, document: Document, at: At) -> str:
    said = _said(draft, document, at)
    place = mark(document, at, on_key=True)
    entry = group(draft, str(at[-1]), place)
    for key in said:
        if key not in _KEYS:
            message = f"'{key}' is not a key of a group{likely(key, _KEYS) or '; known are: hosts, children, vars'}"
            draft.problems.append(document.problem((*at, key), message, on_key=True))
    values: Values = draft.vars if entry is None else entry.vars
    _read_vars(draft, document, (*at, "vars"), values, said)
    for name in _read_hosts(draft, document, (*at, "hosts"), said.get("hosts")):
        if entry is not None:
            entry.hosts.setdefault(name, draft.hosts[name].mark)
    if "children" in said:
        for child in _said(draft, document, (*at, "children"), said["children"]):
            name = _read_group(draft, document, (*at, "children", child))
            if entry is not None:
                entry.children.setdefault(name, mark(document, (*at, "children", child), on_key=True))
    return normal(str(at[-1]))


def _read_hosts(draft: Draft, document: Document, at: At, hosts: Any) -> Iterator[str]:
    if isinstance(hosts, str):
        hosts = {hosts: None}
    for pattern in _said(draft, document, at, hosts):
        place = mark(document, (*at, pattern), on_key=True)
        try:
            names = expand(pattern)
        except ValueError as error:
            draft.problems.append(place.problem(str(error)))
            continue
        for name in names:
            entry = host(draft, name, place)
            _read_vars(draft, document, (*at, pattern), entry.vars, hosts)
            yield entry.name


def _read_vars(draft: Draft, document: Document, at: At, values: Values, said: Mapping[str, Any]) -> None:
    for name, value in _said(draft, document, at, said.get(str(at[-1]))).items():
        put(draft, values, name, value, mark(document, (*at, name), on_key=True))


_WHOLE = object()


def _said(draft: Draft, document: Document, at: At, value: Any = _WHOLE) -> Mapping[str, Any]:
    """The mapping at a place; nothing is an empty one, anything else a problem."""
    if value is _WHOLE:
        value = document.data
        for key in at:
            value = value[key]
    if isinstance(value, dict):
        return value
    if value is not None:
        draft.problems.append(document.problem(at, f"'{at[-1]}' is a mapping here, name by name"))
    return {}
