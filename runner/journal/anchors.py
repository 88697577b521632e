"""Anchors: where the ledger stood at some moment, kept where whoever keeps the records cannot change it."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from runner.errors import DamagedRecord, InvalidInput, JournalError
from runner.frozen import frozen
from runner.journal import checkpoint, ledger
from runner.journal.append import make_folder, sync_folder, write_new

FOLDER = "anchors"
IN_GIT = "rawat-anchors.txt"
_LINE = re.compile(r"(\S+) rawat/([0-9a-f]+) ([0-9]+) ([0-9a-f]{64})\Z")
_PATIENCE_S = 60.0


@frozen
class Head:
    """Where a ledger stood: `lines` lines, the last of which has the digest `head`. `at` is whose word is beside it."""

    ledger: str
    lines: int
    head: str
    at: str

    @property
    def line(self) -> str:
        return f"{self.at} rawat/{self.ledger} {self.lines} {self.head}"

    @property
    def text(self) -> bytes:
        """The checkpoint of that moment."""
        return checkpoint.text(self.ledger, self.lines, self.head)


def head_of(records: Path, at: str) -> Head:
    ledger_id, number, digest = ledger.end(records)
    return Head(ledger=ledger_id, lines=number + 1, head=digest, at=at)


def heads_in(text: str) -> list[Head]:
    """The lines of an anchor file, other lines left aside."""
    found = [_LINE.match(line.strip()) for line in text.splitlines()]
    return [Head(at=m[1], ledger=m[2], lines=int(m[3]), head=m[4]) for m in found if m]


def to_file(path: Path, head: Head) -> None:
    """Append a line to a file outside. Raises JournalError."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(f"{head.line}\n".encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise JournalError(f"{path}: the anchor cannot be written: {error.strerror}") from error


def to_git(repository: Path, head: Head, *, push: bool) -> str:
    """Commit a line to `rawat-anchors.txt` of a repository, and nothing else; the commit. Raises JournalError."""
    to_file(repository / IN_GIT, head)
    run("git", "-C", str(repository), "add", "--", IN_GIT)
    message = f"rawat anchor: {head.lines} lines of {head.ledger}"
    run("git", "-C", str(repository), "commit", "-q", "-m", message, "--", IN_GIT)
    if push:
        run("git", "-C", str(repository), "push", "-q")
    return run("git", "-C", str(repository), "rev-parse", "HEAD").decode().strip()


def to_authority(url: str, head: Head) -> bytes:
    """The answer of a time-stamping authority (RFC 3161) to the digest of the checkpoint. Raises JournalError."""
    from urllib.request import Request, urlopen

    query = run("openssl", "ts", "-query", "-data", "/dev/stdin", "-sha256", "-cert", given=head.text)
    try:
        asked = Request(url, data=query, headers={"Content-Type": "application/timestamp-query"})
        with urlopen(asked, timeout=_PATIENCE_S) as answer:
            stamp: bytes = answer.read(1 << 20)
    except (OSError, ValueError) as error:
        raise JournalError(f"{url}: no time stamp was given: {error}") from error
    if b"Granted" not in run("openssl", "ts", "-reply", "-in", "/dev/stdin", "-text", given=stamp):
        raise JournalError(f"{url}: the time stamp was refused")
    return stamp


def note(records: Path, kind: str, where: str, head: Head, *, stamp: bytes = b"", **more: Any) -> Path:
    """Keep beside the ledger that an anchor was made, and the stamp of an authority, which proves itself."""
    folder = records / FOLDER
    make_folder(folder)
    with ledger.held(records):
        number = len(list(folder.glob("*.json"))) + 1
        path = folder / f"{number:04d}-{kind}.json"
        data = {
            "schema": "rawat-anchor@1",
            "kind": kind,
            "where": where,
            "at": head.at,
            "ledger": head.ledger,
            "lines": head.lines,
            "head": head.head,
            **more,
        }
        if stamp:
            write_new(path.with_suffix(".tsr"), stamp)
        write_new(path, (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode())
        sync_folder(folder)
    return path


def notes(records: Path) -> list[tuple[Path, Mapping[str, Any]]]:
    """Every note of an anchor, oldest first. Raises DamagedRecord."""
    found = []
    for path in sorted((records / FOLDER).glob("*.json")):
        try:
            data = json.loads(path.read_bytes())
            head_in(data)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DamagedRecord("this note of an anchor cannot be read", where=str(path)) from error
        found.append((path, data))
    return found


def head_in(data: Mapping[str, Any]) -> Head:
    return Head(ledger=str(data["ledger"]), lines=int(data["lines"]), head=str(data["head"]), at=str(data["at"]))


def run(program: str, *words: str, given: bytes = b"") -> bytes:
    """A program's output; raises JournalError where it is not there or fails."""
    path = shutil.which(program)
    if path is None:
        raise InvalidInput(f"{program} is not installed here, and this kind of anchor needs it")
    try:
        done = subprocess.run(
            [path, *words], input=given, capture_output=True, timeout=_PATIENCE_S, check=False, start_new_session=True
        )
    except subprocess.TimeoutExpired as error:
        raise JournalError(f"{program} {words[0]} did not end within {_PATIENCE_S:.0f} seconds") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
        raise JournalError(f"{program} {' '.join(words[:3])}: {said[-1] if said else 'failed'}")
    return done.stdout
