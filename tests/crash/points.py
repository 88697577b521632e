"""
Numbered points: before and after every write, sync, folder made, and every byte sent to or taken from a host.

Installed in a process of its own, right before the command line runs; nothing of the product knows of it. At one
point something goes wrong: the process is killed, with all that it started on its host or without, the disk is full
or broken, a write is cut short, the link breaks.
"""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import stat
import threading
import time
from collections.abc import Callable
from typing import Any, Literal

from runner.errors import LinkLost
from runner.transport.link import SshChannel
from runner.transport.local import PipeChannel
from tests.bed.process import descendants

Fault = Literal["kill", "power", "full", "lasting", "broken", "short", "cut"]
"""`power` kills what runs on the host, too; `lasting` is a disk that stays full."""
FAULTS: tuple[Fault, ...] = ("kill", "full", "lasting", "broken", "short", "cut")
DISK: tuple[Fault, ...] = ("full", "lasting", "broken", "short")
KILLS: tuple[Fault, ...] = ("kill", "power")

ARRIVES_S = float(os.environ.get("BED_ARRIVES_S") or 0.05)
"""What was sent is with the host by then, and at work: a power that is lost sooner loses nothing."""
CALLS = ("write", "fsync", "fdatasync", "mkdir", "ftruncate")
LINK = ("send", "recv")


class Points:
    """
    Counts the points it passes at which its `fault` can happen; at number `at` (never, where that is 0) it does.

    A kill can come before and behind every call, a fault of the disk at each call on a file, a cut at each that sends
    to a host or takes from it. `struck` says that it happened.
    """

    def __init__(self, at: int, fault: Fault = "kill") -> None:
        self.at = at
        self.fault = fault
        self.passed = 0
        self.struck = False
        self._off = False
        self._lock = threading.Lock()

    def install(self) -> None:
        for name in CALLS:
            setattr(os, name, self._around(name, getattr(os, name)))
        channels: tuple[Any, ...] = (PipeChannel, SshChannel)
        for channel in channels:
            channel.send = self._around("send", channel.send)
            channel.recv = self._around("recv", channel.recv)

    def end(self) -> None:
        """What is written from here on is the harness's own."""
        self._off = True

    def _around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*words: Any, **more: Any) -> Any:
            if not self._off and self._concerns(name, words) and self._due():
                self.struck = True
                words = self._strike(words)
            done = call(*words, **more)
            if not self._off and self.fault in KILLS:
                self._due()
            return done

        return counted

    def _concerns(self, name: str, words: tuple[Any, ...]) -> bool:
        if self.fault in KILLS:
            return True
        if self.fault == "cut":
            return name in LINK
        if self.fault == "short":
            return name == "write" and _on_disk(words[0])
        return name == "mkdir" or (name not in LINK and _on_disk(words[0]))

    def _strike(self, words: tuple[Any, ...]) -> tuple[Any, ...]:
        """What the call gets instead of its words; raises what the fault raises."""
        if self.fault == "cut":
            words[0].close()
            raise LinkLost("cut on purpose")
        if self.fault == "short":
            return (words[0], bytes(words[1])[: max(1, len(words[1]) // 2)])
        raise OSError(errno.EIO if self.fault == "broken" else errno.ENOSPC, "on purpose")

    def _due(self) -> bool:
        with self._lock:  # kept while all is killed: no other thread comes past another point
            self.passed += 1
            if self.passed == self.at and self.fault in KILLS:
                if self.fault == "power":
                    time.sleep(ARRIVES_S)
                    _end_all()
                os.kill(os.getpid(), signal.SIGKILL)
            return self.passed == self.at or (self.fault == "lasting" and self.struck)


def _on_disk(file: int) -> bool:
    """Not a pipe to a host."""
    mode = os.fstat(file).st_mode
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)


def _end_all() -> None:
    """All that was started from here, on the host as well: stopped first, so that nothing is born meanwhile."""
    stopped: set[int] = set()
    while left := set(descendants(os.getpid())) - stopped:
        for pid in left:
            _signal(pid, signal.SIGSTOP)
        stopped |= left
    for pid in stopped:
        _signal(pid, signal.SIGKILL)


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)
