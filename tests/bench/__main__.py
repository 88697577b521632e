"""`python -m tests.bench`: measure, and say what was reached. Exit code 1 where something was not."""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.bench import scenarios
from tests.bench.figures import Figure, table
from tests.bench.ground import ground
from tests.bench.peers import peers_bin

PEERS = ("pyinfra", "ansible")
CALM, LONGEST_WAIT_S = 0.95, 30
PARTS = ("groups", "steps", "output", "link")


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--hosts", default="1,10,50", help="numbers of hosts; default 1,10,50")
    parser.add_argument("--repeat", type=int, default=5, help="runs of each, in turns; medians are shown")
    parser.add_argument("--quick", action="store_true", help="three runs, without pyinfra and ansible")
    parser.add_argument("--without", default="", help=f"peers to leave out, of {','.join(PEERS)}")
    parser.add_argument("--only", default=",".join(PARTS), help=f"parts, of {','.join(PARTS)}")
    return parser.parse_args()


def _calm() -> None:
    """Wait until the machine is done with the part before: the ends of fifty sessions would be the next one's load."""
    for _ in range(LONGEST_WAIT_S):
        before = time.monotonic(), _idle_s()
        time.sleep(1)
        if _idle_s() - before[1] > CALM * (time.monotonic() - before[0]) * (os.cpu_count() or 1):
            return


def _idle_s() -> float:
    """Seconds that the processors have had nothing to do, all of them together."""
    return float(Path("/proc/uptime").read_text(encoding="ascii").split()[1])


def main() -> int:
    given = _arguments()
    repeat = 3 if given.quick else max(1, given.repeat)
    without = set(PEERS) if given.quick else set(_words(given.without))
    parts = _words(given.only)
    if "groups" in parts and not without >= set(PEERS):
        peers_bin()
    found: list[Figure] = []
    with ground() as where:

        def measure(what: str, part: Callable[[], list[Figure]]) -> None:
            _calm()
            print(f"measuring {what} (load {os.getloadavg()[0]:.1f})", file=sys.stderr, flush=True)
            found.extend(part())

        if "groups" in parts:
            for hosts in map(int, _words(given.hosts)):
                measure(f"{hosts} hosts", partial(scenarios.groups, where, hosts, repeat=repeat, without=without))
        if "steps" in parts:
            measure("200 steps on one host", lambda: scenarios.many_steps(where, repeat=repeat))
        if "output" in parts:
            measure("100 MB of output", lambda: scenarios.much_output(where, repeat=repeat))
        if "link" in parts:
            measure("a slow link", lambda: scenarios.slow_link(where, repeat=min(repeat, 3)))
    print(f"{os.cpu_count()} processors; medians of {repeat} runs, taken in turns; every tool's steps were counted\n")
    print(table(found))
    return 0 if all(figure.reached for figure in found) else 1


if __name__ == "__main__":
    sys.exit(main())
