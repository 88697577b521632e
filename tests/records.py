"""Records are judged by their own schema wherever a test reads one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from runner.record.schema import schema


@cache
def _validator() -> Draft202012Validator:
    Draft202012Validator.check_schema(schema())
    return Draft202012Validator(schema())


def valid(record: Mapping[str, Any]) -> dict[str, Any]:
    """The record, as JSON values; fails with the first place that its schema does not know."""
    record = json.loads(json.dumps(record))
    for error in _validator().iter_errors(record):
        while error.context:  # the alternative that comes nearest
            error = max(error.context, key=lambda inner: len(inner.absolute_path))
        raise AssertionError(f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}")
    return dict(record)
