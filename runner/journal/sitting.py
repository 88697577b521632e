"""One sitting on disk: what was going to be done, what happened, every output, and the seal."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import threading
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from weakref import WeakSet

from runner.errors import JournalError, LockBusy, RawatError
from runner.journal import ledger
from runner.journal.append import AppendFile, make_folder, sha256, sync_folder, sync_folders, write_new
from runner.journal.folder import EVENTS, is_locked, numbers_in
from runner.journal.output import OutputLog
from runner.journal.reserve import Reserve
from runner.redact import Redactor
from runner.seams import OutputFile

if TYPE_CHECKING:
    from runner.signing.make import KeySigner, SigningFailed

SUMS = "SHA256SUMS"
SIGNATURE = f"{SUMS}.sig"
STATEMENT = "statement.json"
FROZEN = ("plan.json", "inventory.json", "playbook", "approvals")
"""What a sitting's folder may hold before the ledger opens it: what is going to be done, nothing that was."""


class Sitting:
    """
    The journal of a sitting that is being written (a runner.seams.Journal).

    Holds a lock on `events.jsonl` for as long as its process lives: who can lock it knows that nobody writes.
    """

    def __init__(
        self, records: Path, run: str, number: int, redactor: Redactor, *, full: Callable[[], None] = lambda: None
    ) -> None:
        """`full` is called once, from any thread, when the disk is found full; there is room to end the record then."""
        self.records = records
        self.run = run
        self.number = number
        self.folder = records / run / str(number)
        self._redactor = redactor
        self._reserve = Reserve(self.folder.parent, full)
        self._scripts: set[str] = set()
        self._outputs: WeakSet[OutputLog] = WeakSet()
        self._sealed = False
        self._writing = 0
        self._changed = threading.Condition()
        self._opened: ledger.Entry | None = None
        self._events: AppendFile | None = None
        self._lock: int | None = None

    def freeze(
        self,
        *,
        plan: bytes,
        inventory: bytes,
        sources: Mapping[str, str],
        at: str,
        summary: Mapping[str, Any],
        approvals: Mapping[str, bytes] | None = None,
        after: str = "",
    ) -> None:
        """
        Put what is going to be done on disk, then the ledger's OPEN line, before the first connection.

        `sources` maps names to the texts of playbook and includes, `approvals` names to the bytes of what was signed;
        `after` is the head of the sitting before, as it was read. Raises JournalError, and LockBusy where somebody else
        goes on with the run. What was made is removed again then, unless the ledger has the line.
        """
        try:
            make_folder(self.folder.parent)
            self.folder.mkdir(mode=0o700)
        except FileExistsError as error:
            raise self._busy(self.number) from error
        except OSError as error:
            raise JournalError(f"{self.folder}: cannot be made: {error.strerror}") from error
        try:
            self._follows(after)
            self._leads()
            self._lay_down(plan, inventory, sources, approvals or {})
            self._opened = ledger.add(self.records, "OPEN", at, run=self.run, sitting=self.number, **summary)
        except BaseException:
            self._remove()
            raise
        self._open(self._opened.digest)

    def _lay_down(
        self, plan: bytes, inventory: bytes, sources: Mapping[str, str], approvals: Mapping[str, bytes]
    ) -> None:
        """What is going to be done, with the names of its files and folders on disk."""
        write_new(self.folder / "plan.json", self._redacted(plan))
        write_new(self.folder / "inventory.json", self._redacted(inventory))
        for name, text in sources.items():
            path = self.folder / "playbook" / name
            make_folder(path.parent)
            write_new(path, text.encode())
        for name, data in approvals.items():
            make_folder(self.folder / "approvals")
            write_new(self.folder / "approvals" / name, data)
        sync_folders(self.folder)
        for folder in (self.folder.parent, self.records):
            sync_folder(folder)

    def _open(self, head: str) -> None:
        """The events, which the ledger's line leads, and the lock on them. Raises LockBusy."""
        events = self.folder / EVENTS
        self._events = AppendFile(events, head=head, reserve=self._reserve)
        self._lock = os.open(events, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        # who read this sitting when it was only a folder took it for one that was killed; from here on he sees the
        # lock: either of us sees the other
        try:
            self._leads()
        except LockBusy:
            self._let_go()
            raise
        sync_folder(self.folder)
        self._reserve.make()

    def _follows(self, after: str) -> None:
        """That no sitting before is written, and none has begun or gone on since they were read."""
        run = self.folder.parent
        events = [(number, run / str(number) / EVENTS) for number in numbers_in(run) if number < self.number]
        for number, path in events:
            if is_locked(path):
                raise self._busy(number)
        begun = [(number, path) for number, path in events if path.exists()]
        if begun and events_head(begun[-1][1]) != after:
            raise self._busy(begun[-1][0])

    def _leads(self) -> None:
        """That nobody has made a sitting after this one."""
        newest = max(numbers_in(self.folder.parent))
        if newest > self.number:
            raise self._busy(newest)

    def _busy(self, number: int) -> LockBusy:
        return LockBusy(
            f"run {self.run}: somebody else has begun sitting {number} of it",
            hint=f"rawat show {self.run} tells who, and how far it is",
        )

    def _remove(self) -> None:
        """
        Take the folder away that was made for nothing, as far as that can be done: what stays reads as never begun.

        A line of the ledger may be there though it could not be made durable; then the folder must be, too.
        """
        from shutil import rmtree  # needed where something went wrong

        try:
            lines = [(entry.data.get("run"), entry.data.get("sitting")) for entry in ledger.read(self.records)]
        except RawatError:
            return
        if (self.run, self.number) not in lines:
            rmtree(self.folder, ignore_errors=True)
            with suppress(OSError):  # the run's, where it holds nothing else
                self.folder.parent.rmdir()

    def _let_go(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def write(self, line: Mapping[str, Any]) -> int:
        return self._file.write(line)

    def sync(self, number: int) -> None:
        self._file.sync(number)

    def script(self, text: str) -> str:
        data = text.encode("utf-8", "surrogatepass")
        digest = sha256(data)
        with self._changed:
            self._usable()
            if digest in self._scripts:
                return digest
            self._scripts.add(digest)
            self._writing += 1
        try:
            self._keep(digest, data)
        except JournalError as error:
            if not self._reserve.give(getattr(error.__cause__, "errno", None)):
                raise
            self._keep(digest, data)
        finally:
            with self._changed:
                self._writing -= 1
                self._changed.notify_all()
        return digest

    def _keep(self, digest: str, data: bytes) -> None:
        folder = self.folder / "scripts"
        make_folder(folder)
        _put(folder / f"{digest}.txt", data)

    def output(self, host: str, step: str, attempt: int, *, keep: bool) -> OutputFile:
        shown = f"out/{file_name(host)}/{file_name(step)}.{attempt}.log"
        log = OutputLog(self.folder / shown, shown, self._redactor, keep=keep, reserve=self._reserve)
        with self._changed:
            self._usable()
            self._outputs.add(log)
        return log

    def seal(self, *, at: str, exit_code: int, summary: Mapping[str, Any], signer: KeySigner | None = None) -> str:
        """
        Write statement, sums, signature and the ledger's SEAL; the digest of SHA256SUMS. Nothing is written here after.

        Where the signer cannot sign any more, the sitting is sealed without, says so, and SigningFailed is raised.
        """
        assert self._opened is not None
        self._end_writing()
        self.leave()
        self._file.close()
        trouble: SigningFailed | None = None
        statement, sums = self._closing(at, exit_code, summary, signer.to_json() if signer else None)
        signature = b""
        if signer is not None:
            from runner.signing import RUN
            from runner.signing.make import SigningFailed

            try:
                signature = signer.sign(sums, RUN)
            except SigningFailed as error:
                trouble = error
                statement, sums = self._closing(at, exit_code, {**summary, "not_signed_because": error.message}, None)
        write_new(self.folder / STATEMENT, statement)
        sync_folders(self.folder)  # once for all scripts and outputs, before the sums that name them
        write_new(self.folder / SUMS, sums)
        if signature:
            write_new(self.folder / SIGNATURE, signature)
        sync_folder(self.folder)
        digest = sha256(sums)
        said = {"signer": signer.public.fingerprint, "sig_sha256": sha256(signature)} if signer and signature else {}
        ledger.add(
            self.records, "SEAL", at, run=self.run, sitting=self.number, exit_code=exit_code,
            events_head=self._file.head, sums_sha256=digest, **said,
        )  # fmt: skip
        self._let_go()
        if trouble is not None:
            trouble.hint = f"run {self.run} is sealed, not signed; others may vouch: rawat sign {self.run} --review"
            raise trouble
        if signer is not None:
            from runner.journal.checkpoint import write_checkpoint

            write_checkpoint(self.records, signer)
        return digest

    def leave(self) -> None:
        """No room need be kept for it any more: it is about to be sealed, or will not be."""
        self._reserve.remove()

    def _end_writing(self) -> None:
        """Threads that a run left behind may still hear of a host; what they write would make the seal a lie."""
        with self._changed:
            self._sealed = True
            self._changed.wait_for(lambda: not self._writing)
            for log in list(self._outputs):
                log.seal()

    def _usable(self) -> None:
        if self._sealed:
            raise JournalError(f"{self.folder}: this sitting is sealed; nothing more is written to it")

    def _closing(
        self, at: str, exit_code: int, summary: Mapping[str, Any], signer: Mapping[str, str] | None
    ) -> tuple[bytes, bytes]:
        """The statement and the sums, which name it."""
        assert self._opened is not None
        before = ledger.seal_before(self.records, self._opened.number)
        previous, left = self._earlier()
        statement = {
            "schema": "rawat-statement@1",
            "run": self.run,
            "sitting": self.number,
            "sealed_at": at,
            "exit_code": exit_code,
            "events_head": self._file.head,
            "previous_sitting": previous,
            "abandoned": left,
            "ledger": {"open": self._opened.number, "open_sha256": self._opened.digest},
            "previous_seal": {"line": before.number, "sums_sha256": before.data.get("sums_sha256")} if before else None,
            "plan_sha256": file_sha256(self.folder / "plan.json"),
            "inventory_sha256": file_sha256(self.folder / "inventory.json"),
            **summary,
            "signer": signer,
        }
        text = (json.dumps(self._redactor.value(statement), indent=2, ensure_ascii=False) + "\n").encode()
        return text, sums_of(self.folder, {STATEMENT: sha256(text)}).encode()

    def _earlier(self) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
        """Where the sitting before this one ended, the head of its events; and those that nobody sealed."""
        if self.number == 1:
            return None, []
        entries = ledger.read(self.records)
        seals = (entry.data for entry in entries if entry.data.get("type") == "SEAL")
        sealed = {int(data["sitting"]) for data in seals if data.get("run") == self.run}
        opened = opened_before(entries, self.run, self.number)
        run = self.folder.parent
        previous = {"sitting": opened[0], "events_head": events_head(run / str(opened[0]) / EVENTS)} if opened else None
        return previous, list(abandoned(run, opened, sealed))

    @property
    def _file(self) -> AppendFile:
        if self._events is None:
            raise JournalError(f"{self.folder}: the record is not open")
        return self._events

    def _redacted(self, data: bytes) -> bytes:
        return self._redactor.text(data.decode()).encode()


def opened_before(entries: Iterable[ledger.Entry], run: str, number: int) -> list[int]:
    """Sittings of a run that the ledger opened before sitting `number`, newest first: others never began."""
    found: list[int] = []
    for data in (entry.data for entry in entries if entry.data.get("type") == "OPEN" and entry.data.get("run") == run):
        sitting = data.get("sitting")
        if sitting == number:
            break
        if isinstance(sitting, int) and sitting < number:
            found.append(sitting)
    return sorted(found, reverse=True)


def never_began(folder: Path) -> bool:
    """Whether a sitting that the ledger does not know holds nothing that says that anything was done."""
    try:
        return all(entry.name in FROZEN for entry in folder.iterdir())
    except FileNotFoundError:  # whoever made it for nothing has just removed it
        return True


def abandoned(run: Path, opened: Iterable[int], sealed: Container[int]) -> Iterator[dict[str, Any]]:
    """Of the sittings opened before this one, newest first, the last that nobody sealed: whoever goes on vouches."""
    for earlier in opened:
        if earlier in sealed:
            return
        yield {"sitting": earlier, "sums_sha256": sha256(sums_of(run / str(earlier)).encode())}


def sums_of(folder: Path, more: Mapping[str, str] | None = None) -> str:
    """
    The lines of SHA256SUMS for all files below a sitting's folder, as `sha256sum` reads them, sorted by name.

    `more` are names and digests of files that are yet to be written.
    """
    digests = {path.relative_to(folder).as_posix(): file_sha256(path) for path in listed(folder)} | dict(more or {})
    return "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items()))


def listed(folder: Path) -> list[Path]:
    """The files of a sitting that the sums speak of: all but the sums themselves and their signature."""
    apart = (folder / SUMS, folder / SIGNATURE)
    return [path for path in folder.rglob("*") if (path.is_symlink() or not path.is_dir()) and path not in apart]


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def events_head(path: Path) -> str:
    """The digest of the last whole line; empty where there is none."""
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except FileNotFoundError:
        return ""
    return next((sha256(line) for line in reversed(lines) if line.endswith(b"\n")), "")


def file_name(name: str) -> str:
    """A host's or step's name as one part of a path."""
    safe = quote(name, safe=" @+=,")
    return safe.replace(".", "%2E", 1) if safe.startswith(".") else safe


def _put(path: Path, data: bytes) -> None:
    """A file that is named by its digest, and so must never be there in part: on disk first, then under its name."""
    new = path.with_suffix(".new")
    try:
        write_new(new, data)
    except JournalError:
        with suppress(OSError):
            new.unlink()
        raise
    try:
        new.rename(path)
    except OSError as error:
        raise JournalError(f"{path}: cannot be written: {error.strerror}") from error
