"""
Runs a small playbook, kills rawat at each point in turn, resumes, and holds what happened against the model.

    python -m tests.crash.everywhere FOLDER FIRST EVERY [SCENE...]

SCENE is a name of tests/crash/scenes.py or `ssh`, which is `run` over SSH; all but `ssh` where none is named. One
process that has imported everything forks a child for each run, so that a point costs a fraction of a second. Prints a
line of JSON for each scene: `{"scene": name, "points": n, "codes": {...}, "resumed": {...}, "wrong": [...]}`.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

from tests.bed.sshd import LoopbackSshd
from tests.crash.scenes import SCENES, Scene
from tests.crash.world import judge


def main() -> None:
    folder = Path(sys.argv[1])
    first, every = (int(word) for word in sys.argv[2:4])
    for name in sys.argv[4:] or SCENES:
        if name != "ssh":
            print(json.dumps(struck(folder / "world", SCENES[name], first, every)), flush=True)
            continue
        spool = folder / "spool"
        spool.mkdir(mode=0o700)
        with LoopbackSshd(folder / "sshd", environment=(f"RAWAT_SPOOL={spool}",)) as sshd:
            scene = replace(SCENES["run"], name=name, sshd=sshd)
            print(json.dumps(struck(folder / "world", scene, first, every)), flush=True)


def struck(folder: Path, scene: Scene, first: int, every: int) -> dict[str, object]:
    with scene.ready(folder) as begin:
        begin().plan()
        world = begin()
        whole = world.rawat(*scene.words(world), fault=scene.fault)
        assert whole.code == scene.ends, (scene.name, whole, world.said())
        wrong: list[str] = []
        codes: Counter[str] = Counter()
        resumed: Counter[str] = Counter()
        for at in range(first, whole.passed + 1, every):
            world = begin()
            code = world.rawat(*scene.words(world), at=at, fault=scene.fault).code
            allowed, power = (scene.ends, -9), scene.fault == "power"
            verdict = judge(world, code, allowed=allowed, power=power, between=scene.between)
            codes[str(code)] += 1
            resumed[str(verdict.resumed)] += 1
            wrong += [f"{scene.name}, point {at}: {problem}" for problem in verdict.wrong]
    return {"scene": scene.name, "points": whole.passed, "codes": codes, "resumed": resumed, "wrong": wrong}


if __name__ == "__main__":
    main()
