"""YAML files in which values may be encrypted with ansible-vault, which is not read."""

from __future__ import annotations

from pathlib import Path

from runner.document.source import Document, parse, read_file
from runner.errors import InvalidInput, Problem
from runner.frozen import replace
from runner.inventory.draft import shown

VAULT = (
    "this is encrypted with ansible-vault, which rawat does not read; name it under `secrets` of the playbook instead"
)


def read_yaml(path: Path, told: list[Problem], text: str | None = None) -> Document:
    """
    A YAML file, or its `text` where that was read already. What is wrong though it can be read goes to `told`, such as
    a value that is encrypted; raises InvalidInput where it cannot.
    """
    name = shown(path)
    found: list[Problem] = []
    if text is None:
        document = read_file(path, name=name, told=found)
    else:
        document = parse(text.replace("\r\n", "\n"), name=name, told=found)
    told += map(_of_vault, found)
    if document.text.startswith("$ANSIBLE_VAULT;"):
        raise InvalidInput(problems=(document.problem((), VAULT),))
    return document


def _of_vault(problem: Problem) -> Problem:
    return replace(problem, message=VAULT) if "the tag !vault" in problem.message else problem
