from __future__ import annotations

import subprocess
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.playbook.evaluation import (
    evaluate,
    expression_problem,
    filled,
    holds,
    names_in,
    paths_in,
    problems,
    raw_uses,
    render_text,
    taken_as_true,
)
from runner.playbook.template import TemplateFailed, render
from runner.redact import Secret

NAMES: dict[str, Any] = {
    "name": "x y'z",
    "number": 7,
    "many": ["p q", "r"],
    "row": {"values": [1], "count": 3},
    "flag": True,
    "nothing": None,
    "password": Secret("password", "s3cret-value"),
    "hostile": "{{ 7 * 7 }} $(id) `id`",
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("plain", "plain"),
        ("{{ number }}", 7),
        ("{{ -number }}", -7),
        ("{{ 2 * number }}", 14),
        ("n={{ number }}", "n=7"),
        ("{{ many }}", ["p q", "r"]),
        ("{{ row.values }}", [1]),
        ("{{ row.count }}", 3),
        ("is {{ flag }} and {{ nothing }}", "is true and null"),
        ("${#x} '{%s}' {# not a comment #}", "${#x} '{%s}' {# not a comment #}"),
        ("{{ hostile }}", "{{ 7 * 7 }} $(id) `id`"),
        ({"a": ["{{ number }}"]}, {"a": [7]}),
    ],
)
def test_values_keep_their_type_and_are_never_read_as_templates(text: Any, value: Any) -> None:
    assert render(text, NAMES) == value


@given(st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=("Cs",)), max_size=40))
@settings(max_examples=60)
def test_a_value_in_shell_text_is_one_word_whatever_it_is(value: str) -> None:
    line = render("printf %s {{ value }}", {"value": value}, shell=True)
    assert subprocess.run(["sh", "-c", line], capture_output=True, check=True).stdout.decode() == value


def test_lists_become_several_words_and_raw_goes_as_it_is() -> None:
    assert render("ls {{ many }} {{ name | raw }}", NAMES, shell=True) == "ls 'p q' r x y'z"
    assert raw_uses("ls {{ name | raw }}") == 1


def test_a_text_made_with_a_secret_is_a_secret() -> None:
    whole, part = render("{{ password }}", NAMES), render("user:{{ password }}@host", NAMES)
    assert isinstance(whole, Secret) and whole.reveal() == "s3cret-value"
    assert isinstance(part, Secret) and part.reveal() == "user:s3cret-value@host"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("echo '{{ a }}'", "inside single quotes: it is quoted already"),
        ('echo "{{ a }}"', "inside double quotes: it is quoted already"),
        ("cat <<EOF\n{{ a }}\nEOF\n", "inside a here-document"),
        ("cat <<-'EOF'\n\t{{ a }}\n\tEOF\n", "inside a here-document"),
        ("# {{ a }}\nls", "inside a comment"),
        ('echo "${x:-{{ a }}}"', "inside ${...}"),
        ("echo `ls {{ a }}`", "inside backquotes"),
        ("echo {{ a", "not a valid template"),
        ("echo $(( {{ a }} ))", "inside $((...))"),
        ("echo \\{{ a }}", "right behind a backslash"),
        ("echo ${{ a }}", "right behind a '$'"),
        ("echo $'{{ a }}'", "inside $'...'"),
        ("echo $'it\\'s' 'x {{ a }}'", "behind a $'...\\'...'"),
        ("echo $[ {{ a }} ]", "inside or behind a $[...]"),
        ("cat <<!\n{{ a }}\n!\n", "inside a here-document"),
        ("cat <<E-F\nE\n{{ a }}\nE-F\n", "inside a here-document"),
        ("cat <<EOF\n\tEOF\n{{ a }}\nEOF\n", "inside a here-document"),
        ("cat <<EOF\nx\\\nEOF\n{{ a }}\nEOF\n", "inside a here-document"),
        ("cat <<E'O'F\nEO\n{{ a }}\nEOF\n", "behind a here-document whose last line"),
        ("cat <<A; x=$(echo 1\necho 2)\nA\necho {{ a }}", "behind a here-document that begins within"),
        ('echo "$(case x in x) echo "{{ a }}" ;; esac)"', "inside double quotes"),
        ("(true)# it's\necho '{{ a }}'\n", "inside single quotes"),
        ("echo ${x:-'}'} '{{ a }}'", "inside single quotes"),
        ("echo a\\\n#it's\necho {{ a }}'", "inside single quotes"),
        ("echo `ls $(cat {{ a }})`", "inside backquotes"),
    ],
)
def test_where_quoting_would_not_help_a_value_is_refused(line: str, said: str) -> None:
    (problem,) = problems(line, shell=True)
    assert said in problem


@pytest.mark.parametrize(
    "line",
    [
        'x="$(ls {{ a }})"',
        "echo it\\'s {{ a }}",
        "echo a#b {{ a }}",
        "case x in a) echo {{ a }};; esac",
        "awk '{print $1}' {{ a }}",
        "echo '{{ a | raw }}'",
        "cat <<EOF\nx\nEOF\necho {{ a }}",
        "cat <<'END OF IT'\nx\nEND OF IT\necho {{ a }}",
        "(cd /; ls {{ a }}) # done",
        "echo $((1 << 2)) {{ a }}",
        "echo $((x << y))\necho {{ a }}",
        'cat <<! >"$there" && ls $(echo x)\nit\'s\n!\necho {{ a }}',
        'echo "$(case x in (x) echo {{ a }} ;; esac)" {{ a }}',
        'echo "${x:-it\'s}" {{ a }}',
        "echo \\${{ a }} \\\\{{ a }}",
        "ls \\\n{{ a }}",
        "x={{ a }} && echo case {{ a }} $# ${#x} $$ {{ a }}",
    ],
)
def test_where_a_word_may_stand_a_value_may(line: str) -> None:
    assert problems(line, shell=True) == []


@pytest.mark.parametrize(
    "expression",
    [
        *("nope", "row.nope", "1/0", "name.__class__", "name.format('x')[99]", "[number, {'a': [row.nope]}]"),
        *("number | dictsort", "number | xmlattr", "[number] | groupby('x')", "name | center(99999999999999)"),
        *("name * 99999999999", "[1] * 99999999999", "9 ** 99999999", "9 ** 9999"),
    ],
)
def test_what_has_no_value_is_an_error(expression: str) -> None:
    with pytest.raises(TemplateFailed):
        evaluate(expression, NAMES)


def test_what_a_failed_step_did_not_give_is_told_as_that() -> None:
    with pytest.raises(TemplateFailed, match="the step that failed gave no 'path'"):
        render("{{ dump.path }}", {"dump": {"ok": False, "exit": 1}})
    with pytest.raises(TemplateFailed, match="there is no 'path' in it"):
        render("at {{ dump.path }}", {"dump": {"ok": True, "exit": 0}})
    assert render("{{ dump.path | default('none') }}", {"dump": {"ok": False, "exit": 1}}) == "none"


def test_a_text_is_no_condition() -> None:
    """It is true as Python has it, whatever it says."""
    assert holds("number", NAMES) and not holds("not number or row == {}", NAMES)
    with pytest.raises(TemplateFailed, match=r"is a text, .*, which is neither true nor false; compare it: name != ''"):
        holds("name", NAMES)
    assert taken_as_true("a and not (b or c == 1) and d.e and f(g) and h in i") == {"a", "b"}


@pytest.mark.parametrize(
    "line", ["x={{ words }}", "ls {{ words }}.log", "ls {{ name }}{{ words }}", "{{ words }}{{ words }}"]
)
def test_a_list_stands_alone_or_its_second_word_would_begin_anew(line: str) -> None:
    names = {**NAMES, "words": ["a", "touch x"]}
    with pytest.raises(TemplateFailed, match="a list is several words"):
        filled(line, names, shell=True)
    assert filled("for i in {{ words }};do", names, shell=True) == "for i in a 'touch x';do"
    assert filled("x={{ words | join(' ') }}", names, shell=True) == "x='a touch x'"


@pytest.mark.parametrize("expression", ["(" * 3000 + "1" + ")" * 3000, "1" + "+1" * 3000, "1" + "|string" * 3000])
def test_what_is_nested_too_deeply_is_a_mistake_of_the_text(expression: str) -> None:
    assert problems("{{ " + expression + " }}") == ["not a valid template: it is nested too deeply"]
    assert expression_problem(expression) == "not a valid expression: it is nested too deeply"
    assert names_in(expression, expression=True) == paths_in(expression, expression=True) == frozenset()


def test_names_and_paths() -> None:
    assert names_in("{{ 2 * size.row.bytes }} {{ a | upper }}") == {"size", "a"}
    assert paths_in("{{ 2 * size.row.bytes }} {{ a | upper }}") == {"size.row.bytes", "a"}
    assert names_in("said.exit == 0", expression=True) == {"said"}


def test_a_template_file_has_loops_and_names_its_line_in_errors() -> None:
    assert render_text("{% for x in many %}{{ x }};{% endfor %}", NAMES, name="t") == "p q;r;"
    with pytest.raises(TemplateFailed, match="t:2"):
        render_text("ok\n{% for %}", NAMES, name="t")
