"""The rawat form of an inventory, read into a draft."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner.document.paths import expanded
from runner.document.schema import check
from runner.document.source import At, Document
from runner.errors import InvalidInput
from runner.inventory.draft import ALL, Draft, Mark, Values, Written, mark
from runner.inventory.names import normal, wrong_name, wrong_variable
from runner.inventory.schema import SCHEMA

_CONNECTION = ("address", "port", "user", "identity_file", "jump", "transport", "host_key_alias", "known_hosts")
_PATHS = ("identity_file", "known_hosts")
_LISTS = (*_PATHS, "jump")


def read_rawat(document: Document, folder: Path) -> Draft:
    """
    The hosts and groups of a document that has `rawat: 1`; its mistakes are in the draft's problems.

    Paths in it are relative to `folder`.
    """
    draft = Draft()
    draft.problems += check(document, SCHEMA)
    data: Mapping[str, Any] = document.data
    draft.vars = _vars(draft, document, ("vars",), data.get("vars"))
    for name, said in _mapping(data.get("hosts")).items():
        _read_host(draft, document, name, _mapping(said), folder)
    for name, said in _mapping(data.get("groups")).items():
        _read_group(draft, document, name, _mapping(said))
    return draft


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _named(draft: Draft, document: Document, at: At) -> tuple[str, Mark]:
    name = normal(str(at[-1]))
    place = mark(document, at, on_key=True)
    if wrong := wrong_name(name):
        draft.problems.append(place.problem(wrong))
    return name, place


def _read_host(draft: Draft, document: Document, key: str, said: Mapping[str, Any], folder: Path) -> None:
    at: At = ("hosts", key)
    name, place = _named(draft, document, at)
    if name == ALL:
        draft.problems.append(place.problem(f"'{ALL}' is the group of all hosts; no host can have that name"))
    if name in draft.hosts:
        draft.problems.append(place.problem(f"'{name}' is here twice, in two spellings"))
    entry = draft.host(name, place)
    for key in _CONNECTION:
        if key in said:
            value = [said[key]] if key in _LISTS and isinstance(said[key], str) else said[key]
            if key in _PATHS:
                value = [_path(draft, document, (*at, key), folder, str(part)) for part in _list(value)]
            written = Written(value=value, mark=mark(document, (*at, key)))
            if "{{" in str(value):
                draft.problems.append(written.mark.problem(f"'{key}' is not a template; write the value itself"))
            entry.settings[key] = written
    entry.vars = _vars(draft, document, (*at, "vars"), said.get("vars"))


def _path(draft: Draft, document: Document, at: At, folder: Path, written: str) -> str:
    try:
        return str(folder / expanded(written))
    except InvalidInput as error:
        draft.problems.append(document.problem(at, error.message))
        return written


def _read_group(draft: Draft, document: Document, key: str, said: Mapping[str, Any]) -> None:
    at: At = ("groups", key)
    name, place = _named(draft, document, at)
    if name == ALL:
        draft.problems.append(place.problem(f"'{ALL}' is always there; what all hosts have goes under 'vars'"))
        return
    group = draft.group(name, place)
    for number, host in enumerate(_list(said.get("hosts"))):
        group.hosts.setdefault(normal(str(host)), mark(document, (*at, "hosts", number)))
    for number, child in enumerate(_list(said.get("children"))):
        group.children.setdefault(normal(str(child)), mark(document, (*at, "children", number)))
    if "limit" in said:
        group.settings["limit"] = Written(value=said["limit"], mark=mark(document, (*at, "limit")))
    group.vars = _vars(draft, document, (*at, "vars"), said.get("vars"))


def _vars(draft: Draft, document: Document, at: At, said: Any) -> Values:
    found: Values = {}
    for name, value in _mapping(said).items():
        if wrong := wrong_variable(name):
            draft.problems.append(document.problem((*at, name), wrong, on_key=True))
        found[name] = Written(value=value, mark=mark(document, (*at, name), on_key=True))
    return found
