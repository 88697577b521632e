"""What is told while a run is under way, where there is no terminal."""

from __future__ import annotations

import time

import pytest

from runner.cli.plain import PlainProgress
from runner.events import (
    HostConnected,
    HostRefused,
    LinkDropped,
    SittingStarted,
    StepFinished,
    StepRecalled,
    StepStarted,
    Waited,
)


def test_who_is_still_out_is_named_again_and_again_though_others_talk(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress(heartbeat_s=0.1)
    hosts = ("hangs", "talks")
    progress.hear(SittingStarted(run="r", sitting=1, playbook="p", title="", kind="other", plan="", hosts=hosts))
    progress.hear(StepStarted(host="hangs", step="dump", phase="implement", kind="command", title=""))
    said, turns = "", 0
    while said.count("still out: hangs implement/dump") < 2 and turns < 1000:
        progress.hear(StepStarted(host="talks", step="s", phase="implement", kind="command", title=""))
        progress.hear(StepFinished(host="talks", step="s", phase="implement", outcome="ok", took_ms=1, attempt=1))
        time.sleep(0.04)
        progress.rest()
        said += capsys.readouterr().err
        turns += 1
    progress.close()
    said += capsys.readouterr().err
    assert said.count("still out: hangs implement/dump") >= 2
    assert said.count("talks  implement/s  ok") == turns > 1


def until_said(progress: PlainProgress, capsys: pytest.CaptureFixture[str], words: str) -> list[str]:
    """All lines up to the first with these words, without their times."""
    said = ""
    for _ in range(1000):
        progress.rest()
        said += capsys.readouterr().err
        if words in said:
            break
        time.sleep(0.05)
    return [line.partition("  ")[2] for line in said.splitlines()]


def test_who_is_not_reached_yet_is_still_out(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress(heartbeat_s=0.1)
    hosts = ("far", "here")
    progress.hear(SittingStarted(run="r", sitting=1, playbook="p", title="", kind="other", plan="", hosts=hosts))
    progress.hear(HostConnected(host="here", took_ms=1, peer={}, facts={}))
    last = next(line for line in until_said(progress, capsys, "still out") if "still out" in line)
    progress.close()
    assert "still out: far connecting " in last and "here" not in last


def test_a_step_that_a_person_ended_is_told_as_cancelled(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress()
    progress.hear(SittingStarted(run="r", sitting=1, playbook="p", title="", kind="other", plan="", hosts=("a",)))
    killed = {"cancelled_s": 2.5, "killed": "proven"}
    progress.hear(
        StepFinished(host="a", step="s", phase="test", outcome="failed", took_ms=2500, attempt=1, exit=killed)
    )
    progress.close()
    assert "a  test/s  cancelled in 2.5 s\n" in capsys.readouterr().err


def test_that_hosts_are_connected_to_and_when_all_have_answered_is_told_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    def told(refused: int, done: tuple[str, ...] = ()) -> list[str]:
        all_done = len(done) == 3
        progress = PlainProgress(done, heartbeat_s=0.05 if all_done else 3600.0)
        hosts = ("a", "b", "c")
        progress.hear(SittingStarted(run="r", sitting=2, playbook="p", title="", kind="other", plan="", hosts=hosts))
        for number, host in enumerate(host for host in hosts if host not in done):
            if number < refused:
                progress.hear(HostRefused(host=host, reason="unreachable", message="no", mono_ms=900))
            else:
                progress.hear(HostConnected(host=host, took_ms=1, peer={}, facts={}, mono_ms=2500))
        time.sleep(0.12 if all_done else 0)
        progress.hear(HostConnected(host="c", took_ms=1, peer={}, facts={}, mono_ms=9000))  # again, at its turn
        progress.close()
        lines = [line.split("  ", 1)[1] for line in capsys.readouterr().err.splitlines()]
        return [line for line in lines if "connect" in line]

    assert told(0) == ["connecting to 3 hosts", "connected to 3 hosts in 2.5 s"]
    assert told(1) == ["connecting to 3 hosts", "connected to 2 of 3 hosts in 2.5 s"]
    assert told(3) == ["connecting to 3 hosts", "connected to none of 3 hosts in 0.9 s"]
    assert told(0, ("a", "b")) == ["connecting to 1 host", "connected to 1 host in 2.5 s"], "nor are those still out"
    assert told(0, ("a", "b", "c")) == []


def test_lines_are_written_when_there_is_no_more_to_hear_and_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress()
    progress.hear(SittingStarted(run="r", sitting=1, playbook="p", title="", kind="other", plan="", hosts=("a",)))
    for step in ("one", "two"):
        progress.hear(StepFinished(host="a", step=step, phase="test", outcome="ok", took_ms=1, attempt=1))
    progress.rest()
    progress.rest()
    told = [line.split()[2] for line in capsys.readouterr().err.splitlines()]
    assert told == ["r", "to", "test/one", "test/two"]
    progress.hear(StepFinished(host="a", step="three", phase="test", outcome="ok", took_ms=1, attempt=1))
    progress.close()
    assert capsys.readouterr().err.count("test/three") == 1


def test_a_lost_link_is_told_and_that_it_is_there_again(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress(heartbeat_s=0.05)
    progress.hear(SittingStarted(run="r", sitting=1, playbook="p", title="", kind="other", plan="", hosts=("a", "b")))
    for host in ("a", "b"):
        progress.hear(StepStarted(host=host, step="dump", phase="implement", kind="command", title=""))
        progress.hear(LinkDropped(host=host, message=f"{host}: the link was lost: silent"))
    out = "(link lost, connecting again), b implement/dump"
    said = until_said(progress, capsys, out)
    assert "a: the link was lost: silent; connecting again, what runs there runs on" in said
    assert next(line for line in said if out in line).startswith("still out: a implement/dump ")
    progress.hear(Waited(host="a", step="dump", cause="link", took_ms=2000))
    progress.hear(Waited(host="b", step="dump", cause="link", took_ms=90000, detail="b: no route"))
    progress.close()
    said = [line.partition("  ")[2] for line in capsys.readouterr().err.splitlines() if "still out" not in line]
    assert said[-2:] == ["a  reached again after 2.0 s", "b: no route; given up after 1 min 30 s"]


def test_a_step_that_an_earlier_sitting_began_took_what_its_host_says(capsys: pytest.CaptureFixture[str]) -> None:
    progress = PlainProgress()
    progress.hear(SittingStarted(run="r", sitting=2, playbook="p", title="", kind="other", plan="", hosts=("a",)))
    for step, host_ms in (("dump", 6010), ("told", None)):
        progress.hear(StepRecalled(host="a", step=step, phase="implement", attempt=1))
        progress.hear(
            StepFinished(host="a", step=step, phase="implement", outcome="ok", took_ms=9, host_ms=host_ms, attempt=1)
        )
    progress.close()
    said = [line.split("  ", 1)[1] for line in capsys.readouterr().err.splitlines()]
    assert said[2:] == ["a  implement/dump  ok in 6.0 s", "a  implement/told  ok"]
