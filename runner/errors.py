"""
The whole exception tree, an exit code per branch.

    RawatError                70   a bug of ours, when nothing more precise is raised
      InvalidInput             2   command line, playbook, inventory, settings, variables; nothing was touched
      TransportError           4   a host cannot be worked on
        Unreachable                no connection
        HostKeyRefused             unknown, changed or revoked key
        LoginRefused               no key or password was accepted
        BecomeRefused              sudo said no
        ProtocolError              the other side does not answer as agreed
        LinkLost                   the connection ended while something was under way
        OtherMachine               another machine answers under the name of the one before
      JournalError             6   the record cannot be written
        DamagedRecord              the record cannot be trusted as it stands
      LockBusy                 7   another run holds the host
      GateClosed               8   approval, window, freeze, backup gate
"""

from __future__ import annotations

import errno
import unicodedata
from pathlib import Path
from typing import ClassVar

from runner.frozen import frozen


@frozen
class Location:
    """Where something was written; line and column count from 1. Sorted by file, line and column."""

    file: str
    line: int
    column: int

    def __lt__(self, other: Location) -> bool:
        return (self.file, self.line, self.column) < (other.file, other.line, other.column)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@frozen
class Problem:
    """One mistake in something a person wrote: where, what, and the line it stands on."""

    message: str
    where: Location | None = None
    line: str = ""
    width: int = 1

    def __str__(self) -> str:
        if self.where is None:
            return f"error: {self.message}"
        head = f"{self.where}: error: {self.message}"
        if not self.line:
            return head
        start = max(0, self.where.column - 60) if self.where.column > 100 else 0
        line = "".join(c if c.isprintable() else " " for c in self.line)[start : start + 120]
        column = self.where.column - start
        before, marked = line[: column - 1].ljust(column - 1), line[column - 1 :][: self.width]
        marks = "^" * max(1, _cells(marked))
        return f"{head}\n{self.where.line:>5} | {line}\n{' ' * 5} | {' ' * _cells(before)}{marks}"


def _cells(text: str) -> int:
    """How many places of a terminal it takes: two for a character of East Asia, none for an accent of its own."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


class RawatError(Exception):
    """What went wrong, why, and what to do next; `exit_code` is the process's."""

    exit_code: ClassVar[int] = 70

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InvalidInput(RawatError):
    """Something a person wrote is wrong; every problem found is in `problems`, in the order of the text."""

    exit_code = 2

    def __init__(self, message: str = "", *, problems: tuple[Problem, ...] = (), hint: str = "") -> None:
        self.problems = problems or (Problem(message=message),)
        super().__init__(message or "\n".join(str(problem) for problem in self.problems), hint=hint)


def unwritable(path: Path, error: OSError) -> InvalidInput:
    """For a file that a person named, to be written: what is wrong with that place, and what to do."""
    if error.errno == errno.ENOENT:
        hint = f"make the folder {path.parent} first, or name a file in one that is there"
    elif error.errno in (errno.ENOSPC, errno.EDQUOT):
        hint = "make room there, or name a file elsewhere"
    else:
        hint = "name a file in a folder that you may write in"
    return InvalidInput(f"{path}: cannot be written: {error.strerror}", hint=hint)


class TransportError(RawatError):
    """A host cannot be worked on; `host` names it."""

    exit_code = 4
    reason: ClassVar[str] = "transport"

    def __init__(self, message: str, *, host: str = "", hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.host = host


class Unreachable(TransportError):
    reason = "unreachable"


class HostKeyRefused(TransportError):
    reason = "host key"


class LoginRefused(TransportError):
    reason = "login"


class BecomeRefused(TransportError):
    reason = "sudo"


class ProtocolError(TransportError):
    reason = "protocol"


class LinkLost(TransportError):
    """`silent_s`: for how long it had been silent when that was noticed, where it was."""

    reason = "link lost"
    silent_s = 0.0


class LaunchRefused(TransportError):
    """The host is there, and nothing of this launch was begun."""

    reason = "launch"


class StartedBefore(LaunchRefused):
    """Nor could it be: this attempt was begun already, by another request."""


class OtherMachine(TransportError):
    reason = "machine"


class JournalError(RawatError):
    """The record cannot be written; nothing further may be started."""

    exit_code = 6


class DamagedRecord(JournalError):
    """A record that was written cannot be read as it must be; `where` names file and line."""

    def __init__(self, message: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(f"{where}: {message}" if where else message, hint=hint)
        self.where = where


class LockBusy(RawatError):
    exit_code = 7


class GateClosed(RawatError):
    exit_code = 8
