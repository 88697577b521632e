"""One inventory file to a draft; which form it has is seen from what is in it, and from its ending."""

from __future__ import annotations

import re
from pathlib import Path

from runner.document.paths import read_bytes
from runner.document.source import MAX_BYTES, Document, likely
from runner.errors import InvalidInput, Location, Problem
from runner.frozen import frozen
from runner.inventory.ansible.vault import read_yaml
from runner.inventory.draft import Draft, shown
from runner.inventory.rawat import read_rawat

_PROGRAMS = (".py", ".sh", ".rb", ".pl", ".exe", ".bin")
_YAML = (".yml", ".yaml", ".json")
_INI = (".ini", ".cfg")
_MAPPING = re.compile(r"(---|\{|\"?[\w.-]+\"?\s*:(\s|$))")


@frozen
class Read:
    """The draft of one file, with its mistakes; `ansible`: folders of variables beside it belong to it."""

    draft: Draft
    ansible: bool = False


def read(path: Path) -> Read:
    """One file; also what keeps it from being read at all is in the draft's problems."""
    told: list[Problem] = []
    try:
        text = _text(path)
        if not _is_yaml(path, text):
            from runner.inventory.ansible.ini import read_ini

            return Read(draft=read_ini(text, shown(path)), ansible=True)
        found = _read_yaml(path, read_yaml(path, told, text))
        found.draft.problems += told
        return found
    except InvalidInput as error:
        return Read(draft=Draft((*told, *error.problems)))


def _text(path: Path) -> str:
    try:
        raw = read_bytes(path, MAX_BYTES + 1)
    except IsADirectoryError as error:
        raise InvalidInput(f"{shown(path)} is a folder; name each inventory in it with -i") from error
    except OSError as error:
        raise InvalidInput(f"{shown(path)}: cannot be read: {error.strerror or error}") from error
    if raw.startswith(b"#!") or path.suffix in _PROGRAMS:
        raise InvalidInput(f"{shown(path)}: a program; inventories are only read, never run: keep its output in a file")
    if len(raw) > MAX_BYTES:
        raise InvalidInput(f"{shown(path)}: larger than {MAX_BYTES >> 20} MiB")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        where = Location(file=shown(path), line=line, column=1)
        raise InvalidInput(problems=(Problem(message="this is not UTF-8 text", where=where),)) from error


def _is_yaml(path: Path, text: str) -> bool:
    first = next((line for line in map(str.strip, text.splitlines()) if line and line[0] not in "#;"), "")
    if first.startswith("[") or path.suffix in _INI:
        return False
    return path.suffix in _YAML or bool(_MAPPING.match(first)) or first.startswith("$ANSIBLE_VAULT")


def _read_yaml(path: Path, document: Document) -> Read:
    data = document.data
    if not isinstance(data, dict):
        message = "an inventory is a mapping that begins with 'rawat: 1', or with 'all:' for an Ansible one"
        raise InvalidInput(problems=(document.problem((), message),))
    if "rawat" in data:
        return Read(draft=read_rawat(document, path.absolute().parent))
    if "plugin" in data:
        message = "the settings of an inventory plugin; rawat asks no plugin: keep its output in a file"
        raise InvalidInput(problems=(document.problem(("plugin",), message, on_key=True),))
    if "all" not in data and ({"hosts", "groups"} & set(data) or likely("rawat", data)):
        message = "'rawat: 1' is missing here; an Ansible inventory begins with 'all:'"
        raise InvalidInput(problems=(document.problem((), message),))
    from runner.inventory.ansible.yaml import read_ansible_yaml

    return Read(draft=read_ansible_yaml(document), ansible=True)
