"""Progress without a terminal: a line when a step ends, and every 30 seconds who is still out."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Collection
from contextlib import suppress
from typing import TYPE_CHECKING

from runner.cli.board import LINK_LOST, Board, stopping
from runner.events import (
    FAILURE_LIMIT,
    BatchFinished,
    Event,
    HostConnected,
    HostPutLast,
    HostRefused,
    LinkDropped,
    RollbackStarted,
    SittingStarted,
    StepFinished,
    StepRecalled,
    StopAsked,
    Waited,
)
from runner.hygiene import one_line
from runner.model import ended_as
from runner.redact import cut
from runner.report.words import amount, spoken
from runner.seams import Stream

if TYPE_CHECKING:
    from runner.app.signals import Becomes

HEARTBEAT_S = 30.0


class PlainProgress:
    """A runner.seams.Watcher that writes to stderr."""

    def __init__(self, done: Collection[str] = (), *, heartbeat_s: float = HEARTBEAT_S) -> None:
        self._board = Board(done)
        self._connecting: set[str] = set()
        self._asked = self._refused = 0
        self._done = threading.Event()
        self._heartbeat_s = heartbeat_s
        self._spoke = time.monotonic()
        self._lines: list[str] = []
        self._writing = threading.Lock()
        self._recalled: set[tuple[str, str]] = set()
        threading.Thread(target=self._beat, name="rawat-heartbeat", daemon=True).start()

    def hear(self, event: Event) -> None:
        self._board.hear(event)
        match event:
            case SittingStarted():
                self._say(f"run {event.run}  {event.playbook} on {amount(len(event.hosts), 'host')}")
                self._connecting = self._board.connecting
                self._asked = len(self._connecting)
                if self._asked:
                    self._say(f"connecting to {amount(self._asked, 'host')}")
            case HostConnected():
                self._answered(event.host, event.mono_ms)
            case HostRefused():
                self._refused += 1
                self._say(f"{event.host}  refused ({event.reason}): {event.message}")
                self._answered(event.host, event.mono_ms)
            case HostPutLast():
                self._say(f"{event.host}  comes last: {event.why}")
            case LinkDropped():
                self._say(f"{event.message}; connecting again, what runs there runs on")
            case Waited() if event.cause == "link":
                gone = f"{event.detail}; given up" if event.detail else f"{event.host}  reached again"
                self._say(f"{gone} after {spoken(event.took_ms)}")
            case StepRecalled():
                self._recalled.add((event.host, event.step))
            case StepFinished():
                again = "" if event.last else ", trying again"
                said = event.problem if event.outcome != "ok" else event.summary
                detail = f": {cut(one_line(said), 200)}" if said else ""
                where = f"{event.phase}/{event.step}"
                word = ended_as(event.outcome, event.exit)
                self._say(f"{event.host}  {where}  {word}{self._took(event)}{again}{detail}")
            case RollbackStarted():
                self._say(f"{event.host}  rolling back: {event.because}")
            case BatchFinished() if event.stopped:
                self._say(f"batch {event.batch} is the last: {event.stopped}")
            case StopAsked() if event.how == FAILURE_LIMIT:
                if not self._board.batch:  # a batch says so itself, at its end
                    self._say(f"no batch is begun: {event.detail}")
            case StopAsked() if not self._board.stopping:
                self._say(stopping(event.how))
            case _:
                pass

    def _answered(self, host: str, mono_ms: int) -> None:
        """After the last, steps begin. That a host is let go and connected to again at its turn is no news."""
        if host not in self._connecting:
            return
        self._connecting.discard(host)
        if not self._connecting:
            there, asked = self._asked - self._refused, amount(self._asked, "host")
            of = asked if not self._refused else f"{there or 'none'} of {asked}"
            self._say(f"connected to {of} in {spoken(mono_ms)}")

    def _took(self, event: StepFinished) -> str:
        """Of an attempt that an earlier sitting began the host knows how long it took, or nobody."""
        recalled = (event.host, event.step) in self._recalled
        self._recalled.discard((event.host, event.step))
        took_ms = event.host_ms if recalled else event.took_ms
        return "" if took_ms is None else f" in {spoken(took_ms)}"

    def output(self, host: str, step: str, stream: Stream, text: str) -> None:
        """Outputs are in the record, and in what `rawat logs` shows."""

    def rest(self) -> None:
        with self._writing:  # the heartbeat is a thread of its own
            lines, self._lines = self._lines, []
            if lines:
                sys.stderr.write("".join(lines))

    def stopping(self, how: str, becomes: Becomes, again: Becomes | None) -> None:
        """A signal was heard: told at once, on the thread of signals, past the lines that wait."""
        words = stopping(how, becomes, again)
        if self._board.stopping != words:
            self._board.stopping = words
            with suppress(OSError, ValueError):
                os.write(sys.stderr.fileno(), f"{time.strftime('%H:%M:%S')}  {words}\n".encode())

    def close(self) -> None:
        self._done.set()
        self.rest()

    def _say(self, text: str) -> None:
        self._spoke = time.monotonic()
        with self._writing:
            self._lines.append(f"{time.strftime('%H:%M:%S')}  {one_line(text)}\n")

    def _beat(self) -> None:
        """Whatever the others say meanwhile: who is out is named, or a host that hangs would never be."""
        while not self._done.wait(self._heartbeat_s):
            now = time.monotonic()
            rows = self._board.outstanding()
            if not rows and now - self._spoke < self._heartbeat_s:
                continue
            names = [
                f"{row.host} {row.out} {spoken(int((now - row.since) * 1000))}"
                + (f" ({LINK_LOST})" if row.lost else "")
                for row in rows[:8]
            ]
            more = f" and {len(rows) - 8} more" if len(rows) > 8 else ""
            self._say(f"still out: {', '.join(names) or 'nobody'}{more}")
            self.rest()
