"""Evidence packs: some runs of a folder of records, with all that it takes to verify them elsewhere, in one archive."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from runner.errors import InvalidInput, JournalError, unwritable
from runner.journal import ledger
from runner.journal.folder import IMPORTED, PACK, Records
from runner.journal.reserve import RESERVE

SCHEMA = "rawat-pack@1"
_WITH = ("ledger.jsonl", "checkpoint.txt", "checkpoint.txt.sig", "allowed_signers", "tombstones", "anchors")
"""What goes into every pack beside its runs, and what people said of their plans."""


def pack(
    records: Path, runs: Sequence[str], to: Path, *, at: str, said: Mapping[str, Any], more: Mapping[str, bytes]
) -> None:
    """
    Write `to`, a tar packed with zstd: the runs, the whole ledger, and `more` files by name. For its owner alone.

    `said` is who made it and what was asked for. Raises InvalidInput where it cannot be written, JournalError
    where a file of the record cannot be read; nothing is left then.
    """
    entries = ledger.read(records)
    opened = {str(entry.data["run"]) for entry in entries if entry.data.get("type") == "OPEN"}
    note = {
        "schema": SCHEMA,
        "at": at,
        **said,
        "ledger": str(entries[0].data.get("id", "")) if entries else "",
        "lines": len(entries),
        "head": entries[-1].digest if entries else "",
        "runs": list(runs),
        "left_out": len(opened - set(runs)),
    }
    plans = [f"plans/{plan}{end}" for plan in sorted(ledger.plans_of(entries, runs)) for end in ("", ".json")]
    _write(to, records, (*_WITH, *plans, *runs), {PACK: _json(note), **more})


def copies(to: Path, *, said: Mapping[str, Any], files: Mapping[str, bytes]) -> None:
    """An archive of files to be read, which are no records any more."""
    _write(to, to.parent, (), {PACK: _json({"schema": SCHEMA, **said}), **files})


def _json(data: Mapping[str, Any]) -> bytes:
    return (json.dumps(data, indent=2, ensure_ascii=False) + "\n").encode()


def _write(to: Path, home: Path, names: Sequence[str], files: Mapping[str, bytes]) -> None:
    """`names` of files and folders below `home`, those that are there, and `files` by name."""
    import io

    import zstandard

    part = to.with_name(f".{to.name}.part")
    try:
        part.touch(mode=0o600)
    except OSError as error:
        raise unwritable(to, error) from error
    try:
        with (
            part.open("wb") as raw,
            zstandard.ZstdCompressor(level=9).stream_writer(raw) as packed,
            tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
        ):
            for name, data in files.items():
                member = tarfile.TarInfo(name)
                member.size, member.mode = len(data), 0o600
                archive.addfile(member, io.BytesIO(data))
            for name in names:
                if (home / name).exists():
                    archive.add(home / name, arcname=name, filter=_nobodys)
        part.replace(to)
    except OSError as error:
        part.unlink(missing_ok=True)
        if error.filename not in (None, str(part)):
            raise JournalError(f"{error.filename}: cannot be read: {error.strerror}") from error
        raise unwritable(to, error) from error


def _nobodys(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
    """Neither who owns the files here, nor what is no record: answers that were given while a run waited, a reserve."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    return None if {"answers", RESERVE} & {*PurePosixPath(member.name).parts[1:2]} else member


@contextmanager
def unpacked(path: Path, beside: Path) -> Iterator[tuple[Path, Mapping[str, Any]]]:
    """
    (a folder of records, what the pack says of itself), in a folder made in `beside` and removed at the end.

    Raises InvalidInput for what is no pack, a pack with links, devices or names that lead out of it, or one with
    pseudonyms: no signature covers that, and nothing of it is a record.
    """
    import tempfile

    import zstandard

    with tempfile.TemporaryDirectory(prefix=".pack-", dir=beside) as name:
        folder = Path(name) / "records"
        folder.mkdir(mode=0o700)
        try:
            with (
                path.open("rb") as raw,
                zstandard.ZstdDecompressor().stream_reader(raw) as packed,
                tarfile.open(fileobj=packed, mode="r|") as archive,
            ):
                for member in archive:
                    if not (member.isfile() or member.isdir()):
                        raise InvalidInput(f"{path}: {member.name!r} is no file: this is no pack of rawat's")
                    member.mode = 0o700 if member.isdir() else 0o600
                    archive.extract(member, folder, filter="data")
            note = json.loads((folder / PACK).read_bytes())
        except (OSError, tarfile.TarError, zstandard.ZstdError, ValueError) as error:
            raise InvalidInput(f"{path}: this is no pack of rawat's: {error}") from error
        if not isinstance(note, dict) or note.get("schema") != SCHEMA:
            raise InvalidInput(f"{path}: a pack of a version that is not known here: {note!r:.80}")
        if note.get("pseudonyms"):
            raise InvalidInput(f"{path}: copies with pseudonyms, to be read; there is nothing in them to verify")
        yield folder, note


def bring_in(records: Records, folder: Path, note: Mapping[str, Any], *, at: str, by: str, source: Path) -> Path:
    """
    Put an unpacked and verified pack beside our own runs, in a folder of its ledger's own, and a line in our ledger.

    Runs of an earlier pack of the same ledger stay. Raises InvalidInput where what is there already is not the
    beginning of what comes.
    """
    identity = str(note.get("ledger", ""))
    if not identity.isalnum():
        raise InvalidInput(f"{source}: the pack names no ledger")
    home = records.path / IMPORTED / identity
    home.parent.mkdir(mode=0o700, exist_ok=True)
    if home.exists():
        heads = {entry.digest for entry in ledger.read(folder)}
        ours = ledger.read(home)
        if ours and ours[-1].digest not in heads:
            raise InvalidInput(
                f"{source}: its ledger does not go on from the one that was brought in before: it is older, was rolled "
                "back, or rewritten",
                hint=f"compare it with {home}",
            )
        (folder / "plans").mkdir(mode=0o700, exist_ok=True)
        for kept in (*(home / run for run in Records(home).runs()), *sorted((home / "plans").glob("*"))):
            there = folder / kept.relative_to(home)
            if not there.exists():
                shutil.move(kept, there)
        note = {**note, "runs": list(Records(folder).runs())}
        (folder / PACK).write_bytes(_json(note))
        old = home.with_name(f".{home.name}")
        home.rename(old)
        folder.rename(home)
        shutil.rmtree(old)
    else:
        folder.rename(home)
    ledger.add(
        records.path, "IMPORT", at, ledger=identity, head=note["head"], lines=note["lines"], by=by,
        pack_sha256=_sha256(source),
    )  # fmt: skip
    return home


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
