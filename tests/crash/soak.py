"""
Random playbooks and random faults, each from a seed: what holds for a kill must hold for a full disk and a cut link.

    python -m tests.crash.soak FOLDER FIRST-SEED SEEDS [EVERY]

Prints a line of JSON: `{"seeds": n, "struck": {...}, "missed": {...}, "codes": {...}, "resumed": {...}, "wrong": []}`;
`missed` are faults whose point lay behind the end of the run. A seed that is wrong can be run again alone.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from pathlib import Path

from tests.crash.points import DISK, FAULTS, Fault
from tests.crash.world import SOON, Ended, Verdict, World, judge

POINTS: dict[Fault, tuple[int, int]] = {
    "kill": (100, 28), "full": (38, 7), "lasting": (38, 7), "broken": (38, 7), "short": (14, 3), "cut": (10, 6),
}  # fmt: skip
"""Of a run, about, and more for each of its steps."""


def make_playbook(draw: random.Random) -> tuple[str, tuple[str, ...]]:
    """A playbook of one to five steps that count themselves, some of them checked, retried, noisy or in a group."""
    names = tuple(f"s{number}" for number in range(draw.randint(1, 5)))
    lines = [
        "rawat: 1",
        "name: t",
        "kind: other",
        "hosts: all",
        "vars: {folder: {required: true}}",
        "phases:",
        "  implement:",
    ]
    for name in names:
        once, twice = f", {SOON}", ", retries: {attempts: 2, delay: 100ms}"
        check, register = f"{once}, check: 'test -s {{{{ folder }}}}/{name}'", f"{once}, register: r_{name}"
        more = draw.choice((once, check, twice, register))
        body = draw.choice(("echo done", "seq 1 500", "sleep 0.05", "head -c 100 /dev/zero"))
        lines.append(f'    - {{id: {name}, script: "printf x >>{{{{ folder }}}}/{name}; {body}"{more}}}')
    if draw.random() < 0.5:
        lines += ["finally:", "  - {id: tidy, script: 'true', idempotent: true, " + SOON + "}"]
    return "\n".join(lines) + "\n", names


def one(folder: Path, seed: int) -> tuple[Fault, Ended, Verdict]:
    """(fault, how the run ended, what breaks the model)."""
    draw = random.Random(seed)
    playbook, steps = make_playbook(draw)
    fault: Fault = draw.choice(FAULTS)
    always, each = POINTS[fault]
    most = always + each * len(steps)
    for _ in range(2):  # where nothing struck, the run has shown how many points there are
        world = World(folder, playbook, steps)
        ended = world.rawat(*world.words, at=draw.randint(1, most), fault=fault)
        if ended.struck:
            break
        most = ended.passed
    allowed = {"kill": (-9,), "cut": (0, 4)}.get(fault, (0, 4, 6))
    return fault, ended, judge(world, ended.code, allowed=allowed if ended.struck else (0,))


def main() -> None:
    folder = Path(sys.argv[1])
    first, seeds = int(sys.argv[2]), int(sys.argv[3])
    every = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    wrong: list[str] = []
    counts: dict[str, Counter[str]] = {name: Counter() for name in ("struck", "missed", "codes", "resumed")}
    World(folder / "world", *make_playbook(random.Random(first))).plan()
    for seed in range(first, first + seeds, every):
        fault, ended, verdict = one(folder / "world", seed)
        counts["struck" if ended.struck else "missed"][fault] += 1
        counts["codes"][f"{'disk' if fault in DISK else fault} {ended.code}"] += 1
        counts["resumed"][str(verdict.resumed)] += 1
        wrong += [f"seed {seed} ({fault}): {problem}" for problem in verdict.wrong]
    print(json.dumps({"seeds": counts["codes"].total(), **counts, "wrong": wrong}))


if __name__ == "__main__":
    main()
