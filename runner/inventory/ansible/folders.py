"""The `group_vars` and `host_vars` folders beside an Ansible inventory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from runner.errors import InvalidInput, Problem
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
        for name, path in _listed(draft, folder / where):
            if name in owners:
                _read(draft, found.setdefault(name, {}), path)
            else:
                draft.notes.append(f"{shown(path)}: not read; there is no {where[:-5]} '{name}'")
        for name, values in found.items():
            owners[name].update({key: replace(written, beside=True) for key, written in values.items()})


def _listed(draft: Draft, folder: Path) -> list[tuple[str, Path]]:
    """The files of a folder with whom they are for. One that cannot be listed is a problem: it may hold values."""
    try:
        return list(_files(folder))
    except OSError as error:
        where = shown(Path(error.filename or folder))
        draft.problems.append(Problem(message=f"{where}: cannot be read: {error.strerror or error}"))
        return []


def _files(folder: Path) -> Iterator[tuple[str, Path]]:
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir()):
        if _hidden(path):
            continue
        if path.is_dir():
            inner = sorted(inner for inner in _below(path) if inner.is_file() and not _hidden(inner))
            yield from ((normal(path.name), file) for file in inner if file.suffix in _ENDINGS)
        elif path.suffix in _ENDINGS[1:]:
            yield normal(path.stem), path
        else:
            yield normal(path.name), path


def _below(folder: Path) -> Iterator[Path]:
    """All that is in a folder and in those in it, links to folders left out; `rglob` passes over what is closed."""
    for path in folder.iterdir():
        yield path
        if path.is_dir() and not path.is_symlink():
            yield from _below(path)


def _hidden(path: Path) -> bool:
    return path.name.startswith(".") or path.name.endswith("~")


def _read(draft: Draft, values: Values, path: Path) -> None:
    try:
        document = read_yaml(path, draft.problems)
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
