"""Where the marks stand under a mistake."""

from __future__ import annotations

import pytest

from runner.errors import Location, Problem


@pytest.mark.parametrize(
    ("line", "column", "width", "marks"),
    [
        ("name: x", 7, 1, "      ^"),
        ("name: x", 1, 4, "^^^^"),
        ("name: x", 7, 9, "      ^"),
        ("name: x", 8, 1, "       ^"),
        ("日本: x", 5, 1, "      ^"),
        ("x: 日本", 4, 2, "   ^^^^"),
        ("e\u0301a: x", 6, 1, "    ^"),
        ("e\u0301a: xy", 6, 2, "    ^^"),
        ("\té: x", 5, 1, "    ^"),
        ("", 1, 1, ""),
    ],
)
def test_marks_stand_under_what_is_meant(line: str, column: int, width: int, marks: str) -> None:
    told = str(
        Problem(message="wrong", where=Location(file="p.yml", line=3, column=column), line=line, width=width)
    ).splitlines()
    assert told[0] == f"p.yml:3:{column}: error: wrong"
    assert told[1:] == ([f"    3 | {line}".replace("\t", " "), f"      | {marks}"] if line else [])


def test_a_long_line_is_shown_around_the_mark() -> None:
    line = "日" * 150 + "x" + "y" * 150
    _, shown, marks = str(
        Problem(message="wrong", where=Location(file="p.yml", line=1, column=151), line=line)
    ).splitlines()
    assert shown == "    1 | " + "日" * 59 + "x" + "y" * 60
    assert marks == "      | " + " " * 118 + "^"
