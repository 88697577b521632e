"""Where the time of each host went, sitting by sitting, while the events come in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from runner.events import (
    Event,
    HostConnected,
    HostFinished,
    HostRefused,
    HostStarted,
    StepFinished,
    StepRecalled,
    StepStarted,
    Waited,
)
from runner.record.values import Span, Turn


class Turns:
    """
    The turns of one host. Times in milliseconds on the clock of the run, which puts the sittings one behind the other.

    What has no end when a sitting is over, or when it is asked for, is taken to have gone on until then.
    """

    def __init__(self) -> None:
        self._done: list[Turn] = []
        self._now: _Turn | None = None

    def begin(self, sitting: int, at_ms: int) -> None:
        """The host has a part in the sitting that begins now."""
        self._now = _Turn(sitting, at_ms)

    def hear(self, event: Event) -> None:
        if self._now is not None:
            self._now.hear(event)

    def end(self, at_ms: int, *, connecting: bool) -> None:
        """The sitting is over; `connecting`: no batch was begun in it, so that hosts were still being connected to."""
        self._done += self._open(at_ms, connecting)
        self._now = None

    def turns(self, at_ms: int, *, connecting: bool) -> tuple[Turn, ...]:
        return (*self._done, *self._open(at_ms, connecting))

    def _open(self, at_ms: int, connecting: bool) -> Iterable[Turn]:
        turn = None if self._now is None else self._now.turn(at_ms, connecting)
        return () if turn is None else (turn,)


class _Turn:
    """One host in one sitting."""

    def __init__(self, sitting: int, began_ms: int) -> None:
        self._sitting = sitting
        self._began_ms = began_ms
        self._connecting: Span | None = None
        self._started_ms: int | None = None
        self._ended_ms: int | None = None
        self._waits: dict[str, int] = {}
        self._work = 0
        self._phases: dict[str, int] = {}
        self._phase_of: dict[str, str] = {}
        self._open: dict[str, tuple[int, dict[str, int]]] = {}
        """Of each step that is under way: since when, and for what it has waited so far."""

    def hear(self, event: Event) -> None:
        match event:
            case StepStarted() | StepRecalled():
                self._phase_of[event.step] = event.phase
                self._open[event.step] = event.mono_ms, {}
            case StepFinished():
                self._phase_of[event.step] = event.phase
                _, inside = self._open.pop(event.step, (0, {}))
                self._add(event.phase, event.took_ms, inside)
            case Waited():
                waits = self._open[event.step][1] if event.step in self._open else self._waits
                waits[event.cause] = waits.get(event.cause, 0) + event.took_ms
                if waits is self._waits and event.step in self._phase_of:
                    _more(self._phases, self._phase_of[event.step], event.took_ms)
            case HostConnected() | HostRefused() if self._started_ms is None and self._connecting is None:
                self._connected(event.mono_ms, event.took_ms)
            case HostConnected() | HostRefused() if self._started_ms is not None:
                self._anew(event)
            case HostStarted():
                self._started_ms = event.mono_ms
            case HostFinished():
                self._ended_ms = event.mono_ms

    def turn(self, at_ms: int, connecting: bool) -> Turn | None:
        """As it stands at a moment; None where nothing was done for the host."""
        found = self._connecting
        if found is None and self._started_ms is None and connecting:
            found = _span(self._began_ms, at_ms, self._waits, {"connect": at_ms - self._began_ms}, {})
        working = None if self._started_ms is None else self._working(self._started_ms, at_ms)
        if found is None and working is None:
            return None
        return Turn(sitting=self._sitting, began_ms=self._began_ms, connecting=found, working=working)

    def _connected(self, at_ms: int, took_ms: int) -> None:
        """The wait for a host that another run held is part of the time that connecting took."""
        waits, self._waits = self._waits, {}
        self._connecting = _span(max(self._began_ms, at_ms - took_ms), at_ms, waits, {"connect": took_ms}, {})

    def _anew(self, event: HostConnected | HostRefused) -> None:
        """Connected to once more: at its turn, in a large fleet, or after a boot, which has a cause of its own."""
        if event.took_ms:
            _more(self._waits, "connect", max(0, event.took_ms - self._waits.get("lock", 0)))
        if isinstance(event, HostRefused):
            self._ended_ms = event.mono_ms

    def _working(self, started_ms: int, at_ms: int) -> Span:
        kept = self._work, dict(self._waits), dict(self._phases)
        for step, (since_ms, inside) in self._open.items():
            self._add(self._phase_of[step], at_ms - since_ms, inside)
        ended_ms = at_ms if self._ended_ms is None else self._ended_ms
        span = _span(started_ms, ended_ms, self._waits, {"work": self._work}, self._phases)
        self._work, self._waits, self._phases = kept
        return span

    def _add(self, phase: str, took_ms: int, inside: Mapping[str, int]) -> None:
        """A try of a step: what it has not waited, it has worked."""
        _more(self._phases, phase, took_ms)
        waited = within(inside, took_ms)
        for cause, waited_ms in waited.items():
            _more(self._waits, cause, waited_ms)
        self._work += took_ms - sum(waited.values())


def within(parts: Mapping[str, int], whole_ms: int) -> dict[str, int]:
    """
    Parts of a whole, never more than there is of it: some are told by other clocks than the whole, a host's for one.
    """
    left = max(0, whole_ms)
    found = {}
    for name, took_ms in parts.items():
        found[name] = min(max(0, took_ms), left)
        left -= found[name]
    return found


def _span(
    started_ms: int, ended_ms: int, waits: Mapping[str, int], rest: Mapping[str, int], phases: Mapping[str, int]
) -> Span:
    """`rest` gets no more than the waits leave of it."""
    took_ms = max(0, ended_ms - started_ms)
    return Span(
        started_ms=started_ms, ended_ms=started_ms + took_ms, parts=within({**waits, **rest}, took_ms),
        phases=within(phases, took_ms),
    )  # fmt: skip


def _more(found: dict[str, int], name: str, took_ms: int) -> None:
    found[name] = found.get(name, 0) + took_ms
