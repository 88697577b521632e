"""SIGKILL at every point; then `resume`: no step ran twice, none is called ok that did not run, the record holds."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

JOBS = 4


def test_killed_at_any_point_nothing_is_lost_and_nothing_is_done_twice(tmp_path: Path) -> None:
    jobs = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.crash.everywhere", str(tmp_path / str(job)), str(job), str(JOBS)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for job in range(1, JOBS + 1)
    ]
    for folder in range(1, JOBS + 1):
        (tmp_path / str(folder)).mkdir()
    said = [json.loads(job.communicate(timeout=280)[0]) for job in jobs]
    assert [problem for part in said for problem in part["wrong"]] == []
    # how many there are depends a little on time: what nobody waits for is put on disk 40 ms after
    assert said[0]["points"] > 120
    killed = sum(part["codes"].get("-9", 0) for part in said)
    assert killed > said[0]["points"] * 0.8


def test_killed_at_some_points_over_ssh(tmp_path: Path) -> None:
    """Every twelfth; `python -m tests.crash.everywhere FOLDER 1 1 ssh` takes them all."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.everywhere", str(tmp_path), "5", "12", "ssh"],
        stdout=subprocess.PIPE, text=True, timeout=200, check=True,
    )  # fmt: skip
    said = json.loads(done.stdout)
    assert said["wrong"] == []
    assert said["codes"].get("-9", 0) >= 8
