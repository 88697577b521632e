from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import InvalidInput
from runner.steps.dialects import mysql, postgresql, sqlite
from runner.steps.dialects.statement import bare, filled, number, single


@pytest.mark.parametrize(
    ("query", "one"),
    [
        ("select 1", True),
        ("select 1;", True),
        ("select 1; -- done; really", True),
        ("select ';'", True),
        ('select ";" from "a;b"', True),
        ("select $x$;$x$", True),
        ("select 1 /* ; */;\n", True),
        ("select 1; select 2", False),
        ("select 'it''s'; select 2", False),
        ("select E'\\'; '", True),
        ("", True),
    ],
)
def test_one_statement_or_several(query: str, one: bool) -> None:
    assert single(query) is one


def test_backslashes_escape_in_mariadb_only() -> None:
    assert single(r"select '\'; '", backslash=True)
    assert not single(r"select '\'; select 1")


@pytest.mark.parametrize(
    ("query", "found"),
    [("select 1; -- x", "select 1"), ("select 1 -- x\n;;\n", "select 1"), ("select '-- x'", "select '-- x'")],
)
def test_what_stands_behind_the_last_word_goes(query: str, found: str) -> None:
    assert bare(query) == found


def test_a_value_is_put_where_sql_reads_a_value() -> None:
    query = (
        "select :a, ':a', \"x:a\", a::text, b[1:2] -- :a\n from t where c = :a /* :a */ and d in :ids and '12:30' = e"
    )
    found = filled(query, {"a": "it's", "ids": [1, None]}, postgresql.literal)
    assert found == (
        "select 'it''s', ':a', \"x:a\", a::text, b[1:2] -- :a\n from t where c = 'it''s' /* :a */ and d in (1, NULL) "
        "and '12:30' = e"
    )


def test_names_without_values_and_values_without_names_are_refused() -> None:
    with pytest.raises(InvalidInput, match="':b' has no value"):
        filled("select :b", {}, postgresql.literal)
    with pytest.raises(InvalidInput, match="b, c: not used"):
        filled("select :a", {"a": 1, "b": 2, "c": 3}, postgresql.literal)


@pytest.mark.parametrize(
    ("value", "pg", "my", "lite"),
    [
        (None, "NULL", "NULL", "NULL"),
        (True, "true", "TRUE", "1"),
        (-5, "(-5)", "(-5)", "(-5)"),
        (1.5, "(1.5)", "(1.5)", "(1.5)"),
        ("a b", "'a b'", "'a b'", "'a b'"),
        ("'", "''''", "_utf8mb4 X'27'", "''''"),
        ("\\", " E'\\\\'", "_utf8mb4 X'5C'", "'\\'"),
        ({"a": 1}, "'{\"a\": 1}'", "_utf8mb4 X'7B2261223A20317D'", "'{\"a\": 1}'"),
    ],
)
def test_literals(value: object, pg: str, my: str, lite: str) -> None:
    assert (postgresql.literal(value), mysql.literal(value), sqlite.literal(value)) == (pg, my, lite)


@given(st.text())
def test_no_text_ends_its_literal_early(text: str) -> None:
    if "\0" not in text:
        assert single("select " + postgresql.literal(text))
        assert single("select " + sqlite.literal(text))
    assert single("select " + mysql.literal(text), backslash=True)


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", 12), ("-3", -3), ("0.50", 0.5), ("007", "007"), ("1e3", "1e3"), ("", ""), ("+1", "+1"), ("1.", "1.")],
)
def test_a_number_is_what_is_written_as_one(text: str, value: object) -> None:
    assert number(text) == value
    assert type(number(text)) is type(value)
