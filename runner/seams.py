"""
The Protocols between rooms; who writes an extension implements one of them.

A step kind is pure: it says which scripts it would run and reads what came back. The engine does all that
touches a host, so that a kind can be tested from a file, planned without a host, and resumed from the spool.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import field
from datetime import datetime, tzinfo
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol, runtime_checkable

from runner.frozen import frozen
from runner.model import Exit, Facts, Host, Peer
from runner.redact import Secret

if TYPE_CHECKING:
    from runner.events import Event
    from runner.record import RunRecord

Stream = Literal["stdout", "stderr"]
OnOutput = Callable[[Stream, bytes], None]


def unheard(stream: Stream, data: bytes) -> None:
    """For output that is nobody's but the kind's, which has it with the end."""


KEEP_BYTES = 1 << 20
"""How much of a stream a Completed keeps: the first half and the last half of this many bytes."""


@frozen
class Script:
    """
    One payload: POSIX sh text, or text for another `interpreter`, run from a file and never from an argument.

    `env` holds what may be secret: it travels with the request, not in an argument. `stdin` is bytes, or the path
    of a local file that is sent raw. With `save_to`, stdout is written to that local file as it is (0600) instead
    of being shown and kept.
    """

    text: str
    interpreter: str = "sh"
    env: Mapping[str, str | Secret] = field(default_factory=dict)
    stdin: bytes | Path | None = None
    save_to: Path | None = None


@frozen
class Launch:
    """
    A script and everything the host needs to run it once: who it is for, as whom, and until when.

    `step` and `attempt` name the claim in the run's spool. A `read_only` launch may run attached, without a claim.
    `user` None is the login's own user.
    """

    run_id: str
    step: str
    attempt: int
    script: Script
    user: str | None = None
    deadline_s: float = 3600.0
    read_only: bool = False
    output_limit: int = 1 << 30


@frozen
class Completed:
    """
    How a launch ended. `stdout` and `stderr` are what was kept of it (at most `KEEP_BYTES` each, head and tail);
    everything has gone through `on_output`. Times are the host's: Unix seconds, and the duration by its uptime.
    `notes` is what a person should know of how it was carried out, a sentence each. `gone`: nothing of it lives any
    more, though nobody knows how it ended.
    """

    exit: Exit
    gone: bool = False
    stdout: bytes = b""
    stderr: bytes = b""
    stdout_bytes: int = 0
    stderr_bytes: int = 0
    started: float | None = None
    duration_s: float | None = None
    notes: tuple[str, ...] = ()


@frozen
class Settled:
    """
    How an attempt stands that may have been started before.

    `ended`: `completed` says how. `none`: it never arrived. `torn`: claimed, but nothing was started. Both hold only
    for a host that has not booted since: the spool is not forced to disk. `free`: it was started, nothing of it lives
    and nobody wrote how it ended. `forgotten`: what was kept of earlier sessions is gone, by its age or because
    somebody removed it, so that one of theirs may have been started or not. `unsure`: not even that can be said.
    """

    state: Literal["ended", "none", "torn", "free", "forgotten", "unsure"]
    completed: Completed | None = None


class Session(Protocol):
    """One host, connected. Used by one thread at a time, `cancel` excepted."""

    @property
    def facts(self) -> Facts: ...

    @property
    def peer(self) -> Peer: ...

    def become(self, user: str) -> Facts:
        """
        Make ready to work as `user`. Raises BecomeRefused, and LockBusy where the host is held. The login's own user
        costs nothing.
        """
        ...

    def lock(self, owner: str, *, name: str = "host") -> None:
        """
        Hold the host until the session is closed, or forgets, or its shell there is gone; one lock a session.

        `owner` is one line (run, person, since). Raises LockBusy with the holder's; never waits for another owner. The
        same owner is the same sitting that connects again: the shell of its earlier session is ended first, so that
        nothing still on the way to it can start any more. One lies in the spool of each user that is worked as, the
        login's own first: whoever logs in as another and becomes one of them meets it. What needs that user raises
        LockBusy then. `name`: of its own where two hosts are one machine.
        """
        ...

    def run(self, launch: Launch, on_output: OnOutput) -> Completed:
        """
        Run to the end or to the deadline. Raises LinkLost where the link ended before the host said how it ended,
        and TransportError where the launch was refused before anything was started.
        """
        ...

    def settle(self, launch: Launch, on_output: OnOutput, *, offsets: tuple[int, int] = (0, 0)) -> Settled:
        """
        How an attempt stands that an earlier session may have started; follows it while it runs.

        Output is handed on from these bytes of stdout and stderr on. Raises LinkLost and TransportError.
        """
        ...

    def cancel(self) -> None:
        """From another thread: end what runs now, as at a deadline."""
        ...

    def forget(self) -> None:
        """
        Have removed what is kept of the run on the host; only when no step of it is pending, running or unknown.

        Nothing but `close` follows, which waits until it is done.
        """
        ...

    def close(self) -> None: ...


class Transport(Protocol):
    def connect(self, host: Host, *, run_id: str, passwords: Passwords, within_s: float = inf) -> Session:
        """
        Raises TransportError, by its branches; never asks. After `within_s` at the latest, where that is sooner than
        the transport's own limits, Unreachable.
        """
        ...

    def close(self) -> None: ...


class Passwords(Protocol):
    """Where sudo passwords come from; None where there is none."""

    def sudo(self, host: str, user: str) -> Secret | None: ...


@frozen
class Wish:
    """
    What a step kind is handed: rendered parameters, the host, its facts (None while planning), and where it is.

    `limit_s` is how long the step may take where somebody said so; what runs on a host is ended there by then.
    """

    params: Any
    host: Host
    facts: Facts | None
    run_id: str
    step: str
    user: str | None
    root: Path
    folder: Path
    names: Mapping[str, Any] = field(default_factory=dict)
    limit_s: float = float("inf")


@frozen
class Check:
    """What a look found: `needed` True, False, or None where the kind cannot know; and why, in a few words."""

    needed: bool | None
    why: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)


@frozen
class Verdict:
    """
    How a step is to be judged. `problem` says what, where and why where `ok` is False.

    `waits` is time that was no work, as cause (of the event Waited), milliseconds, and for whom it waited.
    """

    ok: bool
    changed: bool | None = None
    problem: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    summary: str = ""
    waits: tuple[tuple[str, int, str], ...] = ()


@runtime_checkable
class StepKind(Protocol):
    """
    A kind of step that works on a host. All methods are pure.

    `schema` is the JSON Schema of its parameters, with `title`, `description` and `examples`: its page is made
    from it. What `reads_only` changes nothing and may always be asked again; `idempotent` kinds may be repeated
    when nobody knows how they ended. `shell` names the parameters whose templates are shell-quoted ("" is the
    whole of the parameters, where they are a plain text), `secret` those that may hold a secret.

    A kind may have some things more. `within`: names of kinds whose parameters stand within its own, in a list of
    mappings. `mistakes(params)`: what is wrong with parameters that are not rendered yet, as `(where, what, word)`.
    `together(wish, seen)`: a verdict over the values of all the answers that a `watch` got; `watched(params)`: where in
    the parameters stands what means nothing without one. `peek(wish)` and
    `peeked(wish, done)`: what `plan --live` asks instead of the act, where that reads on the host and writes on the
    controller; a verdict with `changed` says that a run would write.
    """

    name: ClassVar[str]
    family: ClassVar[str]
    schema: ClassVar[Mapping[str, Any]]
    idempotent: ClassVar[bool]
    shell: ClassVar[tuple[str, ...]]
    secret: ClassVar[tuple[str, ...]]
    reboots: ClassVar[bool]
    """Whether its act ends with the host being booted again."""

    def reads_only(self, params: Any) -> bool:
        """Whether a step with these parameters (rendered or not) changes nothing on the host; False in doubt."""
        ...

    def look(self, wish: Wish) -> Script | None:
        """A read-only script that finds out whether there is anything to do; None where nothing can tell."""
        ...

    def judge(self, wish: Wish, found: Completed) -> Check: ...

    def confirms(self, params: Any) -> bool:
        """Whether a second look, after the act, must find nothing left to do."""
        ...

    def ready(self, wish: Wish) -> Script | None:
        """After a reboot: a script that only reads, and ends well once the host is ready."""
        ...

    def act(self, wish: Wish, found: Check | None) -> Script:
        """The script that does it. While planning `found` is None and names in braces stand for what is not known."""
        ...

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict: ...

    def preview(self, wish: Wish) -> Sequence[str]:
        """What `rawat plan` shows: the lines that matter, as they would run."""
        ...


@runtime_checkable
class ControllerKind(Protocol):
    """
    A kind of step that touches no host: assert, note, confirm.

    One that waits for something says `waits = True`, and waits no longer than its wish's `limit_s`.
    """

    name: ClassVar[str]
    family: ClassVar[str]
    schema: ClassVar[Mapping[str, Any]]
    shell: ClassVar[tuple[str, ...]]
    secret: ClassVar[tuple[str, ...]]

    def reads_only(self, params: Any) -> bool: ...

    def decide(self, wish: Wish, people: People, stop: threading.Event | None = None) -> Verdict:
        """`stop` ends the waiting for a person, where there is one."""
        ...

    def preview(self, wish: Wish) -> Sequence[str]: ...


@frozen
class Question:
    """What a person is asked: `who` may answer (anybody where it is empty), within `limit_s` seconds."""

    text: str
    host: str = ""
    step: str = ""
    who: tuple[str, ...] = ()
    limit_s: float = 3600.0
    default: Literal["yes", "no"] | None = None


@frozen
class Answer:
    """`yes` None: nobody answered in time and there was no default, or `refused` says why nobody was asked."""

    yes: bool | None
    by: str = ""
    how: str = ""
    refused: str = ""


class People(Protocol):
    """How a person is asked: at a terminal, by a file another command writes, or by a default."""

    def ask(self, question: Question, stop: threading.Event) -> Answer: ...


class Resources(Protocol):
    """Named things that steps share across hosts and runs."""

    def hold(self, name: str, owner: str) -> AbstractContextManager[None]:
        """Hold it until the end of the context. Raises LockBusy, with its holder; never waits."""
        ...


class Clock(Protocol):
    def now(self) -> datetime:
        """Aware, UTC."""
        ...

    def monotonic(self) -> float: ...

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        """Sleep unless `stop` is set before; True where it was."""
        ...


class Watcher(Protocol):
    """Hears every event after it is durable, on a thread of its own; what it raises is noted and never stops a run."""

    def hear(self, event: Event) -> None: ...

    def output(self, host: str, step: str, stream: Stream, text: str) -> None: ...

    def rest(self) -> None:
        """All there was to hear has been heard, for now: the time to write it down at once."""
        ...

    def close(self) -> None: ...


class OutputFile(Protocol):
    """Where a step's output goes: redacted, capped, with the digest of the whole."""

    def write(self, stream: Stream, data: bytes) -> str:
        """Takes a piece; gives the text of it that may be shown now."""
        ...

    def close(self) -> Mapping[str, Any]:
        """`{"file", "stdout_bytes", "stderr_bytes", "lines", "sha256", "truncated", "redactions"}`."""
        ...

    def tail(self, lines: int = 10) -> str: ...


class Journal(Protocol):
    """The truth of one sitting; raises JournalError, and is unusable after."""

    def write(self, line: Mapping[str, Any]) -> int:
        """Add a line; its number, for `sync`."""
        ...

    def sync(self, number: int) -> None:
        """Returns once line `number` and all before it are on disk."""
        ...

    def script(self, text: str) -> str:
        """Keep the (redacted) text of a script once; its sha256."""
        ...

    def output(self, host: str, step: str, attempt: int, *, keep: bool) -> OutputFile: ...


@frozen
class Reading:
    """
    How a record is to be told, and what lies beside its events.

    `language` is a code of runner.report.language; `zone` is the reader's (None: the machine's own). `seals` has one
    entry per sealed sitting: `{"sitting", "sealed_at", "sums_sha256", "signed", "signer", "sources"}`. `anchor` is the
    first place outside that was told of this run's seal, as noted: `{"kind", "where", "at"}`; None where none was.
    """

    language: str = "en"
    zone: tzinfo | None = None
    running: bool = False
    seals: tuple[Mapping[str, Any], ...] = ()
    anchor: Mapping[str, Any] | None = None


class Reporter(Protocol):
    """Tells one run in one format. Pure; to it every text in a record is hostile, host names and titles included."""

    name: ClassVar[str]

    def write(self, record: RunRecord, reading: Reading) -> str: ...
