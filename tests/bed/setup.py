"""
Everything the bed needs, done once: `python -m tests.bed.setup`.

Measured on 2 cores: 51 s the first time (13 s packages of the machine, 37 s the hosts' root of 0.9 GB, 1 s the toy
repositories), 0.2 s when all is there.
"""

from __future__ import annotations

import sys
import time

from tests.bed import lab, packages, root, sshd
from tests.bed.process import BedError
from tests.bed.repository import Repository


def main() -> int:
    """Set up and say what was done; exit code 1, with the reason in words, when something could not be."""
    start = time.monotonic()

    def tell(line: str) -> None:
        print(f"[{time.monotonic() - start:6.1f} s] {line}", flush=True)

    try:
        root.need_root_user()
        installed = packages.ensure((*packages.LAB, *packages.EXTRA))
        tell(f"packages: {', '.join(installed) or 'all there'}")
        tell(f"account: {sshd.account()}")
        tell(f"root: {root.build(tell)}")
        tell(f"old roots removed: {', '.join(root.prune()) or 'none'}")
        tell(f"repository: {Repository.build()}")
        tell(f"left behind by killed runs: {', '.join(lab.sweep()) or 'nothing'}")
    except BedError as error:
        print(f"test bed: {error}", file=sys.stderr)
        return 1
    tell("the bed is ready")
    return 0


if __name__ == "__main__":
    sys.exit(main())
