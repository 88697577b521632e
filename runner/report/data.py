"""The record as JSON: all of it, for programs."""

from __future__ import annotations

import json
import re
from typing import ClassVar

from runner.record import RunRecord, to_json
from runner.seams import Reading

_ACTING = re.compile("[\\x7f-\\x9f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")


class Data:
    """runner.record.to_json as one document. A runner.seams.Reporter."""

    name: ClassVar[str] = "json"

    def write(self, record: RunRecord, reading: Reading) -> str:
        """Nothing is lost: what would act on a terminal or in a pipeline's log is written as an escape of JSON."""
        data = to_json(record) | {"seals": reading.seals, "running": reading.running}
        text = json.dumps(data, indent=2, ensure_ascii=False, default=str)
        return _ACTING.sub(lambda found: f"\\u{ord(found[0]):04x}", text).replace("##[", "#\\u0023[") + "\n"
