"""The record as JSON: all of it, for programs."""

from __future__ import annotations

from typing import ClassVar

from runner.hygiene import json_text
from runner.record import RunRecord, to_json
from runner.seams import Reading


class Data:
    """runner.record.to_json as one document. A runner.seams.Reporter."""

    name: ClassVar[str] = "json"

    def write(self, record: RunRecord, reading: Reading) -> str:
        return json_text(to_json(record) | {"seals": reading.seals, "running": reading.running}) + "\n"
