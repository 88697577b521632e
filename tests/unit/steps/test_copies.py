"""What a backup is asked for, where its parameters do not fit each other."""

from __future__ import annotations

from typing import Any

import pytest

from runner.errors import InvalidInput
from runner.steps.parts.copies import order

_SHOP = {"engine": "postgresql", "database": "shop", "to": "/b"}


@pytest.mark.parametrize(
    ("params", "problem"),
    [
        ({"engine": "sqlite", "database": "/x.db", "globals": True}, "globals: means nothing with format: db"),
        ({"engine": "postgresql", "format": "base", "globals": True}, "globals: means nothing with format: base"),
        (
            {"engine": "mariadb", "database": "x", "role_passwords": True},
            "role_passwords: means nothing with format: sql",
        ),
        ({**_SHOP, "globals": False, "role_passwords": True}, "role_passwords: means nothing with globals: false"),
    ],
)
def test_what_belongs_to_dumps_of_postgresql_is_refused_elsewhere(params: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidInput, match=problem):
        order(params)


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({**_SHOP, "format": "custom"}, True),
        ({**_SHOP, "format": "directory", "globals": True}, True),
        ({**_SHOP, "format": "plain", "globals": None}, True),
        ({**_SHOP, "globals": False}, False),
        ({"engine": "postgresql", "format": "base"}, False),
        ({"engine": "sqlite", "database": "/x.db"}, False),
    ],
)
def test_globals_go_along_unless_they_are_not_wanted_or_are_in_the_copy(params: dict[str, Any], wanted: bool) -> None:
    assert order(params).globals is wanted
