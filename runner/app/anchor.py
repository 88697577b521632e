"""`rawat anchor`: where the ledger stands, told to places outside."""

from __future__ import annotations

from collections.abc import Iterator

from runner.app.prepare import settings_of
from runner.app.request import Context
from runner.app.wiring import records_of
from runner.document.paths import expanded, resolved
from runner.engine.bus import moment
from runner.engine.clock import SystemClock
from runner.errors import InvalidInput
from runner.journal import anchors


def anchor(context: Context, places: tuple[str, ...], *, push: bool = False) -> Iterator[str]:
    """
    Tell every place, those of the settings where none is given: a file, a git repository, or the URL of a
    time-stamping authority. Yields what was done. Raises InvalidInput, JournalError.
    """
    settings = settings_of(context)
    records = records_of(settings).path
    if not (records / "ledger.jsonl").is_file():
        raise InvalidInput(f"there are no records in {records}")
    wanted = places or settings.anchors
    if not wanted:
        raise InvalidInput("no place is named", hint="rawat anchor FILE|REPOSITORY|URL, or the setting anchor.places")
    for place in wanted:
        head = anchors.head_of(records, moment(SystemClock().now()))
        if place.startswith(("http://", "https://")):
            stamp = anchors.to_authority(place, head)
            anchors.note(records, "rfc3161", place, head, stamp=stamp)
            yield f"{place}: {head.lines} lines up to {head.head}, stamped"
            continue
        path = resolved(context.folder / expanded(place))
        if path.is_relative_to(resolved(records)):
            raise InvalidInput(f"{path} is inside the records: whoever can change these can change it too")
        if path.is_dir():
            commit = anchors.to_git(path, head, push=push)
            anchors.note(records, "git", str(path), head, commit=commit)
            yield f"{path}: {head.lines} lines up to {head.head}, commit {commit[:12]}"
        else:
            anchors.to_file(path, head)
            anchors.note(records, "file", str(path), head)
            yield f"{path}: {head.lines} lines up to {head.head}"
