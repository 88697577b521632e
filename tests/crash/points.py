"""
Numbered points: before and after every write, sync, folder made, and every byte sent to or taken from a host.

Installed in a process of its own, right before the command line runs; nothing of the product knows of it. At one
point something goes wrong: the process is killed, the disk is full or broken, a write is cut short, the link breaks.
"""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Callable
from typing import Any, Literal

from runner.errors import LinkLost
from runner.transport.link import SshChannel
from runner.transport.local import PipeChannel

Fault = Literal["kill", "full", "broken", "short", "cut"]
FAULTS: tuple[Fault, ...] = ("kill", "full", "broken", "short", "cut")
DISK: tuple[Fault, ...] = ("full", "broken", "short")

CALLS = ("write", "fsync", "fdatasync", "mkdir", "ftruncate")


class Points:
    """
    Counts the points it passes; at number `at` (never, where that is 0) its `fault` happens.

    A fault of the disk happens at the next call on a file, a cut at the next byte to or from a host. `struck` says
    that it did.
    """

    def __init__(self, at: int, fault: Fault = "kill") -> None:
        self.at = at
        self.fault = fault
        self.passed = 0
        self.struck = False
        self._lock = threading.Lock()

    def install(self) -> None:
        for name in CALLS:
            setattr(os, name, self._around(name, getattr(os, name)))
        channels: tuple[Any, ...] = (PipeChannel, SshChannel)
        for channel in channels:
            channel.send = self._around("send", channel.send)
            channel.recv = self._around("recv", channel.recv)

    def _around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*words: Any, **more: Any) -> Any:
            if self._pass() and self._concerns(name):
                self.struck = True
                words = self._strike(name, call, words)
            done = call(*words, **more)
            self._pass()
            return done

        return counted

    def _concerns(self, name: str) -> bool:
        if self.fault == "cut":
            return name in ("send", "recv")
        if self.fault == "short":
            return name == "write"
        return self.fault in DISK and name not in ("send", "recv")

    def _strike(self, name: str, call: Callable[..., Any], words: tuple[Any, ...]) -> tuple[Any, ...]:
        """What the call gets instead of its words; raises what the fault raises."""
        if self.fault == "cut":
            words[0].close()
            raise LinkLost("cut on purpose")
        if self.fault == "short":
            return (words[0], bytes(words[1])[: max(1, len(words[1]) // 2)])
        raise OSError(errno.ENOSPC if self.fault == "full" else errno.EIO, "on purpose")

    def _pass(self) -> bool:
        """Whether the fault is due and has not struck yet."""
        with self._lock:
            self.passed += 1
            if self.fault == "kill" and self.passed == self.at:
                os.kill(os.getpid(), signal.SIGKILL)
            return bool(self.at) and self.passed >= self.at and not self.struck
