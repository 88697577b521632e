"""Records that are signed: who signs, what an auditor types, and what happens where the key cannot."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runner.app.request import Context
from runner.app.signing import add_signer, use_key
from tests.acceptance.project import HEAD, Project

ROOT = Path(__file__).parents[2]
ONE = "phases: {implement: [{id: one, command: 'touch {{ folder | raw }}/touched; echo hi'}]}\n"
HEADER = HEAD + "vars: {folder: {type: string}}\n"


def make_key(folder: Path, name: str, *, phrase: str = "") -> Path:
    comment = f"{name}@example.com"
    path = folder / name
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", phrase, "-C", comment, "-f", str(path)], check=True)
    return path


def project_with_key(folder: Path, *others: str) -> Project:
    """
    Alice signs, and she and the others may.

    By what `rawat key` does, but in this process: it is what most tests begin with, and a process each takes its time.
    """
    project = Project(folder)
    context = Context(folder=project.folder, environment=project.environment)
    for name in ("alice", *others):
        make_key(project.folder, name)
        add_signer(context, f"{name}@example.com", str(project.folder / f"{name}.pub"))
    use_key(context, "alice", "")
    return project


def run(project: Project, *words: str) -> int:
    name = project.playbook(ONE, head=HEADER)
    return project.rawat("run", name, "-e", f"folder={project.folder}", *words).code


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One run, signed by alice, who may."""
    project = project_with_key(tmp_path_factory.mktemp("signed") / "project")
    assert run(project) == 0
    return project


def sitting_of(project: Project) -> Path:
    (found,) = (project.folder / "records").glob("*/1")
    return found


def test_every_output_says_who_signed(signed: Project) -> None:
    assert "signed by alice@example.com" in signed.rawat("show").out
    assert re.search(r" yes$", signed.rawat("runs").out, re.MULTILINE)
    assert signed.record()["seals"][0]["signer"] == "alice@example.com"
    assert "The record is sealed and signed by alice@example.com." in signed.rawat("report").out
    assert "signed by alice" in signed.rawat("report", "--format", "markdown").out
    assert "signed by alice@example.com" in signed.rawat("report", "--format", "junit").out
    assert "signed by alice@example.com" in signed.rawat("report", "--format", "csv").out
    said = signed.rawat("verify")
    assert said.code == 0, said
    assert said.out.startswith("intact, signed and trusted: 1 run, 3 ledger lines, head ")


@pytest.mark.parametrize("page", ["README.md", "docs/audit.md", "report"])
def test_the_two_commands_as_they_are_written(signed: Project, page: str) -> None:
    """Taken from the pages and run; after any change to a file they fail."""
    if page == "report":
        text = signed.rawat("report").out.replace("&lt;", "<").replace("&#39;", "'")
        (command,) = re.findall(r"^(ssh-keygen -Y verify .*\nsha256sum -c --strict SHA256SUMS)", text, re.MULTILINE)
    else:
        found = re.findall(r"^ *(ssh-keygen -Y verify .*SHA256SUMS)$", (ROOT / page).read_text(), re.MULTILINE)
        (command,) = found
    folder = sitting_of(signed)
    assert says(command, folder) == 0
    events = folder / "events.jsonl"
    raw = events.read_bytes()
    try:
        events.write_bytes(raw.replace(b"hi", b"ho", 1))
        assert says(command, folder) != 0
    finally:
        events.write_bytes(raw)
    assert says(command, folder) == 0


def says(command: str, folder: Path) -> int:
    return subprocess.run(["sh", "-ec", command], cwd=folder, capture_output=True, check=False).returncode


@pytest.fixture
def copy(signed: Project) -> Iterator[Path]:
    """A copy of the records that everybody may read and nobody may write."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        copy = Path(folder) / "copy"
        shutil.copytree(signed.folder / "records", copy)
        for path in (copy, *copy.rglob("*")):
            path.chmod(0o555 if path.is_dir() else 0o444)
        yield copy
        for path in (copy, *copy.rglob("*")):
            path.chmod(0o700)


def verify_as_nobody(copy: Path) -> subprocess.CompletedProcess[str]:
    """Another user, no home, a namespace without a network. (Loaded as root: the Python of the tests may be root's.)"""
    child = (
        "import os, sys\n"
        f"sys.argv = ['rawat', 'verify', {str(copy)!r}]\n"
        "from runner.cli.main import _main\n"
        "_main()\n"
        "print('as nobody:', flush=True)\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "sys.exit(_main())\n"
    )
    return subprocess.run(
        ["unshare", "-n", sys.executable, "-c", child], cwd=ROOT, env={"PATH": os.environ["PATH"], "HOME": "/nowhere"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_reader_without_settings_network_or_rights_may_verify(copy: Path) -> None:
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    done = verify_as_nobody(copy)
    assert (done.returncode, done.stderr) == (0, ""), done
    assert "as nobody:\nintact, signed and trusted" in done.stdout
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


def test_what_may_not_be_read_is_not_called_altered(copy: Path) -> None:
    next(copy.glob("*/1/statement.json")).chmod(0o400)
    done = verify_as_nobody(copy)
    assert done.returncode == 2, done
    assert "statement.json: cannot be read: Permission denied" in done.stderr


@pytest.mark.parametrize("trouble", ["agent gone", "passphrase", "no ssh-keygen", "file gone"])
def test_a_key_that_cannot_sign_is_found_before_the_first_host(tmp_path: Path, trouble: str) -> None:
    project = project_with_key(tmp_path / "p")
    environment = {}
    if trouble == "agent gone":
        (project.folder / "alice").unlink()
        environment = {"RAWAT_SIGNING_KEY": "alice.pub", "SSH_AUTH_SOCK": str(tmp_path / "no.sock")}
    elif trouble == "passphrase":
        make_key(project.folder, "locked", phrase="open sesame")
        environment = {"RAWAT_SIGNING_KEY": "locked"}
    elif trouble == "no ssh-keygen":
        environment = {"PATH": str(tmp_path)}
    else:
        (project.folder / "alice").unlink()
        (project.folder / "alice.pub").unlink()
    name = project.playbook(ONE, head=HEADER)
    said = project.rawat("run", name, "-e", f"folder={project.folder}", environment=environment)
    assert said.code == (2 if trouble == "file gone" else 6), said
    assert "key" in said.err
    assert not (project.folder / "touched").exists()
    assert not list((project.folder / "records").glob("*/1"))
    assert project.rawat("key", environment=environment).code == said.code


def test_a_key_that_fails_at_the_end_leaves_a_seal_that_says_so(tmp_path: Path) -> None:
    project = project_with_key(tmp_path / "p")
    name = project.playbook("phases: {implement: [{id: one, command: 'rm alice; mv alice.pub gone'}]}\n")
    project.write(
        "p.yml", (project.folder / name).read_text().replace("rm alice; mv", f"cd {project.folder}; rm alice; mv")
    )
    said = project.rawat("run", name)
    assert said.code == 6, said
    assert "is sealed, not signed" in said.err
    verified = project.rawat("verify")
    assert verified.code == 4 and "no key says who sealed it" in verified.out, verified
    assert "not signed" in project.rawat("show").out


def test_the_policy_may_ask_for_a_signature(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    name = project.playbook(ONE, head=HEADER)
    said = project.rawat(
        "run", name, "-e", f"folder={project.folder}", environment={"RAWAT_POLICY_SIGNATURE": "required"}
    )
    assert said.code == 8 and "asks for a record that is signed" in said.err
    assert not (project.folder / "touched").exists()


def test_nothing_is_not_intact(tmp_path: Path) -> None:
    project = Project(tmp_path / "project")
    for words in ((), (".",)):
        said = project.rawat("verify", *words)
        assert said.code == 2 and "there are no records in" in said.err, said


def test_a_key_that_others_may_read_says_what_to_do(tmp_path: Path) -> None:
    project = project_with_key(tmp_path / "project")
    (project.folder / "alice").chmod(0o644)
    said = project.rawat("run", project.playbook(ONE, head=HEADER), "-e", f"folder={project.folder}")
    assert said.code == 6 and f"chmod 600 {project.folder / 'alice'}" in said.err, said


def test_who_may_sign_is_added_listed_and_revoked(tmp_path: Path) -> None:
    project = project_with_key(tmp_path / "p")
    assert run(project) == 0
    key = (project.folder / "alice.pub").read_text()
    again = project.rawat("key", "add", "bob@example.com", key)
    assert again.code == 2 and "this key is that of alice@example.com already" in again.err
    assert project.rawat("key", "add", "a b", "alice.pub").code == 2
    assert "alice@example.com  SHA256:" in project.rawat("key", "list").out
    assert project.rawat("key", "revoke", "alice@example.com").code == 0
    assert project.rawat("verify").code == 0, "what was signed before stays valid"
    time.sleep(1.1)  # times of validity are whole seconds
    said = project.rawat("key")
    assert said.code == 6 and "does not let alice@example.com sign now" in said.out and "it can sign" not in said.out
    assert run(project) == 0
    said = project.rawat("verify")
    assert said.code == 4 and "alice@example.com: its key may sign until" in said.out, said
    assert project.rawat("key", "revoke", "alice@example.com", "--at", "2020-01-01").code == 0
    assert "until 2020-01-01" in project.rawat("verify").out
    assert project.rawat("key", "revoke", "carol").code == 2
    assert project.rawat("key", "revoke", "alice@example.com", "--at", "0001-01-01T00:00+14:00").code == 2


def test_no_key_material_anywhere(tmp_path: Path) -> None:
    project = project_with_key(tmp_path / "p")
    run(project)
    secret = "".join((project.folder / "alice").read_text().splitlines()[1:-1])
    sinks = [path for path in (project.folder / "records").rglob("*") if path.is_file()]
    texts = [path.read_bytes().decode(errors="replace") for path in sinks] + [project.rawat("show", "--json").out]
    for text in texts:
        assert "PRIVATE KEY" not in text
        assert secret[60:120] not in text
