"""The end of a run as it is told on a terminal: nothing in it that is not so, and the next command in it."""

from __future__ import annotations

from dataclasses import replace

from runner.events import HostFinished, HostRefused, HostStarted, StepSkipped, StepStarted
from runner.record import RunRecord, fold
from runner.report.plan import plan_text
from runner.report.text import summary
from tests.unit.report.samples import RUN, Night, bad_night, ended_by_a_person, good_night, item

STEPS = (("identify", "who", "command", "Who", 10), ("implement", "work", "command", "Work", 10))


def night(*hosts: str, **said: object) -> Night:
    made = Night(hosts, **{"steps": STEPS, "items": (), **said}).begin()
    for host in hosts:
        made.connect(host)
    return made


def cancelled() -> RunRecord:
    """One host stopped between two steps, one left while its second step ran."""
    items = (item("worked", "implement", "It was done", "work"), item("told", "plan", "They know"))
    made = night("a", "b", items=items)
    for host in ("a", "b"):
        made.add(HostStarted(host=host, batch=1), 10)
        made.add(StepStarted(host=host, step="who", phase="identify", kind="command", title="", command="id"), 20)
        made.finish(host, "who", "identify", 30, 10, outcome="ok")
    made.add(HostFinished(host="a", outcome="cancelled", because="stopped before work"), 40)
    made.add(StepStarted(host="b", step="work", phase="implement", kind="command", title="", command="w"), 50)
    return made.end(130, stopped_by="SIGINT")


def test_what_was_done_on_a_host_that_was_stopped_is_told() -> None:
    said = summary(cancelled())
    assert "✗ a cancelled\n  stopped before work\n  Done on it: identify/who.\n" in said
    assert "Nothing was done" not in said


def test_what_was_taken_back_and_what_failed_besides_is_told() -> None:
    made = night("a")
    made.add(HostStarted(host="a", batch=1), 10)
    for at, (step, phase, problem) in enumerate(
        [
            ("who", "identify", ""),
            ("work", "implement", "exit 1"),
            ("back", "undo", ""),
            ("tidy", "finally", "exit 2: gone"),
        ]
    ):
        made.add(StepStarted(host="a", step=step, phase=phase, kind="command", title="", command="c"), 20 + 10 * at)
        made.finish(
            "a", step, phase, 25 + 10 * at, 5, outcome="failed" if problem else "ok", problem=problem, exit={"code": 1}
        )
    made.add(HostFinished(host="a", outcome="failed", because="work: exit 1"), 70)
    said = summary(made.end(1))
    assert "✗ a failed at implement/work after" in said
    assert "  Otherwise done on it: identify/who.\n  Taken back by: back.\n" in said
    assert "  Taken back by: back.\n  Failed too: finally/tidy: exit 2: gone\n" in said
    assert "(tries implement/work again; what was taken back is done again)" in said


def test_what_could_not_be_reached_at_the_end_is_told_too() -> None:
    made = night("a")
    made.add(HostStarted(host="a", batch=1), 10)
    for at, (step, phase, how) in enumerate([("work", "implement", "failed"), ("tidy", "finally", "unreachable")]):
        made.add(StepStarted(host="a", step=step, phase=phase, kind="command", title="", command="c"), 20 + 10 * at)
        made.finish("a", step, phase, 25 + 10 * at, 5, outcome=how, problem=f"{step}: no")
    made.add(HostFinished(host="a", outcome="failed", because="work: exit 1"), 70)
    assert "  Failed too: finally/tidy: tidy: no\n" in summary(made.end(1))


def test_a_step_that_failed_on_several_hosts_is_one_step() -> None:
    said = summary(many_hosts_fail())
    assert "☒ 1 step failed on 3 hosts\n" in said
    assert "☒ 1 step failed, of 1 step on 2 hosts nobody knows how it ended\n" in said


def test_what_failed_alike_on_many_hosts_is_told_once() -> None:
    """Five tellings of one failure hid the other failure among "328 more hosts"."""
    hosts = tuple(f"h{number}" for number in range(1, 41))
    made = night(*hosts)
    for number, host in enumerate(hosts, 1):
        made.add(HostStarted(host=host, batch=1), 10)
        made.add(StepStarted(host=host, step="who", phase="identify", kind="command", title="", command="c"), 20)
        code = 100 if number % 2 else 7
        problem = f"{host}: pid {number * 977} holds it" if number % 2 else "no room"
        problem = "another thing" if number == 39 else problem
        notes = ("it was slow",) if number > 30 else ()
        made.finish(
            host, "who", "identify", 25, number, outcome="failed", problem=problem, exit={"code": code}, notes=notes
        )
        made.add(HostFinished(host=host, outcome="failed"), 70)
    said = summary(made.end(1))
    assert "✗ h1 failed at identify/who after 0.0 s\n  h1: pid 977 holds it\n" in said
    assert "  Alike, but for names and numbers, on 18 more hosts: h3, h5, " in said
    assert "✗ h2 failed" in said and "  The same on 19 more hosts: h4, h6, " in said
    assert "✗ h39 failed" in said and "another thing" in said
    assert said.count("failed at") == 3
    assert "  note  h31, h32, h33, h34 and 6 more identify/who: it was slow\n" in said


def test_hosts_that_are_refused_alike_are_told_once() -> None:
    made = Night(hosts := ("a.example", "b.example", "c"), steps=STEPS, items=()).begin()
    for number, host in enumerate(hosts):
        why = "unreachable" if host != "c" else "host key"
        message = f"{host}: 10.0.0.{number} port 22: connection refused" if host != "c" else "it CHANGED"
        made.add(HostRefused(host=host, reason=why, message=message, exit_code=4), 20)
    said = summary(made.end(4))
    assert "  Alike, but for names and numbers, on 1 more host: b.example.\n" in said
    assert said.count("refused (unreachable)") == 1 and "(tries them again; what is done stays done)" in said
    assert "✗ c refused (host key)" in said and "(tries c again; what is done stays done)" in said


def test_a_step_that_a_person_ended_is_counted_as_cancelled() -> None:
    said = summary(ended_by_a_person())
    assert "  implement    0.0 s     ☒ 1 step failed, 1 step cancelled on 2 hosts\n" in said
    assert "  test         0.0 s     ☐ 1 step cancelled\n" in said
    assert "✗ a was cancelled at implement/work after" in said and "✗ c failed at implement/work after" in said


def many_hosts_fail() -> RunRecord:
    made = night("a", "b", "c")
    ends = {"a": ("failed", "unknown"), "b": ("failed", "failed"), "c": ("failed", "unknown")}
    for host, outcomes in ends.items():
        made.add(HostStarted(host=host, batch=1), 10)
        for (phase, step, *_), how in zip(STEPS, outcomes, strict=True):
            made.add(StepStarted(host=host, step=step, phase=phase, kind="command", title="", command="c"), 20)
            made.finish(host, step, phase, 25, 5, outcome=how, problem="no")
        made.add(HostFinished(host=host, outcome="failed"), 70)
    return made.end(5)


def test_what_was_left_running_is_named_with_the_next_command() -> None:
    record = cancelled()
    alone = replace(record, hosts={"b": record.hosts["b"]})
    assert summary(alone).startswith(
        "… work on b: its end was not waited for; it may run on there.\n"
        f"  Go on         rawat resume {RUN}\n                (asks how it ended; then goes on)\n"
    )
    assert "not waited for" not in summary(alone, running=True)
    assert "☐ not to its end on b\n" in summary(alone), "it was reached"
    away = replace(record.hosts["b"], outcome="unreachable", refused="unreachable", because="b: no route")
    said = summary(replace(record, hosts={"b": away}))
    assert "  In doubt on it: implement/work.\n" in said and "--settle work=done" in said, said


def test_only_what_waits_for_a_person_is_called_so() -> None:
    said = summary(cancelled())
    assert "☐ told: They know (by hand)\n" in said
    assert "☐ worked: It was done\n" in said
    assert f"rawat sign {RUN} --item told --note '...'" in said
    assert "--item worked" not in said, "what a step is to prove, resuming proves"


def test_steps_that_were_skipped_or_are_missing_are_not_counted_as_done() -> None:
    steps = (*STEPS, ("implement", "more", "command", "More", 10))
    made = night("a", "b", steps=steps)
    made.work("a", 1, start=10)
    made.add(HostStarted(host="b", batch=1), 10)
    for step in ("who", "work"):
        phase = "identify" if step == "who" else "implement"
        made.add(StepSkipped(host="b", step=step, phase=phase, why="when: false"), 20)
    made.add(HostFinished(host="b", outcome="ok"), 30)
    said = summary(made.end(9))
    assert "implement    0.0 s     ☐ 2 steps, not to its end on b\n" in said
    only = night("a", steps=steps)
    only.add(HostStarted(host="a", batch=1), 10)
    only.add(StepSkipped(host="a", step="who", phase="identify", why="when: x"), 20)
    for step in ("work", "more"):
        only.add(StepSkipped(host="a", step=step, phase="implement", why="--from later"), 20)
    only.add(HostFinished(host="a", outcome="ok"), 30)
    said = summary(only.end(9))
    assert "identify     -         - every step of it was skipped by its condition\n" in said
    assert "implement    -         ☐ every step of it was left out by --from later\n" in said


def test_hosts_left_out_for_one_reason_share_a_line() -> None:
    left = [{"host": f"h{n}", "why": "not asked for"} for n in range(1, 9)] + [{"step": "s", "why": "--skip s"}]
    said = summary(replace(good_night(), left_out=tuple(left)))
    assert "  left out  h1, h2, h3, h4, h5, h6 and 2 more (not asked for)\n  left out  s (--skip s)\n" in said
    plan = {
        "digest": "0" * 64, "playbook": "p", "title": "P", "hosts": [], "batches": [[]], "stop_when_failed": 1,
        "parallel": 1, "limits": {}, "steps": [], "checklist": [], "approvals": "none", "left_out": left, "unknown": [],
        "next": "rawat run p.yml",
    }  # fmt: skip
    assert "  left out    h1, h2, h3, h4, h5, h6, h7, h8: not asked for\n" in plan_text(plan)
    step = {"phase": "test", "id": "s", "kind": "http", "title": "", "commands": [], "live": "would fail: \x1b[2J\n::x"}
    assert "[would fail: ^[[2J⏎::x]" in plan_text({**plan, "steps": [step]})


def test_what_to_type_fits_80_columns() -> None:
    for record in (bad_night(), cancelled()):
        typed = [line for line in summary(record).splitlines() if "rawat " in line or line.startswith(" " * 16 + "(")]
        assert typed and max(map(len, typed)) <= 80, max(typed, key=len)


def test_a_run_that_ended_before_it_began_cannot_be_gone_on_with() -> None:
    said = summary(replace(fold([]), run=RUN))
    assert "It ended before it began: no host was connected to. Run it anew." in said
    assert "resume" not in said
