from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from runner.app.secrets import no_values, with_given
from runner.errors import InvalidInput
from runner.model import OnFailure, Playbook, Retry, Share
from runner.playbook.load import load
from runner.registry import Registry
from runner.steps import BUILT_IN

KINDS: Registry[type[Any]] = Registry("rawat.steps", BUILT_IN)
HEAD = "rawat: 1\nname: t\nkind: other\nhosts: all\n"


def loaded(folder: Path, text: str, head: str = HEAD) -> Playbook:
    (folder / "p.yml").write_text(head + text, encoding="utf-8")
    return load(folder / "p.yml", kinds=KINDS, root=folder)


def refused(folder: Path, text: str, head: str = HEAD) -> list[str]:
    with pytest.raises(InvalidInput) as error:
        loaded(folder, text, head)
    return [
        f"{problem.where.line}:{problem.where.column} {problem.message}" if problem.where else problem.message
        for problem in error.value.problems
    ]


def one(line: str) -> str:
    return f"phases:\n  implement:\n    - {line}\n"


def test_a_playbook_is_read_whole(tmp_path: Path) -> None:
    playbook = loaded(
        tmp_path,
        """
title: A title
become: postgres
vars:
  plain: 3
  declared: {default: 7, type: integer, minimum: 1, help: Why}
  needed: {required: true, type: string}
secrets: [password]
rollout: {batches: [1, 25%], parallel: 3, stop_when_failed: 10%}
checklist:
  - {id: proven, phase: test, text: Proven, proof: [try]}
  - {id: told, phase: plan, text: Told, by: hand, required: false}
phases:
  implement:
    - id: go
      title: Go
      command: "make {{ plain }}"
      timeout: 2m
      retries: {attempts: 3, delay: 1s}
      on_failure: rollback
      undo: [{id: back, command: unmake}]
  test:
    - {id: try, command: "try it", requires: [proven], idempotent: true}
finally:
  - {id: tidy, command: tidy}
""",
    )
    go = playbook.phases["implement"][0]
    assert (go.timeout_s, go.retry, go.on_failure) == (120.0, Retry(attempts=3, delay_s=1.0), OnFailure.ROLLBACK)
    assert playbook.rollout.batches == (Share(value=1), Share(value=25, percent=True))
    assert [step.id for step in playbook.walk()] == ["go", "back", "try", "tidy"]
    assert [(v.name, v.default, v.required) for v in playbook.variables] == [
        ("plain", 3, False), ("declared", 7, False), ("needed", None, True),
    ]  # fmt: skip
    assert str(go.location) == f"{tmp_path}/p.yml:19:7"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (one("{id: a, comand: ls}"), "7:15 'comand' is not a step key; did you mean 'command'?"),
        (one("{id: a, command: ls, tiemout: 3s}"), "7:28 'tiemout' is not a step key; did you mean 'timeout'?"),
        (one("{id: a, command: ls, script: ls}"), "a step has one kind; this has command, script"),
        (one("{id: a}"), "this step says nothing to do"),
        (one("{command: ls}"), "a step needs an 'id'"),
        (one("{id: A b, command: ls}"), "small letters, digits, - and _, beginning with a letter"),
        (one("{id: a, command: ls, timeout: 3 parsecs}"), "wanted here: a number of seconds, or a text such as 30s"),
        (one("{id: a, command: 5}"), "expected a text or a list or a mapping, found 5"),
        (one("{id: a, command: ls, creates: /x}"), "it goes into 'command': command: {..., creates: ...}"),
        (one("{id: a, script: ls, env: {A: b}}"), "'env' is not a step key; it goes into 'script'"),
        (
            one("{id: a, command: ls, retries: {attempts: 2}, delay: 1s}"),
            "it goes into 'retries': retries: {..., delay",
        ),
        (one("{id: a, command: ls, loop: [1]}"), "'loop' is not a step key; here that is 'with'"),
        (one("{id: a, command: ls, failed_when: x}"), "here that is 'expect: not (...)'"),
        (one("{id: a, command: ls, until: result.rc == 0}"), "there is no 'result.rc'; known are: changed, exit,"),
        (one("{id: a, script: ls, register: r, expect: r.sdout}"), "there is no 'r.sdout'; did you mean 'stdout'?"),
        (one("{id: a, command: ls, register: r}\n    - {id: b, note: '{{ r.rc }}'}"), "there is no 'r.rc'; known are"),
        (one("{id: a, command: ls, zzz: 1}"), "'zzz' is not a step key; known are: assert, backup,"),
        (one("{id: a, command: ls, zzz: 1}"), " more"),
        (one("{id: a, command: 'ls {{ host.name | uper }}'}"), "7:24 there is no filter 'uper'; did you mean 'upper'?"),
        (one("{id: a, command: ls, when: host.name is strin}"), "there is no test 'strin'; did you mean 'string'?"),
        (one("{id: a, become: root, steps: [{id: b, command: ls}]}"), "7:15 'become' is not for a group"),
        (one("{id: a, with: [1], steps: [{id: b, command: ls}]}"), "7:15 'with' is not for a group"),
        (
            one("{id: a, requires: [c], steps: [{id: b, command: ls}]}")
            + "checklist: [{id: c, phase: test, text: x, by: hand}]\n",
            "7:15 'requires' is not for a group",
        ),
        (one("{id: a, assert: {that: []}}"), "7:30 this is empty"),
        (one("{id: a, copy: {src: a, content: b, to: /c}}"), "either 'src' or 'content' is wanted here, and not both"),
        (one("{id: a, command: ls, timeout: 0s}"), "such as 30s, 10m, 2h; more than 0"),
        (one("{id: a, command: ls, output_limit: 5%}"), "a number of bytes, or a text such as 500MB"),
        (one("{id: a, command: ls, output_limit: -5}"), "-5 is less than the minimum of 0"),
        (one("{id: a, command: ls, retries: 101}"), "101 is greater than the maximum of 100"),
        (one("{id: a, command: ls, with: abc}"), "7:34 'with' is a list, or a {{ template }}"),
        (one("{id: a, note: '{{ facts.memry_bytes }}'}"), "7:31 there is no 'facts.memry_bytes'; did you mean"),
        (
            one("{id: a, command: ls, when: \"facts['osid'] == 'x'\"}"),
            "7:42 there is no 'facts.osid'; did you mean 'os_id'",
        ),
        (one("{id: a, command: ls, with: ['{{ host.zzz }}']}"), "'host.zzz'; known are: address, groups, name"),
        (one("{id: a, disk: {path: '/{{ host.n }}'}}") + "vars: {n: 1}\n", "'host.n'; the variable is 'n' by itself"),
        (one("{id: a, note: '{{ run.ticket }}'}"), "there is no 'run.ticket'; known are: began, id"),
        (one("{id: a, note: '{{ facts is definde }}'}"), "there is no test 'definde'; did you mean 'defined'?"),
        (
            one("{id: a, command: ls}\n    - {id: b, command: 'echo {{ a.stdout }}'}"),
            "'a' is a step; its result has a name where the step says so: register: a",
        ),
        (one("{id: a, command: ls, retries: {attempts: '{{ t }}'}}") + "vars: {t: 3}\n", "'retries' takes no {{ }}"),
        (
            one("{id: a, command: ls}") + "vars: {t: 3}\nrollout: {parallel: '{{ t }}'}\n",
            "9:21 'rollout' takes no {{ }}",
        ),
        (one("{id: a, command: ls}") + "rollout: '{{ t }}'\n", "'rollout' takes no {{ }}"),
        (one("{id: a, command: ls}") + "rollout: {batches: ['(']}\n", "wanted here: a number of hosts, or a share"),
        (one("{id: a, command: ls}") + "vars: '{{ t }}'\n", "'vars' takes no {{ }}"),
        ("phases: {test: '{{ t }}'}\n", "'test' takes no {{ }}"),
        (one("{id: a, command: ls, when: 1e400}"), "a number that large is infinite"),
        (one("{id: a, backup: [x], timeout: 1 day}"), "expected a mapping, found"),
        ("phases: {implement: [], test: []}\n", "5:1 no phase has a step: nothing would be done"),
        (one("{id: a, command: ls, timeout: '{{ t }}'}") + "vars: {t: 3s}\n", "7:37 'timeout' takes no {{ }}"),
        (one("{id: a, command: ls, retries: {delay: '{{ t }}'}}") + "vars: {t: 3s}\n", "'retries' takes no {{ }}"),
        (one("{id: a, disk: {path: /}, watch: {for: '{{ t }}'}}"), "'t' is not declared"),
        (one("{id: a, command: ls, on_failure: explode}"), '"explode" is not one of stop, continue, rollback'),
        (one("{id: a, command: ls, retries: {attempts: 0}}"), "0 is less than the minimum of 1"),
        (one("{id: a, command: {line: ls, cwdd: /}}"), "'cwdd' is not a key of 'command'; did you mean 'cwd'?"),
        (
            one("{id: a, command: 'ls {{ nmae }}'}") + "vars: {name: 1}\n",
            "'nmae' is not declared; did you mean 'name'?",
        ),
        (one("{id: a, command: 'ls {{ other }}'}"), "declare it under vars: other: {required: true}"),
        (one("{id: a, command: ls}") + "finally: [{id: b, command: ls, on_failure: rollback}]\n", "in 'finally'"),
        (
            one("{id: a, command: ls}")
            + "finally: [{id: b, steps: [{id: c, command: ls, undo: [{id: d, note: x}]}]}]\n",
            "'undo' has no effect in 'finally'",
        ),
        (
            one("{id: a, command: ls, undo: [{id: b, command: ls, on_failure: rollback}]}"),
            "'rollback' has no effect in 'undo'",
        ),
        (
            one("{id: a, command: ls, undo: [{id: b, command: ls, undo: [{id: c, note: x}]}]}"),
            "'undo' has no effect in 'undo'",
        ),
        (one("{id: a, command: ls, retries: {}}"), "'retries' says nothing: say how often"),
        (one("{id: a, command: ls, retries: {delay: 100ms}}"), "'retries' without 'attempts' tries once"),
        (one("{id: a, command: ls, retries: {}, until: result.ok}"), "'retries' says nothing: say how often"),
        *(
            (one(f"{{id: a, {kind}, {key}: {value}}}"), f"'{key}' has no effect on '{kind.partition(':')[0]}'")
            for kind in ("note: x", "assert: {that: 1 < 2}", "confirm: {question: x}")
            for key, value in (
                ("watch", "{for: 1s}"),
                ("check", "ls"),
                ("become", "x"),
                ("output_limit", "1kB"),
                ("timeout", "1s"),
            )
            if (kind[:7], key) != ("confirm", "timeout")
        ),
        (one("{id: a, command: 'ls {{ item }}'}"), "'item' has a value only in a step with 'with'"),
        (
            one("{id: a, command: ls, with: ['{{ item }}']}"),
            "'item' has a value only in a step with 'with', and not in its list",
        ),
        (one("{id: a, command: ls, when: result.ok}"), "'result' has a value only under 'until' and 'expect'"),
        (one("{id: a, command: ls, when: '{{ facts.cpus }}'}"), "write it without {{ }}"),
        (one("{id: a, command: ls, when: 1 +}"), "not a valid expression"),
        (one("{id: a, command: ls, register: facts}"), "is a name with a meaning already"),
        (one("{id: a, command: ls, requires: [nope]}"), "requires 'nope', which is no checklist item"),
        ("phases: {test: [{id: a, command: a}], identify: [{id: b, command: b}]}\n", "'test' is out of place"),
        ("phases: {tset: [{id: a, command: a}]}\n", "'tset' is not a key of 'phases'; did you mean 'test'?"),
        (one("{id: a, include: nope.yml}"), "'id' does not go with 'include'"),
        (one("{include: nope.yml}"), "there is no file 'nope.yml' beside this one, or under the project's root"),
        (one("{include: ../x.yml}"), "is outside the project's root"),
        (one("{include: /etc/passwd}"), "is outside the project's root"),
        (one("{id: a, command: ls}") + "window: night\n", "'window' is not a key here"),
        (one("{id: a, command: ls}") + "checklist: [{id: c, phase: test, text: x, proof: [b]}]\n", "no step 'b'"),
        (one("{id: a, command: ls}") + "checklist: [{id: c, phase: test, text: x}]\n", "either 'proof' (steps) or"),
        (one("{id: a, command: ls}") + "vars: {n: {default: x, type: integer}}\n", "expected a whole number, found"),
        (one("{id: a, command: ls}") + "vars: {n: {default: 1, tpye: integer}}\n", "did you mean 'type'?"),
        (one("{id: a, command: ls}") + "vars: {n: {default: 1, type: iteger}}\n", "did you mean 'integer'?"),
        (one("{id: a, command: ls}") + "vars: {n: {type: [object, nul]}}\n", '"nul" is not one of string, integer'),
        (
            one("{id: a, command: ls}") + "vars: {n: {default: a, pattern: '['}}\n",
            "8:33 '[' is not a regular expression",
        ),
        (one("{id: a, command: ls}") + "vars: {n: {default: 1, minimum: x}}\n", 'expected a number, found "x"'),
        (one("{id: a, command: ls}") + "vars: {n: {default: 1, enum: 3}}\n", "expected a list, found 3"),
        (one("{id: a, command: ls}") + "vars: {n: {default: 1, required: maybe}}\n", "expected true or false"),
        (one("{id: a, command: ls}") + "vars: {n: {default: [1], items: {type: 3}}}\n", "not a JSON Schema of items"),
    ],
)
def test_each_mistake_is_named_at_its_place(tmp_path: Path, text: str, said: str) -> None:
    problems = refused(tmp_path, text)
    assert any(said in problem for problem in problems), problems


def test_a_secret_may_stand_only_where_nobody_can_read_it(tmp_path: Path) -> None:
    text = "secrets: [pw]\n" + one("{id: a, command: %s}")
    assert "the secret 'pw' may not stand here" in refused(tmp_path, text % "'login {{ pw }}'")[0]
    assert "the secret 'pw' may not stand here" in refused(tmp_path, text % "[login, '{{ pw }}']")[0]
    loaded(tmp_path, text % "{line: login, env: {PW: '{{ pw }}'}}")
    loaded(tmp_path, text % "{line: login, stdin: '{{ pw }}'}")


def test_a_secret_that_may_be_missing_is_empty_then(tmp_path: Path) -> None:
    text = "secrets: [pw, {name: db, required: false}, {name: key}]\n"
    step = one("{id: a, sql: {engine: sqlite, database: /a, query: q, password: '{{ db }}'}}")
    playbook = loaded(tmp_path, text + step)
    assert (playbook.secrets, playbook.optional) == (("pw", "key"), ("db",))
    assert with_given(playbook, {"RAWAT_SECRET_DB": ""}) == playbook
    given = with_given(playbook, {"RAWAT_SECRET_DB": "word-word"})
    assert (given.secrets, given.optional) == (("pw", "key", "db"), ())
    assert len(no_values(playbook)["db"]) == 0
    for wrong, said in {
        text + one("{id: a, command: 'login {{ db }}'}"): "the secret 'db' may not stand here",
        "secrets: [pw, {name: pw, required: false}]\n"
        + one("{id: a, command: ls}"): "5:15 the secret 'pw' is here twice",
        "secrets: [{name: pw, reqired: false}]\n" + one("{id: a, command: ls}"): "did you mean 'required'?",
    }.items():
        assert said in "; ".join(refused(tmp_path, wrong))


def test_all_problems_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text("- {id: b, comand: x}\n- {id: c, command: x, whne: y}\n")
    problems = refused(tmp_path, one("{include: more.yml}") + "    - {id: d, tiemout: 3}\nhosst: x\n")
    assert len(problems) == 4


def test_what_is_there_twice_keeps_no_other_mistake_back(tmp_path: Path) -> None:
    """Neither a key of a mapping, whose two values are looked at, nor the id of a step."""
    (tmp_path / "more.yml").write_text("- {id: c, command: x, id: c, whne: y}\n")
    problems = refused(
        tmp_path,
        "vars: {n: 1}\n"
        "phases:\n"
        "  implement:\n"
        "    - {id: a, command: ls, command: ls, tiemout: 3s}\n"
        "    - {id: a, note: '{{ nn }}'}\n"
        "    - {include: more.yml}\n"
        "vars: {m: 1, n: {default: x, type: integer}}\n"
        "phases:\n"
        "  implement:\n"
        "    - {id: b, note: '{{ m }} {{ mm }}'}\n"
        "hosst: x\n",
    )
    assert [problem.partition(";")[0] for problem in problems] == [
        "8:28 'command' is here twice",
        "8:41 'tiemout' is not a step key",
        f"9:12 the id 'a' is taken already, at {tmp_path}/p.yml:8:8",
        "9:25 'nn' is not declared",
        "11:1 'vars' is here twice",
        "11:14 'n' is here twice",
        "11:27 the default of 'n': expected a whole number, found \"x\"",
        "12:1 'phases' is here twice",
        "13:3 'implement' is here twice",
        "14:33 'mm' is not declared",
        "15:1 'hosst' is not a key here",
        "1:23 'id' is here twice",
        "1:30 'whne' is not a step key",
    ]


def test_a_step_that_an_alias_brings_again_is_told_once(tmp_path: Path) -> None:
    problems = refused(tmp_path, "phases:\n  test: &t\n    - {id: a, note: '{{ nn }}'}\n  monitor: *t\n")
    assert [problem.partition(";")[0] for problem in problems] == [
        f"7:12 the id 'a' is taken already, at {tmp_path}/p.yml:7:8",
        "7:25 'nn' is not declared",
    ]


def test_what_is_wrong_below_a_misspelt_phase_is_told_with_it(tmp_path: Path) -> None:
    text = (
        "phases:\n"
        "  implment:\n"
        "    - {id: a, command: ls, register: x}\n"
        "    - {id: b, comand: ls}\n"
        "  tset: {id: c}\n"
        "  monitor:\n"
        "    - {id: a, command: ls}\n"
        "    - {id: d, note: '{{ x.stdout }}', tiemout: 1s}\n"
    )
    said = [line.partition(";")[0] for line in refused(tmp_path, text)]
    first = len(HEAD.splitlines())
    assert said == [
        f"{first + 2}:3 'implment' is not a key of 'phases'",
        f"{first + 4}:15 'comand' is not a step key",
        f"{first + 5}:3 'tset' is not a key of 'phases'",
        f"{first + 7}:12 the id 'a' is taken already, at {tmp_path}/p.yml:{first + 3}:8",
        f"{first + 8}:39 'tiemout' is not a step key",
    ]


def test_a_name_is_known_only_after_the_step_that_gives_it(tmp_path: Path) -> None:
    early = "phases: {implement: [{id: a, command: 'x {{ r.stdout }}'}, {id: b, command: y, register: r}]}\n"
    assert "'r' is registered by a later step" in refused(tmp_path, early)[0]
    loaded(tmp_path, "phases: {implement: [{id: b, command: y, register: r}, {id: a, command: 'x {{ r.stdout }}'}]}\n")


def test_includes_are_steps_under_their_condition(tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text("- {id: b, command: x, when: facts.cpus > 1}\n- {id: c, command: y}\n")
    playbook = loaded(tmp_path, one("{include: more.yml, when: host.name == 'a'}"))
    assert [(step.id, step.when) for step in playbook.walk()] == [
        ("b", "(host.name == 'a') and (facts.cpus > 1)"),
        ("c", "host.name == 'a'"),
    ]
    assert [source.path for source in playbook.sources] == ["p.yml", "more.yml"]


def test_an_include_is_looked_for_beside_the_file_that_names_it_then_under_the_root(tmp_path: Path) -> None:
    books = tmp_path / "books"
    (books / "parts").mkdir(parents=True)
    (tmp_path / "both.yml").write_text("- {id: far, note: x}\n")
    (tmp_path / "root.yml").write_text("- {id: root, note: x}\n")
    (books / "both.yml").write_text("- {id: near, note: x}\n- {include: parts/one.yml}\n")
    (books / "parts/one.yml").write_text("- {id: one, note: x}\n- {include: two.yml}\n- {include: ../../root.yml}\n")
    (books / "parts/two.yml").write_text("- {id: two, note: x}\n")
    (books / "p.yml").write_text(HEAD + one("{include: both.yml}"))
    playbook = load(books / "p.yml", kinds=KINDS, root=tmp_path)
    assert [step.id for step in playbook.walk()] == ["near", "one", "two", "root"]


def test_an_include_that_includes_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text("- {include: more.yml}\n")
    assert "includes itself" in " ".join(refused(tmp_path, one("{include: more.yml}")))


def test_a_file_that_includes_itself_by_other_names_is_refused_at_once(tmp_path: Path) -> None:
    (tmp_path / "down").symlink_to(".")
    names = ("./a.yml", "down/a.yml", "down/down/a.yml", "none/../a.yml")
    (tmp_path / "a.yml").write_text("".join(f"- {{include: {name}}}\n" for name in names), encoding="utf-8")
    assert [problem[-15:] for problem in refused(tmp_path, one("{include: a.yml}"))] == ["includes itself"] * 4


def test_an_include_may_not_lead_out_by_a_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside.yml"
    outside.write_text("- {id: b, command: x}\n")
    inside = tmp_path / "project"
    inside.mkdir()
    (inside / "link.yml").symlink_to(outside)
    assert "outside the project's root" in refused(inside, one("{include: link.yml}"))[0]


def test_a_value_in_a_script_that_is_no_shell_is_refused_where_it_stands(tmp_path: Path) -> None:
    text = "vars: {n: 3}\nphases:\n  test:\n    - id: count\n      script:\n        interpreter: %s\n"
    text += "        text: |\n          import os\n          print({{ n }})\n"
    found = refused(tmp_path, text % "python3 -u")
    assert found == [
        "13:17 a {{ value }} in a script for python3 -u would be quoted as for a shell: "
        "give it through 'env' or 'args', and read it there"
    ]
    for shell in ("sh", "bash", "/bin/dash"):
        loaded(tmp_path, text % shell)
    loaded(tmp_path, (text % "perl").replace("print({{ n }})", "print $ENV{N}"))


def test_an_output_that_is_opened_by_name_is_noted(tmp_path: Path) -> None:
    from runner.app.check import notes_on

    lines = {
        "echo a >/dev/stdout": True,
        "echo a | tee /dev/stderr": True,
        "curl -o /proc/self/fd/1 http://shop/": True,
        "dd of=/dev/fd/2": True,
        "echo a >>/dev/stderr": False,
        "echo a >&2; echo b >/dev/null": False,
    }
    for line, noted in lines.items():
        notes = list(notes_on(loaded(tmp_path, one(f"{{id: say, command: '{line}'}}"))))
        assert bool(notes) is noted, line
        assert all("p.yml:7:8: note: 'say' opens " in note for note in notes), notes


def test_a_backup_whose_parameters_do_not_fit_is_a_mistake_in_its_place(tmp_path: Path) -> None:
    for params, said in {
        "{engine: sqlite, database: /a, to: /b, jobs: 2}": "7:71 jobs: means nothing with format: db",
        "{engine: postgresql, format: pgbackrest, to: /b}": "7:26 stanza: format: pgbackrest needs it",
        "{engine: postgresql, format: pgbackrest, stanza: '{{ host.name }}', to: /b}": "",
        "{engine: '{{ host.name }}', database: a, to: /b, jobs: 2}": "",
        "{engine: sqlite, database: /a, to: /b, jobs: '{{ host.name }}'}": "",
    }.items():
        text = one(f"{{id: dump, backup: {params}}}")
        if said:
            assert said in "; ".join(refused(tmp_path, text))
        else:
            loaded(tmp_path, text)


def test_a_key_that_would_do_nothing_is_a_mistake_in_its_place(tmp_path: Path) -> None:
    lite = "engine: sqlite, database: /a"
    for step, said in {
        "http: {url: 'http://a/', percentiles: {p50: 1}}": "'percentiles' is judged over all answers of a 'watch'",
        "http: {url: 'http://a/', percentiles: {p50: 1}}, watch: {for: 2s}": "",
        "verify: {probes: [{http: {url: 'http://a/', percentiles: {p50: 1}}}]}": "7:59 'percentiles' is judged over",
        "http: {url: 'http://a/', status: []}": "7:48 this is empty",
        "http: {url: 'http://a/', method: HEAD, send: a}": "7:60 'send' means nothing with method: HEAD",
        "wait: {http: 'http://a/', gone: true}": "7:47 'gone' waits for a port or a file",
        "wait: {http: 'http://a/', gone: false}": "",
        "copy: {content: a, to: /a, validate: \"check '%s'\"}": "%s inside single quotes",
        "copy: {content: a, to: /a, validate: 'check \"%s\"'}": "7:60 %s inside double quotes",
        'template: {src: a, to: /a, validate: \'check -x "a b" "{{ host.name }}" "%s"\'}': "%s inside double quotes",
        "copy: {content: a, to: /a, validate: 'check \"a b\" %s {{ host.name }}'}": "",
        "patch: {hold: a}": "7:29 'hold' changes the host",
        "patch: {apply: list, restart: restart}": "7:45 'restart' changes the host",
        "patch: {apply: '{{ host.name }}', hold: a}": "",
        f"optimize: {{{lite}, repack: true}}": "'repack' means nothing with engine: sqlite",
        f"optimize: {{{lite}, blocking: true}}": "'blocking' means nothing with engine: sqlite",
        f"optimize: {{{lite}, statements: 3}}": "'statements' means nothing with engine: sqlite",
        f"optimize: {{{lite}, limits: {{free_size: 1, dead_rows: 1}}}}": "7:90 'dead_rows' means nothing with engine",
        "optimize: {engine: '{{ host.name }}', database: /a, limits: {dead_rows: 1}}": "",
    }.items():
        text = one(f"{{id: a, {step}}}")
        if said:
            assert said in "; ".join(refused(tmp_path, text)), step
        else:
            loaded(tmp_path, text)


def test_probes_are_checked_where_they_stand(tmp_path: Path) -> None:
    head = HEAD + "secrets: [word]\n"
    text = "phases:\n  test:\n    - id: well\n      verify:\n        probes:\n          - %s\n"
    good = "{sql: {engine: sqlite, database: /a, query: q, password: '{{ word }}'}, expect: result.value == 1}"
    loaded(tmp_path, text % good, head)
    for probe, said in {
        "{sql: {engine: sqlite, database: '{{ word }}', query: q}}": "the secret 'word' may not stand here",
        "{sql: {engine: sqlite, database: /a, query: q}, expect: reslt.value}": "'reslt' is not declared",
        "{sql: {engine: sqlite, database: /a, query: q, change: true}}": "11:19 this would change the host",
        "{sql: {engine: sqlite, database: /a, query: q, timeout: 2s}}": "11:69 'timeout' means nothing",
        "{service: {name: a, state: restarted}}": "11:23 this would change the host",
        "{http: {url: 'http://a/', certificate: 3d}}": "11:52 a certificate is looked at where the url begins",
        "{disk: {path: /}, load: {}}": "",
        "{disk: {pth: /}}": "'pth'",
        "{command: ls}": "'command'",
    }.items():
        assert said in "; ".join(refused(tmp_path, text % probe, head)), probe
    sql = "{engine: sqlite, database: /a, query: q, change: true}"
    rows = f"phases: {{test: [{{id: a, verify: {{rows: {{n: {{sql: {sql}}}}}}}}}]}}\n"
    assert "this would change the host" in "; ".join(refused(tmp_path, rows))


def test_a_name_that_no_list_of_digests_can_hold_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a\nb.yml").write_text(HEAD + one("{id: a, command: ls}"))
    with pytest.raises(InvalidInput, match="the name of a playbook has letters that cannot be shown"):
        load(tmp_path / "a\nb.yml", kinds=KINDS)


def test_a_source_is_kept_byte_for_byte_and_read_once(tmp_path: Path) -> None:
    """Line ends of Windows and a mark at the beginning are part of its digest; a pipe can be read only once."""
    raw = b"\xef\xbb\xbf" + (HEAD + one("{id: a, command: ls}")).replace("\n", "\r\n").encode()
    (tmp_path / "p.yml").write_bytes(raw)
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(raw), daemon=True)
    writer.start()
    for name in ("p.yml", "pipe"):
        (source,) = load(tmp_path / name, kinds=KINDS, root=tmp_path).sources
        assert source.text.encode() == raw
        assert source.sha256 == hashlib.sha256(raw).hexdigest()
    writer.join(240)
