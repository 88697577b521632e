"""
Numbered crash points: before and after every write, sync, folder made, and every byte sent to or taken from a host.

Installed in a process of its own, right before the command line runs; nothing of the product knows of it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from runner.transport.local import PipeChannel

CALLS = ("write", "fsync", "fdatasync", "mkdir", "ftruncate")


class Points:
    """Counts the points it passes; SIGKILLs its own process at number `at` (never, where that is 0)."""

    def __init__(self, at: int) -> None:
        self.at = at
        self.passed = 0
        self.names: list[str] = []
        self._lock = threading.Lock()

    def install(self) -> None:
        for name in CALLS:
            setattr(os, name, self._around(name, getattr(os, name)))
        channel: Any = PipeChannel
        channel.send = self._around("send", PipeChannel.send)
        channel.recv = self._around("recv", PipeChannel.recv)

    def _around(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*words: Any, **more: Any) -> Any:
            self._pass(f"before {name}")
            done = call(*words, **more)
            self._pass(f"after {name}")
            return done

        return counted

    def _pass(self, name: str) -> None:
        with self._lock:
            self.passed += 1
            self.names.append(name)
            if self.passed == self.at:
                os.kill(os.getpid(), signal.SIGKILL)
