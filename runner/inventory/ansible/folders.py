"""The `group_vars` and `host_vars` folders beside an Ansible inventory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from runner.errors import InvalidInput
from runner.frozen import replace
from runner.inventory.ansible.values import put
from runner.inventory.ansible.vault import read_yaml
from runner.inventory.draft import ALL, Draft, Values, mark, shown
from runner.inventory.names import normal

_ENDINGS = ("", ".yml", ".yaml", ".json")


def read_folders(draft: Draft, folder: Path) -> None:
    """
    Add the variables of both folders to hosts and groups of the draft.

    As in Ansible they are stronger than what the inventory itself says of the same host or group. Two files of one
    host or group that differ are a mistake; a file for a name that is not there is noted.
    """
    groups: dict[str, Values] = {ALL: draft.vars} | {name: entry.vars for name, entry in draft.groups.items()}
    hosts = {name: entry.vars for name, entry in draft.hosts.items()}
    for where, owners in (("group_vars", groups), ("host_vars", hosts)):
        found: dict[str, Values] = {}
        for name, path in _files(folder / where):
            if name in owners:
                _read(draft, found.setdefault(name, {}), path)
            else:
                draft.notes.append(f"{shown(path)}: not read; there is no {where[:-5]} '{name}'")
        for name, values in found.items():
            owners[name].update({key: replace(written, beside=True) for key, written in values.items()})


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if _hidden(path):
            continue
        if path.is_dir():
            inner = sorted(inner for inner in path.rglob("*") if inner.is_file() and not _hidden(inner))
            yield from ((normal(path.name), file) for file in inner if file.suffix in _ENDINGS)
        elif path.suffix in _ENDINGS[1:]:
            yield normal(path.stem), path
        else:
            yield normal(path.name), path


def _hidden(path: Path) -> bool:
    return path.name.startswith(".") or path.name.endswith("~")


def _read(draft: Draft, values: Values, path: Path) -> None:
    try:
        document = read_yaml(path)
    except InvalidInput as error:
        draft.problems += error.problems
        return
    if document.data is None:
        return
    if not isinstance(document.data, dict):
        draft.problems.append(document.problem((), "variables are a mapping, name by name"))
        return
    for name, value in document.data.items():
        put(draft, values, name, value, mark(document, (name,), on_key=True))
