"""
Runs a small playbook, kills rawat at each point in turn, resumes, and holds what happened against the model.

    python -m tests.crash.everywhere FOLDER FIRST EVERY [ssh]

One process that has imported everything forks a child for each run, so that a point costs a fraction of a second.
Prints a line of JSON: `{"points": n, "codes": {...}, "wrong": [...]}`.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

from tests.bed.sshd import LoopbackSshd
from tests.crash.world import SOON, World, problems

STEPS = ("one", "two", "three")
PLAYBOOK = (
    "rawat: 1\nname: t\nkind: other\nhosts: all\nvars: {folder: {required: true}}\nphases:\n  implement:\n"
    + "".join(
        f"    - {{id: {step}, script: 'printf x >>{{{{ folder }}}}/{step}; echo {step}', register: r_{step}, {SOON}}}\n"
        for step in STEPS
    )
    + "  test:\n    - {id: all, script: 'echo {{ r_one.stdout }}', idempotent: true, "
    + SOON
    + "}\n"
)


def main() -> None:
    folder = Path(sys.argv[1]) / "world"
    first, every = (int(word) for word in sys.argv[2:4])
    if sys.argv[4:] != ["ssh"]:
        print(json.dumps(_struck(folder, first, every, None)))
        return
    spool = Path(sys.argv[1]) / "spool"
    spool.mkdir(mode=0o700)
    with LoopbackSshd(Path(sys.argv[1]) / "sshd", environment=(f"RAWAT_SPOOL={spool}",)) as sshd:
        print(json.dumps(_struck(folder, first, every, sshd)))


def _struck(folder: Path, first: int, every: int, sshd: LoopbackSshd | None) -> dict[str, object]:
    world = World(folder, PLAYBOOK, STEPS, sshd=sshd)
    code, total = world.rawat(*world.words)
    assert code == 0, world.said()
    wrong: list[str] = []
    codes: Counter[str] = Counter()
    for at in range(first, total + 1, every):
        world = World(folder, PLAYBOOK, STEPS, sshd=sshd)
        code, _ = world.rawat(*world.words, at=at)
        codes[str(code)] += 1
        wrong += [f"point {at}: {problem}" for problem in problems(world, code, allowed=(0, -9))]
    return {"points": total, "codes": codes, "wrong": wrong}


if __name__ == "__main__":
    main()
