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
from runner.report.html import Html
from runner.seams import Reading
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


def test_a_record_over_ssh_says_whose_key_each_host_showed_and_no_word_of_that_can_be_changed(tmp_path: Path) -> None:
    records = Records(unpacked("over-ssh", tmp_path))
    record = records.record(runs(records.path)[0].name)
    hosts = valid(to_json(record))["hosts"]
    assert {name: host["outcome"] for name, host in hosts.items()} == {"h1": "ok", "h2": "ok", "h3": "unreachable"}
    peers = {name: hosts[name]["peer"] for name in ("h1", "h2")}
    port = peers["h1"]["port"]
    assert [peer["address"] for peer in peers.values()] == ["127.0.0.1", "127.0.0.2"]
    assert [peer["jump"] for peer in peers.values()] == [[], [f"h1 (127.0.0.1:{port})"]]
    for name, peer in peers.items():
        assert (peer["key_type"], peer["fingerprint"][:7], peer["strict_kex"]) == ("ssh-ed25519", "SHA256:", True)
        assert peer["trusted_by"] == f"/srv/corpus/sshd/known_hosts:{name[1]}"
        assert peer["login"].startswith("/srv/corpus/sshd/client_key (SHA256:") and peer["cipher"]
    assert hosts["h3"]["because"] == "h3: 127.0.0.3 port 9: connection refused"
    assert {step["id"]: step["outcome"] for step in hosts["h2"]["steps"]} == {"say": "ok", "more": "ok"}
    page = Html().write(record, Reading())
    for said in (peers["h2"]["fingerprint"], f"by way of h1 (127.0.0.1:{port})", f"127.0.0.2:{port}"):
        assert said in page, said
    events = sitting(records.path) / "events.jsonl"
    whole = events.read_bytes()
    for key in ("fingerprint", "trusted_by", "login", "cipher", "port"):
        word = str(peers["h2"][key]).encode()
        assert word in whole, key
        events.write_bytes(whole.replace(word, word[:3] + bytes([word[3] ^ 1]) + word[4:], 1))
        assert verify(records).code == 1, key
    events.write_bytes(whole)
    assert verify(records).code == 0


def test_every_bit_cut_deletion_and_swap_counts(tmp_path: Path) -> None:
    """Spread over all there are; all of them: `python -m tests.corpus.flips FOLDER 0 1`."""
    records, signers = unpack(tmp_path)
    assert verify(Records(records), signers=signers).code == 0
    tried, missed = unseen(records, signers, 5, 211)
    assert tried > 500 and missed == []
    assert verify(Records(records), signers=signers).code == 0, "each change was taken back"
