"""Patterns against plain set algebra."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import InvalidInput
from runner.inventory.pattern import match

MEMBERS = {
    "all": ("db1", "db2", "db3", "app1", "app2", "web-eu", "lone"),
    "db": ("db1", "db2", "db3"),
    "eu": ("db1", "app1", "web-eu"),
    "apps": ("app1", "app2"),
    "empty": (),
}


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("all", "db1 db2 db3 app1 app2 web-eu lone"),
        ("*", "db1 db2 db3 app1 app2 web-eu lone"),
        ("db", "db1 db2 db3"),
        ("db2,db1", "db1 db2"),
        ("app*", "app1 app2"),
        ("a*", "app1 app2"),
        ("db:!db3", "db1 db2"),
        ("!db3:db", "db1 db2"),
        ("db:&eu", "db1"),
        ("db:apps:&eu:!db1", "app1"),
        ("db[1-2]", "db1 db2"),
        ("db[!1]", "db2 db3"),
        ("app[1]", "app1"),
        ("!db", "app1 app2 web-eu lone"),
        ("&eu", "db1 app1 web-eu"),
        ("db:&eu:&apps", ""),
        ("empty", ""),
        (" db1 , db2 ", "db1 db2"),
        ("e*", "db1 app1 web-eu"),
    ],
)
def test_examples(pattern: str, wanted: str) -> None:
    assert " ".join(match(pattern, MEMBERS)) == wanted


@pytest.mark.parametrize(
    ("pattern", "wanted"),
    [
        ("bd1", "'bd1' is no host and no group; did you mean 'db1'?"),
        ("db:!db33", "'db33' is no host and no group; did you mean 'db3'?"),
        ("zz*", "'zz*' matches no host and no group"),
        ("db[1:2]", "'db[1:2]': a pattern has no [from:to]; write [0-9] for one of these characters"),
        *(
            (f"db[{place}]",
             f"'db[{place}]': to Ansible that is a host of 'db' by its place; name the host, or write db? for a glob")
            for place in ("1", "-1", "12")
        ),
        ("~web", "'~web': regular expressions are not patterns; write a glob such as app*"),
        ("", "the pattern '' names no host; 'all' means every one"),
        (",", "the pattern ',' names no host; 'all' means every one"),
        ("DB1", "'DB1' is no host and no group"),
        ("!", "'' is no host and no group"),
    ],
)  # fmt: skip
def test_what_means_nothing_is_refused(pattern: str, wanted: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        match(pattern, MEMBERS)
    assert raised.value.problems[0].message == wanted


def test_every_term_that_means_nothing_is_told() -> None:
    with pytest.raises(InvalidInput) as raised:
        match("one,two,db", MEMBERS)
    assert len(raised.value.problems) == 2


def test_names_known_outside_come_last_and_are_not_in_all() -> None:
    assert match("jumpbox,db1", MEMBERS, outside=lambda name: name == "jumpbox") == ("db1", "jumpbox")
    assert "jumpbox" not in match("all", MEMBERS, outside=lambda name: True)
    with pytest.raises(InvalidInput):
        match("jump*", MEMBERS, outside=lambda name: True)


def meaning(word: str) -> set[str]:
    """The model: a name is its group's hosts or itself; a glob is all that match."""
    if word in MEMBERS:
        return set(MEMBERS[word])
    found = {host for host in MEMBERS["all"] if fnmatchcase(host, word)}
    for group, hosts in MEMBERS.items():
        if group != "all" and fnmatchcase(group, word):
            found |= set(hosts)
    return found


WORDS = st.sampled_from([*MEMBERS, *MEMBERS["all"], "db*", "*1", "app[0-9]", "?b2", "*eu"])
TERMS = st.lists(st.tuples(st.sampled_from(["", "&", "!"]), WORDS), min_size=1, max_size=6)


@given(terms=TERMS, joint=st.sampled_from([",", ":"]))
def test_patterns_are_set_algebra_in_the_order_of_the_inventory(terms: list[tuple[str, str]], joint: str) -> None:
    plain = [meaning(word) for sign, word in terms if sign == ""]
    wanted = set().union(*plain) if plain else set(MEMBERS["all"])
    for sign, word in terms:
        wanted = wanted & meaning(word) if sign == "&" else wanted
    for sign, word in terms:
        wanted = wanted - meaning(word) if sign == "!" else wanted
    found = match(joint.join(sign + word for sign, word in terms), MEMBERS)
    assert found == tuple(host for host in MEMBERS["all"] if host in wanted)


@given(text=st.text(alphabet="db12,:&![]*?~ \x00é", max_size=12))
def test_any_text_is_either_hosts_or_invalid_input(text: str) -> None:
    try:
        assert set(match(text, MEMBERS)) <= set(MEMBERS["all"])
    except InvalidInput as error:
        assert error.problems
