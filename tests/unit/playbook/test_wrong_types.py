"""A value of another type than is wanted: an error at its place, and no reason to keep others back."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.errors import InvalidInput
from runner.playbook.load import load
from runner.playbook.shipped import shipped_playbook
from tests.unit.playbook.test_load import KINDS, refused

OTHERS: tuple[Any, ...] = (None, 1, -1.5, True, "x", "", [], {}, [1], [[]], {"a": 1}, [{"id": "a"}])
BOOKS = ("backup", "patching", "database-optimization", "verification", "payment-fix")


def test_what_else_is_wrong_is_told_beside_a_wrong_type(tmp_path: Path) -> None:
    text = (
        "title: 5\n"
        "phases:\n"
        "  implement:\n"
        "    - {id: a, script: 'echo {{ nix }}', become: true}\n"
        "    - {id: b, script: 1, register: r}\n"
        "    - {id: c, command: 'echo {{ r.stdout }}', with: 5}\n"
        "    - {id: c, command: 'echo {{ item }}', with: 5, when: 'x =='}\n"
        "    - 7\n"
        "  test:\n"
        "    - {id: d, comand: ls, register: s}\n"
        "    - {id: e, file: {path: [], mode: '{{ s.stdout }}', src: '{{ x }}'}, timeout: []}\n"
    )
    said = [line.partition(";")[0].partition(". ")[0] for line in refused(tmp_path, text)]
    assert said == [
        "5:8 expected a text, found 5",
        "8:32 'nix' is not declared",
        "8:49 expected a text, found true",
        "9:23 expected a text or a mapping, found 1",
        "10:53 expected a list or a text, found 5",
        f"11:12 the id 'c' is taken already, at {tmp_path}/p.yml:10:8",
        "11:49 expected a list or a text, found 5",
        "11:58 not a valid expression: unexpected 'end of print statement'",
        "12:7 expected a mapping, found 7",
        "14:15 'comand' is not a step key",
        "15:28 expected a text, found []",
        "15:56 'src' is not a key of 'file'",
        "15:65 'x' is not declared",
        "15:82 expected a text or a number, found []",
    ]


def places(data: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if at:
        yield at
    if isinstance(data, dict | list):
        for key, value in data.items() if isinstance(data, dict) else enumerate(data):
            yield from places(value, (*at, key))


@pytest.mark.parametrize("name", BOOKS)
def test_no_value_in_any_place_is_more_than_an_error_at_a_place(tmp_path: Path, name: str) -> None:
    """Three hundred playbooks with one to three values changed; by a seed, so that it can be done again."""
    from runner.document.source import read_file

    whole = read_file(shipped_playbook(name)).data
    every = list(places(whole))
    draw = random.Random(name)
    book = tmp_path / "p.yml"
    for _ in range(60):
        data = json.loads(json.dumps(whole))
        changed = sorted(draw.sample(every, draw.randint(1, 3)), key=len, reverse=True)
        for at in changed:
            inner = data
            for key in at[:-1]:
                inner = inner[key]
            inner[at[-1]] = draw.choice(OTHERS)
        book.write_text(json.dumps(data, indent=1))
        try:
            load(book, kinds=KINDS, root=tmp_path)
        except InvalidInput as error:
            assert error.problems and all(problem.where for problem in error.problems), (changed, error)
        except Exception as error:
            error.add_note(f"{changed} in {json.dumps(data)[:3000]}")
            raise
