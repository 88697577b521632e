from __future__ import annotations

import pytest

from runner.hygiene import one_line, visible


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("\x1b]52;c;aGk=\x07", "^[]52;c;aGk=^G"),
        ("ok\rfailed", "ok^Mfailed"),
        ("ok\r\nnext\ttab", "ok\nnext\ttab"),
        ("a\u202eb", "a<U+202E>b"),
        ("\x9b31m", "<U+009B>31m"),
        ("\x00\x7f", "^@^?"),
        ("plain é 漢", "plain é 漢"),
        ("a ##[error]b", "a ## [error]b"),
    ],
)
def test_what_would_act_is_shown(hostile: str, shown: str) -> None:
    assert visible(hostile) == shown


def test_a_name_stays_on_one_line() -> None:
    assert one_line("a\nb\x1b[2J") == "a⏎b^[[2J"
