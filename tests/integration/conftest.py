"""Fixtures of the tests beside it: databases of their own, and the packages of this machine."""

from __future__ import annotations

from tests.integration.apt import apt
from tests.integration.databases import (
    clients,
    copies,
    credit,
    hand,
    lite,
    maria,
    pg,
    shop,
    space,
    store,
    without_sqlite3,
)

__all__ = [
    "apt",
    "clients",
    "copies",
    "credit",
    "hand",
    "lite",
    "maria",
    "pg",
    "shop",
    "space",
    "store",
    "without_sqlite3",
]
