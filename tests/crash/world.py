"""A small project that rawat is run in, in a fork of this process; and the model that must hold whatever happened."""

from __future__ import annotations

import json
import os
import shutil
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import chdir
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Ended:
    """How rawat ended: its exit code or minus the signal; points passed and whether the fault struck."""

    code: int
    passed: int = 0
    struck: bool = True


class World:
    """
    A fresh project with this playbook. Each step counts itself in a file of `counts`, which has its id, or HOST.ID.

    `steps` are files of those that stand at most once, and in the end once: what counts itself in back-STEP takes that
    back. `again` are those that may run once in each sitting. Its hosts are this machine by the local transport, or
    what `sshd` is.
    """

    def __init__(
        self,
        folder: Path,
        playbook: str,
        steps: Sequence[str],
        *,
        again: Sequence[str] = (),
        hosts: Sequence[str] = ("here",),
        counts: Path | None = None,
        sshd: LoopbackSshd | None = None,
    ) -> None:
        self.folder = folder
        self.steps, self.again = tuple(steps), tuple(again)
        self.counts = counts or folder
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "spool").mkdir(parents=True, mode=0o700)
        for path in self.counts.iterdir() if counts else ():
            path.unlink()
        settings: dict[str, Any] = {"rawat": 1, "ssh_config": "/dev/null"}
        settings |= {"connect_timeout": "60s", "reconnect_timeout": "5s", "policy": {"same_machine": "allow"}}
        host: dict[str, Any] = {"transport": "local"}
        if sshd is not None:
            settings |= {"known_hosts": [str(sshd.known_hosts)]}
            host = {"address": sshd.address, "port": sshd.port, "user": sshd.user, "identity_file": str(sshd.key)}
        (folder / "rawat.yml").write_text(json.dumps(settings))
        (folder / "inventory.yml").write_text(json.dumps({"rawat": 1, "hosts": dict.fromkeys(hosts, host)}))
        (folder / "p.yml").write_text(playbook)
        self.words: tuple[str, ...] = ("run", "p.yml", "-e", f"folder={self.counts}")

    def plan(self) -> None:
        """
        `rawat plan` in this very process: whoever is forked from it then has patterns and templates compiled already.

        That saves each of them a fifth of its time, and takes no point away: nothing is written, nobody is asked.
        """
        out, argv = os.dup(1), sys.argv
        with chdir(self.folder), Path("said").open("ab") as said:
            os.dup2(said.fileno(), 1)
            sys.argv = ["rawat", "plan", *self.words[1:]]
            try:
                assert _main() == 0, self.said()
            finally:
                sys.stdout.flush()
                os.dup2(out, 1)
                os.close(out)
                sys.argv = argv

    def rawat(self, *words: str, at: int = 0, fault: Fault = "kill") -> Ended:
        report = self.folder / "points"
        report.unlink(missing_ok=True)
        child = os.fork()
        if child == 0:
            self._child(words, Points(at, fault), report)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        return Ended(code, **json.loads(report.read_text())) if report.exists() else Ended(code)

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
            Path("pid").write_text(str(os.getpid()))
            points.install()
            code = _main()
            points.end()
            report.write_text(json.dumps({"passed": points.passed, "struck": points.struck}))
        except BaseException:  # noqa: BLE001 - a child of a fork tells what it can and ends
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)

    def times(self, step: str) -> int:
        path = self.counts / step
        return len(path.read_text()) if path.exists() else 0

    def stands(self, step: str) -> int:
        """How often it was done, less how often that was taken back."""
        return self.times(step) - self.times(f"back-{step}")

    def begun(self) -> set[str]:
        """Steps that the host was asked to do, and nobody wrote down how they ended: nobody can know it."""
        spool = (self.folder / "spool").rglob("*.st")
        files = {path.name.rpartition(".")[0].rpartition(".")[0]: path.read_text() for path in spool}
        return {step for step, text in files.items() if "claim" in text and "\nend " not in text}

    def record(self) -> RunRecord | None:
        records = Records(self.folder / "records")
        runs = records.runs()
        return records.record(runs[-1]) if runs else None

    def said(self) -> str:
        path = self.folder / "said"
        return path.read_text()[-1500:] if path.exists() else ""


@dataclass(frozen=True)
class Verdict:
    """What breaks the model, and with what the sitting after the fault ended (None: there was none)."""

    wrong: list[str]
    resumed: int | None = None


def judge(
    world: World,
    code: int,
    *,
    allowed: Sequence[int],
    power: bool = False,
    between: Callable[[World], None] | None = None,
) -> Verdict:
    """
    Everything that breaks the model after a fault: first as it lies there, then after it was gone on with.

    `between` is what changes before that. A host that lived on knows all ends: nothing may be called unknown. Where it
    lost its `power` with ours, *unknown* is what was begun there and has no end written down, that and nothing else;
    then a person says what the files say.
    """
    wrong = model(world)
    if code not in allowed:
        wrong.append(f"the run ended with {code}: {world.said()}")
    if code == 0:
        return Verdict(wrong)
    if between is not None:
        between(world)
    unknown = world.begun() & {*world.steps, *world.again, *_backs(world)} if power else set()
    record = world.record()
    resumed = world.rawat(*("resume",) if record is not None and record.run else world.words).code
    if resumed == 2 and "nothing to resume" in world.said():
        resumed = 0 if record is not None and record.sealed else world.rawat(*world.words).code
    wrong += model(world)
    if resumed != (5 if unknown else 0):
        wrong.append(f"resume ended with {resumed}, and {unknown or 'nothing'} is in doubt: {world.said()}")
    last = _settle(world) if resumed == 5 else resumed
    if resumed == 5:
        wrong += model(world)
    stands = {step: world.stands(step) for step in world.steps}
    if last != 0 or set(stands.values()) != {1}:
        wrong.append(f"in the end ({last}) the steps were done {stands} times: {world.said()}")
    return Verdict(wrong, resumed)


def _settle(world: World) -> int:
    """A person says how what is in doubt ended; returns with what that was gone on with."""
    record = world.record()
    doubts = {step for _, step in record.in_doubt} if record is not None else set()
    words = [f"--settle={step}={'done' if world.times(step) else 'not-done'}" for step in sorted(doubts)]
    return world.rawat("resume", "--reason", "it was looked at", *words).code


def model(world: World) -> list[str]:
    """No step ran twice, none is called ok that did not run, and nothing of the record is damaged."""
    wrong = [f"{step} stands {world.stands(step)} times" for step in world.steps if world.stands(step) not in (0, 1)]
    wrong += [f"{step} was taken back twice" for step in world.steps if world.times(f"back-{step}") > 1]
    verdict = verify(Records(world.folder / "records"))
    if verdict.code == ALTERED:
        wrong.append(f"the record is called altered: {[finding.message for finding in verdict.findings]}")
    record: Any = world.record()
    if record is None or not record.run:
        return wrong
    try:
        valid(to_json(record))
    except AssertionError as error:
        wrong.append(f"the record does not validate: {error}")
    for step in world.again:
        if world.times(step) > len(record.sittings):
            wrong.append(f"{step} ran {world.times(step)} times in {len(record.sittings)} sittings")
    for host in record.hosts.values():
        for step in host.steps.values():
            names = {step.id, f"{host.name}.{step.id}"} & {*world.steps, *world.again, *_backs(world)}
            wrong += [f"{name} is called ok and never ran" for name in names if _never(world, name, step.outcome)]
    return wrong


def _backs(world: World) -> list[str]:
    return [f"back-{step}" for step in world.steps]


def _never(world: World, name: str, outcome: str) -> bool:
    return outcome == "ok" and world.times(name) == 0
