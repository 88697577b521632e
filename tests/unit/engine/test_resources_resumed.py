"""A resumed run and the named resource that a step in doubt may still have."""

from __future__ import annotations

from pathlib import Path

from runner.engine.past import Before, Past
from runner.journal.resource import Resources
from runner.seams import Settled
from runner.testing import FakeHost, done
from tests.unit.engine.support import run

TEXT = (
    "rollout: {parallel: 3}\nphases: {implement: [{id: one, command: one, lock: cluster}, {id: two, command: two}]}\n"
)


def test_a_host_whose_step_in_doubt_may_have_the_resource_comes_before_all_that_want_it(tmp_path: Path) -> None:
    listed = TEXT.replace("lock: cluster", "lock: cluster, with: [x, y]")
    first, together = [("b",), ("a", "c")], [("a", "b", "c")]
    for text, step, batches in ((TEXT, "one", first), (listed, "one.2", first), (TEXT, "two", together)):
        hosts = {name: FakeHost(settled=Settled(state="ended", completed=done())) for name in "abc"}
        past = {"b": Past(steps={step: Before(state="doubt", attempts=1)})}
        ended = run(tmp_path, text, hosts, past=past, resources=Resources(tmp_path / "locks"))
        assert ended.code == 0
        assert [batch.hosts for batch in ended.record.batches] == batches, step
