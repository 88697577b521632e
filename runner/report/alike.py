"""What went wrong on many hosts is told once, or it would hide what went wrong on one."""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

from runner.record import HostRecord

_NUMBERED = re.compile(r"\b[^\W\d]*\d\w*(?:[.,]\d\w*)*")
"""From the beginning of a word only, or a long word would be looked through once for each of its letters."""


def alike(hosts: Iterable[HostRecord]) -> list[list[HostRecord]]:
    """Hosts of which the same would be told, together; in the order in which they come."""
    found: dict[Hashable, list[HostRecord]] = {}
    for host in hosts:
        found.setdefault(_kind_of_failure(host), []).append(host)
    return list(found.values())


def word_for_word(hosts: Sequence[HostRecord]) -> bool:
    """Whether hosts that failed alike did so without another number (address, pid, time) or name in what is told."""
    return len({_words(host) for host in hosts}) == 1


def _kind_of_failure(host: HostRecord) -> Hashable:
    """The same for hosts of which the same would be told, but for their names, numbers (addresses, pids) and times."""
    step = host.failed_step
    steps = tuple((other.phase, other.id, other.outcome) for other in host.steps.values())
    if step is None or not step.attempts:
        return host.refused, host.outcome, _unnamed(host, host.because), steps
    last = step.attempts[-1]
    return step.phase, step.id, _timeless(last.exit), _unnamed(host, last.problem), _unnamed(host, last.tail), steps


def _timeless(exit: Mapping[str, Any] | None) -> str:
    """A person ended each at a moment of its own."""
    return str({key: key if key == "cancelled_s" else value for key, value in (exit or {}).items()})


def _unnamed(host: HostRecord, text: str) -> str:
    """A name within a word is none: there may be a host `a`."""
    return _NUMBERED.sub("#", re.sub(rf"(?<!\w){re.escape(host.name)}(?!\w)", "#", text))


def _words(host: HostRecord) -> tuple[str, str]:
    """What is told of its failure, word for word."""
    step = host.failed_step
    last = step.attempts[-1] if step and step.attempts else None
    return (last.problem, last.tail) if last else (host.because, "")
