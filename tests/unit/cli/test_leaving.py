"""The end of the process: at once, but with everything said."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bed.process import until

SAYING = "import sys; from runner.cli.main import _leave; sys.stdout.write('word ' * 100); _leave(%d)"
BUFFERED = {**os.environ, "PYTHONUNBUFFERED": ""}


def test_what_was_said_last_arrives() -> None:
    done = subprocess.run([sys.executable, "-c", SAYING % 3], capture_output=True, text=True, env=BUFFERED)
    assert (done.returncode, done.stdout, done.stderr) == (3, "word " * 100, "")


@pytest.mark.parametrize(("code", "expected"), [(0, 6), (1, 1)])
def test_what_finds_no_room_is_told_and_hides_no_failure(code: int, expected: int) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", SAYING % code], stdout=full, stderr=subprocess.PIPE, text=True, env=BUFFERED
        )
    assert done.returncode == expected
    assert done.stderr == "error: what was to be said could not be written: No space left on device\n"


def test_a_reader_that_has_had_enough_is_no_failure() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read(); " + SAYING % 0],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=BUFFERED,
    )  # fmt: skip
    assert process.stdin and process.stdout and process.stderr
    process.stdout.close()
    process.stdin.close()
    until("it has ended", lambda: process.poll() is not None)
    assert (process.returncode, process.stderr.read()) == (0, "")
    process.stderr.close()
