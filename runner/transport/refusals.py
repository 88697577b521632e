"""What a supervisor may answer instead of working, beside the branches of the tree."""

from __future__ import annotations

from shlex import quote

from runner.errors import LinkLost, ProtocolError, TransportError


class ShellEnded(LinkLost):
    """The stream ended though the link did not: somebody ended the supervisor."""


class NoSpool(TransportError):
    """`user` has no folder there to keep what its steps say; `folder` is the last one that was tried."""

    def __init__(self, user: str, *, tried: str, host: str) -> None:
        self.user = user
        self.folder = f"/var/lib/rawat-{user}"
        super().__init__(
            f"{host}: user {user} has no folder for the spool; tried {tried}",
            host=host,
            hint="make one of them writable for this user, or name another with RAWAT_SPOOL"
            if user == "root"
            else f"as root: install -d -m 700 -o {quote(user)} {quote(self.folder)}",
        )


class NoSupervisor(ProtocolError):
    """The host's shell ended instead of answering; `said` is what it said."""

    def __init__(self, message: str, *, said: str, host: str) -> None:
        super().__init__(message, host=host)
        self.said = said
