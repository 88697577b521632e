"""A cgroup (version 2) of the machine: where a host's processes live, and how they are all stopped at once."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from tests.bed.process import BedError, until


def hierarchy() -> Path:
    """Mount point of the machine's cgroup2 hierarchy. Raises BedError when it has none."""
    for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines():
        _, where, kind, *_ = line.split()
        if kind == "cgroup2":
            return Path(where)
    raise BedError("no cgroup2 hierarchy is mounted here: the lab needs one to stop a host's processes together")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cgroup:
    """One cgroup by its folder; it need not exist yet."""

    path: Path

    def child(self, name: str) -> Cgroup:
        """The cgroup of that name below this one."""
        return Cgroup(path=self.path / name)

    def make(self) -> Cgroup:
        """Make it where it is not there yet."""
        self.path.mkdir(parents=True, exist_ok=True)
        return self

    def wrap(self, argv: list[str]) -> list[str]:
        """The command line that first joins this cgroup, then becomes argv."""
        return ["sh", "-c", 'echo 0 >"$0/cgroup.procs" && exec "$@"', str(self.path), *argv]

    def populated(self) -> bool:
        """Is any process in it or below?"""
        try:
            return "populated 1" in (self.path / "cgroup.events").read_text(encoding="utf-8")
        except OSError:
            return False

    def freeze(self, frozen: bool) -> None:
        """Stop all processes where they stand, or let them go on; returns when it is so."""
        (self.path / "cgroup.freeze").write_text("1" if frozen else "0", encoding="utf-8")
        word = f"frozen {int(frozen)}"
        events = self.path / "cgroup.events"
        until(f"{self.path.name}: {word}", lambda: word in events.read_text(encoding="utf-8"))

    def kill(self) -> None:
        """SIGKILL to every process in it and below, at once; returns when none is left."""
        with contextlib.suppress(FileNotFoundError):
            (self.path / "cgroup.kill").write_text("1", encoding="utf-8")
        until(f"{self.path.name}: all killed", lambda: not self.populated())

    def remove(self) -> None:
        """Remove it and all below; nothing happens when it is not there. Its processes must be gone."""
        if not self.path.exists():
            return
        for below in sorted(self.path.rglob("*"), key=lambda path: len(path.parts), reverse=True):
            if below.is_dir():
                below.rmdir()
        self.path.rmdir()
