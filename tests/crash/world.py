"""A small project that rawat is run in, in a fork of this process; and the model that must hold whatever happened."""

from __future__ import annotations

import json
import os
import shutil
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import runner.app.answers
import runner.app.resume
import runner.app.run
import runner.app.seals
import runner.cli.asking
import runner.cli.board
import runner.cli.carrying
import runner.cli.change
import runner.cli.execute
import runner.cli.plain
import runner.engine.host
import runner.index.sqlite
import runner.playbook.evaluation
import runner.report.text
import runner.steps.command
import runner.transport.ssh  # noqa: F401 - imported before the forks, or every one of them would do it anew
from runner.cli.main import _main
from runner.journal.folder import Records
from runner.journal.verify import ALTERED, verify
from runner.record import RunRecord, to_json
from tests.bed.sshd import LoopbackSshd
from tests.crash.points import Fault, Points
from tests.records import valid

SOON = "retries: {attempts: 1, delay: 100ms}"
"""For a step: what never arrived on the host is sent again after this, not after the 5 s that people have."""


class World:
    """
    A fresh project with this playbook; `steps` are those that may run once only, each counts itself in a file.

    Its one host is this machine by the local transport, or what `sshd` is.
    """

    def __init__(self, folder: Path, playbook: str, steps: Sequence[str], *, sshd: LoopbackSshd | None = None) -> None:
        self.folder = folder
        self.steps = tuple(steps)
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "spool").mkdir(parents=True, mode=0o700)
        settings: dict[str, Any] = {"rawat": 1, "ssh_config": "/dev/null"}
        settings |= {"connect_timeout": "5s", "reconnect_timeout": "5s"}
        host: dict[str, Any] = {"transport": "local"}
        if sshd is not None:
            settings |= {"known_hosts": [str(sshd.known_hosts)]}
            host = {"address": sshd.address, "port": sshd.port, "user": sshd.user, "identity_file": str(sshd.key)}
        (folder / "rawat.yml").write_text(json.dumps(settings))
        (folder / "inventory.yml").write_text(json.dumps({"rawat": 1, "hosts": {"here": host}}))
        (folder / "p.yml").write_text(playbook)
        self.words = ("run", "p.yml", "-e", f"folder={folder}")

    def rawat(self, *words: str, at: int = 0, fault: Fault = "kill") -> tuple[int, int]:
        """(exit code, or minus the signal; points passed, where it was not killed)."""
        report = self.folder / "points"
        report.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            self._child(words, Points(at, fault), report)
        _, status = os.waitpid(child, 0)
        passed = int(report.read_text()) if report.exists() else 0
        return os.waitstatus_to_exitcode(status), passed

    def _child(self, words: tuple[str, ...], points: Points, report: Path) -> None:
        code = 99
        try:
            os.chdir(self.folder)
            os.environ |= {"RAWAT_SPOOL": str(self.folder / "spool"), "TERM": "dumb"}
            said = os.open("said", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            for stream in (1, 2):
                os.dup2(said, stream)
            os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
            sys.argv = ["rawat", *words]
            points.install()
            code = _main()
            points.struck = True  # what is written from here on is the harness's own
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


def problems(world: World, code: int, *, allowed: Sequence[int]) -> list[str]:
    """Everything that breaks the model after a fault: first as it lies there, then after it was gone on with."""
    found = model(world)
    if code not in allowed:
        found.append(f"the run ended with {code}: {world.said()}")
    if code == 0:
        return found
    record = world.record()
    resumed, _ = world.rawat("resume") if record is not None and record.run else world.rawat(*world.words)
    if resumed == 2 and "nothing to resume" in world.said():
        resumed = 0 if record is not None and record.sealed else world.rawat(*world.words)[0]
    found += model(world)
    if resumed not in (0, 5):
        found.append(f"resume ended with {resumed}: {world.said()}")
    times = {step: world.times(step) for step in world.steps}
    if resumed == 0 and set(times.values()) != {1}:
        found.append(f"the steps ran {times} times")
    return found


def model(world: World) -> list[str]:
    """No step ran twice, none is called ok that did not run, and nothing of the record is damaged."""
    found = [f"{step} ran {world.times(step)} times" for step in world.steps if world.times(step) > 1]
    verdict = verify(Records(world.folder / "records"))
    if verdict.code == ALTERED:
        found.append(f"the record is called altered: {[finding.message for finding in verdict.findings]}")
    record: Any = world.record()
    if record is not None and record.run:
        try:
            valid(to_json(record))
        except AssertionError as error:
            found.append(f"the record does not validate: {error}")
    for host in record.hosts.values() if record is not None else ():
        for step in host.steps.values():
            if step.id in world.steps and step.outcome == "ok" and world.times(step.id) != 1:
                found.append(f"{step.id} is called ok and ran {world.times(step.id)} times")
    return found
