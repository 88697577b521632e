"""Notices links that died in silence: a server must answer, or its link is closed and counts as lost."""

from __future__ import annotations

import threading
import time
from typing import Protocol

MISSES = 3


class Watched(Protocol):
    """What is watched: when it was last heard, on the monotonic clock, and how to ask for an answer."""

    lost_because: str

    @property
    def heard_at(self) -> float: ...

    def ask_for_life(self) -> None: ...

    def is_active(self) -> bool: ...

    def close(self) -> None: ...


class _Asked:
    """Since when a link is watched, and how often it was asked since it was heard last."""

    def __init__(self, since: float) -> None:
        self.since, self.times = since, 0


class Watchdog:
    """
    One thread for all links; it runs only while there are some.

    Each link is asked every `every_s`, and closed when nothing was heard for three of these though it was asked: where
    this machine did not come to ask, being busy or asleep, that says nothing of the server. What the kernel knows
    itself (no acknowledgement of sent bytes) is left to TCP_USER_TIMEOUT.
    """

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._links: dict[Watched, _Asked] = {}
        self._lock = threading.Lock()
        self._wake = threading.Condition(self._lock)
        self._thread: threading.Thread | None = None

    def watch(self, link: Watched) -> None:
        with self._lock:
            self._links[link] = _Asked(since=time.monotonic())
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="rawat-watchdog", daemon=True)
                self._thread.start()

    def forget(self, link: Watched) -> None:
        with self._lock:
            self._links.pop(link, None)
            if not self._links:
                self._wake.notify()

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._links:
                    self._thread = None
                    return
                self._wake.wait(self._every_s)
                links = dict(self._links)
            for link, asked in links.items():
                self._look(link, asked)

    def _look(self, link: Watched, asked: _Asked) -> None:
        if not link.is_active():
            self.forget(link)
            return
        silent_s = time.monotonic() - max(asked.since, link.heard_at)
        if silent_s <= self._every_s * 0.9:
            asked.times = 0
        elif silent_s > self._every_s * MISSES and asked.times >= MISSES - 1:
            link.lost_because = f"no answer for {silent_s:.0f} s"
            self.forget(link)
            link.close()
        else:
            asked.times += 1
            try:
                link.ask_for_life()
            except Exception as error:  # noqa: BLE001 - whatever a link raises, the others are watched on
                link.lost_because = str(error)
