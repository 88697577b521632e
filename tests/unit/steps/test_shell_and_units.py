from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner import shell
from runner.errors import InvalidInput
from runner.redact import Secret
from runner.units import Amount, amount, duration_s, size_bytes, text_of_duration, text_of_size, whole_seconds

NASTY = [
    "",
    "a b",
    "it's",
    '"',
    "$HOME",
    "`id`",
    "a\nb",
    "*",
    "-rf",
    "a=b",
    "if",
    "!",
    "~",
    "~/x",
    "ünïcode",
    "\\",
    "#x",
]


@pytest.mark.parametrize("word", NASTY)
def test_a_quoted_word_reaches_the_program_as_it_is(word: str) -> None:
    done = subprocess.run(["dash", "-c", f"printf '%s' {shell.quote(word)}"], capture_output=True, check=True)
    assert done.stdout.decode() == word


@settings(max_examples=60)
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), min_size=1, max_size=8))
def test_any_words_stay_the_words_they_are(words: list[str]) -> None:
    line = "printf '%s\\0' " + shell.join(words)
    done = subprocess.run(["dash"], input=line.encode(), capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == words


@pytest.mark.parametrize("word", ["a=b", "if", "time"])
def test_a_first_word_is_a_command_and_nothing_else(word: str) -> None:
    done = subprocess.run(["dash", "-c", shell.join([word, "x"])], capture_output=True, check=False)
    assert done.returncode == 127


def test_a_secret_and_a_nul_are_refused() -> None:
    with pytest.raises(TypeError, match="secret"):
        shell.quote(Secret("password", "hunter2"))
    with pytest.raises(InvalidInput, match="NUL"):
        shell.quote("a\0b")


@pytest.mark.parametrize(
    ("path", "word"),
    [("~", '"$HOME"'), ("~/a b", "\"$HOME\"/'a b'"), ("/a b", "'/a b'"), ("~x", "'~x'"), ("~/", '"$HOME"/')],
)
def test_a_path_below_the_home(path: str, word: str) -> None:
    assert shell.path(path) == word


def test_an_assignment_needs_a_name() -> None:
    assert shell.assign("a", "b c") == "a='b c'"
    assert shell.assign("a", "") == "a=''"
    assert shell.assign_path("a", "~/x") == 'a="$HOME"/x'
    assert shell.exports({"A": "1 2"}) == ["export A='1 2'"]
    with pytest.raises(ValueError, match="name"):
        shell.assign("a;b", "c")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("30s", 30),
        ("10m", 600),
        ("2h", 7200),
        ("250ms", 0.25),
        ("1.5d", 129600),
        (5, 5),
        (0.5, 0.5),
        ("7", 7),
        ("1 m", 60),
    ],
)
def test_durations(text: object, seconds: float) -> None:
    assert duration_s(text) == seconds


def test_whole_seconds_are_rounded_up_and_0_only_where_0_was_said() -> None:
    assert [whole_seconds(text) for text in ("0s", 0, "1ms", "400ms", "1.4s", "2s", "3000ms", 0.1 + 0.2)] == [
        0, 0, 1, 1, 2, 2, 3, 1,
    ]  # fmt: skip


@pytest.mark.parametrize(
    "text", ["", "x", "-1s", "10 minutes", True, None, -1, "1e3", [1], float("nan"), "100000d", "9" * 400, 1e300]
)
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(InvalidInput, match="not a duration"):
        duration_s(text)


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("500MB", 500_000_000),
        ("1GiB", 1 << 30),
        ("10G", 10_000_000_000),
        ("1kB", 1000),
        (12, 12),
        (1.2, 2),
        ("7", 7),
        ("7B", 7),
        ("0.5KiB", 512),
    ],
)
def test_sizes(text: object, count: int) -> None:
    assert size_bytes(text) == count


@pytest.mark.parametrize("text", ["20%", "", "GB", "-1", -1, None, False, "1XB", "9" * 400, 1e300])
def test_what_is_no_size(text: object) -> None:
    with pytest.raises(InvalidInput, match="not a size"):
        size_bytes(text)


def test_amounts_and_what_people_read() -> None:
    assert amount("20%") == Amount(percent=20.0)
    assert amount("1kB") == Amount(bytes=1000)
    assert str(amount("20%")) == "20 %"
    assert text_of_size(999) == "999 bytes"
    assert text_of_size(1_500_000) == "1.5 MB"
    assert text_of_duration(0.25) == "250 ms"
    assert text_of_duration(130) == "2 min 10 s"
    assert text_of_duration(3.21) == "3.2 s"
