"""
The ledger: one line per OPEN and SEAL of a sitting and per ACT, hash-chained, numbered without a hole.

Its first line names the folder by a random id. Every line is written under a lock and is on disk before the call
returns, so that several runs may share a folder, and so that removing a run leaves its numbers behind. A last line
without its end was cut short by a crash: nobody was told that it is there, and the next line takes its place.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from runner.errors import DamagedRecord, InvalidInput, JournalError
from runner.frozen import frozen
from runner.journal.append import encode, make_folder, sha256, sync_folder

START = "0" * 64
"""What the first line of a chain has as `prev`."""


@frozen
class Entry:
    """A ledger line: its number, its digest, and what it says."""

    number: int
    digest: str
    data: Mapping[str, Any]


def add(folder: Path, kind: str, at: str, **what: Any) -> Entry:
    """Add a line; raises JournalError where it cannot be written, DamagedRecord where the last one makes no sense."""
    path = folder / "ledger.jsonl"
    with _locked(path) as descriptor:
        number, head, size = _last(path, descriptor)
        if size != os.fstat(descriptor).st_size:
            os.ftruncate(descriptor, size)
        if number < 0:
            number = 0
            head = _write(
                path, descriptor, {"n": 0, "type": "LEDGER", "at": at, "id": os.urandom(8).hex(), "prev": START}
            )
            sync_folder(folder)
        number += 1
        data = {"n": number, "type": kind, "at": at, **what, "prev": head}
        return Entry(number=number, digest=_write(path, descriptor, data), data=data)


def read(folder: Path) -> list[Entry]:
    """All whole lines, the first included; raises DamagedRecord where one does not follow from the one before."""
    path = folder / "ledger.jsonl"
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return []
    except PermissionError as error:
        raise InvalidInput(f"{path}: cannot be read: {error.strerror}", hint="read a copy that you may read") from error
    except OSError as error:
        raise DamagedRecord(f"cannot be read: {error.strerror}", where=str(path)) from error
    entries: list[Entry] = []
    head = START
    for number, line in enumerate(_whole(raw)):
        where = f"{path}:{number + 1}"
        data = _parse(line, where)
        if data.get("prev") != head:
            raise DamagedRecord("this line does not follow from the one before it", where=where)
        if data.get("n") != number:
            raise DamagedRecord(f"number {data.get('n')} where {number} belongs", where=where)
        head = sha256(line)
        entries.append(Entry(number=number, digest=head, data=data))
    return entries


def torn(folder: Path) -> bool:
    """Whether the last line has no end."""
    try:
        with (folder / "ledger.jsonl").open("rb") as file:
            return file.seek(0, os.SEEK_END) > 0 and os.pread(file.fileno(), 1, file.tell() - 1) != b"\n"
    except OSError:
        return False


def _whole(raw: bytes) -> list[bytes]:
    lines = raw.splitlines(keepends=True)
    return lines if raw.endswith(b"\n") else lines[:-1]


def seal_before(folder: Path, number: int) -> Entry | None:
    """The newest SEAL among the lines before `number`. Reads from the end, no further than it must."""
    path = folder / "ledger.jsonl"
    for line in _from_the_end(path):
        data = _parse(line, f"{path} (end)")
        if data.get("type") == "SEAL" and int(data["n"]) < number:
            return Entry(number=int(data["n"]), digest=sha256(line), data=data)
    return None


def opened(folder: Path) -> Iterator[str]:
    """
    Runs in the order in which they were begun, the newest first, as far back as the ledger can be read: no chain is
    checked. Reads from the end, no further than is asked for.
    """
    path = folder / "ledger.jsonl"
    with suppress(OSError, DamagedRecord):
        for line in _from_the_end(path):
            data = _parse(line, str(path)) if b'"OPEN"' in line else {}
            if data.get("type") == "OPEN" and data.get("sitting") == 1:
                yield str(data.get("run"))


def _from_the_end(path: Path) -> Iterator[bytes]:
    """Whole lines, the last one first; somebody may be about to write one more."""
    with path.open("rb") as file:
        end, rest, whole = file.seek(0, os.SEEK_END), b"", False
        while end:
            start = max(0, end - 65536)
            data = os.pread(file.fileno(), end - start, start) + rest
            if not whole:
                data = data[: data.rfind(b"\n") + 1]
                whole = bool(data)
            lines = data.splitlines(keepends=True)
            rest = lines.pop(0) if start and lines else b""  # it begins further back
            yield from reversed(lines)
            end = start


def plans_of(entries: Iterable[Entry], runs: Collection[str]) -> frozenset[str]:
    """Digests of the plans that runs were opened with."""
    mine = (entry.data for entry in entries if entry.data.get("type") == "OPEN" and entry.data.get("run") in runs)
    return frozenset(str(data.get("plan_sha256")) for data in mine)


def end(folder: Path) -> tuple[str, int, str]:
    """(id of the folder, number of its last line, digest of it); raises DamagedRecord where there is none."""
    path = folder / "ledger.jsonl"
    try:
        with path.open("rb") as file:
            first = _parse(file.readline(), f"{path}:1")
            number, head, _ = _last(path, file.fileno())
    except OSError as error:
        raise DamagedRecord(f"cannot be read: {error.strerror}", where=str(path)) from error
    return str(first.get("id", "")), number, head


def _parse(line: bytes, where: str) -> dict[str, Any]:
    if not line.endswith(b"\n"):
        raise DamagedRecord("the last line is not whole", where=where)
    try:
        data = json.loads(line)
    except ValueError as error:
        raise DamagedRecord("this line is not JSON", where=where) from error
    if not isinstance(data, dict):
        raise DamagedRecord("this line is not an object", where=where)
    return data


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Only one at a time adds acts, or writes the checkpoint of the ledger."""
    make_folder(folder / "locks")
    with _locked(folder / "locks" / ".acts"):
        yield


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise JournalError(f"{path}: cannot be opened: {error.strerror}") from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        _prove(path)
        yield descriptor
    finally:
        os.close(descriptor)


def _prove(path: Path) -> None:
    """That what we hold nobody else gets; on some network file systems everybody does. Costs some microseconds."""
    second = os.open(path, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return
    finally:
        os.close(second)
    raise JournalError(
        f"{path}: locks do not work on this file system, and two runs could write at the same time",
        hint="keep the records on a local disk: --records DIR, or records: in rawat.yml",
    )


def _last(path: Path, descriptor: int) -> tuple[int, str, int]:
    """(number, digest, where it ends) of the last whole line; (-1, START, 0) of an empty ledger."""
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, 65536, max(0, size - 65536))
    lines = _whole(tail)
    if not lines and len(tail) == size:
        return -1, START, 0
    line = lines[-1] if lines else tail
    data = _parse(line, f"{path} (end)")
    return int(data["n"]), sha256(line), size - len(tail) + sum(map(len, lines))


def _write(path: Path, descriptor: int, data: Mapping[str, Any]) -> str:
    line = encode(data)
    before = os.fstat(descriptor).st_size
    try:
        written = os.write(descriptor, line)
        if written != len(line):
            os.ftruncate(descriptor, before)
            raise JournalError(f"{path}: only {written} of {len(line)} bytes could be written; is the disk full?")
        os.fsync(descriptor)
    except OSError as error:
        raise JournalError(f"{path}: cannot be written: {error.strerror}") from error
    return sha256(line)
