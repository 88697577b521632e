"""A connected host: one supervisor for each user it works as."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from runner.errors import BecomeRefused, LinkLost, TransportError
from runner.frozen import replace
from runner.model import Facts, Peer
from runner.seams import Completed, Launch, OnOutput, Script, Settled, unheard
from runner.transport.channel import NoMoreChannels
from runner.transport.refusals import NoSpool
from runner.transport.supervisor import Supervisor

_USER = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\$?|#[0-9]+")
MADE_WITHIN_S = 10.0
FREED_WITHIN_S = 5.0
"""How long a server may take to free a channel that was closed."""


class SupervisedSession:
    """
    `open_supervisor` is called with None for the login's own user, else with the user to become.

    It raises NoMoreChannels where the server allows no further one (MaxSessions 1): then users are served one after
    another, by closing and opening. `close` ends a connection that they share, and them with it: to take leave of each
    channel first would take both sides four messages.
    """

    def __init__(
        self,
        host: str,
        peer: Peer,
        open_supervisor: Callable[[str | None], Supervisor],
        close: Callable[[], None] | None = None,
    ) -> None:
        self._host = host
        self._open = open_supervisor
        self._close = close
        self._open_ones: dict[str | None, Supervisor] = {}
        self._known: dict[str | None, Facts] = {}
        self._held: tuple[str, str] | None = None
        self._current: Supervisor | None = None
        self._lock = threading.Lock()
        first = self._supervisor(None)
        notes = (first.notes,) if first.notes else ()
        self._peer = replace(peer, user=peer.user or first.facts.user, notes=(*peer.notes, *notes))

    @property
    def facts(self) -> Facts:
        return self._known[None]

    @property
    def peer(self) -> Peer:
        return self._peer

    def become(self, user: str) -> Facts:
        key = self._key(user)
        if key not in self._known:
            self._supervisor(key)
        return self._known[key]

    def lock(self, owner: str, *, name: str = "host") -> None:
        before, self._held = self._held, (owner, name)
        try:
            self._supervisor(None)
            for key in list(self._open_ones):
                self._supervisor(key)
        except BaseException:
            self._held = before
            raise

    def run(self, launch: Launch, on_output: OnOutput) -> Completed:
        with self._at_work(launch.user) as supervisor:
            return supervisor.run(launch, on_output)

    def settle(self, launch: Launch, on_output: OnOutput, *, offsets: tuple[int, int] = (0, 0)) -> Settled:
        """How an attempt of an earlier session stands; follows it from these bytes on while it still runs."""
        with self._at_work(launch.user) as supervisor:
            return supervisor.settle(launch, on_output, offsets=offsets)

    @contextmanager
    def _at_work(self, user: str | None) -> Iterator[Supervisor]:
        """The supervisor of a user, which `cancel` reaches meanwhile; closed where the link to it is lost."""
        key = self._key(user)
        supervisor = self._supervisor(key)
        with self._lock:
            self._current = supervisor
        try:
            yield supervisor
        except LinkLost:
            self._drop(key)
            raise
        finally:
            with self._lock:
                self._current = None

    def forget(self) -> None:
        """The run's folder goes for every user worked as, while other hosts are seen to; `close` hears of it."""
        self._held = None
        for key in list(self._known):
            self._supervisor(key).forget()

    def cancel(self) -> None:
        with self._lock:
            current = self._current
        if current is not None:
            current.cancel()

    def close(self) -> None:
        self._held = None
        if self._close is None:
            for key in list(self._open_ones):
                self._drop(key)
        else:
            for supervisor in self._open_ones.values():
                with suppress(TransportError):
                    supervisor.leave()
            self._open_ones.clear()
            self._close()

    def _key(self, user: str | None) -> str | None:
        if user is None or (None in self._known and user == self._known[None].user):
            return None
        if not _USER.fullmatch(user):
            raise BecomeRefused(f"{self._host}: {user!r} is no name of a user", host=self._host)
        return user

    def _drop(self, key: str | None) -> None:
        supervisor = self._open_ones.pop(key, None)
        if supervisor is not None:
            supervisor.close()

    def _supervisor(self, key: str | None) -> Supervisor:
        """There, and holding what the session holds: a lock goes with the shell that had it, closed or dead."""
        supervisor = self._open_ones.get(key)
        if supervisor is None:
            supervisor = self._opened(key)
            self._open_ones[key] = supervisor
        if self._held is not None and supervisor.held != self._held:
            supervisor.lock(*self._held)
        self._known[key] = supervisor.facts
        return supervisor

    def _give_spool(self, missing: NoSpool) -> None:
        """Where we log in as root, a user that may write nowhere (www-data, nobody) is given a folder of its own."""
        names = {"folder": missing.folder, "user": missing.user}
        script = Script(text='mkdir -m 700 "$folder" && chown "$user" "$folder"', env=names)
        launch = Launch(run_id="", step="spool", attempt=1, script=script, deadline_s=MADE_WITHIN_S, read_only=True)
        self._supervisor(None).run(launch, unheard)

    def _opened(self, key: str | None) -> Supervisor:
        """Close the other supervisors where the server has room for one only; it takes a moment to free that room."""
        until = time.monotonic() + FREED_WITHIN_S
        pause_s = 0.01
        given = key is None or self.facts.uid != 0
        while True:
            try:
                return self._open(key)
            except NoSpool as error:
                if given:
                    raise
                given = True
                self._give_spool(error)
                continue
            except NoMoreChannels as error:
                if time.monotonic() > until:
                    raise TransportError(error.message, host=self._host, hint=error.hint) from error
            for other in list(self._open_ones):
                self._drop(other)
            time.sleep(pause_s)
            pause_s = min(0.2, pause_s * 2)
