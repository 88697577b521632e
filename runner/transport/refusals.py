"""What a supervisor may answer instead of working, beside the branches of the tree."""

from __future__ import annotations

from runner.errors import LinkLost, ProtocolError, TransportError


class LaunchRefused(TransportError):
    """The host started nothing: `why` is started-before or spool."""

    reason = "launch"

    def __init__(self, message: str, *, why: str, host: str) -> None:
        super().__init__(message, host=host)
        self.why = why


class ShellEnded(LinkLost):
    """The stream ended though the link did not: somebody ended the supervisor."""


class NoSupervisor(ProtocolError):
    """The host's shell ended instead of answering; `said` is what it said."""

    def __init__(self, message: str, *, said: str, host: str) -> None:
        super().__init__(message, host=host)
        self.said = said
