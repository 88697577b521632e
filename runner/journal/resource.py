"""Named resources that steps share across hosts and runs of one folder of records: a cluster, a storage array."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runner.errors import JournalError, LockBusy
from runner.journal.append import make_folder


class Resources:
    """A runner.seams.Resources: files with a lock that the kernel frees when the run dies."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def hold(self, name: str, owner: str) -> Iterator[None]:
        path = self._folder / f"{name}.lock"
        try:
            make_folder(self._folder)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise JournalError(f"{path}: cannot be opened: {error.strerror}") from error
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                holder = os.pread(descriptor, 1024, 0).decode("utf-8", "replace").strip()
                raise LockBusy(f"the resource '{name}' is held by {holder or 'another run'}") from error
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{owner}\n".encode(), 0)
            yield
        finally:
            os.close(descriptor)
