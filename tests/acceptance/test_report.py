"""`rawat report` as a person and a pipeline use it."""

from __future__ import annotations

import csv
import io
import json
import re
import stat
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.acceptance.project import Project

TWO = (
    "checklist: [{id: seen, text: It was seen, phase: test, by: hand}]\n"
    "phases:\n"
    "  implement: [{id: one, command: 'echo =cmd'}]\n"
    "  test: [{id: two, script: \"echo '<script>alert(1)</script>'; echo '::set-output name=x::y'; exit 3\"}]\n"
)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """One run that failed on its second step."""
    made = Project(tmp_path_factory.mktemp("report") / "project")
    said = made.rawat("run", made.playbook(TWO), "--ticket", "CHG-1", "--reason", "because <b>")
    assert said.code == 1, said
    return made


def test_html_is_the_default_and_goes_to_stdout(project: Project) -> None:
    said = project.rawat("report")
    assert said.code == 0, said.err
    assert said.out.startswith("<!DOCTYPE html>")
    assert "<script" not in said.out and "because &lt;b&gt;" in said.out
    assert "Failed on 1 of 1 host." in said.out
    assert "This record is not signed." in said.out
    assert not [line for line in said.out.splitlines() if line.startswith("::")]


def test_a_file_is_for_its_owner_and_nothing_is_on_stdout(project: Project) -> None:
    said = project.rawat("report", "last", "-o", "out.html")
    assert (said.code, said.out) == (0, "")
    path = project.folder / "out.html"
    assert path.read_text(encoding="utf-8") == project.rawat("report").out
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in project.folder.iterdir() if entry.name.startswith(".out")] == []
    said = project.rawat("report", "last", "-o", "OUT.MD")  # it was HTML, under any name
    assert "OUT.MD: run last as markdown" in said.err
    assert (project.folder / "OUT.MD").read_text(encoding="utf-8").startswith("<!-- rawat")
    (project.folder / "file").touch()
    for command in ("report", "export"):
        said = project.rawat(command, "-o", "nowhere/out.html")
        assert said.code == 2, (command, said)
        assert "nowhere/out.html: cannot be written: No such file or directory" in said.err, command
        assert "make the folder nowhere first" in said.err, command
    said = project.rawat("export", "-o", "file/out.html")
    assert (said.code, "name a file in a folder that you may write in" in said.err) == (2, True), said


def test_the_commands_on_the_page_check_the_record(project: Project) -> None:
    """The shell lines are taken from the page and run, as an auditor would."""
    page = project.rawat("report").out
    blocks = re.findall(r'<pre class="command">(.*?)</pre>', page, re.DOTALL)
    check = next(block for block in blocks if "sha256sum -c" in block)
    done = subprocess.run(["sh", "-ec", check], cwd=project.folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    digest = next(block for block in blocks if block.startswith("sha256sum SHA256SUMS")).splitlines()[1]
    (sums,) = (project.folder / "records").glob("*/1/SHA256SUMS")
    found = subprocess.run(["sha256sum", str(sums)], capture_output=True, text=True, check=True).stdout
    assert found.split()[0] == digest
    verify = next(block for block in blocks if block.startswith("rawat verify")).split()
    assert project.rawat(*verify[1:]).code == 4


def test_every_format_can_be_read(project: Project) -> None:
    record = json.loads(project.rawat("report", "--format", "json").out)
    assert record["hosts"]["h1"]["outcome"] == "failed"
    rows = list(csv.DictReader(io.StringIO(project.rawat("report", "--format", "csv").out, newline="")))
    assert [(row["step"], row["outcome"]) for row in rows] == [("one", "ok"), ("two", "failed")]
    root = ElementTree.fromstring(project.rawat("report", "--format", "junit").out)
    assert [suite.get("name") for suite in root] == ["h1", "checklist"]
    markdown = project.rawat("report", "--format", "markdown").out
    assert markdown.startswith(f"<!-- rawat:run:{record['run']} -->")
    assert "h1 | ::set-output name=x::y" in markdown


def test_in_indonesian(project: Project) -> None:
    said = project.rawat("report", "--lang", "id")
    assert '<html lang="id">' in said.out
    assert "Gagal pada 1 dari 1 host." in said.out and "Daftar periksa" in said.out
    assert "Gagal pada" in project.rawat("report", "--lang", "id", "--format", "markdown").out


def test_a_persons_word_is_shown_as_a_word(project: Project) -> None:
    assert project.rawat("sign", "last", "--item", "seen", "--note", "looked <i>twice</i>").code == 0
    page = project.rawat("report").out
    assert "a person&#39;s word" in page
    assert "looked &lt;i&gt;twice&lt;/i&gt;" in page


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("report", "--format", "pdx"), "there is no format 'pdx'; did you mean 'pdf'?"),
        (("report", "--lang", "xx"), "there are no reports in 'xx'; there are: en, id"),
        (("report", "NOPE"), "no run in"),
    ],
)
def test_bad_input_is_2(project: Project, words: tuple[str, ...], said: str) -> None:
    answer = project.rawat(*words)
    assert answer.code == 2 and said in answer.err, answer


def test_a_run_that_is_not_sealed_says_so(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    assert project.rawat("run", project.playbook("phases: {implement: [{id: one, command: 'true'}]}\n")).code == 0
    (sitting,) = (project.folder / "records").glob("*/1")
    lines = (sitting / "events.jsonl").read_bytes().splitlines(keepends=True)
    (sitting / "events.jsonl").write_bytes(b"".join(lines[:-2]))
    (sitting / "SHA256SUMS").unlink()
    page = project.rawat("report").out
    assert "Not finished: the run was cut off before its end." in page
    assert "The record is not sealed" in page and "sha256sum" not in page
