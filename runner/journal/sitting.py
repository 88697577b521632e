"""One sitting on disk: what was going to be done, what happened, every output, and the seal."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from runner.errors import JournalError, LockBusy
from runner.journal import ledger
from runner.journal.append import AppendFile, make_folder, sha256, sync_folder, write_new
from runner.journal.output import OutputLog
from runner.redact import Redactor
from runner.seams import OutputFile

SUMS = "SHA256SUMS"


class Sitting:
    """
    The journal of a sitting that is being written (a runner.seams.Journal).

    Holds a lock on `events.jsonl` for as long as its process lives: who can lock it knows that nobody writes.
    """

    def __init__(self, records: Path, run: str, number: int, redactor: Redactor) -> None:
        self.records = records
        self.run = run
        self.number = number
        self.folder = records / run / str(number)
        self._redactor = redactor
        self._scripts: set[str] = set()
        self._opened: ledger.Entry | None = None
        self._events: AppendFile | None = None
        self._lock: int | None = None

    def freeze(
        self, *, plan: bytes, inventory: bytes, sources: Mapping[str, str], at: str, summary: Mapping[str, Any]
    ) -> None:
        """
        Put what is going to be done on disk, then the ledger's OPEN line, before the first connection.

        `sources` maps names to the texts of playbook and includes. Raises JournalError.
        """
        try:
            make_folder(self.folder.parent)
            self.folder.mkdir(mode=0o700)
        except FileExistsError as error:
            raise LockBusy(f"run {self.run}: somebody else has begun sitting {self.number} of it") from error
        except OSError as error:
            raise JournalError(f"{self.folder}: cannot be made: {error.strerror}") from error
        write_new(self.folder / "plan.json", self._redacted(plan))
        write_new(self.folder / "inventory.json", self._redacted(inventory))
        for name, text in sources.items():
            path = self.folder / "playbook" / name
            make_folder(path.parent)
            write_new(path, text.encode())
        for folder in (self.folder, self.folder.parent, self.records):
            sync_folder(folder)
        self._opened = ledger.add(self.records, "OPEN", at, run=self.run, sitting=self.number, **summary)
        events = self.folder / "events.jsonl"
        self._events = AppendFile(events, head=self._opened.digest)
        self._lock = os.open(events, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        sync_folder(self.folder)

    def write(self, line: Mapping[str, Any]) -> int:
        return self._file.write(line)

    def sync(self, number: int) -> None:
        self._file.sync(number)

    def script(self, text: str) -> str:
        data = text.encode("utf-8", "surrogatepass")
        digest = sha256(data)
        if digest not in self._scripts:
            self._scripts.add(digest)
            folder = self.folder / "scripts"
            make_folder(folder)
            _put(folder / f"{digest}.txt", data)
        return digest

    def output(self, host: str, step: str, attempt: int, *, keep: bool) -> OutputFile:
        shown = f"out/{file_name(host)}/{file_name(step)}.{attempt}.log"
        return OutputLog(self.folder / shown, shown, self._redactor, keep=keep)

    def seal(self, *, at: str, exit_code: int, summary: Mapping[str, Any]) -> str:
        """Write statement, sums and the ledger's SEAL; the digest of SHA256SUMS. Nothing is written here after."""
        assert self._opened is not None
        self._file.close()
        statement = {
            "schema": "rawat-statement@1",
            "run": self.run,
            "sitting": self.number,
            "sealed_at": at,
            "exit_code": exit_code,
            "events_head": self._file.head,
            "ledger": {"open": self._opened.number, "open_sha256": self._opened.digest},
            "plan_sha256": sha256((self.folder / "plan.json").read_bytes()),
            "inventory_sha256": sha256((self.folder / "inventory.json").read_bytes()),
            **summary,
        }
        text = json.dumps(self._redactor.value(statement), indent=2, ensure_ascii=False) + "\n"
        write_new(self.folder / "statement.json", text.encode())
        sums = sums_of(self.folder).encode()
        write_new(self.folder / SUMS, sums)
        sync_folder(self.folder)
        digest = sha256(sums)
        ledger.add(
            self.records, "SEAL", at, run=self.run, sitting=self.number, exit_code=exit_code,
            events_head=self._file.head, sums_sha256=digest,
        )  # fmt: skip
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
        return digest

    @property
    def _file(self) -> AppendFile:
        if self._events is None:
            raise JournalError(f"{self.folder}: the record is not open")
        return self._events

    def _redacted(self, data: bytes) -> bytes:
        return self._redactor.text(data.decode()).encode()


def sums_of(folder: Path) -> str:
    """The lines of SHA256SUMS for all files below a sitting's folder, as `sha256sum` reads them, sorted by name."""
    lines = []
    for path in sorted(listed(folder), key=lambda path: path.relative_to(folder).as_posix()):
        name = path.relative_to(folder).as_posix()
        with path.open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n")
    return "".join(lines)


def listed(folder: Path) -> list[Path]:
    """The files of a sitting that the sums speak of: all but the sums themselves and what is made from them."""
    return [path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(SUMS)]


def file_name(name: str) -> str:
    """A host's or step's name as one part of a path."""
    safe = quote(name, safe=" @+=,")
    return safe.replace(".", "%2E", 1) if safe.startswith(".") else safe


def _put(path: Path, data: bytes) -> None:
    """A file of mode 0600; on disk by the time of the seal's sync, its digest in the journal long before."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
    except OSError as error:
        raise JournalError(f"{path}: cannot be written: {error.strerror}") from error
