"""Which of many runs: by host, playbook, kind, ticket, person, outcome, time, and what is open."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any
from zoneinfo import ZoneInfo

from runner.engine.bus import moment
from runner.errors import InvalidInput
from runner.frozen import frozen
from runner.units import duration_s


@frozen
class Wanted:
    """Empty texts want nothing; names may have `*`. `since` and `until` are moments of the first event, UTC."""

    host: str = ""
    playbook: str = ""
    kind: str = ""
    ticket: str = ""
    person: str = ""
    outcome: str = ""
    since: str = ""
    until: str = ""
    open: bool = False

    def takes(self, row: Mapping[str, Any]) -> bool:
        """Whether a line of a run (runner.record.line, with the outcome as it is shown) is one of them."""
        started = str(row["started_at"])
        return (
            _any(self.host, row["names"])
            and _any(self.playbook, (row["playbook"],))
            and _any(self.kind, (row["kind"],))
            and _any(self.ticket, (row["ticket"],))
            and _any(self.person, row["people"])
            and self.outcome in ("", row["outcome"])
            and (not self.since or started >= self.since)
            and (not self.until or started < self.until)
            and (not self.open or bool(row["open"]))
        )


def wanted_of(zone: ZoneInfo | None, *, only_open: bool, since: str, until: str, **names: str) -> Wanted:
    """From what was typed; days and times without a zone are those of the reader. Raises InvalidInput."""
    now = datetime.now(zone or UTC)
    return Wanted(**names, since=when(since, now), until=when(until, now), open=only_open)


def when(text: str, now: datetime) -> str:
    """
    A moment in UTC from `2026-11-24`, `2026-11-24T15:00+07:00` or a time back such as `7d`; empty stays empty.

    A day or a time without a zone is one of `now`'s zone. Raises InvalidInput.
    """
    if not text:
        return ""
    try:
        return moment(_moment(text, now).astimezone(UTC))
    except (InvalidInput, OverflowError) as error:
        message = f"{text!r} is no moment: write 2026-11-24, 2026-11-24T15:00+07:00, or 7d for a week back"
        raise InvalidInput(message) from error


def _moment(text: str, now: datetime) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return now - timedelta(seconds=duration_s(text))
    return found if found.tzinfo else found.replace(tzinfo=now.tzinfo)


def _any(pattern: str, names: Any) -> bool:
    return not pattern or any(fnmatchcase(str(name), pattern) for name in names)
