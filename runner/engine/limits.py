"""Groups of which only so many hosts may be at work at a time."""

from __future__ import annotations

from collections.abc import Mapping

from runner.model import Host


class Limits:
    """Places in limited groups; not guarded: whoever asks holds a lock of his own."""

    def __init__(self, limits: Mapping[str, int]) -> None:
        self._free = dict(limits)

    def take(self, host: Host) -> bool:
        """A place in each of the host's limited groups, or none at all and False."""
        mine = [group for group in host.groups if group in self._free]
        if any(self._free[group] < 1 for group in mine):
            return False
        for group in mine:
            self._free[group] -= 1
        return True

    def give(self, host: Host) -> None:
        """The places of a host are free again."""
        for group in host.groups:
            if group in self._free:
                self._free[group] += 1
