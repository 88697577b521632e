"""One command, measured: wall time, CPU time of it and what it waited for, peak memory."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LIMIT_S = 900


class Failed(Exception):
    """A measured command did not end well."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    wall_s: float
    cpu_s: float
    peak_mb: float

    @staticmethod
    def median(costs: Sequence[Cost]) -> Cost:
        return Cost(
            wall_s=statistics.median(cost.wall_s for cost in costs),
            cpu_s=statistics.median(cost.cpu_s for cost in costs),
            peak_mb=statistics.median(cost.peak_mb for cost in costs),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """`check` is called after each run, outside of the time."""

    argv: Sequence[str]
    folder: Path
    environment: Mapping[str, str] | None = None
    check: Callable[[], None] = lambda: None


def cost(command: Command) -> Cost:
    """Raises Failed with what it said, where its exit code is not 0."""
    said = command.folder / "said"
    with said.open("wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            command.argv,
            cwd=command.folder,
            env={**os.environ, **(command.environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall_s = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Failed(f"{command.argv[0]}: exit {process.returncode}\n{said.read_text(errors='replace')[-2000:]}")
    command.check()
    return Cost(wall_s=wall_s, cpu_s=usage.ru_utime + usage.ru_stime, peak_mb=usage.ru_maxrss / 1024)


def compare(commands: Mapping[str, Command], *, repeat: int) -> dict[str, Cost]:
    """The median of each, taken in turns: what else the machine does hits all of them alike."""
    costs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(repeat):
        for name, command in commands.items():
            costs[name].append(cost(command))
    return {name: Cost.median(found) for name, found in costs.items()}
