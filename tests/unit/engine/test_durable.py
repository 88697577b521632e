"""What is on disk when, and how often a run waits for the disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.engine.support import run

STEPS = 5
PLAYBOOK = "phases: {implement: [" + ", ".join(f"{{id: s{n}, command: w}}" for n in range(STEPS)) + "]}\n"


def test_a_step_waits_for_the_disk_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end of a step and the beginning of the next one are made durable together, where no 40 ms lie between."""
    monkeypatch.setattr("runner.engine.bus.TELL_EVERY_S", 600.0)
    short = run(tmp_path, "phases: {implement: [{id: s0, command: w}]}\n").journal
    long = run(tmp_path, PLAYBOOK).journal
    assert len(long.lines) - len(short.lines) == 2 * (STEPS - 1)
    assert len(long.synced) - len(short.synced) == STEPS - 1


def test_every_beginning_is_synced_by_itself(tmp_path: Path) -> None:
    journal = run(tmp_path, PLAYBOOK).journal
    begun = [number for number, line in enumerate(journal.lines, 1) if line["type"] == "StepStarted"]
    assert set(begun) <= set(journal.synced)


def test_whoever_listens_hears_all_of_it_in_order(tmp_path: Path) -> None:
    outcome = run(tmp_path, PLAYBOOK)
    assert [event.seq for event in outcome.watcher.events] == list(range(1, len(outcome.journal.lines) + 1))
