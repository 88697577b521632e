"""Fixtures of the tests beside it: databases of their own."""

from __future__ import annotations

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

__all__ = ["clients", "copies", "credit", "hand", "lite", "maria", "pg", "shop", "space", "store", "without_sqlite3"]
