from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from runner.document.source import MAX_BYTES, parse, read_file, scalar
from runner.errors import InvalidInput
from runner.inventory.read import read as read_inventory


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7), ("-3", -3), ("0", 0), ("2.5", 2.5), ("true", True), ("False", False), ("null", None), ("~", None),
        ("no", "no"), ("yes", "yes"), ("off", "off"), ("0644", "0644"), ("12:30", "12:30"), ("3.10", "3.10"),
        ("1e3", "1e3"), ("1_0", "1_0"), ("0x1f", "0x1f"), ("+5", "+5"), (".5", ".5"), ("-0", "-0"), ("", None),
        ("2026-11-24", "2026-11-24"), ("99999999999999999999", "99999999999999999999"),
    ],
)  # fmt: skip
def test_a_plain_scalar_is_a_number_only_where_it_writes_back_the_same(text: str, value: object) -> None:
    assert scalar(text) == value
    assert type(scalar(text)) is type(value)


def test_keys_are_words_and_quoted_values_are_text() -> None:
    assert parse("on: \"7\"\nyes: 'x'\n", name="f").data == {"on": "7", "yes": "x"}


def test_every_value_knows_where_it_stands() -> None:
    document = parse("a:\n  - x: 1\n    y: [p, q]\n", name="f")
    place = document.places[("a", 0, "y", 1)]
    assert (place.line, place.column) == (3, 12)
    assert str(document.problem(("a", 0, "y"), "bad", on_key=True)).splitlines() == [
        "f:3:5: error: bad",
        "    3 |     y: [p, q]",
        "      |     ^",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "f:3:1: error: 'a' is here twice; the first is at 1:1"),
        ("a: !!python/object:os.system x\n", "f:1:4: error: the tag"),
        ("a: !mine x\n", "f:1:4: error: the tag"),
        ("a: ! 7\n", "f:1:4: error: the tag !"),
        ("a:\n- &a0 [x]\n" + "".join(f"- &a{n} [*a{n - 1}]\n" for n in range(1, 60)), "nested deeper than 50 levels"),
        ("a:\n\tb: 1\n", "f:2:1: error: not valid YAML: a tab where YAML wants spaces"),
        ("a: *nope\n", "f:1:4: error: the anchor 'nope' is not defined above"),
        ("a: [1\n", "error: not valid YAML"),
        ("a: 1\n---\nb: 2\n", "a second document"),
        ('a: "x\\0y"\n', "f:1:4: error: a NUL character"),
        ("? [x]\n: 1\n", "a key must be a plain word"),
        ("[" * 60, "nested deeper than 50 levels"),
    ],
)
def test_what_is_not_part_of_the_language_is_refused_at_its_place(text: str, said: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(text, name="f")
    assert said in str(refused.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse("a: 1\na: 2\nb: !x 1\nc: *nope\n", name="f")
    assert len(refused.value.problems) == 3


def test_an_alias_bomb_ends_early() -> None:
    bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n" for n in range(9)
    )
    began = time.monotonic()
    with pytest.raises(InvalidInput, match="more than 100000 values"):
        parse(bomb, name="f")
    assert time.monotonic() - began < 60


def test_aliases_mean_what_they_stand_for() -> None:
    assert parse("a: &x {k: 1}\nb: *x\n", name="f").data == {"a": {"k": 1}, "b": {"k": 1}}


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"a: \xff\n", "1:4: error: this is not UTF-8 text"),
        (b"#" * (MAX_BYTES + 1), "larger than 1 MiB"),
        (b"a: \x00\n", "not valid YAML"),
    ],
)
def test_files_that_are_no_text_are_refused(tmp_path: Path, raw: bytes, said: str) -> None:
    (tmp_path / "f.yml").write_bytes(raw)
    with pytest.raises(InvalidInput) as refused:
        read_file(tmp_path / "f.yml")
    assert said in str(refused.value)


def test_a_pipe_is_read_to_its_end_and_not_waited_for_where_nobody_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.document.paths.WRITER_S", 0.2)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    began = time.monotonic()
    with pytest.raises(InvalidInput, match="pipe: a pipe, and nobody writes to it"):
        read_file(pipe)
    assert "pipe: a pipe, and nobody writes to it" in str(read_inventory(pipe).draft.problems)
    assert time.monotonic() - began < 60
    monkeypatch.setattr("runner.document.paths.WRITER_S", 60.0)
    (tmp_path / "text").write_bytes(b"a: " + b"y" * 100_000)
    with subprocess.Popen(["sh", "-c", f'exec >"{pipe}"; sleep 0.5; cat "{tmp_path}/text"']):
        assert len(read_file(pipe).raw) == 100_003
    with subprocess.Popen(["cat", "/dev/zero"], stdout=subprocess.PIPE) as endless:
        assert endless.stdout
        with pytest.raises(InvalidInput, match="larger than 1 MiB"):
            read_file(Path(f"/dev/fd/{endless.stdout.fileno()}"))
        endless.kill()


def test_a_mark_at_the_beginning_and_windows_line_ends_are_taken(tmp_path: Path) -> None:
    (tmp_path / "f.yml").write_bytes(b"\xef\xbb\xbfa: |\r\n  x\r\n  y\r\n")
    assert read_file(tmp_path / "f.yml").data == {"a": "x\ny\n"}


def test_a_value_that_is_used_very_often_costs_no_more_than_one_that_is_written_as_often() -> None:
    began = time.process_time()
    data = parse("a: &a {b: 1}\nc:\n" + "- *a\n" * 30_000, name="f").data
    assert data["c"] == [{"b": 1}] * 30_000
    assert time.process_time() - began < 20
