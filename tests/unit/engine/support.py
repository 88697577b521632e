"""A whole run on fake hosts: playbook text in, events and record out. Nothing waits, nothing is sent."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runner.app.opening import started
from runner.app.request import Context, Reason
from runner.engine.bus import Bus
from runner.engine.link import Link
from runner.engine.past import Past
from runner.engine.plan import Choice, make_plan
from runner.engine.run import Run
from runner.engine.surroundings import Stop, Surroundings
from runner.errors import JournalError
from runner.events import Event, StepStarted
from runner.journal.output import OutputLog
from runner.journal.resource import Resources
from runner.model import Host
from runner.playbook.load import load
from runner.record import RunRecord, exit_code, fold, to_json
from runner.redact import Redactor, Secret
from runner.registry import Registry
from runner.seams import Answer, OutputFile, Question
from runner.steps import BUILT_IN
from runner.testing import FakeClock, FakeHost, FakeTransport, NoPasswords, RecordingWatcher
from tests.records import valid

KINDS: Registry[type[Any]] = Registry("rawat.steps", BUILT_IN)
HEAD = "rawat: 1\nname: t\nkind: other\nhosts: all\n"


class MemoryJournal:
    """A runner.seams.Journal; `fail_at` is the number of the line that cannot be written."""

    def __init__(self, folder: Path, redactor: Redactor, *, fail_at: int = 0) -> None:
        self.lines: list[Mapping[str, Any]] = []
        self.synced: list[int] = []
        self._folder = folder
        self._redactor = redactor
        self._fail_at = fail_at

    def write(self, line: Mapping[str, Any]) -> int:
        if self._fail_at and len(self.lines) + 1 >= self._fail_at:
            raise JournalError("told to fail")
        self.lines.append(line)
        return len(self.lines)

    def sync(self, number: int) -> None:
        assert number <= len(self.lines)
        self.synced.append(number)

    def script(self, text: str) -> str:
        return "0" * 64

    def output(self, host: str, step: str, attempt: int, *, keep: bool) -> OutputFile:
        name = f"{host}-{step}-{attempt}.log"
        return OutputLog(self._folder / name, name, self._redactor, keep=keep)


@dataclass
class Answers:
    """A runner.seams.People that says what it was told to."""

    yes: bool | None = True
    asked: list[Question] = field(default_factory=list)

    def ask(self, question: Question, stop: threading.Event) -> Answer:
        self.asked.append(question)
        return Answer(yes=self.yes, by="tester", how="test")


class Stopping(FakeClock):
    """Asks a run to stop in its n-th wait."""

    def __init__(self, stop: Stop, at: int = 1) -> None:
        super().__init__()
        self._stop, self._at = stop, at

    def wait(self, event: threading.Event, seconds: float) -> bool:
        self._at -= 1
        if not self._at:
            self._stop.ask("SIGINT")
        return super().wait(event, seconds)


@dataclass
class Outcome:
    code: int
    record: RunRecord
    watcher: RecordingWatcher
    clock: FakeClock
    journal: MemoryJournal
    people: Answers

    def steps(self, host: str = "a") -> dict[str, str]:
        """step -> outcome, in the order in which they came."""
        return {name: step.outcome for name, step in self.record.hosts[host].steps.items()}

    def outcomes(self) -> dict[str, str]:
        return {name: host.outcome for name, host in self.record.hosts.items()}


def run(
    folder: Path,
    text: str,
    hosts: Mapping[str, FakeHost] | None = None,
    *,
    head: str = HEAD,
    choice: Choice | None = None,
    secrets: Sequence[Secret] = (),
    stop: Stop | None = None,
    people: Answers | None = None,
    fail_at: int = 0,
    variables: Mapping[str, Mapping[str, Any]] | None = None,
    same_machine: bool = True,
    groups: Mapping[str, tuple[str, ...]] | None = None,
    limits: Mapping[str, int] | None = None,
    machine: tuple[str, str] = ("", ""),
    past: Mapping[str, Past] | None = None,
    transport: type[FakeTransport] = FakeTransport,
    resources: Resources | None = None,
    carrying: Callable[[Run], None] = lambda carried: None,
    clock: FakeClock | None = None,
    owner: str = "",
    lock_s: float = 0.0,
) -> Outcome:
    """
    Load `head` + `text`, run it on fake hosts (one named `a` by default), and fold what happened.

    `carrying` gets the run before it begins.
    """
    folder = Path(tempfile.mkdtemp(dir=folder))
    path = folder / "playbook.yml"
    path.write_text(head + text, encoding="utf-8")
    fakes = dict(hosts or {"a": FakeHost()})
    playbook = load(path, kinds=KINDS)
    known = [
        Host(name=name, address=name, vars=(variables or {}).get(name, {}), groups=(groups or {}).get(name, ()))
        for name in fakes
    ]
    plan = make_plan(playbook, known, choice or Choice(variables={}), limits=limits)
    clock, watcher = clock or FakeClock(), RecordingWatcher()
    redactor = Redactor(secrets)
    journal = MemoryJournal(folder, redactor, fail_at=fail_at)
    bus = Bus(journal, redactor, clock, [watcher])
    answers = people or Answers()
    around = Surroundings(
        playbook=playbook, kinds=KINDS, bus=bus, journal=journal, clock=clock, people=answers,
        stop=stop or Stop(), run_id="01RUN", machine=machine, resources=resources,
        until=clock.monotonic() + playbook.rollout.timeout_s, lock_s=lock_s,
    )  # fmt: skip
    first = started("01RUN", plan, Context(folder=folder, environment={}), Reason())
    bus.emit(first)
    earlier = [begun_before(first, past)] if past else []
    network = transport(fakes, clock=clock)
    local = FakeTransport(clock=clock)
    carried = Run(
        plan,
        around,
        link=lambda host: Link(host, network, local, run_id="01RUN", passwords=NoPasswords(), owner=owner),
        secrets={secret.name: secret for secret in secrets},
        same_machine=same_machine,
        past=past or {},
        earlier=earlier,
    )
    carrying(carried)
    code = carried.execute()
    bus.close()
    carried.close()
    record = fold([*earlier, bus.events])
    assert code == exit_code(record)
    assert carried.record() == record, "folding goes on where it was when the run looked at itself"
    valid(to_json(record))
    return Outcome(code=code, record=record, watcher=watcher, clock=clock, journal=journal, people=answers)


def begun_before(first: Event, past: Mapping[str, Past]) -> list[Event]:
    """An earlier sitting in which the steps were begun that nobody saw the end of."""
    return [first] + [
        StepStarted(host=host, step=step, phase="implement", kind="command", title=step, sha256="0" * 64)
        for host, known in past.items()
        for step, before in known.steps.items()
        if before.state == "doubt"
    ]
