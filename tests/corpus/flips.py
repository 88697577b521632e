"""
Every bit, cut, deletion and swapped line of a small signed record: `python -m tests.corpus.flips FOLDER FIRST EVERY`.

Takes the changes FIRST, FIRST + EVERY, ... of all there are; prints a line of JSON: how many, and what went unseen.
"""

from __future__ import annotations

import json
import shutil
import sys
import tarfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from runner.journal.folder import Records
from runner.journal.verify import ALTERED, verify
from tests.corpus.attacks import runs

HERE = Path(__file__).parent
Change = tuple[Path, bytes | None, str]


def changes(records: Path) -> Iterator[Change]:
    """(file, what it then holds or None where it is gone, in words): the first run, its acts, ledger, checkpoint."""
    files = [path for path in sorted(runs(records)[0].rglob("*")) if path.is_file()]
    for path in (*files, records / "ledger.jsonl", *sorted(records.glob("checkpoint*"))):
        raw, name = path.read_bytes(), path.relative_to(records).as_posix()
        yield path, None, f"{name} removed"
        for at in range(len(raw)):
            for bit in range(8):
                yield path, raw[:at] + bytes([raw[at] ^ 1 << bit]) + raw[at + 1 :], f"{name}: bit {bit} of byte {at}"
            yield path, raw[:at], f"{name} cut to {at}"
        lines = raw.splitlines(keepends=True)
        for number, line in enumerate(lines):
            yield path, b"".join(lines[:number] + lines[number + 1 :]), f"{name} without line {number + 1}"
            yield path, b"".join([*lines, line]), f"{name} with line {number + 1} twice"
            for other in range(number):
                swapped = [*lines]
                swapped[number], swapped[other] = lines[other], line
                yield path, b"".join(swapped), f"{name}: lines {other + 1} and {number + 1} swapped"


def unseen(records: Path, signers: Path, first: int, every: int) -> tuple[int, list[str]]:
    """How many changes were tried, and which of them `verify` did not see."""
    tried, missed = 0, []
    for path, data, words in islice(changes(records), first, None, every):
        raw = path.read_bytes()
        if data == raw:
            continue
        if data is None:
            path.unlink()
        else:
            path.write_bytes(data)
        tried += 1
        code = verify(Records(records), signers=signers).code
        if code != ALTERED:
            missed.append(f"{words}: {code}")
        path.write_bytes(raw)
    return tried, missed


def unpack(folder: Path) -> tuple[Path, Path]:
    """(records, a list of signers that lies elsewhere)."""
    with tarfile.open(HERE / "intact.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    shutil.copy(folder / "records" / "allowed_signers", folder / "signers")
    return folder / "records", folder / "signers"


if __name__ == "__main__":
    count, found = unseen(*unpack(Path(sys.argv[1])), int(sys.argv[2]), int(sys.argv[3]))
    print(json.dumps({"tried": count, "unseen": found}))
