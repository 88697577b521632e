"""
On which cores threads run: those of many hosts stay together on one, what they start may use all.

Python's threads take turns; handed on from core to core, the turn takes 5 to 15 % of a run's CPU and 5 % of its time
more. On one core a thread that is woken would push out the one whose turn it is, only to find that it has to wait; as
batch work it does not (docs/decisions/0015-one-core.md). The main thread, and with it all that is decided there, is
left alone.
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
    """As batch work, this thread stays on the core that the process's first thread was on when this was first asked."""
    with _ASKING:
        core = _core()
    if core is not None:
        _stay({core})
        if os.sched_getscheduler(0) == os.SCHED_OTHER:
            _work_as(os.SCHED_BATCH)


@contextmanager
def scattered() -> Iterator[None]:
    """What is started in here may use every core that the process's first thread may, and is scheduled as that one."""
    if _core() is None:
        yield
        return
    cores, policy = os.sched_getaffinity(0), os.sched_getscheduler(0)
    first = os.getpid()
    _stay(os.sched_getaffinity(first))
    if policy == os.SCHED_BATCH:
        _work_as(os.sched_getscheduler(first))
    try:
        yield
    finally:
        _stay(cores)
        if policy == os.SCHED_BATCH:
            _work_as(policy)


@cache
def _core() -> int | None:
    """None where threads need not take turns, or cannot be told where to stay."""
    if not hasattr(os, "sched_setaffinity") or not getattr(sys, "_is_gil_enabled", lambda: True)():
        return None
    with suppress(OSError, ValueError, IndexError):
        return int(Path("/proc/self/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[_PROCESSOR])
    return None


def _stay(cores: set[int]) -> None:
    """A core may have been taken away meanwhile: then the kernel's choice is as good."""
    with suppress(OSError):
        os.sched_setaffinity(0, cores)


def _work_as(policy: int) -> None:
    """A sandbox may forbid it."""
    with suppress(OSError):
        os.sched_setscheduler(0, policy, os.sched_param(0))
