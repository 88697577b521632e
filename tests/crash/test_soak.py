"""Random playbooks under random faults: killed, disk full, disk broken, a write cut short, the link cut."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

JOBS = 7  # most of the time goes where an answer is waited for in vain; of seven, none has two of the longest
FIRST, SEEDS = 1, 210


def test_whatever_goes_wrong_no_step_runs_twice_and_the_record_holds(tmp_path: Path) -> None:
    jobs = []
    for job in range(JOBS):
        folder = tmp_path / str(job)
        folder.mkdir()
        words = [str(folder), str(FIRST + job), str(SEEDS), str(JOBS)]
        jobs.append(
            subprocess.Popen([sys.executable, "-m", "tests.crash.soak", *words], stdout=subprocess.PIPE, text=True)
        )
    said = [json.loads(job.communicate(timeout=1100)[0]) for job in jobs]
    assert [problem for part in said for problem in part["wrong"]] == []
    seeds = sum(part["seeds"] for part in said)
    assert seeds >= 200
    # a fault that never struck shows nothing
    assert sum(sum(part["missed"].values()) for part in said) <= seeds * 0.05
    assert sum(part["struck"].get("lasting", 0) for part in said) >= 20
