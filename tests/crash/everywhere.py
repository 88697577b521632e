"""
Runs a small playbook, kills rawat at each point in turn, resumes, and holds what happened against the model.

    python -m tests.crash.everywhere FOLDER FIRST EVERY

One process that has imported everything forks a child for each run, so that a point costs a fraction of a second.
Prints a line of JSON: `{"points": n, "killed": n, "codes": {...}, "wrong": [...]}`.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import runner.app.resume
import runner.app.run
import runner.cli.carrying
import runner.engine.host
import runner.index.sqlite
import runner.report.text
import runner.steps.command  # noqa: F401 - imported before the forks
from runner.cli.main import _main
from runner.journal.folder import Records
from runner.journal.verify import ALTERED, verify
from runner.record import RunRecord
from tests.crash.points import Points

STEPS = ("one", "two", "three")
PLAYBOOK = (
    "rawat: 1\nname: t\nkind: other\nhosts: all\nvars: {folder: {required: true}}\nphases:\n  implement:\n"
    + "".join(
        f"    - {{id: {step}, script: 'printf x >>{{{{ folder }}}}/{step}; echo {step}', register: r_{step}}}\n"
        for step in STEPS
    )
    + "  test:\n    - {id: all, script: 'echo {{ r_one.stdout }}', idempotent: true}\n"
)


class World:
    """A fresh project for one point."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "spool").mkdir(parents=True, mode=0o700)
        (folder / "rawat.yml").write_text("rawat: 1\nssh_config: /dev/null\n")
        (folder / "inventory.yml").write_text("rawat: 1\nhosts: {here: {transport: local}}\n")
        (folder / "p.yml").write_text(PLAYBOOK)

    def rawat(self, *words: str, at: int = 0) -> tuple[int, int]:
        """(exit code, or minus the signal; points passed, where it was not killed)."""
        report = self.folder / "points"
        report.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            self._child(words, at, report)
        _, status = os.waitpid(child, 0)
        passed = int(report.read_text()) if report.exists() else 0
        return os.waitstatus_to_exitcode(status), passed

    def _child(self, words: tuple[str, ...], at: int, report: Path) -> None:
        code = 99
        try:
            os.chdir(self.folder)
            os.environ |= {"RAWAT_SPOOL": str(self.folder / "spool"), "TERM": "dumb"}
            said = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            for stream in (1, 2):
                os.dup2(said, stream)
            os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
            sys.argv = ["rawat", *words]
            points = Points(at)
            points.install()
            code = _main()
            report.write_text(str(points.passed))
        except BaseException:  # noqa: BLE001 - a child of a fork tells what it can and ends
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)

    def times(self, step: str) -> int:
        path = self.folder / step
        return len(path.read_text()) if path.exists() else 0

    def record(self) -> RunRecord | None:
        records = Records(self.folder / "records")
        runs = records.runs()
        return records.record(runs[-1]) if runs else None

    def said(self) -> str:
        path = self.folder / "said"
        return path.read_text()[-1500:] if path.exists() else ""


def main() -> None:
    folder = Path(sys.argv[1])
    first, every = (int(word) for word in sys.argv[2:4])
    words = ("run", "p.yml", "-e", f"folder={folder / 'world'}")
    code, total = World(folder / "world").rawat(*words)
    assert code == 0, World(folder / "world").said()
    wrong: list[str] = []
    codes: Counter[str] = Counter()
    for at in range(first, total + 1, every):
        world = World(folder / "world")
        code, _ = world.rawat(*words, at=at)
        codes[str(code)] += 1
        wrong += [f"point {at}: {problem}" for problem in problems(world, code, words)]
    print(json.dumps({"points": total, "codes": codes, "wrong": wrong}))


def problems(world: World, code: int, words: tuple[str, ...]) -> list[str]:
    """Everything that breaks the model after a kill: first as it lies there, then after it was gone on with."""
    found = model(world)
    if code == 0:
        return found
    record = world.record()
    resumed, _ = world.rawat("resume") if record is not None and record.run else world.rawat(*words)
    if resumed == 2 and "nothing to resume" in world.said():
        resumed = 0 if record is not None and record.sealed else world.rawat(*words)[0]
    found += model(world)
    if resumed not in (0, 5):
        found.append(f"resume ended with {resumed}: {world.said()}")
    if resumed == 0 and [world.times(step) for step in STEPS] != [1, 1, 1]:
        found.append(f"the steps ran {[world.times(step) for step in STEPS]} times")
    return found


def model(world: World) -> list[str]:
    """No step ran twice, none is called ok that did not run, and nothing of the record is damaged."""
    found = [f"{step} ran {world.times(step)} times" for step in STEPS if world.times(step) > 1]
    verdict = verify(Records(world.folder / "records"))
    if verdict.code == ALTERED:
        found.append(f"the record is called altered: {[finding.message for finding in verdict.findings]}")
    record: Any = world.record()
    for host in record.hosts.values() if record is not None else ():
        for step in host.steps.values():
            if step.id in STEPS and step.outcome == "ok" and world.times(step.id) != 1:
                found.append(f"{step.id} is called ok and ran {world.times(step.id)} times")
    return found


if __name__ == "__main__":
    main()
