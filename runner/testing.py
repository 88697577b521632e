"""
Fakes for tests of step kinds, of the engine and of extensions: hosts without hosts, time without waiting.

A fake host answers each script with what it was told to, in one of three ways: a mapping from a piece of the
script's text to the answer, a function of the Launch, or (the default) "exit 0" for everything.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any

from runner.errors import BecomeRefused, LinkLost, LockBusy, TransportError, Unreachable
from runner.events import Event
from runner.frozen import replace
from runner.model import Exit, Facts, Host, Peer
from runner.redact import Secret
from runner.seams import Completed, Launch, OnOutput, Passwords, Settled, Stream

Answers = Mapping[str, Completed] | Callable[[Launch], Completed]

FACTS = Facts(
    hostname="fake", os_id="debian", os_version="12", kernel="6.1.0", architecture="x86_64", machine_id="0" * 31 + "1",
    boot_id="00000000-0000-0000-0000-000000000001", uptime_s=1000.0, clock=1767225600.0, cpus=2, memory_bytes=4 << 30,
    init="systemd", package_manager="apt-get", user="maint", uid=1000, home="/home/maint",
    spool="/home/maint/.local/state/rawat", shell="/bin/sh", tools=("sh", "setsid", "flock", "systemd-run", "apt-get"),
)  # fmt: skip
PEER = Peer(address="192.0.2.1", port=22, user="maint", key_type="ssh-ed25519", fingerprint="SHA256:fake")


def done(stdout: str | bytes = b"", *, code: int = 0, stderr: str | bytes = b"", took_s: float = 0.01) -> Completed:
    """An end with this exit code and this output."""
    out = stdout.encode() if isinstance(stdout, str) else stdout
    err = stderr.encode() if isinstance(stderr, str) else stderr
    return Completed(
        exit=Exit(code=code),
        stdout=out,
        stderr=err,
        stdout_bytes=len(out),
        stderr_bytes=len(err),
        started=FACTS.clock,
        duration_s=took_s,
    )


class FakeClock:
    """A clock that stands still until somebody waits, or `advance`s it; several threads may wait at once."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self._passed_s = 0.0
        self._lock = threading.Lock()
        self.waits: list[float] = []

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._passed_s)

    def monotonic(self) -> float:
        return self._passed_s

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._passed_s += max(0.0, seconds)

    def set_by(self, seconds: float) -> None:
        """Somebody sets the clock of the day; the monotonic one does not notice."""
        self._start += timedelta(seconds=seconds)

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Passes at once, and says how long was asked for in `waits`."""
        if stop.is_set():
            return True
        self.waits.append(seconds)
        self.advance(seconds)
        return stop.is_set()


class RecordingWatcher:
    """Keeps all it hears; `fail` makes it raise instead."""

    def __init__(self, *, fail: bool = False) -> None:
        self.events: list[Event] = []
        self.outputs: list[tuple[str, str, Stream, str]] = []
        self.closed = False
        self.rests = 0
        self._fail = fail

    def hear(self, event: Event) -> None:
        if self._fail:
            raise RuntimeError("a watcher that was told to fail")
        self.events.append(event)

    def output(self, host: str, step: str, stream: Stream, text: str) -> None:
        self.outputs.append((host, step, stream, text))

    def rest(self) -> None:
        self.rests += 1

    def close(self) -> None:
        self.closed = True

    def of(self, kind: type[Event]) -> list[Any]:
        """The events of one type, in order."""
        return [event for event in self.events if isinstance(event, kind)]


class NoPasswords:
    """Nobody knows a password."""

    def sudo(self, host: str, user: str) -> Secret | None:
        return None


@dataclass(kw_only=True)
class FakeHost:
    """
    What a fake host is like and what went on there.

    `refuse` is raised at connect. `users` are those one may become (None: all). `drop_at` counts launches from 1: at
    that one the link is lost after the output; `drop_settling` times it is while an earlier attempt is looked up.
    `connect_s` passes on the transport's clock with each connection,
    `slow_s` with each launch. `started` are the claims, as on a real host: a second launch of the same attempt is
    refused. `locks` are what sessions hold, by user and name. `late`: claims of it are gone, so that nobody knows of
    which.
    """

    answers: Answers = field(default_factory=dict)
    facts: Facts = FACTS
    peer: Peer = PEER
    refuse: TransportError | None = None
    users: tuple[str, ...] | None = None
    drop_at: int | None = None
    drop_settling: int = 0
    connect_s: float = 0.0
    slow_s: float = 0.0
    launches: list[Launch] = field(default_factory=list)
    started: set[tuple[str, str, int]] = field(default_factory=set)
    connects: int = 0
    forgotten: bool = False
    locks: dict[tuple[str, str], tuple[str, FakeSession]] = field(default_factory=dict)
    settled: Settled | None = None
    late: bool = False

    def vanish(self) -> None:
        """What it keeps of the run is removed, by a step of it or by somebody."""
        self.started.clear()
        self.late = True

    def answer(self, launch: Launch) -> Completed:
        if callable(self.answers):
            return self.answers(launch)
        for piece, completed in self.answers.items():
            if piece in launch.script.text:
                return completed
        return done()

    @property
    def texts(self) -> list[str]:
        """The scripts it was sent, in order."""
        return [launch.script.text for launch in self.launches]


class FakeSession:
    """A session on a FakeHost; each launch is recorded before it is answered."""

    def __init__(self, host: FakeHost, clock: FakeClock, *, name: str = "fake") -> None:
        self._host = host
        self._clock = clock
        self._name = name
        self._lock = threading.Lock()
        self._held: tuple[str, str] | None = None
        self.cancelled = threading.Event()
        self.closed = False

    @property
    def facts(self) -> Facts:
        return self._host.facts

    @property
    def peer(self) -> Peer:
        return self._host.peer

    def become(self, user: str) -> Facts:
        allowed = self._host.users
        if user == self._host.facts.user:
            return self._host.facts
        if allowed is not None and user not in allowed:
            raise BecomeRefused(f"{self._name}: cannot become {user}: told so", host=self._name)
        if self._held is not None:
            self._hold(user, *self._held)
        return replace(self._host.facts, user=user, uid=0 if user == "root" else 1001)

    def run(self, launch: Launch, on_output: OnOutput) -> Completed:
        if launch.user is not None:
            self.become(launch.user)
        with self._lock:
            self._claim(launch)
            self._host.launches.append(launch)
            number = len(self._host.launches)
        completed = self._host.answer(launch)
        self._clock.advance(self._host.slow_s)
        self._hand_on(launch, completed, on_output)
        if number == self._host.drop_at:
            raise LinkLost(f"{self._name}: the connection ended", host=self._name)
        if self.cancelled.is_set():
            self.cancelled.clear()
            return replace(completed, exit=Exit(cancelled_s=self._host.slow_s, killed="no trace left"))
        if launch.script.save_to is not None:
            return replace(completed, stdout=b"")
        return completed

    def cancel(self) -> None:
        self.cancelled.set()

    def settle(self, launch: Launch, on_output: OnOutput, *, offsets: tuple[int, int] = (0, 0)) -> Settled:
        """As the host was told to stand: `settled`, by default an end as in `answers` for what was claimed."""
        if self._host.drop_settling:
            self._host.drop_settling -= 1
            raise LinkLost(f"{self._name}: the connection ended", host=self._name)
        if launch.user is not None:
            self.become(launch.user)
        if self._host.settled is not None:
            if self._host.settled.state == "none":
                self._host.started.discard((launch.run_id, launch.step, launch.attempt))
            return self._host.settled
        if (launch.run_id, launch.step, launch.attempt) not in self._host.started:
            return Settled(state="forgotten" if self._host.late else "none")
        completed = self._host.answer(launch)
        for stream, data, offset in (
            ("stdout", completed.stdout, offsets[0]),
            ("stderr", completed.stderr, offsets[1]),
        ):
            if data[offset:]:
                on_output("stdout" if stream == "stdout" else "stderr", data[offset:])
        return Settled(state="ended", completed=completed)

    def lock(self, owner: str, *, name: str = "host") -> None:
        self._hold(self._host.facts.user, owner, name)
        self._held = owner, name

    def _hold(self, user: str, owner: str, name: str) -> None:
        holder, session = self._host.locks.get((user, name), (owner, self))
        if holder.partition(" since ")[0] != owner.partition(" since ")[0] and not session.closed:
            raise LockBusy(f"{self._name}: another run holds this host: {holder}")
        self._host.locks[user, name] = (owner, self)

    def forget(self) -> None:
        self._host.forgotten = True

    def close(self) -> None:
        self.closed = True

    def _claim(self, launch: Launch) -> None:
        if launch.read_only:
            return
        claim = (launch.run_id, launch.step, launch.attempt)
        if claim in self._host.started:
            raise TransportError(
                f"{self._name}: this attempt was started before; it is not started twice", host=self._name
            )
        self._host.started.add(claim)

    @staticmethod
    def _hand_on(launch: Launch, completed: Completed, on_output: OnOutput) -> None:
        if launch.script.save_to is not None:
            launch.script.save_to.write_bytes(completed.stdout)
        elif completed.stdout:
            on_output("stdout", completed.stdout)
        if completed.stderr:
            on_output("stderr", completed.stderr)


class FakeTransport:
    """
    Fake hosts by name; one that was not given is made with the default answers. `hosts` keeps them all.

    `clock` is what slow hosts advance.
    """

    def __init__(
        self,
        hosts: Mapping[str, FakeHost] | None = None,
        *,
        answers: Answers | None = None,
        clock: FakeClock | None = None,
    ) -> None:
        self.hosts: dict[str, FakeHost] = dict(hosts or {})
        self.sessions: list[FakeSession] = []
        self.clock = clock or FakeClock()
        self.closed = False
        self._answers: Answers = {} if answers is None else answers
        self._lock = threading.Lock()

    def connect(self, host: Host, *, run_id: str, passwords: Passwords, within_s: float = inf) -> FakeSession:
        with self._lock:
            fake = self.hosts.setdefault(host.name, self._made(host))
            fake.connects += 1
        self.clock.advance(min(fake.connect_s, within_s))
        if fake.connect_s > within_s:
            raise Unreachable(f"{host.name}: no answer within {within_s:g} s", host=host.name)
        if fake.refuse is not None:
            raise fake.refuse
        session = FakeSession(fake, self.clock, name=host.name)
        with self._lock:
            self.sessions.append(session)
        return session

    def close(self) -> None:
        self.closed = True

    def texts(self, hosts: Iterable[str] | None = None) -> dict[str, list[str]]:
        """The scripts each host was sent."""
        return {name: self.hosts[name].texts for name in (hosts if hosts is not None else self.hosts)}

    def _made(self, host: Host) -> FakeHost:
        """Two hosts are two machines."""
        facts = replace(FACTS, hostname=host.name, machine_id=hashlib.sha256(host.name.encode()).hexdigest()[:32])
        return FakeHost(answers=self._answers, facts=facts)
