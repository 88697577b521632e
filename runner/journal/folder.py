"""The folder of records: its runs, their sittings and acts, and what reading them shows."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runner.document.paths import resolved
from runner.errors import DamagedRecord, InvalidInput, JournalError
from runner.events import Event, SittingStarted, from_json
from runner.frozen import frozen, replace
from runner.journal import ledger
from runner.journal.append import make_folder, sha256

if TYPE_CHECKING:
    from runner.record import RunRecord

EVENTS = "events.jsonl"
"""Of a sitting. Made after the ledger's OPEN line: a sitting without it has done nothing."""
PACK = "pack.json"
"""In a folder of records that is not whole: some runs of a ledger, to be verified elsewhere."""
IMPORTED = "imported"
"""Below it the records of other machines, each in a folder by the id of its ledger."""
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_run_id() -> str:
    """26 characters that sort by time: 48 bits of milliseconds, 80 random (ULID)."""
    number = (int(time.time() * 1000) << 80) | int.from_bytes(os.urandom(10), "big")
    return "".join(_ALPHABET[(number >> shift) & 31] for shift in range(125, -1, -5))


def begun(run: str) -> datetime:
    """When a run was begun, by its id: UTC, to the millisecond. What is no id was begun in 1970."""
    number = 0
    for letter in run[:10]:
        number = number << 5 | max(0, _ALPHABET.find(letter))
    return datetime.fromtimestamp((number & (1 << 48) - 1) / 1000, UTC)


def run_at(path: Path) -> Path | None:
    """The folder of the run that a path leads to, or into; None where it leads to none."""
    path = resolved(path)
    return next((folder for folder in (path, *path.parents) if _is_id(folder.name) and (folder / "1").is_dir()), None)


def _is_id(name: str) -> bool:
    return len(name) == 26 and set(name) <= set(_ALPHABET)


@frozen
class SittingRead:
    """
    A sitting as it was read: `torn` where a cut last line was left out, `running` where it is written still, `begun`
    unless it ended before it could do anything.
    """

    number: int
    folder: Path
    events: tuple[Event, ...]
    head: str
    first_prev: str
    torn: bool
    running: bool
    begun: bool


class Records:
    """A folder of records. Reading needs no lock and no index, and works on a read-only copy."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def prepare(self, *, room: int = 0, resumed: bool = False) -> None:
        """
        Make the folder where it is missing; raises JournalError where records could not be kept safe in it, or has no
        `room`, in bytes. `resumed`: the run lies there, and can be gone on with nowhere else.
        """
        try:
            make_folder(self.path)
            mode = self.path.stat().st_mode
        except OSError as error:
            raise JournalError(
                f"{self.path}: cannot be made: {error.strerror}", hint="choose with --records"
            ) from error
        if mode & 0o022:
            raise JournalError(
                f"{self.path}: others may write to this folder (mode {mode & 0o777:04o})",
                hint=f"chmod go-w {self.path}",
            )
        disk = os.statvfs(self.path)
        if (free := disk.f_bavail * disk.f_frsize) < room:
            here = f"the run lies there: free {room - free} bytes more on that disk, then the same command again"
            raise JournalError(
                f"{self.path}: {free} bytes are free on its disk, and the record of this run may need {room}; "
                "nothing was touched",
                hint=here if resumed else "make room, or keep the records elsewhere: --records DIR",
            )

    def runs(self) -> tuple[str, ...]:
        """Ids of all runs, sorted: by the moments at which they were begun, as the clock was then."""
        if not self.path.is_dir():
            return ()
        return tuple(sorted(entry.name for entry in self.path.iterdir() if (entry / "1").is_dir()))

    def newest_first(self) -> Iterator[str]:
        """
        Ids of all runs, the one that was begun last first: that is in the ledger, and ids are wrong where the clock
        was set back. Those that it does not tell of come after all others, by their ids.
        """
        there = dict.fromkeys(reversed(self.runs()))
        for run in ledger.opened(self.path):
            if run in there:
                del there[run]
                yield run
        yield from there

    def imported(self) -> tuple[Records, ...]:
        """Records of other machines that were brought in."""
        home = self.path / IMPORTED
        if not home.is_dir():
            return ()
        return tuple(Records(path) for path in sorted(home.iterdir()) if (path / "ledger.jsonl").is_file())

    def find(self, name: str) -> str:
        """
        The run that is meant by an id, a unique beginning or end of it, its short form, or
        `last`: the one that was begun last. Raises InvalidInput.
        """
        runs = self.runs()
        if not runs:
            raise InvalidInput(f"there are no runs in {self.path}", hint="`rawat run` makes one; choose with --records")
        if name == "last":
            return next(self.newest_first())
        begin, dots, end = name.upper().replace("...", "…").partition("…")
        if dots:
            found = [run for run in runs if run.startswith(begin) and run.endswith(end)]
        else:
            found = [run for run in runs if run == begin] or [
                run for run in runs if run.startswith(begin) or run.endswith(begin)
            ]
        if len(found) == 1:
            return found[0]
        what = "several runs in {} match" if found else "no run in {} matches"
        raise InvalidInput(f"{what.format(self.path)} '{name}'", hint="`rawat runs` lists them")

    def sittings(self, run: str) -> tuple[SittingRead, ...]:
        """All that have a folder, in order, those that never began too."""
        folder = self.path / run
        return tuple(read_sitting(folder / str(number), number) for number in numbers_in(folder))

    def acts(self, run: str, plan: str, *, since: str = "") -> tuple[Mapping[str, Any], ...]:
        """
        What people said of a run, in order. Raises DamagedRecord.

        First come words on items of its `plan` (a digest) that were said before it began, at `since`.
        """
        there = [(self.path / run / "acts").is_dir(), bool(plan) and (self.path / "plans" / plan).is_dir()]
        if not any(there):
            return ()
        from runner.journal.acts import read_acts

        before = read_acts(self.path, plan=plan) if there[1] else ()
        words = [act for act in before if act.get("act") == "sign-off" and (not since or str(act.get("at")) <= since)]
        return (*words, *(read_acts(self.path, run=run) if there[0] else ()))

    def record(self, run: str) -> RunRecord:
        """Raises DamagedRecord where a line in the middle is bad."""
        from runner.record import fold  # not needed to begin a run

        sittings = [sitting.events for sitting in self.sittings(run) if sitting.begun]
        first = next((event for events in sittings for event in events[:1] if isinstance(event, SittingStarted)), None)
        acts = self.acts(run, first.plan, since=first.at) if first else ()
        return replace(fold(sittings, acts), run=run)  # which its events do not say before the first is there

    def running(self, run: str) -> bool:
        return any(sitting.running for sitting in self.sittings(run))


def numbers_in(run: Path) -> list[int]:
    """Numbers of the sittings that have a folder, in order."""
    return sorted(int(entry.name) for entry in run.iterdir() if entry.name.isdigit())


def newest_begun(run: Path) -> int:
    """The number of the newest sitting that began; 0 where none did."""
    return max((number for number in numbers_in(run) if (run / str(number) / EVENTS).exists()), default=0)


def read_sitting(folder: Path, number: int) -> SittingRead:
    """Read and check the chain of a sitting's events."""
    path = folder / EVENTS
    running, begun = is_locked(path), True
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raw, begun = b"", False
    except PermissionError as error:
        raise InvalidInput(f"{path}: cannot be read: {error.strerror}", hint="read a copy that you may read") from error
    except OSError as error:
        raise DamagedRecord(f"cannot be read: {error.strerror}", where=str(path)) from error
    lines = raw.splitlines(keepends=True)
    torn = bool(lines) and not lines[-1].endswith(b"\n")
    events: list[Event] = []
    head = first = ""
    for position, (line, data) in enumerate(_chained(path, lines[:-1] if torn else lines), 1):
        first = first or str(data["prev"])
        head = sha256(line)
        try:
            events.append(from_json(data))
        except (TypeError, ValueError) as error:
            raise DamagedRecord(f"this line is no whole event: {error}", where=f"{path}:{position}") from error
    return SittingRead(
        number=number, folder=folder, events=tuple(events), head=head, first_prev=first, torn=torn, running=running,
        begun=begun,
    )  # fmt: skip


def _chained(path: Path, lines: list[bytes]) -> Iterator[tuple[bytes, Mapping[str, Any]]]:
    head = ""
    for number, line in enumerate(lines, 1):
        where = f"{path}:{number}"
        try:
            data = json.loads(line)
        except ValueError as error:
            raise DamagedRecord("this line is not JSON", where=where) from error
        if not isinstance(data, dict) or "prev" not in data:
            raise DamagedRecord("this line is not an event", where=where)
        if head and data["prev"] != head:
            raise DamagedRecord("this line does not follow from the one before it", where=where)
        head = sha256(line)
        yield line, data


def is_locked(path: Path) -> bool:
    """Whether a living process writes this file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(descriptor)
    return False
