"""One inventory file to a draft; which form it has is seen from what is in it."""

from __future__ import annotations

from pathlib import Path

from runner.document.source import read_file
from runner.errors import InvalidInput
from runner.inventory.draft import Draft
from runner.inventory.rawat import read_rawat


def read(path: Path) -> Draft:
    """The draft of one file; its mistakes are in `problems`, those too that keep it from being read at all."""
    try:
        document = read_file(path)
    except InvalidInput as error:
        return Draft(problems=list(error.problems))
    if not isinstance(document.data, dict):
        return Draft(problems=[document.problem((), "an inventory is a mapping that begins with 'rawat: 1'")])
    return read_rawat(document)
