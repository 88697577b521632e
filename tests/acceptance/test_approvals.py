"""Plans that are approved before they run: n people, not whoever runs it, for one digest and no other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.acceptance.project import Project
from tests.acceptance.test_signed import make_key, project_with_key

BOOK = "vars: {word: {type: string, default: hi}}\nphases: {implement: [{id: one, command: 'echo {{ word }}'}]}\n"
TWO = {"RAWAT_POLICY_APPROVALS": "2"}


def key_of(name: str) -> dict[str, str]:
    return {"RAWAT_SIGNING_KEY": name}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Alice runs; bob, carol and dave may approve."""
    made = project_with_key(tmp_path / "project", "bob", "carol", "dave")
    made.playbook(BOOK)
    return made


def saved(project: Project) -> Path:
    assert project.rawat("plan", "p.yml", "--save").code == 0
    return saved_at(project)


def test_no_plan_is_kept_that_a_secret_stands_in(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    inventory = project.folder / "inventory.yml"
    inventory.write_text(inventory.read_text().replace("n: 1", "n: 1, word: hunter2-hunter2"))
    project.playbook("secrets: [pw]\n" + BOOK.replace("default: hi", "default: hi, required: false"))
    secret = {"RAWAT_SECRET_PW": "hunter2-hunter2"}
    said = project.rawat("plan", "p.yml", "--save", environment=secret)
    assert (said.code, "the variable 'word' of h1 has a secret in it, [redacted:pw]" in said.err) == (2, True), said
    assert "hunter2" not in said.out + said.err and not (project.folder / "records").exists()
    said = project.rawat("plan", "p.yml", "--save", "-e", "word=hi", environment=secret)
    assert said.code == 0, said
    assert project.rawat("run", "--plan", saved_at(project).stem, environment=secret).code == 0
    assert b"hunter2" not in b"".join(p.read_bytes() for p in (project.folder / "records").rglob("*") if p.is_file())


def saved_at(project: Project) -> Path:
    (path,) = (project.folder / "records" / "plans").glob("*.json")
    return path


def begun(project: Project) -> int:
    return len(list((project.folder / "records").glob("*/1")))


def test_two_of_three_not_the_executor(project: Project) -> None:
    path = saved(project)
    digest = path.stem
    for words in (("run", "p.yml"), ("run", "--plan", str(path)), ("run", "--plan", digest[:10])):
        said = project.rawat(*words, environment=TWO)
        assert said.code == 8 and "has 0 of 2 approvals" in said.err, said
    assert project.rawat("approve", digest[:10], environment=key_of("none")).code == 8
    assert project.rawat("approve", digest[:10]).code == 0, "alice may say so; it does not count for her own run"
    said = project.rawat("run", "--plan", digest, environment=TWO)
    assert said.code == 8 and "alice@example.com does not count: whoever approves a plan does not run it" in said.err
    for name in ("bob", "bob"):
        assert project.rawat("approve", str(path), "--note", "seen", environment=key_of(name)).code == 0
    assert "has 1 of 2 approvals" in project.rawat("run", "--plan", digest, environment=TWO).err, "one person, one word"
    carol = project.rawat("approve", digest[:8], "--reject", "--note", "not tonight", environment=key_of("carol"))
    assert carol.code == 0
    said = project.rawat("run", "--plan", digest, environment=TWO)
    assert said.code == 8 and "was rejected by carol@example.com: not tonight" in said.err
    assert begun(project) == 0
    assert project.rawat("approve", digest[:8], environment=key_of("carol")).code == 0, "she thought better of it"
    assert "3 of 2: alice@example.com (approve), bob@example.com" in project.rawat("plan", "p.yml", environment=TWO).out
    said = project.rawat("run", "--plan", digest, environment=TWO)
    assert said.code == 0, said
    record = project.record()
    assert [word["by"] for word in record["approvals"]] == ["bob@example.com", "carol@example.com"]
    assert record["plan"] == digest and record["policy"]["approvals"] == 2
    verdict = project.rawat("verify")
    assert verdict.code == 0, verdict
    assert "alice@example.com, bob@example.com, carol@example.com" in verdict.out


def test_an_approval_is_void_for_another_digest(project: Project) -> None:
    path = saved(project)
    one = {"RAWAT_POLICY_APPROVALS": "1"}
    assert project.rawat("approve", str(path), environment=key_of("bob")).code == 0
    assert project.rawat("run", "p.yml", "-e", "word=ho", environment=one).code == 8
    assert project.rawat("run", "--plan", str(path), "-e", "word=ho", environment=one).code == 2
    assert project.rawat("run", "--plan", str(path), "p.yml", environment=one).code == 2
    text = (project.folder / "p.yml").read_text()
    project.write("p.yml", text.replace("echo", "echo -n"))
    said = project.rawat("run", "--plan", str(path), environment=one)
    assert said.code == 8 and "approvals of that one are void" in said.err, said
    assert begun(project) == 0
    project.write("p.yml", text)
    assert project.rawat("run", "p.yml", environment=one).code == 0, "the same plan, however it is named"


def test_only_approvers_of_the_policy_count_and_only_keys_that_are_valid(project: Project) -> None:
    path = saved(project)
    rule = {"RAWAT_POLICY_APPROVALS": "1", "RAWAT_POLICY_APPROVERS": "dave@example.com"}
    assert project.rawat("approve", str(path), environment=key_of("bob")).code == 0
    said = project.rawat("run", "--plan", str(path), environment=rule)
    assert said.code == 8 and "the policy does not list them" in said.err
    assert project.rawat("approve", str(path), environment=key_of("dave")).code == 0
    assert project.rawat("key", "revoke", "dave@example.com", "--at", "2026-01-01").code == 0
    said = project.rawat("run", "--plan", str(path), environment=rule)
    assert said.code == 8 and "its key may sign until" in said.err, said
    make_key(project.folder, "mallory")
    for name, why in (("dave", "its key may sign until"), ("mallory", "nobody in allowed_signers has the key")):
        refused = project.rawat("approve", str(path), environment=key_of(name))
        assert refused.code == 8 and "would not count" in refused.err and why in refused.err, refused


def test_a_strangers_word_on_one_plan_does_not_spoil_another_run(project: Project) -> None:
    """Past `rawat approve`, which refuses it."""
    from runner.app.prepare import settings_of
    from runner.app.request import Context
    from runner.app.signing import signer_of
    from runner.journal.acts import add_act

    digest = saved(project).stem
    assert project.rawat("run", "p.yml", "-e", "word=ho").code == 0
    make_key(project.folder, "mallory")
    environment = {**project.environment, **key_of("mallory")}
    signer = signer_of(settings_of(Context(folder=project.folder, environment=environment)), environment)
    records = project.folder / "records"
    add_act(records, "approve", at="2026-11-24T00:00:00.000Z", plan=digest, said={"by": "mallory"}, signer=signer)
    (records / "checkpoint.txt").unlink()
    (records / "checkpoint.txt.sig").unlink()
    assert project.rawat("verify").code == 4, "of the folder as a whole it is said"
    assert project.rawat("verify", "last").code == 0
    assert project.rawat("export", "-o", "pack.tar.zst").code == 0
    assert project.rawat("verify", "pack.tar.zst").code == 0
    assert project.rawat("run", "p.yml").code == 0
    assert project.rawat("verify", "last").code == 4, "of a run of that very plan too"


def test_emergencies_need_none_and_standard_changes_had_theirs(project: Project) -> None:
    assert project.rawat("run", "p.yml", "--type", "emergency", "--reason", "down", environment=TWO).code == 9
    standard = TWO | {"RAWAT_POLICY_STANDARD": "t"}
    assert project.rawat("run", "p.yml", "--type", "standard", environment=standard).code == 0


def test_plans_and_approvals_that_were_changed(project: Project) -> None:
    path = saved(project)
    one = {"RAWAT_POLICY_APPROVALS": "1"}
    assert project.rawat("approve", str(path), environment=key_of("bob")).code == 0
    raw = path.read_text()
    path.write_text(raw.replace('"parallel": 10', '"parallel": 99'))
    changed = project.rawat("approve", str(path), environment=key_of("carol"))
    assert changed.code == 2 and "it was changed" in changed.err, changed
    path.write_text(raw)
    (act,) = (project.folder / "records" / "plans" / path.stem).glob("*.json")
    text = act.read_text()
    act.write_text(text.replace('"note": ""', '"note": "x"'))
    said = project.rawat("run", "--plan", str(path), environment=one)
    assert said.code == 8 and "is not the one that the ledger knows" in said.err, said
    assert project.rawat("verify", "records").code == 1
    act.write_text(text)
    assert project.rawat("run", "--plan", str(path), environment=one).code == 0
    (kept,) = (project.folder / "records").glob("*/1/approvals/*-approve.json")
    assert json.loads(kept.read_text())["plan"] == path.stem
    shutil.rmtree(kept.parent)
    assert project.rawat("verify").code == 1


def test_what_is_no_plan(project: Project) -> None:
    assert project.rawat("approve", "abc").code == 2
    assert project.rawat("approve", "p.yml").code == 2
    assert project.rawat("run").code == 2
    assert project.rawat("run", "--plan", "abc").code == 2


def test_an_item_is_signed_before_the_run_and_counts_for_that_plan_alone(project: Project) -> None:
    project.playbook("checklist: [{id: told, phase: document, text: The desk was told, by: hand}]\n" + BOOK)
    digest = saved(project).stem
    assert project.rawat("sign", "--plan", digest, "--item", "tolled").code == 2
    assert project.rawat("sign", "--plan", digest).code == 2
    assert project.rawat("approve", digest, environment=key_of("bob")).code == 0
    said = project.rawat("sign", "--plan", digest, "--item", "told", "--note", "by phone", environment=key_of("bob"))
    assert said.code == 0 and "signed by bob@example.com" in said.out
    assert project.rawat("run", "--plan", digest, environment={"RAWAT_POLICY_APPROVALS": "1"}).code == 0, "no 9"
    item = next(item for item in project.record()["checklist"] if item["id"] == "told")
    assert (item["state"], item["by"], item["note"]) == ("pass", "bob@example.com", "by phone")
    assert project.rawat("verify").code == 0
    assert project.rawat("run", "p.yml", "-e", "word=ho").code == 9, "another plan"
    (word,) = (project.folder / "records" / "plans" / digest).glob("*-sign-off.json")
    word.write_text(word.read_text().replace("by phone", "by mail"))
    assert project.rawat("verify").code == 1
