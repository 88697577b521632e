"""Records are judged by their own schema wherever a test reads one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from runner.document.quick import certainly_valid
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
