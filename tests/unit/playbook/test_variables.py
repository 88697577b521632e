"""What variables come to: the playbook's, the inventory's and those of -e, by one rule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from runner.errors import InvalidInput
from runner.model import Host, Playbook
from runner.playbook.variables import given, values_of
from tests.unit.playbook.test_load import loaded, one, refused

STEP = one("{id: a, note: x}")


def values(playbook: Playbook, words: tuple[str, ...] = (), **of_host: Any) -> dict[str, Any]:
    host = Host(name="h1", address="10.0.0.1", groups=("db",), vars=of_host, origins={"to": "inventory.yml:3"})
    return values_of(playbook, [host], given(words, playbook.variables))["h1"]


def test_templates_in_variables_are_filled_in_once_for_each_host(tmp_path: Path) -> None:
    playbook = loaded(
        tmp_path,
        "vars:\n"
        '  target: "{{ base }}/{{ host.name }}"\n'
        "  base: /srv\n"
        '  twice: {default: "{{ n * 2 }}", type: integer}\n'
        '  word: {default: "{{ n }}", type: string}\n'
        '  both: {default: ["{{ target }}", {at: "{{ host.address }}"}]}\n'
        "  n: 4\n"
        "  braces: \"{{ '{{ x }}' }}\"\n"
        "  to: {required: false}\n" + STEP,
    )
    assert values(playbook) == {
        "target": "/srv/h1", "base": "/srv", "twice": 8, "word": "4", "both": ["/srv/h1", {"at": "10.0.0.1"}], "n": 4,
        "braces": "{{ x }}", "to": None,
    }  # fmt: skip
    # the inventory may name what it gives itself, whether the playbook declares that or not
    found = values(playbook, ("base={{ host.groups[0] }}",), to="{{ folder }}/{{ twice }}", folder="{{ base }}")
    assert (found["target"], found["to"]) == ("db/h1", "db/8")
    assert values(playbook, base="{{ '{{ base }}' }}")["target"] == "{{ base }}/h1", "a value is not rendered again"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("vars: {a: '{{ b }}', b: '{{ c }}', c: '{{ a }}'}\n", "7:8 variables in a circle: a > b > c > a"),
        ("vars: {a: 'x{{ a }}'}\n", "7:8 variables in a circle: a > a"),
        ("vars: {a: '{{ bse }}', base: 1}\n", "7:11 'bse' is not declared; did you mean 'base'?"),
        ("vars: {a: {default: ['{{ other }}']}}\n", "7:22 'other' is not declared; where the inventory or -e gives it"),
        ("vars: {a: '{{ facts.cpus }}'}\n", "7:11 'facts' is not known here: a host tells its facts once it is"),
        ("vars: {a: '{{ run.id }}'}\n", "7:11 'run' is not known here: it is another one in every run"),
        ("vars: {a: '{{ r.stdout }}'}\n", "7:11 'r' is not known here: a step registers it, and variables are made"),
        ("vars: {a: '{{ pw }}'}\n", "7:11 the secret 'pw' may not stand here: a plan shows"),
        ("vars: {a: '{{ host.nmae }}'}\n", "7:11 there is no 'host.nmae'; did you mean 'name'?"),
        ("vars: {a: '{{.Names}}'}\n", "what is to stay as it is: {{ '{{ ... }}' }}"),
    ],
)
def test_what_no_variable_can_be_made_of_is_a_mistake_in_its_place(tmp_path: Path, text: str, said: str) -> None:
    steps = "phases: {test: [{id: a, command: ls, register: r}]}\nsecrets: [pw]\n"
    problems = refused(tmp_path, steps + text)
    assert len(problems) == 1, problems
    assert said in problems[0]


@pytest.mark.parametrize(
    ("words", "of_host", "said"),
    [
        ((), {"to": "{{ inventory_hostname }}"}, "'to' of h1 (from inventory.yml:3): 'inventory_hostname' is not"),
        ((), {"to": "{{ facts.cpus }}"}, "'facts' is not known here: a host tells its facts once it is connected"),
        ((), {"to": "{{ n + 'a' }}"}, "'to' of h1 (from inventory.yml:3): \"n + 'a'\": unsupported operand"),
        ((), {"to": "{{ a }}", "a": "{{ to }}"}, "variables in a circle: to > a > to"),
        (("n={{ to }}",), {"to": "text"}, "'n' of h1 (from -e): expected a whole number, found \"text\""),
        ((), {"to": 1, "n": "{{ to }}x"}, "'n' of h1 (from inventory): expected a whole number, found \"1x\""),
        ((), {"to": []}, "'half' of h1 (from its default): 'to / 2 if to is not string and n else 0': unsupported"),
        (("m=*.log",), {"to": 1}, "-e m: the playbook declares no such variable"),
        ((), {}, "'to' has no value for h1; give it in the inventory or with -e to=..."),
    ],
)
def test_what_comes_of_a_value_has_to_fit(
    tmp_path: Path, words: tuple[str, ...], of_host: dict[str, Any], said: str
) -> None:
    playbook = loaded(
        tmp_path,
        "vars:\n  to: {required: true}\n  n: {default: 1, type: integer}\n"
        "  half: '{{ to / 2 if to is not string and n else 0 }}'\n" + STEP,
    )
    with pytest.raises(InvalidInput) as error:
        values(playbook, words, **of_host)
    (problem,) = error.value.problems
    assert said in problem.message


def test_a_chain_of_variables_is_followed_so_far_and_no_farther(tmp_path: Path) -> None:
    chain = "".join(f'  v{n}: "{{{{ v{n + 1} }}}}"\n' for n in range(100))
    playbook = loaded(tmp_path, f"vars:\n{chain}  v100: end\n" + STEP)
    with pytest.raises(InvalidInput, match="more than 50 variables, one made of the next: v0 > v1 > v2 > "):
        values(playbook)
    chain = "".join(f'  v{n}: "{{{{ v{n + 1} }}}}"\n' for n in range(40))
    assert values(loaded(tmp_path, f"vars:\n{chain}  v40: end\n" + STEP))["v0"] == "end"


def test_where_a_text_is_declared_the_value_is_what_was_typed(tmp_path: Path) -> None:
    playbook = loaded(
        tmp_path,
        "vars:\n  typed: {type: string}\n  plain: word\n  one_of: {enum: ['5', b], default: b}\n"
        "  perhaps: {type: [string, 'null'], default: null}\n  n: {default: 1, type: integer}\n"
        "  free: {default: null}\n" + STEP,
    )
    typed = {
        "typed=5": "5", "typed=*.log": "*.log", "typed=a: b": "a: b", "typed=null": "null", "typed= x # y": " x # y",
        'typed="*.log"': "*.log", "typed='5'": "5", 'typed="a" b': '"a" b', "typed=": "", "typed=a=b": "a=b",
        "plain=true": "true", "plain=[a": "[a", "one_of=5": "5", "perhaps=7": "7", "perhaps=null": None, "n=5": 5,
        "free=[1, a]": [1, "a"], "free=5": 5,
    }  # fmt: skip
    for word, value in typed.items():
        name = word.partition("=")[0]
        found = values(playbook, (word,) if name == "typed" else ("typed=x", word))
        assert (found[name], type(found[name])) == (value, type(value)), word
    with pytest.raises(InvalidInput) as error:
        given(("free=*.log",), playbook.variables)
    assert "-e free:1:2: error: not valid YAML" in str(error.value)
    assert error.value.hint == "a text goes in quotes: -e 'free=\"...\"'; or declare it: vars: free: {type: string}"
