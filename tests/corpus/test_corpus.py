"""Every archive gets the verdict it must get; and what the two commands of the README see of it is said, too."""

from __future__ import annotations

import json
import subprocess
import tarfile
from pathlib import Path

import pytest

from runner.journal.folder import Records
from runner.journal.verify import verify
from runner.record import to_json
from tests.corpus.attacks import ATTACKS, expected, runs, sitting
from tests.corpus.flips import unpack, unseen
from tests.records import valid

HERE = Path(__file__).parent
TWO = (
    "ssh-keygen -Y verify -f ../../allowed_signers -I alice@example.com -n rawat-run@v1 -s SHA256SUMS.sig < SHA256SUMS "
    "&& sha256sum -c --strict --quiet SHA256SUMS"
)


def unpacked(name: str, folder: Path) -> Path:
    with tarfile.open(HERE / f"{name}.tar.xz") as archive:
        archive.extractall(folder, filter="fully_trusted")
    return folder / "records"


def test_the_archives_are_those_that_are_described() -> None:
    assert {path.name.removesuffix(".tar.xz") for path in HERE.glob("*.tar.xz")} == set(ATTACKS)
    assert json.loads((HERE / "expected.json").read_text()) == expected()


@pytest.mark.parametrize("name", ATTACKS)
def test_every_attack_gets_its_verdict(name: str, tmp_path: Path) -> None:
    attack = ATTACKS[name]
    records = unpacked(name, tmp_path)
    head = (HERE / "head.txt").read_text().strip() if attack.head else ""
    verdict = verify(Records(records), expect_head=head)
    said = "\n".join([verdict.word, *(f"{finding.where}: {finding.message}" for finding in verdict.findings)])
    assert verdict.code == attack.code, said
    assert attack.says in said
    if attack.two_commands is not None:
        done = subprocess.run(["sh", "-c", TWO], cwd=sitting(records), capture_output=True, text=True, check=False)
        assert (done.returncode == 0) is attack.two_commands, done.stdout + done.stderr


def test_a_ledger_that_was_rolled_back_as_a_whole_is_seen_by_nothing_inside(tmp_path: Path) -> None:
    """Said in docs/audit.md: that is what an anchor outside is for."""
    assert verify(Records(unpacked("rolled-back", tmp_path))).code == 0


def test_a_record_of_version_1_is_read(tmp_path: Path) -> None:
    """Whatever later versions write, what this one wrote stays readable, and valid by its own schema."""
    records = Records(unpacked("intact", tmp_path))
    record = records.record(runs(records.path)[0].name)
    data = valid(to_json(record))
    assert data["schema"] == "rawat-record@1"
    assert (data["outcome"], data["exit"], data["why"]["ticket"]) == ("ok", 0, "CHG-1")
    assert {step["id"]: step["outcome"] for step in data["hosts"]["h1"]["steps"]} == {"say": "ok", "more": "ok"}
    assert [act["by"] for act in data["acts"]] == ["alice@example.com", "bob@example.com"]


def test_every_bit_cut_deletion_and_swap_counts(tmp_path: Path) -> None:
    """Spread over all there are; all of them: `python -m tests.corpus.flips FOLDER 0 1`."""
    records, signers = unpack(tmp_path)
    assert verify(Records(records), signers=signers).code == 0
    tried, missed = unseen(records, signers, 5, 211)
    assert tried > 500 and missed == []
    assert verify(Records(records), signers=signers).code == 0, "each change was taken back"
