"""Rows of a restored server are counted in every database, or not at all."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import runner.steps

SCRIPT = Path(runner.steps.__file__).parent / "sh" / "restore_mariabackup.sh"
ASK = 'ask() { case "$1" in broken) return 1 ;; esac; cat; }'


@pytest.mark.parametrize(
    ("databases", "fails"), [(("a", "b"), False), (("broken", "a"), True), (("a", "broken"), True)]
)
def test_a_database_that_cannot_be_counted_fails_the_proof_wherever_it_stands(
    tmp_path: Path, databases: tuple[str, ...], fails: bool
) -> None:
    (tmp_path / "databases").write_text("".join(f"{name}\n" for name in databases))
    text = f"pipes='{tmp_path}'\n{SCRIPT.read_text()}\n{ASK}\nrestore_count\n"
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True)
    assert (done.returncode != 0) is fails, done
