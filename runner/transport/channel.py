"""The bytes under a supervisor: an SSH channel and a pair of pipes look the same from here."""

from __future__ import annotations

from typing import Protocol

from runner.errors import TransportError

TAKES_NOTHING_S = 60.0
"""How long a shell may read nothing of what it is sent, though all between us and it is well."""


class Channel(Protocol):
    """A two-way stream of bytes to a shell on the other side."""

    def send(self, data: bytes) -> None:
        """Send all of it. Raises LinkLost, also where the shell reads nothing of it for TAKES_NOTHING_S."""
        ...

    def recv(self, timeout_s: float) -> bytes:
        """What has come, at least one byte; b"" at the end of the stream. Raises TimeoutError, LinkLost."""
        ...

    def why(self) -> str:
        """What can be said about an end that came too early: exit status, last words on stderr; may be empty."""
        ...

    def close(self) -> None: ...


class NoMoreChannels(TransportError):
    """The server opens no further channel on this connection; another one must be closed first."""

    reason = "channel"
