"""`frozen` makes what dataclass makes: compared with it."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from dataclasses import FrozenInstanceError, asdict, dataclass, field, fields

import pytest

from runner.frozen import frozen, replace, shallow


@frozen
class Ours:
    a: int
    b: str = "b"
    c: list[int] = field(default_factory=list)


@frozen
class Below(Ours):
    """With a field more."""

    d: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Theirs:
    a: int
    b: str = "b"
    c: list[int] = field(default_factory=list)


def test_it_reads_like_a_dataclass() -> None:
    assert [each.name for each in fields(Below)] == ["a", "b", "c", "d"]
    assert asdict(Ours(a=1)) == asdict(Theirs(a=1))
    assert shallow(Below(a=1, c=[2])) == asdict(Below(a=1, c=[2]))
    assert repr(Ours(a=1)) == repr(Theirs(a=1)).replace("Theirs", "Ours")
    assert dataclasses.replace(Below(a=1), a=2, d=(1,)) == Below(a=2, d=(1,))


def test_it_is_replaced_as_a_dataclass_is() -> None:
    old = Below(a=1, c=[3])
    assert replace(old, a=2, d=(1,)) == dataclasses.replace(old, a=2, d=(1,)) == Below(a=2, c=[3], d=(1,))
    assert old == Below(a=1, c=[3]) and replace(old).c is old.c
    with pytest.raises(TypeError, match="Below has no e"):
        replace(old, e=1)


def test_equal_where_all_fields_are_and_the_class_is_the_same() -> None:
    assert Ours(a=1) == Ours(a=1)
    assert Ours(a=1) != Ours(a=2)
    assert Ours(a=1) != Below(a=1)
    assert Ours(a=1) != Theirs(a=1)
    assert len({Below(a=1, c=(), d=(1,)), Below(a=1, c=(), d=(1,))}) == 1  # type: ignore[arg-type]


def test_a_default_is_made_anew_for_each() -> None:
    assert Ours(a=1).c is not Ours(a=1).c


def test_nothing_can_be_changed_or_added() -> None:
    ours = Ours(a=1)
    for change in (lambda: setattr(ours, "a", 2), lambda: setattr(ours, "new", 2), lambda: delattr(ours, "a")):
        with pytest.raises(FrozenInstanceError):
            change()
    assert ours == Ours(a=1)


@pytest.mark.parametrize(
    ("given", "said"),
    [({}, "Ours: a is missing"), ({"a": 1, "x": 2}, "Ours has no x"), ({"x": 2}, "Ours has no x")],
)
def test_missing_and_unknown_names_are_refused(given: dict[str, int], said: str) -> None:
    with pytest.raises(TypeError, match=said):
        Ours(**given)  # type: ignore[arg-type]


def test_the_order_of_the_fields_is_kept_whatever_the_order_of_the_names() -> None:
    one, other = Below(d=(), c=(), a=1), Below(a=1, c=(), d=())  # type: ignore[arg-type]
    assert list(shallow(one)) == list(shallow(replace(one, b="c"))) == ["a", "b", "c", "d"]
    assert hash(one) == hash(other)


def test_only_by_name() -> None:
    with pytest.raises(TypeError):
        Ours(1)  # type: ignore[misc]


def test_copies() -> None:
    below = Below(a=1, c=[2])
    assert copy.copy(below) == copy.deepcopy(below) == pickle.loads(pickle.dumps(below)) == below  # noqa: S301


def test_patterns_match_by_name() -> None:
    match Below(a=1):
        case Ours(a=1, b=name):
            assert name == "b"
        case _:
            pytest.fail("not matched")
