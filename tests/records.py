"""A test reads a record as `rawat show --json` tells it, and it is judged by its own schema wherever one is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

from runner.app.read import record_of
from runner.app.request import Context
from runner.app.seals import seals
from runner.document.quick import certainly_valid
from runner.record import to_json
from runner.record.schema import schema

_schema = cache(schema)


def valid(record: Mapping[str, Any]) -> dict[str, Any]:
    """
    The record, as JSON values; fails with the first place that its schema does not know.

    The library takes long, for the crash tests above all: it is asked only about what is not certainly valid, which
    tests/unit/test_quick_schema.py holds against it.
    """
    record = json.loads(json.dumps(record))
    if certainly_valid(record, _schema()):
        return dict(record)
    for error in Draft202012Validator(_schema()).iter_errors(record):
        while error.context:  # the alternative that comes nearest
            error = max(error.context, key=lambda inner: len(inner.absolute_path))
        raise AssertionError(f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}")
    return dict(record)


def shown(folder: Path, environment: Mapping[str, str], run: str = "last") -> dict[str, Any]:
    """In the process of the test; that it is what is shown is told by tests/acceptance/test_record_fields.py."""
    records, record, running = record_of(Context(folder=folder, environment=environment), run)
    return valid(to_json(record) | {"seals": tuple(seals(records.path / record.run)), "running": running})
