"""
Random playbooks and random faults, each from a seed: what holds for a kill must hold for a full disk and a cut link.

    python -m tests.crash.soak FOLDER FIRST-SEED SEEDS [EVERY]

Prints a line of JSON: `{"seeds": n, "faults": {...}, "codes": {...}, "wrong": [...]}`; a seed that is wrong can be run
again alone.
"""

from __future__ import annotations

import json
import random
import sys
from collections import Counter
from pathlib import Path

from tests.crash.points import DISK, FAULTS, Fault
from tests.crash.world import SOON, World, problems

MOST_POINTS = 260


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


def one(folder: Path, seed: int) -> tuple[Fault, int, list[str]]:
    """(fault, exit code of the run, what is wrong)."""
    draw = random.Random(seed)
    playbook, steps = make_playbook(draw)
    fault: Fault = draw.choice(FAULTS)
    world = World(folder, playbook, steps)
    code, _ = world.rawat(*world.words, at=draw.randint(1, MOST_POINTS), fault=fault)
    allowed = {"kill": (0, -9), "cut": (0, 4, 5)}.get(fault, (0, 4, 6))
    return fault, code, problems(world, code, allowed=allowed)


def main() -> None:
    folder = Path(sys.argv[1])
    first, seeds = int(sys.argv[2]), int(sys.argv[3])
    every = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    wrong: list[str] = []
    faults: Counter[str] = Counter()
    codes: Counter[str] = Counter()
    for seed in range(first, first + seeds, every):
        fault, code, found = one(folder / "world", seed)
        faults[fault] += 1
        codes[f"{'disk' if fault in DISK else fault} {code}"] += 1
        wrong += [f"seed {seed} ({fault}): {problem}" for problem in found]
    print(json.dumps({"seeds": sum(faults.values()), "faults": faults, "codes": codes, "wrong": wrong}))


if __name__ == "__main__":
    main()
