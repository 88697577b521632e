"""How pg_repack is told which database: that changed with its version 1.5."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import runner.steps
from tests.programs import program

SCRIPT = Path(runner.steps.__file__).parent / "sh" / "optimize_postgresql.sh"
GIVEN = "dbname='it\\'s' host='/run' options='-c lock_timeout=0' "


@pytest.mark.parametrize(
    ("version", "whole"),
    [("1.4.8", False), ("1.4", False), ("0.3", False), ("1.5.0", True), ("1.5.2", True), ("1.10", True), ("2.1", True)],
)
def test_a_database_is_named_as_each_version_of_pg_repack_takes_it(tmp_path: Path, version: str, whole: bool) -> None:
    """1.4 puts it behind a `dbname=` of its own; 1.5 takes a connection string, or a name as it is."""
    program(tmp_path / "pg_repack", f"echo 'pg_repack {version}'")
    text = f"unlimited() {{ cat <<'END'\n{GIVEN}\nEND\n}}\n{SCRIPT.read_text()}\nfor_repack '{tmp_path}/pg_repack'\n"
    done = subprocess.run(["sh", "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout.rstrip("\n") == (GIVEN if whole else GIVEN.removeprefix("dbname="))
