"""A launch that survives its link: after a cut it is found again on the host, and followed from the byte it had."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from runner.engine.hold import session_of
from runner.engine.link import Link
from runner.engine.shutdown import doubted, went_down
from runner.engine.surroundings import Surroundings
from runner.errors import LinkLost, LockBusy, StartedBefore, TransportError
from runner.events import Deviated, LinkDropped, Waited
from runner.frozen import replace
from runner.model import Exit
from runner.redact import cut
from runner.seams import KEEP_BYTES, Completed, Launch, OnOutput, Session, Settled, Stream

T = TypeVar("T")
FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 15.0
AFTER_DEADLINE_S = 30.0
"""The host ends a step at its deadline by itself; for this long after the deadline we still ask how it ended."""
LAST_CHANCE_S = 10.0
"""So long a host is tried, however late the link to it was lost: it has written down how the step ended."""
LEAST_S = 1.0
"""Less time than this is none to connect in: the last attempt may end so much later than the others."""
FORGOTTEN = "what the host kept of this run is gone, removed by its age or by somebody; it may have run or not"
CUTS = 1000
"""A link that is lost more often than this during one step is no link."""


class NeverStarted(TransportError):
    """The launch was cut short before anything of it was started; it may be tried again."""

    reason = "launch"


def launch_through(
    around: Surroundings,
    link: Link,
    launch: Launch,
    on_output: OnOutput,
    *,
    instance: str,
    local: bool = False,
    reboots: bool = False,
) -> Completed:
    """
    Run to the end, over as many connections as it takes; `exit.unknown` says why where nobody can tell the end.

    A read-only launch is asked again. Any other is looked up by its claim: adopted where it ended, followed where it
    runs, started where it never arrived. Where it `reboots`, a new boot id is its good end. Raises NeverStarted and,
    for what happens before the start, TransportError and LockBusy.
    """
    received = _Received(on_output)
    boot = ""

    def begin(session: Session) -> Completed:
        if link.cancelled:
            raise NeverStarted(f"{link.host.name}: cancelled before it was started")
        return session.run(launch, received.add)

    def ask(session: Session, cuts: int) -> Completed:
        nonlocal boot
        boot = boot or session.facts.boot_id
        try:
            done = _settle(session, launch, received, boot, reboots, begin) if cuts else begin(session)
        except StartedBefore:  # by what was sent over a link that was lost, and came late
            done = _settle(session, launch, received, boot, reboots, begin)
        down = None if reboots else went_down(session, launch, done)
        if down is not None:
            link.drop(local=local)
        return down or done

    limit_s = float("inf") if reboots else around.reconnect_s
    try:
        return received.joined(_over_cuts(around, link, launch, ask, instance=instance, local=local, limit_s=limit_s))
    except _NotReached as error:
        return received.joined(Completed(exit=Exit(unknown=str(error))))


def settle_through(
    around: Surroundings, link: Link, launch: Launch, on_output: OnOutput, *, instance: str, local: bool = False
) -> Settled:
    """
    How an attempt of an earlier sitting stands; followed to its end over as many connections as that takes.

    Raises TransportError where the host cannot be asked any more, and LockBusy.
    """
    received = _Received(on_output)

    def ask(session: Session, cuts: int) -> Settled:
        settled = session.settle(launch, received.add, offsets=received.go_on() if cuts else (0, 0))
        if settled.completed is None:
            return settled
        return replace(settled, completed=received.joined(settled.completed))

    try:
        return _over_cuts(around, link, launch, ask, instance=instance, local=local, limit_s=around.reconnect_s)
    except _NotReached as error:
        raise LinkLost(str(error), host=link.host.name) from error


class _NotReached(Exception):
    """Why a host was not asked any further."""


def _over_cuts(
    around: Surroundings,
    link: Link,
    launch: Launch,
    ask: Callable[[Session, int], T],
    *,
    instance: str,
    local: bool,
    limit_s: float,
) -> T:
    """
    What `ask` gives (a session, and how many were lost before it), over new sessions where the link is lost.

    After each loss the host is tried for `limit_s`, and after all of them together no longer than AFTER_DEADLINE_S
    beyond the deadline, but for LAST_CHANCE_S; a host that is reached later is asked once. Raises _NotReached, and
    LockBusy where nothing was asked yet.
    """
    clock = around.clock
    session: Session | None = None
    late = False
    over = 0.0
    for cuts in range(CUTS):
        asked = clock.monotonic()
        try:
            session = session or session_of(around, link, user=launch.user, instance=instance, local=local)
            over = over or clock.monotonic() + launch.deadline_s + AFTER_DEADLINE_S
            return ask(session, cuts)
        except LockBusy as error:
            if not cuts:
                raise
            raise _NotReached(error.message) from error
        except LinkLost as error:
            link.drop(local=local)
            around.bus.emit(LinkDropped(host=link.host.name, message=error.message))
            lost = error
        now = clock.monotonic()
        over = over or now + launch.deadline_s + AFTER_DEADLINE_S
        if late:
            raise _NotReached(f"{lost.message}; and it should have ended long ago")
        late = now >= over
        until = min(max(over, now + LAST_CHANCE_S), now + limit_s)
        silent_s = min(lost.silent_s, now - asked)
        again, why = _reconnect(around, link, instance, launch.user, until=until, local=local, silent_s=silent_s)
        if again is None:
            said = f"{lost.message}; not reached again in {clock.monotonic() - now:.0f} s"
            raise _NotReached(said + (f" ({why})" if why else ""))
        session = again
    raise _NotReached(f"the link was lost {CUTS} times")


def _settle(
    session: Session,
    launch: Launch,
    received: _Received,
    boot: str,
    reboots: bool,
    begin: Callable[[Session], Completed],
) -> Completed:
    """How a launch stands that was cut off; `begin` starts it where that is in order."""
    if launch.read_only:
        return begin(session)
    try:
        settled = session.settle(launch, received.add, offsets=received.go_on())
    except LinkLost:
        raise
    except TransportError as error:  # the host is there, and lets us not work as that user any more, say
        return Completed(exit=Exit(unknown=f"the host cannot be asked how it stands: {error.message}"))
    rebooted = session.facts.boot_id != boot
    match settled.state:
        case "ended" if settled.completed is not None:
            return doubted(settled.completed) if rebooted and not reboots else settled.completed
        case "none" if not rebooted:  # the folder is the one that the session had which was lost
            return begin(session)
        case "torn" if not rebooted:
            raise NeverStarted("it did not start on the host: the link was lost before")
    if rebooted and reboots:
        return Completed(exit=Exit(code=0))
    if rebooted:
        return Completed(exit=Exit(unknown="the host was booted again while it ran"), gone=True)
    if settled.state == "free":
        unknown = Exit(unknown="it was started, nothing of it lives, and nobody wrote how it ended")
        return Completed(exit=unknown, gone=True)
    if settled.state == "forgotten":
        return Completed(exit=Exit(unknown=FORGOTTEN))
    return Completed(exit=Exit(unknown="the host cannot tell whether it still runs"))


def _reconnect(
    around: Surroundings, link: Link, instance: str, user: str | None, *, until: float, local: bool, silent_s: float
) -> tuple[Session | None, str]:
    """
    A new session that works as `user`, tried with growing pauses; None, and why not, when `until` has passed. So it has
    for an attempt that is under way then.

    The time is on record as link lost, with the silence in which that was noticed.
    """
    began = around.clock.monotonic()
    pause_s = FIRST_PAUSE_S
    session: Session | None = None
    why = ""
    while session is None:
        try:
            session = _working_as(user, link, local=local, within_s=within_s(around, until))
        except (TransportError, LockBusy) as error:
            why = error.message
            left = until - around.clock.monotonic()
            if left <= 0 or around.stop.leave.is_set():
                break
            around.clock.wait(around.stop.leave, min(left, pause_s * random.uniform(0.75, 1.25)))
            pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
    took_ms = int((around.clock.monotonic() - began + silent_s) * 1000)
    detail = "" if session else cut(why, 200)
    moved(around, link)
    around.bus.emit(Waited(host=link.host.name, step=instance, cause="link", took_ms=took_ms, detail=detail))
    return session, "" if session else why.partition("\n")[0]


def _working_as(user: str | None, link: Link, *, local: bool, within_s: float) -> Session:
    """Raises TransportError and LockBusy. A host that is there and refuses the user tells so whoever asks for him."""
    session = link.session(local=local, within_s=within_s)
    try:
        if user is not None:
            session.become(user)
    except LinkLost:
        link.drop(local=local)
        raise
    except TransportError:
        pass
    return session


def within_s(around: Surroundings, until: float) -> float:
    """How long an attempt to connect may take that shall be over at that moment of the monotonic clock."""
    return max(LEAST_S, until - around.clock.monotonic())


def moved(around: Surroundings, link: Link) -> None:
    """Put on record that the host answers at another address than before."""
    if len(link.addresses) > 1 and link.addresses[-1] != link.addresses[-2]:
        detail = f"{link.host.name}: {link.addresses[-2]} -> {link.addresses[-1]}"
        around.bus.emit(Deviated(what="address changed during the run", detail=detail))
        del link.addresses[:-1]


class _Received:
    """What of a launch's output has arrived so far, over all its connections."""

    def __init__(self, on_output: OnOutput) -> None:
        self._on_output = on_output
        self._bytes: dict[Stream, int] = {"stdout": 0, "stderr": 0}
        self._head: dict[Stream, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self._tail: dict[Stream, deque[bytes]] = {"stdout": deque(), "stderr": deque()}
        self._tail_bytes: dict[Stream, int] = {"stdout": 0, "stderr": 0}
        self._cut = False

    def go_on(self) -> tuple[int, int]:
        """A link was lost: from which bytes of stdout and stderr on a new one has to bring the rest."""
        self._cut = True
        return self._bytes["stdout"], self._bytes["stderr"]

    def add(self, stream: Stream, data: bytes) -> None:
        self._bytes[stream] += len(data)
        room = KEEP_BYTES // 2 - len(self._head[stream])
        self._head[stream] += data[:room] if room > 0 else b""
        rest = data[max(0, room) :]
        if rest:
            self._tail[stream].append(rest)
            self._tail_bytes[stream] += len(rest)
            while self._tail_bytes[stream] - len(self._tail[stream][0]) >= KEEP_BYTES // 2:
                self._tail_bytes[stream] -= len(self._tail[stream].popleft())
        self._on_output(stream, data)

    def joined(self, completed: Completed) -> Completed:
        """The end, with all output and not only what came over the last connection."""
        if not self._cut and completed.exit.unknown is None:
            return completed
        return replace(
            completed,
            stdout=self._kept("stdout"),
            stderr=self._kept("stderr"),
            stdout_bytes=self._bytes["stdout"],
            stderr_bytes=self._bytes["stderr"],
        )

    def _kept(self, stream: Stream) -> bytes:
        return bytes(self._head[stream]) + b"".join(self._tail[stream])
