"""The client of one supervisor: one user on one host, over one channel."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, Literal

from runner.errors import LaunchRefused, LinkLost, LockBusy, ProtocolError, StartedBefore, TransportError
from runner.model import Facts
from runner.seams import Completed, Launch, OnOutput, Settled, Stream
from runner.transport import request
from runner.transport.channel import Channel
from runner.transport.ending import completed
from runner.transport.frames import Content, Header, Parser, drawn
from runner.transport.hello import Hello, check_spool, parse
from runner.transport.refusals import NoSupervisor, ShellEnded
from runner.transport.sink import Sink
from runner.transport.spools import Spool

FOLLOW_AFTER_S = 0.01
FOR_EACH_AT_WORK_S = 0.004
MOST_PATIENT_S = 0.5
"""
When the output of a step that still runs is asked for: FOLLOW_AFTER_S after its start, later by two round trips and by
FOR_EACH_AT_WORK_S for every other host at work, at most MOST_PATIENT_S. To ask costs more than a short step, and most
steps are over by then.
"""
NOTES_BYTES = 2048
ANSWER_S = 30.0
LAST_WORDS_S = 2.0
"""How long to wait for the last words of a shell that did not take the supervisor."""
OVERDUE_S = 60.0
"""After its deadline the host ends a step; when so long after it nothing was heard, the link counts as lost."""

_STREAMS: dict[str, Stream] = {"o": "stdout", "e": "stderr"}
_REFUSED = {
    "started-before": "this attempt was started before; it is not started twice",
    "spool": "the host could not store it in its spool (no space left, read-only, or more than its `ulimit -f`); "
    "nothing was started",
}

_STATES: dict[str, Literal["none", "torn", "free", "forgotten"]] = {
    "none": "none", "torn": "torn", "free": "free", "forgotten": "forgotten",
}  # fmt: skip
"""What a host may answer that `Settled` says too; any other answer is `unsure`."""


class Supervisor:
    """Runs launches one at a time; `cancel` may come from another thread."""

    at_work: ClassVar[set[Supervisor]] = set()
    """Those that wait for a launch to end, on whichever host."""

    def __init__(
        self,
        channel: Channel,
        *,
        host: str,
        run_id: str,
        spool: Spool | None = None,
        days: int = request.SPOOL_DAYS,
        resumed: bool = False,
        hello_s: float = 20.0,
        prelude: bytes = b"",
    ) -> None:
        """Send the supervisor and hear its hello, in one round trip. Raises TransportError by its branches."""
        self._channel = channel
        self._host = host
        self._run_id = f"{run_id}@{host}"  # two names may be one machine: each has its own claims
        mark = drawn()
        self._parser = Parser(mark)
        self._number = 0
        self._send_lock = threading.Lock()
        self._running = 0
        self._cancelled = 0
        self._forgetting = False
        self.held: tuple[str, str] | None = None
        """The owner and the name of the lock that it holds."""
        self.notes = ""
        begun = time.monotonic()
        session = os.urandom(6).hex()
        spool = spool or Spool(folder="")
        text = request.supervisor(
            mark=mark, session=session, run_id=self._run_id, folder=spool.folder, days=days, resumed=resumed,
            first=spool.session,
        )  # fmt: skip
        unsent: LinkLost | None = None
        try:
            channel.send(prelude + text)
        except LinkLost as error:
            # who ends at once, as sudo does that says no, reads no more; what it said is there to be heard all the same
            unsent = error
        self._hello = self._hear_hello(begun + (hello_s if unsent is None else LAST_WORDS_S), unsent)
        self._answered_in_s = time.monotonic() - begun
        check_spool(self._hello, host)
        self._spool = Spool(folder=self._hello.facts.spool, session=spool.session or session)

    @property
    def facts(self) -> Facts:
        return self._hello.facts

    @property
    def hello(self) -> Hello:
        return self._hello

    @property
    def spool(self) -> Spool:
        """What a session that comes after this one has to take."""
        return self._spool

    def run(self, launch: Launch, on_output: OnOutput) -> Completed:
        """See `Session.run`. Raises LaunchRefused where nothing was started, LinkLost where the end is not known."""
        self._number += 1
        number = self._number
        with self._send_lock:
            self._running, self._cancelled = number, 0
        sink = Sink(on_output, launch.script.save_to, host=self._host)
        try:
            stdin = self._stdin(number, launch.script.stdin)
            self.at_work.add(self)
            self._start(number, request.start(number, launch, stdin))
            end = self._until_end(number, launch, sink)
        except BaseException:
            with suppress(TransportError):
                sink.close()
            raise
        finally:
            self._running = 0
            self.at_work.discard(self)
        sink.close()
        sink.named(launch.script.text)
        return completed(end, launch, sink, boot=self._hello.boot)

    def cancel(self) -> None:
        """End what runs now; nothing where nothing runs. A launch that was not sent yet is not sent."""
        with self._send_lock:
            if self._running and not self._cancelled:
                self._cancelled = self._running
                with suppress(LinkLost):
                    self._channel.send(b"{ c %d; }\n" % self._running)

    def forget(self) -> None:
        """Ask the host to remove the run's folder; this supervisor can start nothing after it."""
        self._number += 1
        self._send(b"{ g %d %s; }\n" % (self._number, request.run_folder(self._run_id).encode()))
        self._forgetting = True

    def leave(self) -> None:
        """Hear that the host has forgotten what it was asked to: a channel closed sooner could keep it from that."""
        if self._forgetting:
            self._forgetting = False
            self._heard()

    def close(self) -> None:
        with suppress(TransportError):
            self.leave()
        self._channel.close()

    def status(self, name: str) -> str:
        """How an attempt stands: a word of _STATES, `ended` or `busy`."""
        self._number += 1
        return next(iter(self._answer(b"{ q %d %s; }\n" % (self._number, name.encode()))), "")

    def lock(self, owner: str, name: str) -> None:
        """See `Session.lock`. Raises LockBusy."""
        self._number += 1
        state, *holder = self._answer(request.lock(self._number, name, owner)) or ("",)
        if state == "busy":
            who = " ".join(holder) or "somebody who has not written down who"
            raise LockBusy(f"{self._host}: another run holds this host: {who}")
        if state != "locked":
            folder = self.facts.spool
            raise TransportError(f"{self._host}: no lock can be made in {folder}", host=self._host)
        self.held = owner, name

    def _answer(self, question: bytes) -> tuple[str, ...]:
        self._send(question)
        return self._heard()

    def _heard(self) -> tuple[str, ...]:
        """The words of the answer to the last question."""
        for item in self._items(time.monotonic() + ANSWER_S):
            if isinstance(item, Header) and item.kind == "a" and item.words[:1] == (str(self._number),):
                return item.words[1:]
        raise ProtocolError(f"{self._host}: no answer to a question", host=self._host)

    def settle(self, launch: Launch, on_output: OnOutput, *, offsets: tuple[int, int] = (0, 0)) -> Settled:
        """
        How an attempt stands that may have been started before, by whichever session; follows it while it runs.

        Output is handed on from these bytes of stdout and stderr on.
        """
        name = request.entry(launch.step, launch.attempt)
        state = self.status(name)
        if state not in ("ended", "busy"):
            return Settled(state=_STATES.get(state, "unsure"))
        self._number += 1
        number = self._number
        sink = Sink(on_output, launch.script.save_to, host=self._host)
        with self._send_lock:
            self._running, self._cancelled = number, 0
        try:
            self._send(b"{ f %d %s %d %d; }\n" % (number, name.encode(), *offsets))
            end = self._until_end(number, launch, sink, followed=True)
        finally:
            self._running = 0
            sink.close()
        return Settled(state="ended", completed=completed(end, launch, sink, boot=self._hello.boot))

    def _send(self, data: bytes) -> None:
        with self._send_lock:
            self._channel.send(data)

    def _start(self, number: int, data: bytes) -> None:
        with self._send_lock:
            if self._cancelled == number:
                raise request.NotSendable(f"{self._host}: cancelled before it was started", host=self._host)
            self._channel.send(data)

    def _hear_hello(self, until: float, unsent: LinkLost | None) -> Hello:
        """Nothing but last words is to be heard of a shell that is there and could not be sent the supervisor."""
        noise, hello = bytearray(), bytearray()
        late = "no answer from the host's shell; does a start-up file of it read its input?"
        if unsent is not None:
            late = f"the supervisor could not be sent: {unsent.message}"
        for item in self._until_hello(self._items(until, late), noise):
            match item:
                case Content(kind="h", data=data):
                    hello += data
                case Content(data=data):
                    noise += data[: NOTES_BYTES - len(noise)]
                case Header(kind="H"):
                    self.notes = noise.decode("utf-8", "replace").strip()
                    return parse(bytes(hello))
        raise ProtocolError(f"{self._host}: no hello", host=self._host)

    def _until_hello(self, items: Iterator[Header | Content], noise: bytearray) -> Iterator[Header | Content]:
        """An end of the stream here is no lost link: the shell would not work, and said why."""
        try:
            yield from items
        except ShellEnded as error:
            words = " ".join(filter(None, (self._channel.why(), noise.decode("utf-8", "replace").strip())))
            message = f"{self._host}: its shell ended before it answered: {words or 'without a word'}"
            raise NoSupervisor(message, said=words, host=self._host) from error

    def _items(self, until: float, late: str = "") -> Iterator[Header | Content]:
        """
        What comes, up to a moment of the monotonic clock. Raises LinkLost then, as at the end: a supervisor that does
        not answer is none. With `late`, of a shell that is not known to be one, ProtocolError.
        """
        while True:
            try:
                chunk = self._channel.recv(max(0.001, until - time.monotonic()))
            except TimeoutError as error:
                if late:
                    raise ProtocolError(f"{self._host}: {late}", host=self._host) from error
                raise self._dumb() from error
            if not chunk:
                raise self._ended()
            yield from self._parser.feed(chunk)

    def _dumb(self) -> LinkLost:
        return LinkLost(f"{self._host}: the supervisor on the host does not answer", host=self._host)

    def _ended(self) -> LinkLost:
        why = self._channel.why()
        return ShellEnded(f"{self._host}: its shell ended{f' ({why})' if why else ''}", host=self._host)

    def _stdin(self, number: int, stdin: bytes | Path | None) -> bytes:
        """The word for a launch's input; stores it on the host first where it is large."""
        if stdin is None:
            return b"-"
        if isinstance(stdin, bytes):
            if len(stdin) <= request.INLINE_BYTES:
                return request.as_format(stdin)
            parts = (stdin[at : at + request.SEGMENT_BYTES] for at in range(0, len(stdin), request.SEGMENT_BYTES))
            return self._store(number, parts, len(stdin))
        try:
            with stdin.open("rb") as file:
                size = stdin.stat().st_size
                if size <= request.INLINE_BYTES:
                    return request.as_format(file.read())
                return self._store(number, iter(lambda: file.read(request.SEGMENT_BYTES), b""), size)
        except OSError as error:
            raise request.NotSendable(f"{self._host}: cannot read {stdin}: {error}", host=self._host) from error

    def _store(self, number: int, parts: Iterator[bytes], size: int) -> bytes:
        """Whole before the step starts: a link that is cut must not look like the end of the input."""
        done = 0
        for part in parts:
            self._start(number, b"{ w %d %d %d; }\n" % (number, len(part), done))
            self._expect(number, "g")
            with self._send_lock:
                for at in range(0, len(part), 1 << 18):
                    self._channel.send(part[at : at + (1 << 18)])
            done += len(part)
            stored = self._expect(number, "k", 600.0)
            if stored != (str(done),):
                raise ProtocolError(f"{self._host}: {done} bytes of input sent, {stored} stored", host=self._host)
        if done != size:
            raise request.NotSendable(f"{self._host}: the input changed while it was sent", host=self._host)
        return b"r"

    def _expect(self, number: int, kind: str, within_s: float = ANSWER_S) -> tuple[str, ...]:
        for item in self._items(time.monotonic() + within_s):
            if isinstance(item, Header) and item.words[:1] == (str(number),):
                if item.kind == kind:
                    return item.words[1:]
                if item.kind == "r":
                    raise self._refused(item)
        raise ProtocolError(f"{self._host}: no answer", host=self._host)

    def _refused(self, header: Header) -> LaunchRefused:
        why = header.words[1] if len(header.words) > 1 else ""
        kind = StartedBefore if why == "started-before" else LaunchRefused
        return kind(f"{self._host}: {_REFUSED.get(why, why)}", host=self._host)

    def _patience_s(self) -> float:
        shared_s = FOR_EACH_AT_WORK_S * (len(self.at_work) - 1)
        return min(MOST_PATIENT_S, FOLLOW_AFTER_S + 2 * self._answered_in_s + shared_s)

    def _until_end(self, number: int, launch: Launch, sink: Sink, *, followed: bool = False) -> tuple[str, ...]:
        """Hands output on until the host says how it ended: END, start and end by its uptime."""
        name = "-" if launch.read_only else request.entry(launch.step, launch.attempt)
        began, wait_s = time.monotonic(), self._patience_s()
        overdue = began + launch.deadline_s + OVERDUE_S
        answered = began + ANSWER_S if followed else math.inf
        """When a follower, which says at once that it is there, counts as not there."""
        current = ""
        while True:
            try:
                chunk = self._channel.recv(min(5.0, ANSWER_S) if followed else wait_s)
            except TimeoutError:
                if not followed:
                    followed = True
                    self._send(b"{ f %d %s 0 0; }\n" % (number, name.encode()))
                    answered = time.monotonic() + ANSWER_S
                elif time.monotonic() > answered:
                    raise self._dumb() from None
                elif time.monotonic() > overdue:
                    raise LinkLost(f"{self._host}: the host does not say how it ended", host=self._host) from None
                continue
            if not chunk:
                raise self._ended()
            for item in self._parser.feed(chunk):
                match item:
                    case Header(kind=kind, words=words):
                        current = words[0] if words else ""
                        answered = math.inf if current == str(number) else answered
                        if current == str(number) and kind == "x":
                            self._answered_in_s = time.monotonic() - began
                            return words[1:]
                        if current == str(number) and kind == "r":
                            raise self._refused(item)
                        if current == str(number) and kind == "z":
                            raise LinkLost(f"{self._host}: the supervisor on the host was killed", host=self._host)
                        if current == str(number) and kind == "t" and len(words) > 1:
                            sink.truncated(_STREAMS.get(words[1], "stdout"))
                    case Content(kind="o" | "e" as kind, data=data) if current == str(number):
                        sink.add(_STREAMS[kind], data)
