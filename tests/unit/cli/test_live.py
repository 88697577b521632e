"""The live view: what it draws, and that it leaves the terminal to others until there is something to draw."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from runner.cli.live import LiveProgress
from runner.events import (
    FULL_DISK,
    HostConnected,
    HostFinished,
    HostStarted,
    LinkDropped,
    SittingStarted,
    StepFinished,
    StepRecalled,
    StepStarted,
    StopAsked,
    Waited,
)
from runner.frozen import replace

BEGIN = SittingStarted(
    run="r", sitting=1, playbook="p", title="", kind="other", plan="", hosts=("a",), batches=(("a",),),
    steps=({"id": "s", "title": "", "phase": "implement", "kind": "command", "steps": []},),
)  # fmt: skip


def test_of_many_hosts_as_many_are_drawn_as_fit_and_the_rest_is_counted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINES", "14")
    progress = LiveProgress()
    hosts = tuple(f"h{number}" for number in range(40))
    progress.hear(replace(BEGIN, hosts=hosts, batches=(hosts,)))
    for host in hosts:
        progress.hear(StepStarted(host=host, step="s", phase="implement", kind="command", title="", command="w"))
    progress.hear(HostFinished(host="h7", outcome="failed"))
    progress.hear(HostFinished(host="h8", outcome="ok"))
    progress.hear(HostFinished(host="h9", outcome="ok"))
    # a person's word on a step of a host that was taken out of the inventory
    progress.hear(StepRecalled(host="gone", step="s", phase="implement", attempt=1))
    progress.hear(HostFinished(host="gone", outcome="cancelled"))
    progress.stopping("SIGINT", "end", "leave")
    said = drawn(progress)
    assert said.count("implement  s") == 5 and "  and 36 more, in implement/s; 1 failed; 2 ok\n" in said
    assert len(said.splitlines()) <= 14
    progress.close()
    capsys.readouterr()


def drawn(progress: LiveProgress) -> str:
    console = Console(file=io.StringIO(), width=80)
    console.print(progress._draw())
    return str(console.file.getvalue())  # type: ignore[attr-defined]


def test_the_last_line_for_people_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    progress = LiveProgress()
    progress.hear(BEGIN)
    progress.hear(StepStarted(host="a", step="s", phase="implement", kind="command", title="", command="w"))
    progress.output("a", "s", "stdout", "one of three\nrawat:rows=7\n\n")
    assert "one of three" in drawn(progress)
    progress.output("a", "s", "stdout", "rawat:rows=8\n")
    assert "one of three" in drawn(progress)
    progress.close()
    capsys.readouterr()


def test_nothing_is_drawn_before_the_first_event_nor_after_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    progress = LiveProgress()
    assert not progress._live.is_started
    progress.hear(BEGIN)
    assert progress._live.is_started
    progress.close()
    assert not progress._live.is_started
    late = LiveProgress()
    late.close()
    late.hear(BEGIN)
    assert not late._live.is_started, "a watcher may hear of something when the run was given up"
    capsys.readouterr()


def test_a_host_that_is_done_since_an_earlier_sitting_is_not_connected_to(capsys: pytest.CaptureFixture[str]) -> None:
    progress = LiveProgress(["a"])
    progress.hear(replace(BEGIN, sitting=2, hosts=("a", "b"), batches=(("a", "b"),)))
    assert [line.strip() for line in drawn(progress).splitlines()[3:5]] == [
        "a  done in an earlier sitting", "b  connecting"
    ]  # fmt: skip
    progress.close()
    capsys.readouterr()


def test_a_phase_that_a_person_broke_off_has_not_failed_until_a_step_does(capsys: pytest.CaptureFixture[str]) -> None:
    progress = LiveProgress()
    progress.hear(replace(BEGIN, hosts=("a", "b", "c"), batches=(("a", "b", "c"),)))
    seen = []
    for host, outcome, exit in (
        ("a", "failed", {"cancelled_s": 1.0, "killed": "proven"}), ("b", "cancelled", None), ("c", "failed", None),
    ):  # fmt: skip
        progress.hear(
            StepFinished(host=host, step="s", phase="implement", outcome=outcome, took_ms=1, attempt=1, exit=exit)
        )
        seen.append(drawn(progress).splitlines()[1].strip())
    assert seen == ["implement ■", "implement ■", "implement ✗"]
    progress.close()
    capsys.readouterr()


def test_a_lost_link_and_a_signal_are_told_at_once_and_what_another_would_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = LiveProgress()
    for event in (
        BEGIN,
        HostConnected(host="a", peer={}, facts={}, took_ms=1),
        HostStarted(host="a", batch=1),
        StepStarted(host="a", step="s", phase="implement", kind="command", title="", command="w"),
    ):
        progress.hear(event)
    progress.hear(LinkDropped(host="a", message="a: the link was lost: silent"))
    assert "link lost, connecting again" in drawn(progress)
    progress.hear(Waited(host="a", step="s", cause="link", took_ms=1))
    assert "link lost" not in drawn(progress)
    assert "stopped" not in drawn(progress)
    progress.stopping("SIGINT", "end", "leave")
    said = " ".join(drawn(progress).split())
    end = "what runs may end, and be rolled back where a step asks for it"
    assert f"stopped by SIGINT: nothing new is begun, {end}; Ctrl-C again: do not wait for it" in said
    assert drawn(progress).endswith("\n\n"), "the terminal echoes ^C on an empty line"
    progress.hear(StopAsked(how=FULL_DISK))
    assert "the disk of the records is full: nothing further is started" in " ".join(drawn(progress).split())
    progress.close()
    capsys.readouterr()
