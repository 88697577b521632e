"""Which machine answers under a host's name: after a lost link, after a boot, in the next sitting."""

from __future__ import annotations

import dataclasses
from math import inf
from pathlib import Path

import pytest

from runner.engine.past import Before, Past
from runner.frozen import replace
from runner.model import Host
from runner.seams import Passwords
from runner.testing import FACTS, PEER, FakeHost, FakeSession, FakeTransport
from tests.unit.engine.support import Outcome, run

OTHER = replace(FACTS, machine_id="f" * 32)
TWO = "phases: {implement: [{id: one, command: one}, {id: two, command: two}]}\n"


def answering(first: FakeHost, *later: FakeHost) -> type[FakeTransport]:
    """One name, and who answers to it at each connection; the last one stays."""
    left = [first, *later]

    class Moving(FakeTransport):
        def connect(self, host: Host, *, run_id: str, passwords: Passwords, within_s: float = inf) -> FakeSession:
            self.hosts[host.name] = left[0] if len(left) == 1 else left.pop(0)
            return super().connect(host, run_id=run_id, passwords=passwords)

    return Moving


def problem(ended: Outcome, step: str) -> str:
    return ended.record.hosts["a"].steps[step].attempts[-1].problem


@pytest.mark.parametrize("step", ["command: one", "disk: {path: /, free: 1%}"])
def test_another_machine_behind_the_name_is_not_asked_about_a_step(tmp_path: Path, step: str) -> None:
    """Not even for what only reads: all that follows would be done on it."""
    fake, other = FakeHost(drop_at=1), FakeHost(facts=OTHER)
    text = f"phases: {{implement: [{{id: one, {step}}}, {{id: two, command: two}}]}}\n"
    ended = run(tmp_path, text, {"a": fake}, transport=answering(fake, other))
    assert ended.code == 5
    assert f"another machine answers than before: machine id {FACTS.machine_id}" in problem(ended, "one")
    assert OTHER.machine_id in problem(ended, "one")
    assert other.launches == []


def test_the_machine_that_was_meant_is_waited_for(tmp_path: Path) -> None:
    fake, other = FakeHost(drop_at=1), FakeHost(facts=OTHER)
    ended = run(tmp_path, TWO, {"a": fake}, transport=answering(fake, other, other, fake))
    assert (ended.code, ended.steps()) == (0, {"one": "ok", "two": "ok"})
    assert (len(fake.launches), other.launches) == (2, [])


def test_a_host_that_boots_comes_back_as_the_machine_that_it_was(tmp_path: Path) -> None:
    fake, other = FakeHost(), FakeHost(facts=replace(OTHER, boot_id="new"))
    text = "phases: {implement: [{id: boot, reboot: {}, timeout: 20s}, {id: two, command: two}]}\n"
    ended = run(tmp_path, text, {"a": fake}, transport=answering(fake, other))
    assert ended.code == 4
    assert "with a new boot id in time (a: another machine answers" in problem(ended, "boot")
    assert other.launches == []


def test_a_run_is_not_gone_on_with_on_another_machine(tmp_path: Path) -> None:
    """What the record calls done was done to the first one."""
    past = Past(machine="0" * 32, steps={"one": Before(state="done", attempts=1)})
    other = FakeHost(facts=OTHER)
    ended = run(tmp_path, TWO, {"a": other}, past={"a": past})
    assert (ended.code, other.launches) == (4, [])
    assert ended.record.hosts["a"].refused == "machine"
    unknown = FakeHost(facts=replace(FACTS, machine_id=""))
    run(tmp_path, TWO, {"a": unknown}, past={"a": past})
    assert unknown.texts == ["two\n"]


def test_another_address_of_the_same_machine_is_a_deviation(tmp_path: Path) -> None:
    fake = FakeHost(drop_at=1)
    moved = dataclasses.replace(fake, peer=replace(PEER, address="10.0.0.2"))
    ended = run(tmp_path, TWO, {"a": fake}, transport=answering(fake, moved))
    assert ended.code == 0
    (said,) = ended.record.deviations
    assert said["what"] == "address changed during the run"
    assert said["detail"] == f"a: {PEER.address} -> 10.0.0.2"
