"""Evidence packs: packed here, verified and brought in there; hostile ones touch nothing."""

from __future__ import annotations

import io
import re
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from tests.acceptance.project import Project
from tests.acceptance.test_signed import project_with_key, run


def ids(project: Project) -> list[str]:
    return sorted(path.name for path in (project.folder / "records").glob("01*"))


def plain(path: Path) -> bytes:
    """The tar in a pack."""
    return zstandard.ZstdDecompressor().decompressobj().decompress(path.read_bytes())


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Three signed runs; the second was for a ticket."""
    made = project_with_key(tmp_path / "project")
    assert [run(made), run(made, "--ticket", "CHG-9"), run(made)] == [0, 0, 0]
    return made


def team(folder: Path, project: Project) -> Project:
    """Another folder of records, that trusts the same people."""
    made = Project(folder)
    assert made.rawat("key", "add", "alice@example.com", str(project.folder / "alice.pub")).code == 0
    return made


def test_a_pack_verifies_anywhere_and_says_what_it_leaves_out(project: Project, tmp_path: Path) -> None:
    said = project.rawat("export", "--ticket", "CHG-9", "--since", "1h", "-o", "pack.tar.zst")
    assert said.code == 0 and said.out.startswith("pack.tar.zst: 1 run\n"), said
    path = project.folder / "pack.tar.zst"
    assert path.stat().st_mode & 0o777 == 0o600
    elsewhere = Project(tmp_path / "elsewhere")
    verified = elsewhere.rawat("verify", str(path))
    assert verified.code == 0, verified
    assert "a pack: 2 other runs of this ledger left out" in verified.out
    with tarfile.open(fileobj=io.BytesIO(plain(path))) as archive:
        names = set(archive.getnames())
    assert {f"reports/{ids(project)[1]}.html", f"reports/{ids(project)[1]}.json", "pack.json"} <= names
    assert not any(name.startswith(ids(project)[0]) for name in names)
    assert project.rawat("export", "--ticket", "CHG-9", "-o", "pack.tar.zst").code == 2, "not written over"
    nothing = project.rawat("export", "--ticket", "CHG-8", "-o", "none.tar.zst")
    assert nothing.code == 2 and not (project.folder / "none.tar.zst").exists()


def test_a_pack_is_verified_first_and_then_part_of_what_is_listed_and_verified(
    project: Project, tmp_path: Path
) -> None:
    first = ids(project)[0]
    assert project.rawat("export", first, "-o", "one.tar.zst").code == 0
    assert run(project) == 0
    assert project.rawat("export", "-o", "all.tar.zst").code == 0
    there = team(tmp_path / "team", project)
    assert run(there) == 0
    said = there.rawat("import", str(project.folder / "one.tar.zst"))
    assert said.code == 0 and "intact, signed and trusted" in said.out, said
    assert len(there.rawat("runs", "--json").json()) == 2
    assert there.rawat("show", first).code == 0
    assert there.rawat("import", str(project.folder / "all.tar.zst")).code == 0, "the same ledger, further on"
    assert len(there.rawat("runs", "--json").json()) == 5
    older = there.rawat("import", str(project.folder / "one.tar.zst"))
    assert older.code == 2 and "does not go on from the one that was brought in before" in older.err
    assert there.rawat("reindex").out == "5 runs indexed\n"
    assert there.rawat("prune", "--older", "0s", "--json").json()["old"] == ids(there), "not theirs"
    assert there.rawat("export", "-o", "ours.tar.zst").out.startswith("ours.tar.zst: 1 run\n"), "not theirs"
    said = there.rawat("verify", "ours.tar.zst")
    assert said.code == 4, "what we brought in is no part of it, and not missed"
    assert said.out.startswith("ours.tar.zst/0"), "a place in the pack, not in a folder that is gone by then"
    verified = there.rawat("verify")
    assert verified.code == 4 and "imported" not in verified.out, "our own run is not signed; theirs are"
    (home,) = (there.folder / "records" / "imported").iterdir()
    (home / first / "1" / "plan.json").write_text("{}")
    assert there.rawat("verify").code == 1
    shutil.rmtree(home)
    assert "were brought in and are gone" in there.rawat("verify").out


def test_a_pack_that_was_altered_or_is_of_strangers_is_refused(project: Project, tmp_path: Path) -> None:
    assert project.rawat("export", "-o", "pack.tar.zst").code == 0
    stranger = Project(tmp_path / "stranger")
    (stranger.folder / "records").mkdir(mode=0o700)
    (stranger.folder / "records" / "allowed_signers").write_text("")
    refused = stranger.rawat("import", str(project.folder / "pack.tar.zst"))
    assert refused.code == 4 and "refused" in refused.err
    assert not (stranger.folder / "records" / "imported").exists()
    assert stranger.rawat("import", str(project.folder / "pack.tar.zst"), "--unsigned").code == 0
    outputs = next((project.folder / "records").rglob("out/h1/*.log"))
    outputs.write_bytes(outputs.read_bytes().replace(b"hi", b"ho"))
    assert project.rawat("export", "-o", "bad.tar.zst").code == 0
    there = team(tmp_path / "team", project)
    for words in ((), ("--unsigned",)):
        bad = there.rawat("import", str(project.folder / "bad.tar.zst"), *words)
        assert bad.code == 1 and "refused: ALTERED" in bad.err, bad
    assert not (there.folder / "records" / "imported").exists()


def _link(archive: tarfile.TarFile) -> None:
    member = tarfile.TarInfo("ledger.jsonl")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    archive.addfile(member)


def _outside(archive: tarfile.TarFile) -> None:
    member = tarfile.TarInfo("../outside")
    member.size = 1
    archive.addfile(member, io.BytesIO(b"x"))


def _device(archive: tarfile.TarFile) -> None:
    member = tarfile.TarInfo("ledger.jsonl")
    member.type = tarfile.CHRTYPE
    archive.addfile(member)


def _nothing(archive: tarfile.TarFile) -> None:
    """A tar that is no pack."""


@pytest.mark.parametrize("act", [_link, _outside, _device, _nothing])
def test_what_is_no_pack_touches_nothing(tmp_path: Path, act: Callable[[tarfile.TarFile], None]) -> None:
    project = Project(tmp_path / "project")
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        act(archive)
    path = project.folder / "pack.tar.zst"
    path.write_bytes(zstandard.ZstdCompressor().compress(raw.getvalue()))
    for words in (("verify", "pack.tar.zst"), ("import", "pack.tar.zst")):
        said = project.rawat(*words)
        assert said.code == 2 and "no pack of rawat's" in said.err, said
    assert not list(tmp_path.rglob("outside"))
    assert [entry.name for entry in (project.folder / "records").iterdir()] == []
    path.write_bytes(b"no archive")
    assert project.rawat("verify", "pack.tar.zst").code == 2


def test_copies_with_pseudonyms_hold_no_name(project: Project, tmp_path: Path) -> None:
    environment = {"GITHUB_ACTOR": "alice", "LOGNAME": "wati"}
    assert project.rawat("run", "p.yml", "-e", f"folder={project.folder}", environment=environment).code == 0
    run_id = ids(project)[-1]
    assert project.rawat("sign", run_id, "--delay", "other", "--minutes", "5", "--note", "alice was late").code == 0
    said = project.rawat("export", run_id, "--pseudonyms", "-o", "p.tar.zst", environment=environment)
    assert said.code == 0, said
    raw = plain(project.folder / "p.tar.zst")
    for name in ("alice", "wati"):
        assert not re.search(rb"(?<![\w.-])" + name.encode() + rb"(?![\w-])", raw), name
    assert b"person-1 was late" in raw
    refused = team(tmp_path / "team", project).rawat("import", str(project.folder / "p.tar.zst"))
    assert refused.code == 2 and "nothing in them to verify" in refused.err
    refused = project.rawat("verify", "p.tar.zst")
    assert refused.code == 2 and "nothing in them to verify" in refused.err, "0 runs are not intact, signed and trusted"
