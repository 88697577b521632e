"""SIGKILL at every point; then `resume`: no step ran twice, none is called ok that did not run, the record holds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

JOBS = 4


def everywhere(tmp_path: Path, jobs: Sequence[Sequence[str]], *, arrives_s: float = 0.0) -> list[dict[str, Any]]:
    """
    What each job says of each of its scenes, of which none may be wrong; the words of a job begin with FIRST.

    `arrives_s` is how long a host may take to begin what it was sent; as short as on a machine that is free, if 0.
    """
    environment = {**os.environ, "BED_ARRIVES_S": str(arrives_s or "")}
    running = []
    for number, words in enumerate(jobs):
        folder = tmp_path / str(number)
        folder.mkdir()
        argv = [sys.executable, "-m", "tests.crash.everywhere", str(folder), *words]
        running.append(subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment))
    said = [json.loads(line) for job in running for line in job.communicate(timeout=1100)[0].splitlines()]
    assert [job.returncode for job in running] == [0] * len(running)
    assert [problem for part in said for problem in part["wrong"]] == []
    return said


def test_killed_at_any_point_nothing_is_lost_and_nothing_is_done_twice(tmp_path: Path) -> None:
    said = everywhere(tmp_path, [(str(job), str(JOBS), "run") for job in range(1, JOBS + 1)])
    # how many there are depends a little on time: what nobody waits for is put on disk 40 ms after
    assert said[0]["points"] > 120
    killed = sum(part["codes"].get("-9", 0) for part in said)
    assert killed > said[0]["points"] * 0.8


def test_killed_in_a_resume_a_rollback_and_every_sort_of_step(tmp_path: Path) -> None:
    """Every twentieth point; `python -m tests.crash.everywhere FOLDER 1 1` takes them all."""
    # only root may become another user without being asked
    root = ("become",) if os.geteuid() == 0 else ()
    said = everywhere(tmp_path, [
        ("3", "20", "resume", "rollback", "once"),
        ("5", "20", "rollback-resumed", "undo-fails", "once-resumed", *root),
    ])  # fmt: skip
    assert len(said) == 6 + len(root)
    for part in said:
        assert part["codes"].get("-9", 0) >= 6, part
        assert part["resumed"].get("5", 0) == 0, f"the host lives on and knows all ends: {part}"


def test_killed_with_the_power_of_the_host_what_was_begun_and_no_more_is_unknown(tmp_path: Path) -> None:
    """Every sixth point; others where none of these fell into a step, on a machine that is busy with longer ones."""
    said = []
    for first, every, arrives_s in (("2", "6", 0.0), ("5", "6", 0.0), ("3", "18", 1.0), ("4", "36", 4.0)):
        (tmp_path / first).mkdir()
        said += everywhere(tmp_path / first, [(first, every, "power")], arrives_s=arrives_s)
        assert said[-1]["codes"].get("-9", 0) >= 4
        if said[-1]["resumed"].get("5", 0):
            break
    assert 0 < said[-1]["resumed"].get("5", 0) < 15, said


def test_killed_at_some_points_over_ssh(tmp_path: Path) -> None:
    """Every twelfth; `python -m tests.crash.everywhere FOLDER 1 1 ssh` takes them all."""
    (said,) = everywhere(tmp_path, [("5", "12", "ssh")])
    assert said["codes"].get("-9", 0) >= 8
