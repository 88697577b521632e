"""What a run that is gone on with knows of its earlier sittings."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.engine.past import Past, first_clock
from runner.events import HostConnected
from runner.seams import Settled
from runner.testing import FakeHost, done
from tests.unit.engine.support import run

LOGS = "phases: {implement: [{id: one, logs: {journal: true, none: x}}]}\n"


def test_the_journal_is_read_since_the_run_began_not_since_this_sitting(tmp_path: Path) -> None:
    fake = FakeHost()
    run(tmp_path, LOGS, {"a": fake}, past={"a": Past(began=1234.5)})
    assert "\nsince=1234\n" in fake.launches[0].script.text


def test_the_first_clock_of_a_host_counts() -> None:
    seen = [
        HostConnected(host=host, peer={}, facts={"clock": clock}, took_ms=1)
        for host, clock in (("b", 5.0), ("a", 0.0), ("a", 7.5), ("a", 99.0))
    ]
    assert first_clock(seen, "a") == 7.5
    assert first_clock(seen, "c") == 0.0


@pytest.mark.parametrize(
    "kind", ["backup: {engine: sqlite, database: /b.db, to: /to}", "restore_test: {engine: sqlite, artefact: /to/b.db}"]
)
def test_a_copy_and_its_proof_nobody_knows_the_end_of_are_made_again(tmp_path: Path, kind: str) -> None:
    """They work under hidden names; but never beside an attempt that may still run."""
    text = f"phases: {{implement: [{{id: one, {kind}}}]}}\n"
    fake = FakeHost(drop_at=1, settled=Settled(state="free"), answers=lambda launch: done(b"rawat:path=/to/b.db\n"))
    ended = run(tmp_path, text, {"a": fake})
    assert ended.record.hosts["a"].steps["one"].attempts[0].outcome == "unknown"
    assert [launch.attempt for launch in fake.launches] == [1, 2]
    fake = FakeHost(drop_at=1, settled=Settled(state="unsure"))
    assert run(tmp_path, text, {"a": fake}).code == 5
    assert len(fake.launches) == 1
