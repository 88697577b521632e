"""
What a run was: a fold over its events and acts.

`fold` makes the RunRecord, `checklist` says what is proven by what, `exit_code` what it comes to.
"""

from __future__ import annotations

from runner.record.checklist import APART, ItemRecord, checklist, completion, not_through, open_items
from runner.record.fold import Folding, fold
from runner.record.review import DELAYS, Review, by_executor, delays, review
from runner.record.values import Attempt, Batch, HostRecord, RunRecord, SittingRecord, StepRecord
from runner.record.verdict import exit_code, outcome, to_json

__all__ = [
    "APART",
    "DELAYS",
    "Attempt",
    "Batch",
    "Folding",
    "HostRecord",
    "ItemRecord",
    "Review",
    "RunRecord",
    "SittingRecord",
    "StepRecord",
    "by_executor",
    "checklist",
    "completion",
    "delays",
    "exit_code",
    "fold",
    "not_through",
    "open_items",
    "outcome",
    "review",
    "to_json",
]
