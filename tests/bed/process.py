"""Running programs and waiting for facts: every wait has a limit, every failure shows its output."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

LIMIT_S = 120.0
"""For what takes a moment: a limit is there for what never comes, and must not be met by a machine that is busy."""


class BedError(RuntimeError):
    """The bed itself could not do what a test asked of it (never: the product under test failed)."""


def run(
    argv: Sequence[str],
    *,
    timeout_s: float = 600.0,
    check: bool = True,
    stdin: str | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> subprocess.CompletedProcess[str]:
    """
    Run a program to its end with captured text output.

    Raises BedError, with the output's end, when it fails (unless check is False) or is not done in time.
    Without stdin the program reads from /dev/null, so it can never wait for a person.
    """
    given = {"input": stdin} if stdin is not None else {"stdin": subprocess.DEVNULL}
    environment = None if env is None else {**os.environ, **env}
    try:
        done: subprocess.CompletedProcess[str] = subprocess.run(
            list(argv),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            env=environment,
            cwd=cwd,
            check=False,
            **given,
        )
    except subprocess.TimeoutExpired as error:
        raise BedError(f"{' '.join(argv)}: not done after {timeout_s:g} s") from error
    except OSError as error:
        raise BedError(f"{argv[0]}: {error}") from error
    if check and done.returncode != 0:
        said = (done.stdout + done.stderr).strip()[-2000:]
        raise BedError(f"{' '.join(argv)}: exit {done.returncode}\n{said}")
    return done


def until(what: str, fact: Callable[[], object], *, limit_s: float = LIMIT_S, every_s: float = 0.02) -> None:
    """
    Wait until fact() is true; look again every every_s seconds.

    Raises BedError naming what was waited for and the last falsy answer.
    """
    end = time.monotonic() + limit_s
    while True:
        last = fact()
        if last:
            return
        if time.monotonic() >= end:
            raise BedError(f"{what}: not after {limit_s:g} s (last answer: {last!r})")
        time.sleep(every_s)


def alive(pid: int, started: int | None = None) -> bool:
    """Is this process running (not a zombie)? With started, only if it is the very same process, not a later one."""
    stat = process_stat(pid)
    if stat is None or stat[0] in "ZX":
        return False
    return started is None or stat[2] == started


def process_stat(pid: int) -> tuple[str, int, int] | None:
    """State letter, parent's pid and start time (clock ticks since boot) of a process; None when there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text[text.rindex(")") + 2 :].split()
    return fields[0], int(fields[1]), int(fields[19])


def descendants(pid: int) -> list[int]:
    """Pids of all processes below this one, children before grandchildren."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := process_stat(int(entry.name))) is not None:
            children.setdefault(stat[1], []).append(int(entry.name))
    found: list[int] = []
    level = [pid]
    while level:
        level = [child for parent in level for child in children.get(parent, [])]
        found += level
    return found


def end(process: subprocess.Popen[bytes], *, grace_s: float = 3.0) -> None:
    """Ask a process that we started to stop; kill it when it has not after grace_s seconds."""
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(grace_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(LIMIT_S)
