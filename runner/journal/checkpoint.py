"""The checkpoint: how long the ledger is and where it ends, in three lines, signed, for keeping elsewhere."""

from __future__ import annotations

import os
from pathlib import Path

from runner.errors import JournalError
from runner.journal import ledger
from runner.journal.append import sync_folder
from runner.signing import CHECKPOINT
from runner.signing.make import KeySigner

NAME = "checkpoint.txt"


def text(ledger_id: str, lines: int, head: str) -> bytes:
    """`rawat/<id of the folder>`, the number of lines, the digest of the last one."""
    return f"rawat/{ledger_id}\n{lines}\n{head}\n".encode()


def write_checkpoint(records: Path, signer: KeySigner) -> None:
    """Sign where the ledger stands now. Raises SigningFailed, JournalError."""
    with ledger.held(records):
        ledger_id, number, head = ledger.end(records)
        data = text(ledger_id, number + 1, head)
        signature = signer.sign(data, CHECKPOINT)
        # The signature first: between the two it is that of a ledger that is a line longer, which verifying knows.
        _replace(records / f"{NAME}.sig", signature)
        _replace(records / NAME, data)
        sync_folder(records)


def _replace(path: Path, data: bytes) -> None:
    new = path.with_name(f".{path.name}.new")
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError as error:
        raise JournalError(f"{path}: cannot be written: {error.strerror}") from error
