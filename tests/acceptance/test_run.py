"""The command line against a real sshd on loopback."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from math import inf
from pathlib import Path
from typing import Any

import pytest

from runner.journal.reserve import BYTES
from tests.acceptance.project import HEAD, Project, wait_for
from tests.bed.sshd import LoopbackSshd

ONE = "phases: {implement: [{id: one, command: echo one}]}\n"


@pytest.fixture
def project(tmp_path: Path, shared_sshd: LoopbackSshd) -> Project:
    return Project(tmp_path / "project", shared_sshd)


def test_a_run_ends_with_0_and_leaves_a_record_that_can_be_read_back(project: Project) -> None:
    book = project.playbook(
        "phases: {implement: [{id: one, command: 'echo hello {{ name }}'}]}\nvars: {name: \"it's $HOME\"}\n"
    )
    said = project.rawat("run", book, "--ticket", "CHG-1", "--reason", "because")
    assert said.code == 0, said.err
    assert said.out.startswith("✓ t  run ")
    record = project.record()
    said_why = {key: value for key, value in record["why"].items() if value}
    assert said_why == {"ticket": "CHG-1", "reason": "because", "change": "normal"}
    (step,) = record["hosts"]["h1"]["steps"]
    assert step["attempts"][0]["exit"] == {"code": 0}
    assert step["attempts"][0]["command"] == "echo hello 'it'\"'\"'s $HOME'"
    assert record["hosts"]["h1"]["peer"]["fingerprint"].startswith("SHA256:")
    assert record["hosts"]["h1"]["facts"]["machine_id"]
    assert project.rawat("logs", "last", "h1", "one").out.splitlines()[1] == "h1 | hello it's $HOME"
    assert "CHG-1" in project.rawat("runs").out


def test_json_is_one_document_on_stdout_and_the_rest_is_for_people(project: Project) -> None:
    said = project.rawat("run", project.playbook(ONE), "--json")
    assert said.code == 0
    assert said.json()["exit"] == 0
    assert "✓ t" in said.err


def test_a_failure_names_host_step_cause_last_lines_and_the_next_command(project: Project) -> None:
    book = project.playbook(
        "phases: {implement: [{id: dump, script: \"echo working; echo 'dump: No space left' >&2; exit 3\"}]}\n"
    )
    said = project.rawat("run", book)
    assert said.code == 1
    assert said.out.splitlines()[0].startswith("✗ h1 failed at implement/dump after")
    assert "exit 3" in said.out
    assert "    dump: No space left" in said.out
    assert "rawat logs " in said.out
    assert f"rawat resume {project.record()['run']}" in said.out


def test_hosts_run_in_parallel_and_a_failing_one_leaves_the_others(
    tmp_path: Path, start_sshd: Callable[..., Any]
) -> None:
    sshd = start_sshd(addresses=tuple(f"127.0.0.{n}" for n in range(1, 6)))
    project = Project(tmp_path / "p", sshd, hosts=5)
    book = project.playbook(
        "rollout: {stop_when_failed: 2}\nvars: {n: {required: true, type: integer}}\n"
        "phases: {implement: [{id: one, timeout: 2m, script: "
        f"'cd {project.folder}; touch at.{{{{ n }}}}; until [ -e at.1 -a -e at.2 -a -e at.3 -a -e at.4 -a -e at.5 ];"
        " do sleep 0.05; done; test {{ n }} != 3'}, {id: two, command: hostname}]}\n"
    )
    said = project.rawat("run", book)
    assert said.code == 1
    record = project.record()
    assert {name: host["outcome"] for name, host in record["hosts"].items()} == {
        "h1": "ok", "h2": "ok", "h3": "failed", "h4": "ok", "h5": "ok",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "nope.yml"), "nope.yml: cannot be read"),
        (("run", "p.yml", "--hosts", "nope"), "'nope' is no host and no group"),
        (("run", "p.yml", "--skip", "noe"), "there is no step 'noe' in t; did you mean 'one'?"),
        (("run", "p.yml", "-e", "x=1"), "the playbook declares no such variable"),
        (("run", "p.yml", "-e", "x"), "expected KEY=VALUE"),
        (("run", "p.yml", "--nope"), "No such option"),
        (("run", "bad.yml"), "bad.yml:5:32: error: 'comand' is not a step key; did you mean 'command'?"),
        (("check", "p.yml", "bad.yml"), "bad.yml:5:32: error"),
        (("plan", "bad.yml"), "bad.yml:5:32: error"),
        (("run", "p.yml", "-i", "nope.yml"), "nope.yml"),
        (("show", "nope"), "there are no runs in"),
        (("logs", "nope"), "there are no runs in"),
        (("kinds", "comand", "--json"), "there is no step kind 'comand'; did you mean 'command'?"),
        (("init", "/proc/nowhere"), "/proc/nowhere/rawat.yml: cannot be written: No such file or directory"),
        (("runs", "-n", "0"), "0 is not in the range"),
        (("trust", "h1"), "h1 is this machine, worked on without SSH: it has no key to trust"),
        (("trust", "all", "-i", "two.yml"), "'all' means 2 hosts; a key is trusted for one"),
        (("run", "p.yml", "--ticket", "T\udce9"), "'T\\udce9' is not UTF-8 text"),
        (("run", "round.yml"), "round.yml: cannot be read: Too many levels of symbolic links"),
        (("run", "p.yml", "--config", "round.yml"), "round.yml: cannot be read: Too many levels"),
        (("run", "p.yml", "--window", "0001-01-01T00:00+14:00/9999-12-31"), "is no window"),
        (("run", "p.yml", "--skip", "one"), "no step of t is left to run: --skip one"),
        (("run", "p.yml", "--from", ""), "--from has an empty value"),
    ],
)
def test_bad_input_is_2_and_nothing_was_touched(tmp_path: Path, words: tuple[str, ...], said: str) -> None:
    project = Project(tmp_path / "p")
    project.playbook(ONE)
    project.playbook("phases: {implement: [{id: one, comand: x}]}\n", name="bad.yml")
    (project.folder / "round.yml").symlink_to("round.yml")
    project.write("two.yml", "rawat: 1\nhosts: {a: {}, b: {}}\n")
    answer = project.rawat(*words)
    assert answer.code == 2, answer
    assert said in answer.err, answer.err
    assert "Traceback" not in answer.err
    assert not (project.folder / "records").exists()


def test_check_names_values_that_nothing_quotes(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    book = project.playbook("vars: {x: 1}\nphases: {implement: [{id: one, command: 'ls {{ x | raw }}'}]}\n")
    said = project.rawat("check", book)
    assert said.code == 0
    assert "p.yml:6:23: note: 'one' takes a value as it is with '| raw'" in said.err


def test_zero_hosts_is_an_error(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    project.write("inventory.yml", "rawat: 1\nhosts: {h1: {}}\ngroups: {none: {hosts: []}}\n")
    project.playbook(ONE, head="rawat: 1\nname: t\nkind: other\nhosts: none\n")
    said = project.rawat("run", "p.yml")
    assert said.code == 2
    assert "leaves no host" in said.err


def test_without_an_inventory_it_is_said_where_one_was_looked_for_and_how_to_name_one(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    project.playbook(ONE, name="books/p.yml")
    elsewhere = Project(tmp_path / "else where")
    (elsewhere.folder / "inventory.yml").unlink()
    said = elsewhere.rawat("plan", "../p/books/p.yml")
    assert said.code == 2
    found = f"there is no inventory.yml in {elsewhere.folder}; name it: -i {project.folder}/inventory.yml"
    assert found in said.err
    assert elsewhere.rawat("plan", "../p/books/p.yml", "-i", f"{project.folder}/inventory.yml").code == 0
    said = elsewhere.rawat("hosts", "h1")
    assert said.code == 2
    assert "name one with -i FILE, or in rawat.yml" in said.err


def test_an_unknown_key_is_refused_with_its_fingerprint_and_trust_makes_it_known(project: Project) -> None:
    assert project.sshd is not None
    project.write("empty", "")
    project.write("rawat.yml", "rawat: 1\nssh_config: ssh\nknown_hosts: [empty]\n")
    (project.folder / "ssh").write_text(f"UserKnownHostsFile {project.folder}/customer\n")
    (project.folder / "ssh").chmod(0o600)
    book = project.playbook(ONE)
    said = project.rawat("run", book)
    assert said.code == 4
    assert "refused (host key)" in said.out
    assert project.sshd.fingerprint in said.out
    assert f"rawat trust h1 --fingerprint {project.sshd.fingerprint}" in said.out
    said = project.rawat("run", book, "-i", "inventory.yml")
    assert f"rawat trust h1 -i inventory.yml --fingerprint {project.sshd.fingerprint}" in said.out
    said = project.rawat("plan", book, "-i", "inventory.yml", "--live")
    assert said.code == 4
    assert "unknown host key" in said.out + said.err
    shown = project.rawat("trust", "h1", "-i", "inventory.yml")
    assert shown.code == 4
    assert f"rawat trust h1 -i inventory.yml --fingerprint {project.sshd.fingerprint}" in shown.out
    wrong = project.rawat("trust", "h1", "--fingerprint", "SHA256:" + "A" * 43)
    assert wrong.code == 4
    assert not (project.folder / "customer").exists()
    assert project.rawat("trust", "h1", "--fingerprint", project.sshd.fingerprint).code == 0
    assert project.sshd.host_key in (project.folder / "customer").read_text()
    assert (project.folder / "empty").read_text() == ""
    assert project.rawat("run", book).code == 0


def test_a_changed_key_is_refused_with_both_fingerprints(tmp_path: Path, loopback_sshd: LoopbackSshd) -> None:
    project = Project(tmp_path / "p", loopback_sshd)
    before = loopback_sshd.fingerprint
    loopback_sshd.new_host_key()
    said = project.rawat("run", project.playbook(ONE))
    assert said.code == 4
    assert before in said.out
    assert loopback_sshd.fingerprint in said.out


def test_a_login_that_is_refused_says_which_keys_were_tried(project: Project) -> None:
    assert project.sshd is not None
    os.system(f"ssh-keygen -q -t ed25519 -N '' -f {project.folder}/other")
    text = (project.folder / "inventory.yml").read_text().replace(str(project.sshd.key), "other")
    project.write("inventory.yml", text.replace("identity_file: other", f"identity_file: {project.folder}/other"))
    said = project.rawat("run", project.playbook(ONE))
    assert said.code == 4
    assert "refused (login)" in said.out
    assert "other" in said.out


def test_a_host_that_is_away_is_4_in_its_own_words(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    project.write("inventory.yml", "rawat: 1\nhosts: {away: {address: 127.0.0.1, port: 1, user: x}}\n")
    said = project.rawat("run", project.playbook(ONE))
    assert said.code == 4
    assert "refused (unreachable)" in said.out
    assert "127.0.0.1" in said.out


def test_the_checklist_keeps_9_open_until_a_person_says_so(project: Project) -> None:
    book = project.playbook("checklist: [{id: told, phase: plan, text: Told, by: hand}]\n" + ONE)
    said = project.rawat("run", book)
    assert said.code == 9
    assert "still open: told" in said.out
    refused = project.rawat("sign", "last", "--item", "tolt")
    assert refused.code == 2
    assert "did you mean 'told'?" in refused.err
    assert project.rawat("sign", "last", "--item", "told", "--verdict", "na").code == 2
    signed = project.rawat("sign", "last", "--item", "told", "--note", "by mail at 10:00")
    assert signed.code == 0
    record = project.record()
    assert record["exit"] == 0
    item = next(item for item in record["checklist"] if item["id"] == "told")
    assert (item["state"], item["note"]) == ("pass", "by mail at 10:00")
    assert item["by"]
    assert project.rawat("verify").code == 4


def test_a_policy_that_asks_for_a_ticket_is_a_gate(project: Project) -> None:
    path = project.folder / "rawat.yml"
    path.write_text(path.read_text().replace("{same_machine: allow}", "{same_machine: allow, ticket: required}"))
    book = project.playbook(ONE)
    said = project.rawat("run", book)
    assert said.code == 8
    assert "--ticket" in said.err
    assert project.rawat("run", book, "--ticket", "CHG-1").code == 0


def test_plan_live_says_what_would_change_and_changes_nothing(project: Project) -> None:
    target = project.folder / "target"
    source = project.write("out/there.txt", "there\n")
    project.write("here/h1/there.txt", "there\n")
    project.write("stale/h1/there.txt", "stale\n")
    book = project.playbook(
        f"""
vars: {{most: 1}}
phases:
  analyse:
    - {{id: room, disk: {{path: /, free: 1}}, register: found}}
    - {{id: more, disk: {{path: /}}, expect: result.free_bytes < 0}}
    - {{id: less, assert: {{that: [found.free_bytes > 0, found.free_bytes < most]}}}}
    - {{id: enough, assert: {{that: found.free_bytes > most}}}}
    - {{id: same, fetch: {{src: {source}, to: here}}}}
    - {{id: stale, fetch: {{src: {source}, to: stale}}}}
    - {{id: fresh, fetch: {{src: {source}, to: fresh}}}}
    - {{id: lost, fetch: {{src: {source}.not, to: fresh}}}}
  implement:
    - {{id: folder, file: {{path: {target}, state: directory}}, undo: [{{id: back, command: "true"}}]}}
    - {{id: there, file: {{path: {project.folder}, state: directory}}}}
    - {{id: each, with: [{target}, {project.folder}], file: {{path: "{{{{ item }}}}", state: directory}}}}
    - {{id: some, command: "echo {{{{ item }}}}", with: [a, b, c], when: item != 'b' and found.ok}}
    - {{id: unwanted, command: "echo {{{{ item }}}}", with: [a, b, c], when: item == facts.kernel}}
    - {{id: go, command: "true", register: gone}}
    - {{id: after, assert: {{that: gone.ok}}}}
    - {{id: if, when: gone.ok, command: "true"}}
    - {{id: none, when: found.nothing, steps: [{{id: within, command: "true"}}]}}
    - {{id: asked, confirm: {{question: Ready?}}}}
finally:
  - {{id: last, file: {{path: {target}, state: absent}}}}
"""
    )
    said = project.rawat("plan", book, "--live", "--detailed-exitcode", "--json")
    assert said.code == 3, said.err
    looks = {step["id"]: step["live"] for step in said.json()["steps"]}
    assert {name: text.partition(":")[0] for name, text in looks.items()} == {
        "room": "nothing to do",
        "more": "would fail",
        "less": "would fail",
        "enough": "nothing to do",
        "same": "nothing to do",
        "stale": "will change",
        "fresh": "will change",
        "lost": "would fail",
        "folder": "will change",
        "back": "nothing to do",
        "there": "nothing to do",
        "each": "will change",
        "some": "cannot know",
        "unwanted": "nothing to do",
        "go": "cannot know",
        "after": "cannot know",
        "if": "cannot know",
        "within": "cannot know",
        "asked": "cannot know",
        "last": "nothing to do",
    }
    assert "found.free_bytes < most does not hold" in looks["less"]
    assert looks["each"].startswith("will change: 1 of 2 items: ")
    assert looks["some"].startswith("cannot know: 2 of 3 items: ")
    assert looks["unwanted"] == "nothing to do: all of 3 items: not when item == facts.kernel"
    assert "6 bytes" in looks["fresh"]
    assert looks["back"].endswith("waits for a rollback")
    assert looks["after"].endswith("depends on gone") and looks["if"].endswith("depends on gone")
    assert "there is no 'nothing' in it" in looks["within"]
    assert not target.exists()
    assert not (project.folder / "records").exists()
    assert not (project.folder / "fresh").exists()
    assert (project.folder / "stale/h1/there.txt").read_text() == "stale\n"
    assert not list((project.folder / "spool").glob("**/run-*"))


def test_plan_live_says_on_which_step_it_depends_what_cannot_be_known(project: Project) -> None:
    """It said "'made' is undefined", or took a name that a run will have for one that there is not."""
    project.write("conf.j2", "{{ made.stdout }}")
    place = project.folder / "place"
    place.touch()
    book = project.playbook(
        f"""
vars: {{off: false}}
phases:
  implement:
    - {{id: disk, disk: {{path: /}}, register: both}}
    - {{id: go, command: "echo {place}", register: made}}
    - {{id: not, when: off, command: echo, register: unmade}}
    - {{id: uses, command: "cat {{{{ made.stdout }}}}"}}
    - {{id: list, with: "{{{{ made.stdout.split() }}}}", command: "echo {{{{ item }}}}"}}
    - {{id: items, with: [a], when: item == made.stdout, command: "echo {{{{ item }}}}"}}
    - {{id: file, template: {{src: conf.j2, to: "{place}"}}}}
    - {{id: place, file: {{path: "{{{{ made.stdout }}}}", state: absent}}}}
    - {{id: claim, disk: {{path: /}}, expect: made.ok and result.ok}}
    - {{id: own, disk: {{path: /}}, register: own, expect: own.free_bytes > 0 or result.ok}}
    - {{id: else, note: "{{{{ (made | default({{}})).path | default(1) }}}}"}}
    - {{id: off, when: off and made.ok, command: "echo {{{{ made.stdout }}}}"}}
    - {{id: again, command: "echo", register: both}}
    - {{id: stale, assert: {{that: both.free_bytes > 0}}}}
    - {{id: none, when: unmade is defined, note: x}}
finally:
  - {{id: end, when: made is defined, note: "{{{{ made.stdout }}}}"}}
"""
    )
    said = project.rawat("plan", book, "--live", "--json")
    assert said.code == 0, said.err
    looks = {step["id"]: step["live"] for step in said.json()["steps"]}
    for step in ("uses", "list", "items", "file", "place", "claim", "else", "end"):
        assert looks[step] == "cannot know: depends on made", step
    assert looks["stale"] == "cannot know: depends on both"
    assert looks["off"] == "nothing to do: not when off and made.ok"
    assert looks["none"] == "nothing to do: not when unmade is defined"
    assert looks["own"].startswith("nothing to do: ")


def test_plan_live_refuses_the_hosts_that_a_run_would_refuse(tmp_path: Path) -> None:
    project = Project(tmp_path / "p", hosts=2)
    project.write("rawat.yml", "rawat: 1\nssh_config: /dev/null\n")
    said = project.rawat("plan", project.playbook(ONE), "--live", "--json")
    assert said.code == 4
    assert sorted(said.json()["refused"]) == ["h1", "h2"]
    assert "one machine under several names" in said.json()["refused"]["h1"]
    project.write("rawat.yml", "rawat: 1\nssh_config: /dev/null\npolicy: {same_machine: allow}\n")
    book = project.playbook(ONE, head=f"{HEAD}become: nobody-of-that-name\n")
    said = project.rawat("plan", book, "--live", "--json")
    assert said.code == 4
    assert "nobody-of-that-name" in said.json()["refused"]["h1"]
    assert not list((project.folder / "spool").glob("**/run-*"))


def test_a_plan_is_the_same_whenever_it_is_made_and_touches_no_host(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    project.write("inventory.yml", "rawat: 1\nhosts: {away: {address: 127.0.0.1, port: 1}}\n")
    book = project.playbook(
        "vars: {x: 1}\nphases: {implement: [{id: one, command: echo one, undo: [{id: back, command: ls}]},"
        " {id: two, command: w, undo: [{id: again, command: ls}]}]}\n"
    )
    first, second = (project.rawat("plan", book, "--json").json() for _ in range(2))
    assert first["digest"] == second["digest"]
    assert [(step["id"], step["undoes"]) for step in first["steps"] if step["phase"] == "undo"] == [
        ("back", "one"), ("again", "two"),
    ]  # fmt: skip
    other = project.rawat("plan", book, "--json", "--skip", "one", "--hosts", "away", "-e", "x=a b").json()
    assert other["digest"] != first["digest"]
    assert "back" not in [step["id"] for step in other["steps"]], "what is left out is not undone"
    assert other["next"] == f"rawat run {book} --hosts away -e 'x=a b' --skip one"


def test_a_plan_shows_what_is_wrong_with_a_value_and_makes_up_none(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    book = project.playbook(
        """
vars: {x: 1}
phases:
  implement:
    - {id: one, command: [ls, '{{ x }}'], register: a}
    - {id: two, note: "{{ a.stdout | length }} and {{ a.stderr }} of {{ 2 * a.exit }} on {{ host.name }}"}
    - {id: off, command: ls, when: x == 3}
    - {id: some, command: "touch {{ item }}", with: [a, b], when: item == 'a'}
    - {id: none, command: "rm {{ item }}", with: [a, b], when: item == x}
"""
    )
    for command in ("plan", "run"):
        said = project.rawat(command, book, "-e", "x={a: 1}")
        assert said.code == 2, said
        assert """'one', command: 1: expected a text, found {"a": 1}""" in said.err
    said = project.rawat("plan", book, "--commands", "-e", "x=2")
    assert said.code == 0, said
    assert "ls 2" in said.out
    assert "{a.stdout | length} and {a.stderr} of {2 * a.exit} on h1" in said.out
    assert "[skipped as things stand: when x == 3]" in said.out
    assert "[skipped as things stand: when item == x]" in said.out
    assert said.out.count("skipped as things stand") == 2


def test_yes_of_somebody_who_may_not_answer_is_no_answer(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    book = project.playbook("phases: {implement: [{id: sure, confirm: {question: Ready?, who: dewi}}]}\n")
    said = project.rawat("run", book, "--yes")
    assert said.code == 1
    assert "nobody was asked 'Ready?': " in said.out and "who said --yes, may not answer it" in said.out
    events = "".join(path.read_text() for path in (project.folder / "records").rglob("events.jsonl"))
    assert '"answer":"nobody answered"' in events and '"answer":"no"' not in events


def test_a_question_is_answered_from_elsewhere_and_only_where_it_waits(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    steps = "[{id: sure, confirm: {question: Go on?}}, {id: go, command: echo gone}]"
    process = project.start("run", project.playbook(f"phases: {{implement: {steps}}}\n"))
    assert process.stderr is not None
    assert any("rawat answer" in line for line in process.stderr)
    wrong = project.rawat("answer", "last", "h1", "go", "yes")
    assert (wrong.code, wrong.err) == (2, "error: h1 waits for no answer at go; it waits at sure\n")
    assert project.rawat("show").out.endswith("   under way\n")
    assert project.rawat("answer", "last", "h1", "sure", "yes").code == 0
    process.communicate(timeout=600)
    assert process.returncode == 0
    assert project.rawat("answer", "last", "h1", "sure", "yes").code == 2


SLOW = "phases: {implement: [{id: slow, script: 'touch %s; sleep %s; touch %s'}, {id: next, command: touch %s}]}\n"


def slow(project: Project, seconds: float | str) -> str:
    names = (project.folder / name for name in ("begun", "ended", "after"))
    begun, ended, after = names
    return project.playbook(SLOW % (begun, seconds, ended, after))


def heard(process: subprocess.Popen[str], words: str) -> None:
    """Until it has said so."""
    assert process.stderr is not None
    assert any(words in line for line in process.stderr), words


def test_sigint_once_lets_the_step_end_and_seals(project: Project) -> None:
    go = project.folder / "go"
    process = project.start("run", slow(project, f"0; until test -e {go}; do sleep 0.05; done"))
    wait_for(project.folder / "begun", process)
    process.send_signal(signal.SIGINT)
    heard(process, "stopped by SIGINT")
    go.touch()
    out, err = process.communicate(timeout=600)
    assert process.returncode == 130, (out, err)
    assert (project.folder / "ended").exists()
    assert not (project.folder / "after").exists()
    record = project.record()
    assert record["sealed"] and record["stopped_by"] == "SIGINT"
    assert record["hosts"]["h1"]["steps"][0]["outcome"] == "ok"


def test_sigint_twice_leaves_at_once(project: Project) -> None:
    process = project.start("run", slow(project, 300))
    wait_for(project.folder / "begun", process)
    process.send_signal(signal.SIGINT)
    heard(process, "stopped by SIGINT")
    process.send_signal(signal.SIGINT)
    began = time.monotonic()
    process.communicate(timeout=600)
    assert time.monotonic() - began < 60
    assert process.returncode == 130
    assert project.record()["sealed"]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_sigterm_and_sighup_seal_within_two_seconds(
    tmp_path: Path, shared_sshd: LoopbackSshd, how: signal.Signals
) -> None:
    """And what a busy machine makes of the rest: of five tries the best counts, far below any limit of a link."""
    took = list[float]()
    while len(took) < 5 and min(took, default=inf) > 8:
        project = Project(tmp_path / str(len(took)), shared_sshd)
        process = project.start("run", slow(project, 300))
        wait_for(project.folder / "begun", process)
        began = time.monotonic()
        process.send_signal(how)
        out, err = process.communicate(timeout=600)
        took.append(time.monotonic() - began)
        assert process.returncode == 143, (out, err)
        record = project.record()
        assert record["sealed"] and record["stopped_by"] == how.name
        assert record["in_doubt"] == [["h1", "slow"]]
    assert min(took) < 8, took


def test_after_kill_9_the_run_is_interrupted_and_the_record_is_readable(project: Project) -> None:
    process = project.start("run", slow(project, 60))
    wait_for(project.folder / "begun", process)
    assert "running" in project.rawat("runs").out
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=600)
    assert "interrupted" in project.rawat("runs").out
    (left,) = project.folder.glob("records/*/reserve")
    assert (left.stat().st_mode & 0o777, left.stat().st_blocks * 512 >= BYTES) == (0o600, True)
    assert project.rawat("verify").code == 3, "what was kept free for its end is no part of the record"
    assert project.record()["in_doubt"] == [["h1", "slow"]]
    assert project.rawat("run", project.playbook(ONE, name="other.yml")).code == 0


def test_a_disk_that_is_full_stops_the_work_with_6(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    book = project.playbook(
        "phases: {implement: [{id: fill, script: 'yes | head -c 2000000'}, {id: next, command: touch next}]}\n"
    )
    said = project.rawat("run", book, before=("sh", "-c", 'trap "" XFSZ; ulimit -f 800; exec "$@"', "sh"))
    assert said.code == 6, said
    assert "error: " in said.err
    assert not (project.folder / "next").exists()
    assert "interrupted" in project.rawat("runs").out
    told = said.err.rpartition("see to the disk, then: rawat ")[2].split()
    assert told[0] == "resume" and project.rawat(*told).code == 0
    assert (project.folder / "next").exists()


def test_a_disk_with_nearly_no_room_is_found_before_anything_is_touched(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    book = project.playbook("phases: {implement: [{id: next, command: touch next}]}\n")
    (project.folder / "records").mkdir(mode=0o700)
    for size, code in (("8m", 6), ("32m", 0)):
        small = f'mount -t tmpfs -o size={size},mode=700 none records && exec "$@"'
        said = project.rawat("run", book, before=("unshare", "-m", "sh", "-c", small, "sh"))
        assert said.code == code, said
        assert (project.folder / "next").exists() == (code == 0)
        if code:
            told = "records: 8388608 bytes are free on its disk, and the record of this run may need 16785408; nothing"
            assert told in said.err and "--records DIR" in said.err


FILLING = """
phases:
  implement:
    - {id: fill, script: "(head -c 99999999 /dev/zero >records/fill) 2>&-; %s"}
    - {id: many, with: [%s], script: "echo {{ item }} >>count"}
"""
ITEMS = [str(number) for number in range(16)]


def counted(project: Project) -> list[str]:
    count = project.folder / "count"
    return count.read_text().split() if count.exists() else []


@pytest.mark.parametrize("fills", ["its events", "an output"])
def test_a_disk_that_fills_under_a_run_leaves_room_to_end_its_record(tmp_path: Path, fills: str) -> None:
    """What runs may end and is on record, nothing further is started, and the sitting is sealed: 6."""
    project = Project(tmp_path / "p")
    loud = "seq 99999" if fills == "an output" else "true"
    book = project.playbook(FILLING % (loud, ", ".join(ITEMS)))
    (project.folder / "records").mkdir(mode=0o700)
    small = (
        'mount -t tmpfs -o size=32m,mode=700 none records && "$@"; code=$?; rm records/fill; mkdir kept; '
        "cp -a records/. kept && umount records && cp -a kept/. records && exit $code"
    )
    said = project.rawat("run", book, before=("unshare", "-m", "sh", "-c", small, "sh"))
    assert said.code == 6, said
    assert "the disk of the records is full: nothing further is started, what runs may end" in said.err
    assert "was ended and sealed" in said.err
    record = project.record()
    assert (record["sealed"], record["exit"], record["stopped_by"]) == (True, 6, "a full disk")
    fill, *many = record["hosts"]["h1"]["steps"]
    assert (fill["outcome"], record["in_doubt"], record["hosts"]["h1"]["outcome"]) == ("ok", [], "cancelled")
    assert fill["attempts"][0]["output"].get("truncated", False) == (fills == "an output")
    done = [step["id"] for step in many if step["outcome"] == "ok"]
    assert len(done) < len(ITEMS)
    assert [f"many.{int(item) + 1}" for item in counted(project)] == done
    verified = project.rawat("verify")
    assert "altered" not in verified.out.lower() and verified.code != 1, verified
    assert not list(project.folder.glob("records/*/reserve"))
    said = project.rawat("resume")
    assert said.code == 0, said
    assert counted(project) == ITEMS


def test_a_run_that_is_gone_on_with_on_a_full_disk_is_told_to_free_some_of_it(tmp_path: Path) -> None:
    """It was told to keep its record elsewhere, where there is nothing of it."""
    project = Project(tmp_path / "p")
    book = project.playbook("phases: {implement: [{id: next, command: test -e right}]}\n")
    (project.folder / "records").mkdir(mode=0o700)
    small = (
        f'mount -t tmpfs -o size=32m,mode=700 none records && "$1" -m runner run {book}; fallocate -l 20m records/fill;'
        'touch right; "$@"; code=$?; rm records/fill; "$@" && exit $code'
    )
    said = project.rawat("resume", before=("unshare", "-m", "sh", "-c", small, "sh"))
    assert said.code == 6, said
    assert "--records" not in said.err
    found = re.search(r"(\d+) bytes are free on its disk.* may need (\d+); nothing was touched", said.err)
    assert found, said.err
    more = int(found[2]) - int(found[1])
    assert f"the run lies there: free {more} bytes more on that disk, then the same command again" in said.err


def test_a_question_is_answered_by_another_command_where_there_is_no_terminal(project: Project) -> None:
    book = project.playbook(
        "phases: {plan: [{id: ask, confirm: {question: Ready?}}], test: [{id: one, command: 'true'}]}\n"
    )
    process = project.start("run", book)
    assert process.stderr is not None
    command = ""
    for line in process.stderr:
        if "rawat answer" in line:
            command = line.strip()
            break
    words = command.split()[1:]
    assert project.rawat(*words).code == 0
    assert process.wait(timeout=600) == 0
    process.communicate()
    assert project.record()["people"][0]["how"] == "rawat answer"


def test_yes_answers_every_question_and_is_on_record(project: Project) -> None:
    book = project.playbook("phases: {plan: [{id: ask, confirm: {question: Ready?}}]}\n")
    assert project.rawat("run", book, "--yes").code == 0
    assert project.record()["people"][0]["how"] == "--yes on the command line"


def test_secrets_are_nowhere_in_the_record_or_on_the_screen(project: Project) -> None:
    book = project.playbook(
        "secrets: [pw]\nphases: {implement: [{id: one, command: {line: 'echo \"$PW\" | tee /dev/stderr | base64', "
        "env: {PW: '{{ pw }}'}}, register: r}, {id: two, command: 'echo {{ r.stdout }}'}]}\n"
    )
    said = project.rawat("run", book, "--json")
    assert said.code == 2
    assert "RAWAT_SECRET_PW" in said.err
    said = project.rawat("run", book, "--json", environment={"RAWAT_SECRET_PW": "hunter2-hunter2"})
    assert said.code == 0, said.err
    assert "hunter2" not in said.out + said.err + project.rawat("logs").out
    for path in (project.folder / "records").rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes(), path
    assert json.loads(said.out)["hosts"]["h1"]["steps"][0]["attempts"][0]["output"]["redactions"] >= 1


def test_hostile_output_does_nothing_on_the_terminal(project: Project) -> None:
    hostile = (
        "printf '\\\\033]52;c;aGk=\\\\007\\\\r::set-output\\\\n'; "
        "printf '\\\\302\\\\233a\\\\342\\\\200\\\\256##[error]\\\\n\\\\377\\\\n' >&2; exit 1"
    )
    book = project.playbook(f'phases: {{implement: [{{id: one, script: "{hostile}"}}]}}\n')
    said = project.rawat("run", book)
    logs = project.rawat("logs")
    for text in (said.out, said.err, logs.out):
        assert "\x1b" not in text and "\x07" not in text and "\r" not in text
    assert "h1 | ^[]52;c;aGk=^G^M::set-output" in logs.out and "\nh1 | \\xff\n" in logs.out
    assert "--- h1  one  attempt 1  failed  binary, shown as \\x..; --raw has the bytes\n" in logs.out
    for document in (project.rawat("run", book, "--json").out, project.rawat("show", "--json").out):
        assert not any(acts in document for acts in ("\x1b", "\x9b", "\u202e", "##["))
        assert json.loads(document)["hosts"]["h1"]["steps"][0]["attempts"][0]["output"]["encoding"] == "binary"
        assert "\x9ba\u202e##[error]" in json.dumps(json.loads(document), ensure_ascii=False)


def test_reindex_makes_the_index_anew(project: Project) -> None:
    book = project.playbook(ONE)
    project.rawat("run", book)
    project.rawat("run", book)
    before = project.rawat("runs").out
    index = project.folder / "records" / "index.db"
    index.write_bytes(b"not a database" * 100)
    said = project.rawat("run", book)
    assert said.code == 0
    assert "the index cannot be used" in said.err
    assert project.rawat("reindex").out == "3 runs indexed\n"
    assert len(project.rawat("runs").out.splitlines()) == len(before.splitlines()) + 1


def test_an_index_that_another_program_holds_stops_nothing(project: Project) -> None:
    book = project.playbook(ONE)
    assert project.rawat("run", book).code == 0
    with contextlib.closing(sqlite3.connect(project.folder / "records" / "index.db")) as holder:
        holder.execute("pragma locking_mode = exclusive")
        holder.execute("begin exclusive")
        said = project.rawat("run", book)
        assert said.code == 0 and "the index cannot be used" in said.err, said
    assert project.rawat("reindex").out == "2 runs indexed\n"


def test_init_gives_a_project_that_works(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    for name in ("rawat.yml", "inventory.yml"):
        (project.folder / name).unlink()
    assert project.rawat("init").code == 0
    assert project.rawat("check", "playbooks/first.yml").code == 0
    said = project.rawat("run", "playbooks/first.yml", "-e", f"folder={tmp_path}/note")
    assert said.code == 0, said
    assert project.rawat("init").code == 2
