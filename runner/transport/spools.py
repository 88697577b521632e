"""Where the users of each host were first found to have their spool, for as long as this process lives."""

from __future__ import annotations

from runner.frozen import frozen


@frozen
class Spool:
    """`folder` to take, of the usual ones where it is empty; `session` is the first that took it, empty before."""

    folder: str
    session: str = ""


class Spools:
    """
    A session after the first takes the folder of the first and no other: in another, nothing is known of an attempt.

    `folder` is what somebody named for all hosts.
    """

    def __init__(self, folder: str = "") -> None:
        self._folder = folder
        self._first: dict[tuple[str, str, str | None], Spool] = {}

    def of(self, run_id: str, host: str, user: str | None) -> Spool:
        """`user` is None for the login's own."""
        return self._first.get((run_id, host, user), Spool(folder=self._folder))

    def found(self, run_id: str, host: str, user: str | None, spool: Spool) -> None:
        """The first that is told stays."""
        self._first.setdefault((run_id, host, user), spool)
