"""
How many hosts stay connected at the same time.

Each takes a thread and open files here. All of a run do where they can: a host is connected to once, and held by its
lock from the beginning. Of a larger fleet every host is asked before the first step on any, let go again, and
connected to anew at its turn.
"""

from __future__ import annotations

import resource
from collections.abc import Iterator

MOST = 512
FILES = 4
"""That a host may keep open: a socket, or three pipes, and the output of its step."""
OTHERS = 64
"""Open files of everything else: the record, the index, what Python has open."""


def room(hosts: int) -> int:
    """
    How many of so many hosts may be connected at once, 1 at least. The limit of open files of this process is raised
    as far as it may be, where that is needed.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = min(hosts, MOST) * FILES + OTHERS
    if soft == resource.RLIM_INFINITY:
        return MOST
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, min(MOST, (soft - OTHERS) // FILES))


def notes(hosts: int, parallel: int) -> Iterator[str]:
    """What a person should know of a plan for so many hosts."""
    most = room(hosts)
    if hosts > most:
        asked = "each is asked first, and connected to anew at its turn"
        yield f"{hosts} hosts are more than stay connected ({most}): {asked}"
    if parallel > most:
        yield f"no more than {most} hosts work at once: a process may not open more files here (ulimit -n)"
