"""Old runs go as a whole, and the ledger still verifies; a run that was simply removed is still seen."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.acceptance.project import Project
from tests.acceptance.test_signed import make_key, project_with_key, run

EMERGENCY = ("--type", "emergency", "--reason", "fire")


def ids(project: Project) -> list[str]:
    return sorted(path.name for path in (project.folder / "records").glob("01*"))


def test_old_runs_leave_a_signed_tombstone(tmp_path: Path) -> None:
    project = project_with_key(tmp_path / "project")
    assert [run(project), run(project), run(project, *EMERGENCY), run(project)] == [0, 0, 9, 0]
    before = ids(project)
    listed = project.rawat("prune", "--older", "1d")
    assert listed.code == 0 and listed.out.startswith("0 would go")
    listed = project.rawat("prune", "--older", "0s")
    assert "3 would go" in listed.out and "stays: its review is open" in listed.out
    assert ids(project) == before, "nothing goes without --yes"
    keeps = {"RAWAT_POLICY_RETENTION": "30d"}
    said = project.rawat("prune", "--older", "7d", "--yes", environment=keeps)
    assert said.code == 8 and "keeps runs for 30 days" in said.err
    said = project.rawat("prune", "--older", "0s", "--reason", "retention", "--yes", "--json").json()
    assert said["removed"] == [before[0], before[1], before[3]]
    assert ids(project) == [before[2]]
    assert [row["run"] for row in project.rawat("runs", "--json").json()] == [before[2]]
    verified = project.rawat("verify")
    assert verified.code == 0, verified
    assert run(project) == 0
    assert project.rawat("verify").code == 0, "the ledger goes on"
    assert project.rawat("reindex").out == "2 runs indexed\n"
    records = project.folder / "records"
    tombstone = records / "tombstones" / f"{before[0]}.json"
    text = tombstone.read_text()
    assert '"reason": "retention"' in text and '"playbook": "t"' in text and "alice@example.com" in text
    tombstone.write_text(text.replace("retention", "nothing"))
    assert "was changed" in project.rawat("verify").out and project.rawat("verify").code == 1
    tombstone.unlink()
    assert project.rawat("verify").code == 1
    tombstone.write_text(text)
    (records / "tombstones" / "more.json").write_text("{}")
    assert "the ledger knows no such tombstone" in project.rawat("verify").out
    (records / "tombstones" / "more.json").unlink()
    shutil.rmtree(records / ids(project)[0])
    assert "is gone: its folder was removed" in project.rawat("verify").out


def test_a_removal_by_a_key_that_does_not_count_or_by_none_vouches_for_nothing(tmp_path: Path) -> None:
    project = project_with_key(tmp_path / "project")
    make_key(project.folder, "mallory")
    assert run(project) == 0
    assert project.rawat("prune", "--older", "0s", "--yes", environment={"RAWAT_SIGNING_KEY": "mallory"}).code == 0
    assert project.rawat("verify").code == 4
    assert run(project) == 0
    assert project.rawat("prune", "--older", "0s", "--yes", environment={"RAWAT_SIGNING_KEY": "none"}).code == 0
    assert "no key says by whom" in project.rawat("verify").out


def test_a_prune_that_was_killed_is_finished_by_the_next(tmp_path: Path) -> None:
    project = project_with_key(tmp_path / "project")
    assert run(project) == 0
    (first,) = ids(project)
    kept = project.folder / "kept"
    shutil.copytree(project.folder / "records" / first, kept)
    assert project.rawat("prune", "--older", "0s", "--yes").code == 0
    shutil.copytree(kept, project.folder / "records" / first)  # killed after the ledger's line
    assert project.rawat("verify").code == 0
    assert project.rawat("prune", "--older", "900d", "--yes", "--json").json()["removed"] == [first]
    assert ids(project) == []
