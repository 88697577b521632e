"""`rawat cancel`: a word to a run that is under way on this machine."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from itertools import islice

from runner.app import identity
from runner.app.read import record_of
from runner.app.request import Context
from runner.errors import DamagedRecord, InvalidInput
from runner.journal.folder import Records, newest_begun

NEWEST = 50
"""So many runs are looked through for those that are under way."""


def cancel_run(context: Context, name: str, *, kill: bool) -> str:
    """What was asked for, in words. Raises InvalidInput where the run is not under way, or not here."""
    records, record, running = record_of(context, name)
    if not running:
        raise InvalidInput(f"run {record.run} is not under way", hint=_under_way(records))
    if record.sitting != newest_begun(records.path / record.run):  # whose process is not told yet
        raise InvalidInput(f"run {record.run} is only just beginning", hint="say it again in a moment")
    here = identity.controller(context.environment, terminal=False)
    there = record.sittings[-1].controller
    if (there.get("hostname"), there.get("boot_id")) != (here["hostname"], here["boot_id"]):
        raise InvalidInput(f"run {record.run} is under way on {there.get('hostname')}; cancel it there")
    pid = int(str(there["pid"]))
    os.kill(pid, signal.SIGUSR1 if kill else signal.SIGUSR2)
    ends = "the steps that run now may end, and be rolled back where one asks for it"
    what = "what runs now is ended on the hosts" if kill else ends
    return f"run {record.run} (process {pid}) begins nothing new; {what}, then the record is sealed"


def _under_way(records: Records) -> str:
    """For whoever named another run: those that are, newest first."""
    found = []
    for run in islice(records.newest_first(), NEWEST):
        with suppress(DamagedRecord):
            found += [run] if records.running(run) else []
    return f"under way: {', '.join(found) or 'none'}"
