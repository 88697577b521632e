"""A host's connection as the engine holds it: made when needed, and again after it was lost."""

from __future__ import annotations

from contextlib import suppress
from math import inf

from runner.errors import OtherMachine, TransportError
from runner.model import Facts, Host
from runner.seams import Passwords, Session, Transport


class Link:
    """The sessions of one host: its own, and one on the controller for steps marked `local`. For one thread."""

    def __init__(
        self,
        host: Host,
        transport: Transport,
        local: Transport,
        *,
        run_id: str,
        passwords: Passwords,
        owner: str = "",
        lock: str = "host",
    ) -> None:
        """`owner` is who holds the host's lock `lock`; nobody, where it is empty."""
        self.host = host
        self._owner = owner
        self._lock = lock
        self._locked = False
        self._transport = transport
        self._local_transport = local
        self._run_id = run_id
        self._passwords = passwords
        self._session: Session | None = None
        self._local: Session | None = None
        self.cancelled = False
        """Whether what runs was asked to end, and nothing may be started; until `spare`."""
        self.machine = ""
        """The machine id that whoever answers must have; that of the first answer, where nothing is known before."""
        self.addresses: list[str] = []
        """Where it answered, one after another."""

    def connect(self, *, within_s: float = inf) -> Session:
        """
        The host's session; made anew, `within_s`, where the last one was dropped. Raises TransportError, OtherMachine
        among them, and LockBusy.
        """
        if self._session is None:
            self._session = self._same(self._made(self._transport, within_s))
            self._locked = not self._owner
        if not self._locked:
            try:
                self._session.lock(self._owner, name=self._lock)
            except TransportError:  # whoever asks again shall not ask a session that is dead
                self.drop(local=False)
                raise
            self._locked = True
        return self._session

    def _same(self, session: Session) -> Session:
        """The session, where it is of the machine that is meant. What that one keeps of the run is left to its age."""
        found = session.facts.machine_id
        if self.machine and found and found != self.machine:
            with suppress(TransportError):
                session.close()
            raise OtherMachine(
                f"{self.host.name}: another machine answers than before: machine id {self.machine} then, {found} now",
                host=self.host.name,
                hint="nothing was done on it; make the name lead to the first one again, or run anew for the new one",
            )
        self.machine = self.machine or found
        self.addresses.append(session.peer.address)
        return session

    @property
    def facts(self) -> Facts | None:
        """Of the session it has, though its host's lock may be somebody else's; None where it has none."""
        return self._session.facts if self._session is not None else None

    def session(self, *, local: bool, within_s: float = inf) -> Session:
        if not local:
            return self.connect(within_s=within_s)
        if self._local is None:
            self._local = self._made(self._local_transport, within_s)
        return self._local

    def _made(self, transport: Transport, within_s: float) -> Session:
        return transport.connect(self.host, run_id=self._run_id, passwords=self._passwords, within_s=within_s)

    def drop(self, *, local: bool) -> None:
        """End a session; the next one is made anew."""
        session = self._local if local else self._session
        if local:
            self._local = None
        else:
            self._session = None
        if session is not None:
            with suppress(TransportError):
                session.close()

    def cancel(self) -> None:
        """
        From another thread: end what runs now, and start nothing more.

        Only a launch that is on the host can be ended there: one that is on its way, or whose link is being made again,
        needs another `press`.
        """
        self.cancelled = True
        self.press()

    def press(self) -> None:
        """From another thread: `cancel` again, where that is still wanted."""
        for session in (self._session, self._local):
            if session is not None and self.cancelled:
                session.cancel()

    def spare(self) -> None:
        """What is to run now, it runs in spite of `cancel`: it cleans up after what was ended."""
        self.cancelled = False

    def forget(self) -> None:
        """Have what the host keeps of the run removed; nothing but `close` follows, which waits for it."""
        for session in (self._session, self._local):
            with suppress(TransportError):
                if session is not None:
                    session.forget()

    def close(self) -> None:
        self.drop(local=False)
        self.drop(local=True)
