"""What a run that is gone on with knows of its earlier sittings."""

from __future__ import annotations

from math import inf
from pathlib import Path
from typing import Any

import pytest

from runner import model
from runner.app.resume import unfinished
from runner.engine.past import Before, Past, Rollback, Word, boots, first_seen, past_of
from runner.engine.rolled import Rolled, rollbacks
from runner.engine.surroundings import Stop
from runner.errors import InvalidInput, Unreachable
from runner.events import (
    Event,
    HostConnected,
    HostFinished,
    RollbackStarted,
    SittingStarted,
    StepFinished,
    StepStarted,
)
from runner.frozen import replace
from runner.journal.resource import Resources
from runner.model import Exit, Host
from runner.record import fold
from runner.report.text import summary
from runner.seams import Completed, Launch, OnOutput, Passwords, Settled
from runner.testing import FACTS, FakeHost, FakeSession, FakeTransport, done
from tests.unit.engine.support import Outcome, Stopping, run

ONE = "phases: {implement: [{id: one, command: one}]}\n"
LOGS = "phases: {implement: [{id: one, logs: {journal: true, none: x}}]}\n"


def test_the_journal_is_read_since_the_run_began_not_since_this_sitting(tmp_path: Path) -> None:
    fake = FakeHost()
    run(tmp_path, LOGS, {"a": fake}, past={"a": Past(began=1234.5)})
    assert "\nsince=1234\n" in fake.launches[0].script.text


def test_the_first_clock_and_the_first_machine_of_a_host_count() -> None:
    seen = [
        HostConnected(host=host, peer={}, facts={"clock": clock, "machine_id": machine}, took_ms=1)
        for host, clock, machine in (("b", 5.0, "m"), ("a", 0.0, ""), ("a", 7.5, "n"), ("a", 99.0, "o"))
    ]
    assert first_seen(seen) == {"a": (7.5, "n"), "b": (5.0, "m")}


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


def test_of_a_text_that_the_record_has_not_the_whole_of_nothing_is_claimed(tmp_path: Path) -> None:
    text = (
        "phases: {implement: [{id: one, command: one, register: r}, {id: two, when: r.truncated, command: two}, "
        "{id: three, when: \"'a' in r.stdout\", command: three}]}\n"
    )
    first = run(tmp_path, text, {"a": FakeHost(answers=lambda launch: done(b"a" * 70_000))})
    values = first.record.hosts["a"].steps["one"].attempts[-1].values
    assert (first.outcomes(), len(values["stdout"]), values["truncated"]) == ({"a": "ok"}, 65536, True)
    kept = Past(steps={"one": Before(state="done", attempts=1, outcome=model.Outcome.OK, values=values)})
    fake = FakeHost()
    ended = run(tmp_path, text, {"a": fake}, past={"a": kept})
    assert [at.step for at in fake.launches] == ["two"]
    assert "the record has only a part of it, and this run was resumed" in ended.record.hosts["a"].because


TWO = "phases: {implement: [{id: one, command: one}, {id: two, command: two}]}\n"
DOUBT = Past(steps={"two": Before(state="doubt", attempts=1)})


@pytest.mark.parametrize(
    "steps",
    [
        "{id: two, command: two, when: 1 > 2}",
        "{id: some, when: 1 > 2, steps: [{id: two, command: two}]}",
        "{id: some, when: 1 > 2, steps: [{id: inner, steps: [{id: two, command: two}]}]}",
    ],
)
def test_a_step_in_doubt_is_not_skipped_because_its_condition_does_not_hold_any_more(
    tmp_path: Path, steps: str
) -> None:
    fake = FakeHost()
    ended = run(tmp_path, f"phases: {{implement: [{steps}]}}\n", {"a": fake}, past={"a": DOUBT})
    assert ended.outcomes() == {"a": "unknown"} and not fake.launches
    assert "--settle two=done" in ended.record.hosts["a"].because
    said = Past(steps={"two": Before(state="doubt", attempts=1, word="not-done")})
    assert run(tmp_path, f"phases: {{implement: [{steps}]}}\n", {"a": fake}, past={"a": said}).code == 0


def test_what_never_happened_is_begun_without_the_pause_between_tries(tmp_path: Path) -> None:
    text = "phases: {implement: [{id: two, command: two}]}\n"
    for word, fake in (("not-done", FakeHost()), (None, FakeHost(settled=Settled(state="none")))):
        before = Before(state="doubt", attempts=1, word=word)  # type: ignore[arg-type]
        ended = run(tmp_path, text, {"a": fake}, past={"a": Past(steps={"two": before})})
        assert (ended.code, launched(fake), [wait for wait in ended.clock.waits if wait]) == (0, [("two", 2)], [])


def test_items_of_a_once_step_that_another_host_did_are_not_left_undone_on_record(tmp_path: Path) -> None:
    """One failed on its host, or could not start there; the other did all of them, and the checklist stayed open."""
    text = "phases: {implement: [{id: one, once: true, with: [x, y], command: 'one {{ item }}'}]}\n"
    past = {"b": Past(steps={"one.1": Before(state="again", attempts=1)})}
    hosts = {"a": FakeHost(), "b": FakeHost()}
    ended = run(tmp_path, text, hosts, past=past)
    assert [len(host.launches) for host in hosts.values()] == [2, 0]
    assert ended.steps("b") == {"one": "skipped", "one.1": "skipped"}


NOT = "it did not start on the host"


@pytest.mark.parametrize(
    ("step", "fake", "why"),
    [
        ("command: two", FakeHost(settled=Settled(state="none")), f"{NOT}: nothing of it arrived"),
        ("command: two", FakeHost(settled=Settled(state="torn")), f"{NOT}: it was cut off before"),
        ("disk: {path: /, free: 1}", FakeHost(), "it was cut off, and nobody saw its end; it only reads"),
    ],
)
def test_of_what_changed_nothing_it_is_said_why_that_is_known(
    tmp_path: Path, step: str, fake: FakeHost, why: str
) -> None:
    text = f"phases: {{implement: [{{id: two, {step}}}]}}\n"
    fake.answers = lambda launch: done(code=3)
    ended = run(tmp_path, text, {"a": fake}, past={"a": DOUBT})
    first, *_, last = ended.record.hosts["a"].steps["two"].attempts
    assert (first.outcome, first.problem, first.exit) == ("unreachable", why, None)
    assert last.outcome == "failed"


def test_a_host_that_is_gone_when_a_step_is_to_start_was_not_reached_there(tmp_path: Path) -> None:
    """It was said to have failed there."""
    fake = FakeHost(settled=Settled(state="torn"))

    def answer(launch: Launch) -> Completed:
        fake.drop_at = len(fake.launches)
        return done()

    fake.answers = answer
    ended = run(tmp_path, ONE, {"a": fake})
    assert "a was not reached at implement/one" in summary(ended.record)
    assert ended.record.hosts["a"].steps["one"].attempts[0].problem.startswith("it did not start on the host: ")


def test_nothing_is_begun_beside_a_step_that_may_still_run(tmp_path: Path) -> None:
    """A step before it that had failed, and `finally` where that fails again, ran while it did."""
    text = """
phases: {implement: [{id: one, command: one, on_failure: %s}, {id: two, command: two}]}
finally: [{id: clean, command: clean}]
"""
    past = Past(steps={"one": Before(state="again", attempts=1), "two": Before(state="doubt", attempts=1)})
    ended = Settled(state="ended", completed=done())
    for how, settled, code, sent in (
        ("continue", ended, 1, ["one", "clean"]),
        ("stop", ended, 5, ["one", "clean"]),  # it was not come to
        ("continue", Settled(state="free"), 5, ["one"]),
        ("continue", Settled(state="unsure"), 5, []),
        ("continue", Settled(state="forgotten"), 5, []),
    ):
        fake = FakeHost(settled=settled, answers=lambda launch: done(code=int(launch.step == "one")))

        class Asked(FakeTransport):
            def connect(self, host: Host, *, run_id: str, passwords: Passwords, within_s: float = inf) -> FakeSession:
                session = super().connect(host, run_id=run_id, passwords=passwords)
                settle = session.settle

                def noted(launch: Launch, on_output: OnOutput, *, offsets: tuple[int, int] = (0, 0)) -> Settled:
                    begun.append(len(fake.launches))  # noqa: B023
                    return settle(launch, on_output, offsets=offsets)

                session.settle = noted  # type: ignore[method-assign]
                return session

        begun: list[int] = []
        said = run(tmp_path, text % how, {"a": fake}, past={"a": past}, transport=Asked)
        assert (said.code, [name for name, _ in launched(fake)], begun[0]) == (code, sent, 0), (how, settled)
        assert fake.connects == (2 if sent else 1), "an end that was told is told again in a new session"


def test_a_step_in_doubt_that_cannot_be_begun_now_is_in_doubt_as_before(tmp_path: Path) -> None:
    """By a condition that cannot be made out, or a lock that is taken, it had failed, and was begun once more."""
    text = "phases: {implement: [{id: one, command: one, register: r}, {id: two, command: two, %s}]}\n"
    lost = Before(state="done", attempts=1, values={"stdout": "[redacted:pw]"})
    doubt, again = (Past(steps={"one": lost, "two": Before(state=how, attempts=2)}) for how in ("doubt", "again"))  # type: ignore[arg-type]
    held, fake, stop = Resources(tmp_path / "locks"), FakeHost(), Stop()
    with held.hold("shared", "run 01OTHER"):
        for key, words in (("when: r.stdout == 'x'", "held a secret"), ("lock: shared, timeout: 30s", "run 01OTHER")):
            ended = run(tmp_path, text % key, {"a": fake}, past={"a": doubt}, resources=held)
            assert (ended.outcomes(), ended.watcher.of(StepFinished), fake.forgotten) == ({"a": "unknown"}, [], False)
            because = ended.record.hosts["a"].because
            assert words in because and "--settle two=done" in because
        # One that is not in doubt is the next attempt, and none after a stop.
        ended = run(tmp_path, text % "lock: shared, timeout: 30s", {"a": fake}, past={"a": again}, resources=held)
        assert [(event.attempt, event.outcome) for event in ended.watcher.of(StepFinished)] == [(3, "failed")]
        ended = run(
            tmp_path, text % "lock: shared", {"a": fake}, past={"a": again}, resources=held, stop=stop,
            clock=Stopping(stop),
        )  # fmt: skip
        assert (ended.code, ended.outcomes(), ended.watcher.of(StepFinished)) == (130, {"a": "cancelled"}, [])
    assert not fake.launches


def test_an_item_in_doubt_is_not_skipped_because_its_condition_does_not_hold_any_more(tmp_path: Path) -> None:
    fake = FakeHost()
    text = "phases: {implement: [{id: two, command: two, with: [1, 2, 3], when: item != 2}]}\n"
    doubt = Before(state="doubt", attempts=1)
    ended = run(tmp_path, text, {"a": fake}, past={"a": Past(steps={"two.2": doubt})})
    assert (ended.outcomes(), [at.step for at in fake.launches]) == ({"a": "unknown"}, ["two.1"])
    assert "--settle two.2=done" in ended.record.hosts["a"].because
    fake = FakeHost(settled=Settled(state="ended", completed=done()))
    assert run(tmp_path, text, {"a": fake}, past={"a": Past(steps={"two.1": doubt})}).outcomes() == {"a": "ok"}
    assert [at.step for at in fake.launches] == ["two.3"]


def test_what_a_host_keeps_of_a_step_in_doubt_is_kept_until_that_is_settled(tmp_path: Path) -> None:
    """It is all that there is to know: without it a step that ran would count as one that never arrived."""
    never = FakeHost()
    away = FakeHost(refuse=Unreachable("no route", host="b"))
    ended = run(tmp_path, TWO, {"a": never, "b": away}, past={"a": DOUBT})
    assert (ended.code, never.launches, never.forgotten) == (5, [], False)
    stop = Stop()

    def answer(launch: Launch) -> Completed:
        stop.ask("SIGINT")
        return done()

    before = FakeHost(answers=answer)
    assert run(tmp_path, TWO, {"a": before}, past={"a": DOUBT}, stop=stop).outcomes() == {"a": "cancelled"}
    assert (len(before.launches), before.forgotten) == (1, False)
    settled = FakeHost(settled=Settled(state="ended", completed=done()))
    assert run(tmp_path, TWO, {"a": settled}, past={"a": DOUBT}).code == 0
    assert (len(settled.launches), settled.forgotten) == (1, True)


def in_doubt(step: str, boot_id: str) -> Past:
    return Past(steps={step: Before(state="doubt", attempts=1, boot_ids=(boot_id, ""))})


def test_a_step_that_failed_on_a_host_that_went_down_is_unknown_to_the_next_sitting_too(tmp_path: Path) -> None:
    for boot_id, outcome in (("another", "unknown"), (FACTS.boot_id, "failed"), ("", "failed")):
        fake = FakeHost(settled=Settled(state="ended", completed=done(code=143)))
        ended = run(tmp_path, TWO, {"a": fake}, past={"a": in_doubt("two", boot_id)})
        assert ended.record.hosts["a"].steps["two"].attempts[0].outcome == outcome
        assert len(fake.launches) == (2 if outcome == "failed" else 1)


def test_a_planned_boot_is_proven_in_the_next_sitting_as_in_its_own(tmp_path: Path) -> None:
    """By a new boot id; that the shutdown was begun is none, and a step that went down with its host has done it."""
    text = "phases: {implement: [{id: one, command: reboot, expects_reboot: true}]}\n"
    for settled in (Settled(state="ended", completed=done()), Settled(state="free")):
        fake = FakeHost(settled=settled)
        ended = run(tmp_path, text, {"a": fake}, past={"a": in_doubt("one", "another")})
        assert (ended.code, ended.steps()["one"]) == (0, "ok")
        assert "booted again" in ended.record.hosts["a"].steps["one"].attempts[0].summary
    fake = FakeHost(settled=Settled(state="ended", completed=done()))
    ended = run(tmp_path, text, {"a": fake}, past={"a": in_doubt("one", FACTS.boot_id)})
    assert ended.code == 5
    assert "did not come back with a new boot id" in ended.record.hosts["a"].steps["one"].attempts[0].problem


def test_the_boot_ids_of_an_attempt_are_those_of_its_own_sitting() -> None:
    """A sitting that connected after the host was booted, and settled nothing, does not hide that it was."""

    def sitting(number: int, boot_id: str) -> list[Event]:
        first = SittingStarted(
            run="r", sitting=number, playbook="p", title="p", kind="other", plan="d", hosts=("a",),
            controller={"boot_id": f"c{number}"},
        )  # fmt: skip
        return [first, HostConnected(host="a", peer={}, facts={"boot_id": boot_id}, took_ms=1)]

    started = StepStarted(host="a", step="one", phase="implement", kind="command", title="one")
    assert boots([*sitting(1, "h1"), started, *sitting(2, "h2")]) == {("a", "one"): ("h1", "c1")}


def test_what_a_host_lost_with_a_boot_since_may_have_run(tmp_path: Path) -> None:
    """Nothing was forced to its disk: that nothing is there does not show that nothing arrived."""
    for state, boot_id, launches in (("none", "another", 1), ("torn", "another", 1), ("none", FACTS.boot_id, 2)):
        fake = FakeHost(settled=Settled(state=state))  # type: ignore[arg-type]
        past = {"a": in_doubt("two", boot_id)}
        assert run(tmp_path, TWO, {"a": fake}, past=past).code == (5 if launches == 1 else 0)
        assert len(fake.launches) == launches


def test_a_step_on_the_controller_goes_by_the_boot_of_the_controller(tmp_path: Path) -> None:
    text = "phases: {implement: [{id: one, command: one, local: true}]}\n"
    for boot_ids, code in ((("another", FACTS.boot_id), 0), ((FACTS.boot_id, "another"), 5)):
        past = Past(steps={"one": Before(state="doubt", attempts=1, boot_ids=boot_ids)})
        assert run(tmp_path, text, {"a": FakeHost()}, past={"a": past}).code == code


def test_a_step_of_which_the_host_has_forgotten_all_is_not_done_again(tmp_path: Path) -> None:
    fake = FakeHost(settled=Settled(state="forgotten"))
    past = Past(steps={"one": Before(state="done", attempts=1), **DOUBT.steps})
    ended = run(tmp_path, TWO, {"a": fake}, past={"a": past})
    assert (ended.code, fake.launches) == (5, [])
    assert "what the host kept of this run is gone" in ended.record.hosts["a"].steps["two"].attempts[0].problem


@pytest.mark.parametrize(("more", "instance", "used"), [
    ("with: [x, y]", "ask.1", "{{ said[0].stdout }}"), ("once: true", "ask", "{{ said.stdout }}")
])  # fmt: skip
def test_a_result_that_lost_a_secret_is_not_used_as_if_it_were_whole(
    tmp_path: Path, more: str, instance: str, used: str
) -> None:
    """Of an item of a list, or of another host: as of any other step."""
    text = f"""
rollout: {{stop_when_failed: 5}}
phases:
  implement:
    - {{id: ask, command: ask, register: said, {more}}}
    - {{id: use, command: "use {used}"}}
"""
    known = Before(state="done", attempts=1, values={"stdout": "[redacted:token]"})
    hosts = {"a": FakeHost(), "b": FakeHost()}
    ended = run(tmp_path, text, hosts, past={"a": Past(steps={instance: known})})
    assert ended.steps("a" if "with" in more else "b")["use"] == "failed"
    assert not any("redacted" in script for script in (*hosts["a"].texts, *hosts["b"].texts))


@pytest.mark.parametrize(
    ("settled", "outcome"),
    [
        (Settled(state="ended", completed=done()), "ok"),
        (Settled(state="ended", completed=done(code=3)), "failed"),
        (Settled(state="free"), "unknown"),
        (Settled(state="none"), "failed"),
    ],
)
def test_a_step_in_doubt_whose_words_cannot_be_had_again_is_asked_for_all_the_same(
    tmp_path: Path, settled: Settled, outcome: str
) -> None:
    """A secret of its script is lost: that it cannot be begun again does not say that it failed."""
    text = """
phases: {implement: [{id: ask, command: ask, register: said}, {id: use, command: "use {{ said.stdout }}"}]}
"""
    past = Past(
        steps={
            "ask": Before(state="done", attempts=1, values={"stdout": "[redacted:token]"}),
            "use": Before(state="doubt", attempts=1),
        }
    )
    fake = FakeHost(settled=settled)
    ended = run(tmp_path, text, {"a": fake}, past={"a": past})
    assert ended.steps()["use"] == outcome
    assert fake.launches == []
    assert fake.forgotten is (outcome != "unknown")


ONCE = """
rollout: {batches: [1], stop_when_failed: 5}
phases: {implement: [{id: migrate, command: migrate, once: true}]}
"""
HALF = {"b": Past(steps={"migrate": Before(state="doubt", attempts=1)})}


def test_a_once_step_in_doubt_is_settled_where_it_was_begun_before_others_come_to_it(tmp_path: Path) -> None:
    hosts = {name: FakeHost(settled=Settled(state="ended", completed=done())) for name in "abc"}
    ended = run(tmp_path, ONCE, hosts, past=HALF)
    assert ended.code == 0
    assert not any(fake.launches for fake in hosts.values())
    assert ended.record.batches[0].hosts == ("b",)
    never = {name: FakeHost(settled=Settled(state="none")) for name in "abc"}
    assert run(tmp_path, ONCE, never, past=HALF).code == 0
    assert {name: len(fake.launches) for name, fake in never.items()} == {"a": 0, "b": 1, "c": 0}


def test_a_once_step_in_doubt_is_done_by_nobody_where_its_host_is_away(tmp_path: Path) -> None:
    listed = ONCE.replace("once: true", "once: true, with: [1]")
    for text, name in ((ONCE, "migrate.1"), (listed, "migrate"), (listed.replace("with: [1]", "with: []"), "migrate")):
        past = {"b": Past(steps={name: Before(state="doubt", attempts=1)})}
        hosts = {"a": FakeHost(), "b": FakeHost(settled=Settled(state="none"))}
        ended = run(tmp_path, text, hosts, past=past)
        assert not any(fake.launches for fake in hosts.values())
        assert (ended.outcomes()["b"], "in doubt on b" in ended.record.hosts["a"].because) == ("unknown", True)
    hosts = {"a": FakeHost(), "b": FakeHost(refuse=Unreachable("no route", host="b")), "c": FakeHost()}
    ended = run(tmp_path, ONCE, hosts, past=HALF)
    assert not any(fake.launches for fake in hosts.values())
    assert "in doubt on b" in ended.record.hosts["a"].because
    by_word = {"b": Past(steps={"migrate": Before(state="doubt", attempts=1, word="done")})}
    ended = run(tmp_path, ONCE, hosts, past=by_word)
    assert ended.outcomes() == {"a": "ok", "b": "unreachable", "c": "ok"}
    assert not any(fake.launches for fake in hosts.values())


LISTED = """
rollout: {batches: [1], stop_when_failed: 5}
phases:
  implement: [{id: migrate, command: "migrate {{ item }}", with: [x, y], once: true}]
  test: [{id: look, command: look}]
"""
FIRST = {"migrate.1": Before(state="done", attempts=1)}
BOTH = FIRST | {"migrate.2": Before(state="done", attempts=1)}


@pytest.mark.parametrize(
    ("steps", "launched", "away"),
    [
        (FIRST, ["migrate.2"], "was begun on b"),
        (FIRST | {"migrate.2": Before(state="again", attempts=1)}, ["migrate.2"], "was begun on b"),
        (FIRST | {"migrate.2": Before(state="doubt", attempts=1)}, ["migrate.2"], "in doubt on b"),
        (BOTH, [], "was begun on b"),  # whether the list has more of them is not known
        (BOTH | {"look": Before(state="again", attempts=1)}, [], ""),
    ],
)
def test_a_list_that_was_begun_once_is_gone_on_with_where_it_was_begun(
    tmp_path: Path, steps: dict[str, Before], launched: list[str], away: str
) -> None:
    """Each item is a step of its own: what one host has done of them, no other does again."""
    past = {"b": Past(steps=steps)}
    hosts = {name: FakeHost(settled=Settled(state="none")) for name in "abc"}
    ended = run(tmp_path, LISTED, hosts, past=past)
    assert ended.outcomes() == dict.fromkeys("abc", "ok")
    assert {name: [at.step for at in fake.launches if at.step != "look"] for name, fake in hosts.items()} == {
        "a": [], "b": launched, "c": []
    }  # fmt: skip
    hosts = {"a": FakeHost(), "b": FakeHost(refuse=Unreachable("no route", host="b"))}
    ended = run(tmp_path, LISTED, hosts, past=past)
    assert away in ended.record.hosts["a"].because
    assert [at.step for at in hosts["a"].launches] == ([] if away else ["look"])


def test_a_step_that_still_runs_is_followed_though_the_link_is_lost_meanwhile(tmp_path: Path) -> None:
    fake = FakeHost(settled=Settled(state="ended", completed=done("at last\n")), drop_settling=2)
    ended = run(tmp_path, ONE, {"a": fake}, past={"a": Past(steps={"one": Before(state="doubt", attempts=1)})})
    assert ended.code == 0
    assert ended.record.hosts["a"].links_lost == 2
    away = FakeHost(settled=Settled(state="ended", completed=Completed(exit=Exit(code=0))), drop_settling=1000)
    ended = run(tmp_path, ONE, {"a": away}, past={"a": Past(steps={"one": Before(state="doubt", attempts=1)})})
    assert (ended.code, away.launches) == (5, [])


LIST = "phases: {implement: [{id: two, command: two, with: [1]}]}\n"


@pytest.mark.parametrize(
    ("text", "name"), [(ONE, "two"), (LIST, "two.2"), (LIST, "two"), (LIST.replace(", with: [1]", ""), "two.1")]
)
def test_a_step_in_doubt_that_was_taken_out_of_the_playbook_is_asked_for_once_more(
    tmp_path: Path, text: str, name: str
) -> None:
    """Or an item of its list, or all of the list: only an end that the host wrote down settles it, or a person."""

    def resumed(settled: Settled, boot_id: str = "", **more: Any) -> tuple[Outcome, FakeHost]:
        before = Before(state="doubt", attempts=1, boot_ids=(boot_id, ""), phase="implement", **more)
        fake = FakeHost(settled=settled)
        return run(tmp_path, text, {"a": fake}, past={"a": Past(steps={name: before})}), fake

    # An item of a step that is there counts for its phase as any other of it: open is 9.
    bad = 0 if text is ONE else 9
    for code, outcome in ((0, "ok"), (3, "failed")):
        ended, fake = resumed(Settled(state="ended", completed=done(code=code)))
        assert (ended.code, ended.steps()[name]) == (bad if code else 0, outcome)
        assert (len(fake.launches), fake.forgotten) == (1, True)
    last = ended.record.hosts["a"].steps[name].attempts[-1]
    assert last.problem == "ended with exit 3; the playbook does not have it any more"
    assert last.exit == {"code": 3}
    # Nothing there: it may have been one of the controller's. Gone down while it ran: no end of its own.
    for settled, boot_id in (
        (Settled(state="none"), ""),
        (Settled(state="free"), ""),
        (Settled(state="ended", completed=done(code=3)), "another"),
    ):
        ended, fake = resumed(settled, boot_id)
        assert (ended.code, ended.record.in_doubt, fake.launches, fake.forgotten) == (5, (("a", name),), [], False)
        assert f"--settle {name}=done" in ended.record.hosts["a"].because
    for more, outcome in (
        ({"word": "done"}, "ok"),
        ({"word": "not-done"}, "unreachable"),
        ({"reads_only": True}, "unreachable"),
    ):
        ended, fake = resumed(Settled(state="none"), **more)
        assert (ended.code, ended.steps()[name]) == (0 if outcome == "ok" else bad, outcome)
        assert (ended.record.in_doubt, len(fake.launches)) == ((), 1)


BACK = """
phases:
  implement:
    - {id: a, command: a, register: said, undo: [{id: back_a, command: "back {{ said.stdout }}"}]}
    - {id: c, command: "c {{ item }}", with: [x, y], undo: [{id: back_c, command: "back {{ item }}"}]}
    - id: some
      undo: [{id: back_some, command: back_some}]
      steps: [{id: d, command: d}]
    - {id: same, command: same, undo: [{id: back_same, command: back_same}]}
    - {id: b, command: b, on_failure: rollback}
finally: [{id: clean, command: clean}]
"""
STOOD = {
    "a": Before(state="done", attempts=1, values={"stdout": "first"}),
    "c.1": Before(state="done", attempts=1),
    "c.2": Before(state="done", attempts=1),
    "d": Before(state="done", attempts=1),
    "same": Before(state="done", attempts=1, changed=False),
    "b": Before(state="again", attempts=1),
    "back_some": Before(state="done", attempts=1),
}


def broken_off(word: Word | None = None) -> Past:
    """A host whose rollback had taken back `some` and was at the last item of `c`; `word` is a person's on that."""
    doubt = {"back_c.2": Before(state="doubt", attempts=1, word=word)}
    again = {name: Before(state="again", attempts=1) for name in STOOD}
    return Past(steps=again | doubt, rollback=Rollback(because="b failed", steps=STOOD | doubt))


def launched(fake: FakeHost) -> list[tuple[str, int]]:
    """What was sent to it, but what only asks it whether it goes down."""
    return [(launch.step, launch.attempt) for launch in fake.launches if not launch.read_only]


def test_a_rollback_that_was_broken_off_comes_to_its_end_before_the_steps_are_done_again(tmp_path: Path) -> None:
    """What it had taken back is not taken back twice; what changed nothing is not taken back."""
    rest = [("back_c.1", 1), ("back_a", 1)]
    anew = [("a", 2), ("c.1", 2), ("c.2", 2), ("d", 2), ("same", 2), ("b", 2)]
    fake = FakeHost(settled=Settled(state="ended", completed=done()))
    ended = run(tmp_path, BACK, {"a": fake}, past={"a": broken_off()})
    assert (ended.code, launched(fake)) == (0, [*rest, *anew, ("clean", 1)])
    assert fake.launches[1].script.text.rstrip().endswith("back first")
    # The next rollback takes back everything anew, under numbers that no attempt had before.
    bad = FakeHost(
        settled=Settled(state="ended", completed=done()), answers=lambda launch: done(code=int(launch.step == "b"))
    )
    ended = run(tmp_path, BACK, {"a": bad}, past={"a": broken_off()})
    back = [("back_same", 1), ("back_some", 2), ("back_c.2", 2), ("back_c.1", 2), ("back_a", 2)]
    assert (ended.code, launched(bad)) == (1, [*rest, *anew, *back, ("clean", 1)])


def test_a_rollback_that_was_not_begun_is_where_the_step_that_asks_for_it_fails_again(tmp_path: Path) -> None:
    """It was left running by a second Ctrl-C, and failed then."""
    text = """
phases:
  implement:
    - {id: a, command: a, undo: [{id: back, command: back}]}
    - {id: b, command: b, on_failure: rollback}
"""
    past = Past(steps={"a": Before(state="done", attempts=1, changed=True), "b": Before(state="doubt", attempts=1)})
    fake = FakeHost(settled=Settled(state="ended", completed=done(code=1)))
    fake.answers = lambda launch: done(code=int(launch.step == "b"))
    ended = run(tmp_path, text, {"a": fake}, past={"a": past})
    assert (launched(fake), ended.code) == ([("b", 2), ("back", 1)], 1)
    fake = FakeHost(settled=Settled(state="ended", completed=done(code=1)))
    assert run(tmp_path, text, {"a": fake}, past={"a": past}).outcomes() == {"a": "ok"}
    assert launched(fake) == [("b", 2)]


def test_nothing_is_done_on_a_host_whose_rollback_is_not_through(tmp_path: Path) -> None:
    """In doubt: asked for again, or settled by a person. Gone wrong: a person puts the host right first."""
    fake = FakeHost(settled=Settled(state="unsure"))
    ended = run(tmp_path, BACK, {"a": fake}, past={"a": broken_off()})
    assert (ended.code, launched(fake), fake.forgotten) == (5, [("back_c.1", 1), ("back_a", 1)], False)
    assert "--settle back_c.2=done" in ended.record.hosts["a"].because
    assert run(tmp_path, BACK, {"a": FakeHost()}, past={"a": broken_off("done")}).code == 0
    bad = FakeHost(answers=lambda launch: done(code=int(launch.step == "back_a")), settled=Settled(state="none"))
    ended = run(tmp_path, BACK, {"a": bad}, past={"a": broken_off()})
    assert launched(bad) == [("back_c.2", 2), ("back_c.1", 1), ("back_a", 1), ("clean", 1)]
    assert (ended.code, "--settle back_a=done" in ended.record.hosts["a"].because) == (1, True)


def test_a_once_step_that_is_not_taken_back_yet_is_done_by_no_other_host(tmp_path: Path) -> None:
    """Its host comes first; the others did it at the same time, and once more where it could not be taken back."""
    text = """
rollout: {stop_when_failed: 100%}
phases:
  implement:
    - {id: one, command: one, once: true, undo: [{id: back, command: back}]}
    - {id: bad, command: bad, on_failure: rollback}
"""
    stood = {"one": Before(state="done", attempts=1), "bad": Before(state="again", attempts=1)}
    again = {name: Before(state="again", attempts=1) for name in stood}
    past = {"b": Past(steps=again, rollback=Rollback(because="bad failed", steps=stood))}
    for bad, code, first, second in (("", 0, ["back", "one", "bad"], ["bad"]), ("back", 1, ["back"], [])):
        hosts = {name: FakeHost(answers=lambda launch: done(code=int(launch.step == bad))) for name in "ab"}  # noqa: B023
        ended = run(tmp_path, text, hosts, past=past)
        assert (ended.code, [[name for name, _ in launched(hosts[host])] for host in "ba"]) == (code, [first, second])


@pytest.mark.parametrize("name", ["clean", "back_a"])
def test_a_step_of_the_end_in_doubt_is_settled_before_anything_is_done_beside_it(tmp_path: Path, name: str) -> None:
    for settled, code in (
        (Settled(state="ended", completed=done(code=3)), 0),
        (Settled(state="none"), 0),
        (Settled(state="free"), 5),
        (Settled(state="unsure"), 5),
    ):
        fake = FakeHost(settled=settled)
        past = Past(steps={name: Before(state="doubt", attempts=1)})
        ended = run(tmp_path, BACK, {"a": fake}, past={"a": past})
        assert (ended.code, bool(fake.launches), fake.forgotten) == (code, not code, not code)
        if code:
            assert f"--settle {name}=done" in ended.record.hosts["a"].because
        else:
            assert launched(fake)[-1] == ("clean", 2 if name == "clean" else 1)


def test_a_step_of_the_end_in_doubt_that_may_be_repeated_is(tmp_path: Path) -> None:
    text = """
phases: {implement: [{id: one, command: one}]}
finally: [{id: clean, command: clean, idempotent: true}]
"""
    for settled, code in ((Settled(state="free"), 0), (Settled(state="unsure"), 5)):
        fake = FakeHost(settled=settled)
        past = Past(steps={"clean": Before(state="doubt", attempts=1)})
        ended = run(tmp_path, text, {"a": fake}, past={"a": past})
        assert (ended.code, bool(fake.launches)) == (code, not code)


def test_a_step_of_the_end_in_doubt_is_settled_by_its_check(tmp_path: Path) -> None:
    """It stayed in doubt until a person spoke, though the host could say. What may still run may still do it."""
    text = """
phases: {implement: [{id: one, command: one, register: r}]}
finally: [{id: clean, command: clean, check: "look%s"}]
"""
    for state, found, more, code in (
        ("free", 0, "", 0), ("free", 1, "", 0), ("free", 2, "", 5), ("unsure", 0, "", 0), ("unsure", 1, "", 5),
        ("free", 0, " {{ r.stdout }}", 5),
    ):  # fmt: skip
        answers = iter([done(code=found), done(code=1)])  # and then its own attempt of this sitting
        fake = FakeHost(
            settled=Settled(state=state),
            answers=lambda launch: next(answers, done()) if launch.script.text == "look" else done(),  # noqa: B023
        )
        past = Past(steps={"clean": Before(state="doubt", attempts=1)})
        ended = run(tmp_path, text % more, {"a": fake}, past={"a": past})
        tries = ended.record.hosts["a"].steps["clean"].attempts
        assert (ended.code, [tried.number for tried in tries]) == (code, [1] if code else [1, 2]), (state, found)
        first = {0: "ok", 1: "failed"}[found] if not code else "unknown"
        assert tries[0].outcome == first


def test_a_word_is_heard_though_its_host_cannot_be_reached(tmp_path: Path) -> None:
    """It was a deviation on record, and the step stayed in doubt."""
    for word, outcome in (("done", "ok"), ("not-done", "unreachable")):
        before = Before(state="doubt", attempts=1, phase="implement", word=word)  # type: ignore[arg-type]
        fake = FakeHost(refuse=Unreachable("no route", host="a"))
        ended = run(tmp_path, ONE, {"a": fake}, past={"a": Past(steps={"one": before})})
        assert (ended.code, ended.steps(), ended.outcomes()) == (4, {"one": outcome}, {"a": "unreachable"})


def test_a_word_on_a_step_of_a_host_that_was_taken_out_of_the_inventory_is_heard(tmp_path: Path) -> None:
    """It was a deviation on record, and the step stayed in doubt for ever."""
    text = "phases: {implement: [{id: one, command: one, once: true}, {id: two, command: two}]}\n"
    cases: list[tuple[Word | None, Word | None, str, list[str]]] = [
        ("done", None, "unknown", ["two"]),
        ("not-done", "done", "cancelled", ["one", "two"]),
        ("done", "not-done", "cancelled", ["two"]),
        (None, None, "", []),
    ]
    for one, two, outcome, began in cases:
        said = {"one": one, "two": two}
        doubts = {name: Before(state="doubt", attempts=1, phase="implement", word=word) for name, word in said.items()}
        fake = FakeHost()
        ended = run(tmp_path, text, {"a": fake}, past={"gone": Past(steps=doubts)})
        assert [name for name, _ in launched(fake)] == began
        gone = [event for event in ended.watcher.events if getattr(event, "host", "") == "gone"]
        ends = {event.step: event.outcome for event in gone if isinstance(event, StepFinished)}
        word = {"done": "ok", "not-done": "unreachable"}
        assert ends == {name: word[word_] for name, word_ in said.items() if word_}
        assert [event.outcome for event in gone if isinstance(event, HostFinished)] == ([outcome] if outcome else [])


def sitting(number: int, *events: Event) -> list[Event]:
    first = SittingStarted(run="r", sitting=number, playbook="p", title="p", kind="other", plan="d", hosts=("h",))
    return [first, *events]


def step(name: str, outcome: str = "ok", *, phase: str = "implement", attempt: int = 1) -> list[Event]:
    begun = StepStarted(host="h", step=name, phase=phase, kind="command", title=name, attempt=attempt, sha256="0" * 64)
    ended = StepFinished(host="h", step=name, phase=phase, attempt=attempt, outcome=outcome, took_ms=1)
    return [begun, ended] if outcome else [begun]


def past_after(*sittings: list[Event]) -> Past:
    rolled = rollbacks(event for events in sittings for event in events).get("h", Rolled())
    return past_of(fold(sittings).hosts["h"], {}, rolled=rolled)


def states(past: Past) -> dict[str, str]:
    return {name: before.state for name, before in past.steps.items()}


def test_what_a_rollback_left_of_the_steps_of_a_host_is_read_from_its_events() -> None:
    back = RollbackStarted(host="h", because="b failed")
    failed = HostFinished(host="h", outcome="failed")
    first = sitting(1, *step("a"), *step("b", "failed"), back, *step("one", phase="undo"))
    past = past_after([*first, *step("two", "", phase="undo")])
    assert states(past) == {"a": "again", "b": "again", "one": "again", "two": "doubt"}
    assert past.rollback is not None and past.rollback.because == "b failed"
    then = {name: (before.state, str(before.outcome)) for name, before in past.rollback.steps.items()}
    assert then == {"a": ("done", "ok"), "b": ("done", "failed"), "one": ("done", "ok"), "two": ("doubt", "ok")}
    # A sitting that did not come to it leaves it as it was, and so does one that could not settle its step.
    half = [*first, *step("two", "", phase="undo")]
    assert past_after(half, sitting(2, failed)).rollback == past.rollback
    assert past_after(first, sitting(2, failed)).rollback is not None
    assert past_after(half, sitting(2, back, step("two", "unknown", phase="undo")[1], failed)).rollback is not None
    # Through, and then gone on with: what was done after it stands.
    through = sitting(2, back, step("two", phase="undo")[1], *step("a", attempt=2), *step("b", "", attempt=2))
    assert past_after(half, through).rollback is None
    assert states(past_after(half, through)) == {"a": "done", "b": "doubt", "one": "again", "two": "again"}
    # So it does where there was nothing left to take back.
    assert states(past_after(first, sitting(2, *step("a", attempt=2)), sitting(3)))["a"] == "done"
    # Come to its end in its own sitting.
    whole = HostFinished(host="h", outcome="failed", rolled_back=True)
    assert past_after([*first, whole]).rollback is None
    assert states(past_after([*first, whole])) == {"a": "again", "b": "again", "one": "again"}
    again = sitting(2, *step("a", attempt=2), *step("b", "", attempt=2))
    assert states(past_after([*first, whole], again)) == {"a": "done", "b": "doubt", "one": "again"}
    # Not all of it went well: what failed is tried again, the rest is not.
    some = past_after([*first, *step("two", "failed", phase="undo"), failed]).rollback
    assert some is not None
    assert (some.steps["one"].state, some.steps["two"].state, some.steps["two"].attempts) == ("done", "again", 1)
    # Where there was nothing to take back, what was done stands.
    assert states(past_after(sitting(1, *step("a"), *step("b", "failed"), whole)))["a"] == "done"


def test_a_host_is_not_finished_while_a_step_on_it_is_in_doubt() -> None:
    """Nor is its run, whatever a host came to."""
    good = HostFinished(host="h", outcome="ok")
    whole, half = sitting(1, *step("a"), good), sitting(1, *step("a"), *step("one", "", phase="undo"), good)
    assert (past_after(whole).finished, past_after(half).finished) == (True, False)
    with pytest.raises(InvalidInput, match="nothing to resume"):
        unfinished(replace(fold([whole]), sealed=True))
    unfinished(replace(fold([half]), sealed=True))
