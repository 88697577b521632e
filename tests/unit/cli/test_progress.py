"""What is told while a run is under way, where there is no terminal."""

from __future__ import annotations

import time

import pytest

from runner.cli.plain import PlainProgress
from runner.events import SittingStarted, StepFinished, StepStarted


def test_who_is_still_out_is_named_again_and_again_though_others_talk(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress(heartbeat_s=0.1)
    hosts = ("hangs", "talks")
    progress.hear(SittingStarted(run="r", sitting=1, playbook="p", title="", kind="other", plan="", hosts=hosts))
    progress.hear(StepStarted(host="hangs", step="dump", phase="implement", kind="command", title=""))
    for _ in range(12):
        progress.hear(StepStarted(host="talks", step="s", phase="implement", kind="command", title=""))
        progress.hear(StepFinished(host="talks", step="s", phase="implement", outcome="ok", took_ms=1, attempt=1))
        time.sleep(0.04)
    progress.close()
    said = capsys.readouterr().err
    assert said.count("still out: hangs implement/dump") >= 2
    assert said.count("talks  implement/s  ok") == 12
