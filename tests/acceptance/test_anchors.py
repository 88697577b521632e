"""Anchors outside: what they show that no signature can, and what happens to a ledger that was rewritten."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.project import Project
from tests.acceptance.test_signed import project_with_key, run
from tests.bed.authority import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    made = Authority(tmp_path_factory.mktemp("tsa"))
    yield made
    made.close()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """One signed run, and a git repository and a file outside."""
    made = project_with_key(tmp_path / "project")
    assert run(made) == 0
    git = ("git", "-C", str(tmp_path / "repo"), "-c", "init.defaultBranch=main")
    (tmp_path / "repo").mkdir()
    for words in (("init", "-q"), ("config", "user.email", "ops@example.com"), ("config", "user.name", "ops")):
        subprocess.run([*git, *words], check=True)
    return made


def test_the_holder_of_the_key_can_rewrite_all_but_the_anchors(
    project: Project, tmp_path: Path, authority: Authority
) -> None:
    """The attack that no chain and no signature shows: begin again, sign again. Each kind of anchor shows it."""
    records, file, repo = project.folder / "records", tmp_path / "heads.txt", tmp_path / "repo"
    assert "No place outside was told of this run" in project.rawat("report").out
    assert project.rawat("anchor", str(file), str(repo), authority.url).code == 0
    assert "no anchor" not in project.rawat("verify", str(records)).out
    assert "was told to a place outside (file: " in project.rawat("report").out
    checked = {
        "file": ("--anchor", str(file)),
        "git": ("--anchor", str(repo)),
        "stamp": ("--authority", str(authority.certificates)),
    }
    head = file.read_text().split()[-1]
    checked["head"] = ("--expect-head", head)
    for words in checked.values():
        said = project.rawat("verify", str(records), "--require-anchor", *words)
        assert said.code == 0, said
    assert "newest anchor: the head that you named, 3 lines" in said.out
    cut_off = project.rawat("verify", str(records), "--expect-head", head[:16])
    assert cut_off.code == 2 and "64" in cut_off.err, "a head that was copied in part says nothing of the records"
    anchors = tmp_path / "kept"
    shutil.copytree(records / "anchors", anchors)
    signers = (records / "allowed_signers").read_text()
    shutil.rmtree(records)
    records.mkdir(mode=0o700)
    (records / "allowed_signers").write_text(signers)
    assert run(project) == 0
    assert project.rawat("verify", str(records)).code == 0, "intact, signed, and not what happened"
    assert project.rawat("verify", str(records), *checked["head"]).code == 1
    assert project.rawat("verify", str(records), "--require-anchor").code == 5
    assert project.rawat("verify", str(records), "--require-anchor", *checked["file"]).code == 5, "of another ledger"
    shutil.copytree(anchors, records / "anchors")
    said = project.rawat("verify", str(records))
    assert said.code == 1 and "was rolled back or rewritten" in said.out


def test_a_ledger_that_was_rolled_back_is_seen_by_each(project: Project, tmp_path: Path, authority: Authority) -> None:
    records, file, repo = project.folder / "records", tmp_path / "heads.txt", tmp_path / "repo"
    before = tmp_path / "before"
    shutil.copytree(records, before)
    assert run(project) == 0
    assert project.rawat("anchor", str(file), str(repo)).code == 0
    assert project.rawat("verify", str(before)).code == 0, "an older copy is intact in itself"
    for place in (file, repo):
        said = project.rawat("verify", str(before), "--anchor", str(place))
        assert said.code == 1 and "does not hold what was anchored" in said.out, said
    assert run(project) == 0
    said = project.rawat("verify", str(records), "--anchor", str(file), "--require-anchor")
    assert said.code == 5 and "2 lines since rest on the signer alone" in said.out, said


def test_a_stamp_holds_for_its_own_head_and_authority_alone(
    project: Project, tmp_path: Path, authority: Authority
) -> None:
    records = project.folder / "records"
    assert project.rawat("anchor", authority.url).code == 0
    other = Authority(tmp_path / "other")
    other.close()
    said = project.rawat("verify", str(records), "--authority", str(other.certificates))
    assert said.code == 1 and "the time stamp 0001-rfc3161.tsr does not hold" in said.out, said
    stamp = records / "anchors" / "0001-rfc3161.tsr"
    raw = stamp.read_bytes()
    assert run(project) == 0
    assert project.rawat("anchor", authority.url).code == 0
    stamp.write_bytes((records / "anchors" / "0002-rfc3161.tsr").read_bytes())
    assert project.rawat("verify", str(records), "--authority", str(authority.certificates)).code == 1
    stamp.write_bytes(raw)
    said = project.rawat("verify", str(records), "--authority", str(authority.certificates), "--require-anchor")
    assert said.code == 0 and "newest anchor: rfc3161 " + authority.url in said.out, said


def test_the_settings_name_places_and_the_policy_asks(project: Project, tmp_path: Path) -> None:
    told = f"anchor: {{places: {tmp_path}/heads.txt}}\npolicy: {{anchor: required}}\n"
    text = (project.folder / "rawat.yml").read_text().replace("policy: {same_machine: allow}\n", told)
    project.write("rawat.yml", text)
    assert project.rawat("verify").code == 5
    assert project.rawat("anchor").code == 0
    assert project.rawat("verify").code == 0
    assert (tmp_path / "heads.txt").read_text().count("\n") == 1


def test_places_that_are_none(project: Project, tmp_path: Path) -> None:
    inside = project.rawat("anchor", "records/heads.txt")
    assert inside.code == 2 and "is inside the records" in inside.err
    assert project.rawat("anchor").code == 2
    closed = project.rawat("anchor", "http://127.0.0.1:9/")
    assert closed.code == 6 and "no time stamp was given" in closed.err
    bare = tmp_path / "no-repo"
    bare.mkdir()
    assert project.rawat("anchor", str(bare)).code == 6
    assert project.rawat("verify", "records", "--anchor", str(tmp_path / "missing")).code == 2
    assert project.rawat("verify").code == 0, "nothing half-made is left"
