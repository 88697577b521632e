"""Lines for people on a terminal: whole words, under their own text, and commands that can be copied."""

from __future__ import annotations

import pytest

from runner.cli.screen import fitted, say

LINE = f"{'':25}☐ told: Everybody who works with the database was told of it (by hand), not required"


def test_a_long_line_goes_on_below_the_beginning_of_its_text() -> None:
    first, second = fitted(LINE, 80).split("\n")
    assert first == f"{'':25}☐ told: Everybody who works with the database was told"
    assert second == f"{'':27}of it (by hand), not required"
    assert (
        fitted("  left out    " + ", ".join(f"host{n}" for n in range(20)), 60).split("\n")[1][:19] == f"{'':14}host6"
    )


def test_what_fits_stays_and_so_does_a_command_and_a_long_word() -> None:
    command = "  next        rawat run playbooks/backup.yml --hosts h1 -e engine=sqlite -e database=/srv/data/credit.db"
    assert fitted(command, 80) == command
    assert fitted(LINE, 120) == LINE
    assert fitted("x" * 100, 40) == "x" * 100
    assert fitted("a\n\n  b", 80) == "a\n\n  b"


def test_parts_are_not_torn() -> None:
    line = "  where the time went   connect 0.4 s   work 0.3 s   waiting to retry 0.6 s   overhead 0.1 s"
    assert fitted(line, 80) == (
        "  where the time went   connect 0.4 s   work 0.3 s   waiting to retry 0.6 s\n"
        f"{'':24}overhead 0.1 s"
    )  # fmt: skip


def test_a_pipe_gets_lines_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    say(LINE)
    assert capsys.readouterr().out == LINE + "\n"
