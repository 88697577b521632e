"""
On which cores threads run: those of many hosts stay together on one, what they start may use all.

Python's threads take turns; handed on from core to core, the turn takes 5 to 15 % of a run's CPU and 5 % of its time
more (docs/decisions/0015-one-core.md). The main thread, and with it all that is decided there, is left alone.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

_PROCESSOR = 36
"""The field of /proc/<pid>/stat behind its name that says on which core it ran last (proc(5), field 39)."""


_ASKING = threading.Lock()
"""Threads that ask at once would each be told another core: the first thread moves on meanwhile."""


def gather() -> None:
    """This thread stays on the core that the process's first thread was on when this was first asked for."""
    with _ASKING:
        core = _core()
    if core is not None:
        _stay(0, {core})


@contextmanager
def scattered() -> Iterator[None]:
    """What is started in here may use every core that the process's first thread may."""
    if _core() is None:
        yield
        return
    before = os.sched_getaffinity(0)
    _stay(0, os.sched_getaffinity(os.getpid()))
    try:
        yield
    finally:
        _stay(0, before)


@cache
def _core() -> int | None:
    """None where threads need not take turns, or cannot be told where to stay."""
    if not hasattr(os, "sched_setaffinity") or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return None
    with suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[_PROCESSOR])
    return None


def _stay(thread: int, cores: set[int]) -> None:
    """A core may have been taken away meanwhile: then the kernel's choice is as good."""
    with suppress(OSError):
        os.sched_setaffinity(thread, cores)
