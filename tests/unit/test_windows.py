"""The window that was agreed for a change: two moments, whatever the clocks on the wall do between them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest

from runner.app.change import check_change
from runner.app.request import Reason
from runner.errors import GateClosed, InvalidInput
from runner.settings import load


def may_begin(folder: Path, window: str, *moments: str) -> list[bool]:
    """At each of these moments."""
    settings = load(folder=folder, environment={}, flags={})
    found = []
    for moment in moments:
        try:
            check_change(settings, "p", Reason(window=window), datetime.fromisoformat(moment))
            found.append(True)
        except GateClosed as error:
            assert f"outside the window {window}" in error.message
            found.append(False)
    return found


def test_a_window_may_cross_midnight(tmp_path: Path) -> None:
    window = "2026-11-24T22:00+07:00/2026-11-25T02:00+07:00"
    moments = ("2026-11-24T14:59:59Z", "2026-11-24T15:00Z", "2026-11-24T17:30Z", "2026-11-25T01:59+07:00")
    assert may_begin(tmp_path, window, *moments) == [False, True, True, True]
    assert may_begin(tmp_path, window, "2026-11-25T02:00+07:00", "2026-11-25T22:30+07:00") == [False, False]
    assert may_begin(tmp_path, "2026-12-31T23:00/2027-01-01T01:00", "2027-01-01T00:30Z") == [True], (
        "UTC, where none is named"
    )


def test_the_hour_that_comes_twice_is_two_hours(tmp_path: Path) -> None:
    """In autumn, from 02:30 in summer time to 02:30 in winter time."""
    window = "2026-10-25T02:30+02:00/2026-10-25T02:30+01:00"
    moments = ("2026-10-25T02:15+02:00", "2026-10-25T02:45+02:00", "2026-10-25T02:15+01:00", "2026-10-25T02:45+01:00")
    assert may_begin(tmp_path, window, *moments) == [False, True, True, False]


def test_the_hour_that_does_not_come_is_none(tmp_path: Path) -> None:
    """In spring: from 01:30 to 03:30 on the wall is one hour."""
    window = "2026-03-29T01:30+01:00/2026-03-29T03:30+02:00"
    moments = ("2026-03-29T00:29:59Z", "2026-03-29T00:30Z", "2026-03-29T01:29:59Z", "2026-03-29T01:30Z")
    assert may_begin(tmp_path, window, *moments) == [False, True, True, False]


@pytest.mark.parametrize(
    "window", ["2026-10-25T02:30+01:00/2026-10-25T02:30+02:00", "2026-11-24T22:00+07:00/2026-11-24T02:00+07:00"]
)
def test_a_window_that_ends_before_it_begins_is_refused(tmp_path: Path, window: str) -> None:
    with pytest.raises(InvalidInput, match="ends before it begins"):
        may_begin(tmp_path, window, "2026-10-25T00:45Z")
