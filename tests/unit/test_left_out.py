"""Results of steps that a person leaves out are missed before the run, where nothing asks for them first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.app.left_out import without_results
from runner.engine.plan import Choice, make_plan
from runner.model import Host
from runner.playbook.load import load
from runner.registry import Registry
from runner.steps import BUILT_IN

KINDS: Registry[type[Any]] = Registry("rawat.steps", BUILT_IN)
HEAD = """rawat: 1
name: t
kind: other
hosts: all
vars: {act: false, names: [a]}
phases:
  identify:
    - {id: look, command: ls, register: seen}
    - {id: more, command: ls, register: other}
  implement:
"""


def missed(folder: Path, text: str, **choice: Any) -> list[str]:
    (folder / "p.yml").write_text(HEAD + text)
    hosts = [Host(name=name, address=name) for name in ("h1", "h2")]
    plan = make_plan(load(folder / "p.yml", kinds=KINDS), hosts, Choice(variables={}, **choice))
    return [problem.message for problem in without_results(plan)]


@pytest.mark.parametrize(
    ("step", "is_missed"),
    [
        ("command: 'echo {{ seen.stdout }}'", True),
        ("note: x, when: seen.ok", True),
        ("note: x, when: other.ok and seen.ok", True),
        ("note: x, with: '{{ seen.stdout }}'", True),
        ("assert: {that: seen.ok}", True),
        ("command: ls, expect: seen.stdout == result.stdout", True),
        ("verify: {probes: [{disk: {path: /}, expect: result.free_bytes > seen.exit}]}", True),
        ("command: ls, undo: [{id: back, note: '{{ seen.stdout }}'}]", True),
        ("note: '{{ seen.stdout | default(1) }}'", True),
        ("note: '{{ seen.ok if other is defined else 1 }}'", True),
        ("note: x, when: not (seen is defined) and seen.ok", True),
        ("note: '{{ seen.ok }}', when: other is defined or seen is defined", True),
        ("note: '{{ seen.ok }}', when: host.name == 'h2'", True),
        ("note: '{{ seen.ok }}', when: facts.cpus > 1 and other.ok", True),
        ("steps: [{id: in, note: '{{ seen.ok }}'}]", True),
        ("note: '{{ seen.ok }}', when: seen is defined", False),
        ("note: '{{ seen.ok }}', when: seen is defined and other.ok and seen.ok", False),
        ("note: '{{ seen.ok }}', when: not (seen is undefined or not seen.ok)", False),
        ("note: x, when: seen is undefined or seen.ok", False),
        ("note: '{{ (seen | default({})).ok }}', when: (seen | default(true)) is mapping", False),
        ("note: '{{ seen.ok if seen is defined else other.ok }}'", False),
        ("note: '{{ seen.ok }}', when: act and seen.ok", False),
        ("note: '{{ seen.ok }}', when: act", False),
        ("when: seen is defined, steps: [{id: in, note: '{{ seen.ok }}'}]", False),
        ("when: act, steps: [{id: in, when: seen.ok, note: x}]", False),
        ("note: '{{ other.stdout }}'", False),
    ],
)
def test_a_result_is_missed_where_nothing_asks_for_it_first(tmp_path: Path, step: str, is_missed: bool) -> None:
    said = missed(tmp_path, f"    - {{id: use, {step}}}\n", skip=("look",))
    assert len(said) == is_missed, said
    assert missed(tmp_path, f"    - {{id: use, {step}}}\n") == []


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (
            {"start_at": "more"},
            "(--from more): say --from look, leave 'use' out, too, or let it ask first: when: seen is",
        ),
        ({"only": ("use",)}, "(--only use): say --only look as well, leave 'use' out, too, or"),
        ({"skip": ("look",)}, "(--skip look): take --skip look away, leave 'use' out, too, or"),
    ],
)
def test_the_words_say_what_to_add(tmp_path: Path, choice: dict[str, Any], said: str) -> None:
    (found,) = missed(tmp_path, "    - {id: use, note: '{{ seen.ok }}'}\n", **choice)
    assert found.startswith("'use' uses 'seen', the result of 'look', which is left out ")
    assert said in found


def test_what_is_left_out_itself_or_gets_the_name_from_another_step_misses_nothing(tmp_path: Path) -> None:
    use = "    - {id: use, note: '{{ seen.ok }}'}\n"
    assert missed(tmp_path, use, skip=("look", "use")) == []
    assert missed(tmp_path, "    - {id: again, command: ls, register: seen}\n" + use, skip=("look",)) == []
    own = "    - {id: again, command: ls, register: seen, %s}\n"
    assert missed(tmp_path, own % "until: seen.ok", skip=("look",)) == []
    assert len(missed(tmp_path, own % "when: not seen.ok", skip=("look",))) == 1
    final = "    - {id: a, note: x}\nfinally: [{id: end, note: '{{ seen.ok }}'}]\n"
    assert "take --skip look away, or let it ask first" in missed(tmp_path, final, skip=("look",))[0]
