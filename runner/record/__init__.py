"""
What a run was: a fold over its events and acts.

`fold` makes the RunRecord, `checklist` says what is proven by what, `exit_code` what it comes to.
"""

from __future__ import annotations

from runner.record.checklist import ItemRecord, checklist, completion, open_items
from runner.record.fold import fold
from runner.record.values import Attempt, Batch, HostRecord, RunRecord, StepRecord
from runner.record.verdict import exit_code, outcome, to_json

__all__ = [
    "Attempt",
    "Batch",
    "HostRecord",
    "ItemRecord",
    "RunRecord",
    "StepRecord",
    "checklist",
    "completion",
    "exit_code",
    "fold",
    "open_items",
    "outcome",
    "to_json",
]
