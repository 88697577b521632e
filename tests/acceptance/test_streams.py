"""The command line between other programs: closed streams, pipes that nobody reads, full disks, terminals."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.project import RAWAT, Project, wait_for
from tests.bed.process import until

ONE = "phases: {implement: [{id: one, command: %s}]}\n"
HIDE, SHOW = b"\x1b[?25l", b"\x1b[?25h"
"""How a program hides the cursor of a terminal, and shows it."""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path / "p")
    made.playbook(ONE % "echo one")
    made.playbook(ONE % "'false'", name="bad.yml")
    return made


def through_sh(project: Project, line: str) -> subprocess.CompletedProcess[str]:
    rawat = " ".join(RAWAT)
    return subprocess.run(
        ["bash", "-c", line.replace("rawat", rawat)],
        cwd=project.folder, env=project.environment, capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip


def at_a_terminal(project: Project, *words: str, types: bytes = b"", after: bytes = b"") -> tuple[int, bytes]:
    """(exit code, all that was written to the terminal); `types` is typed once `after` is there to be read."""
    environment = {**project.environment, "TERM": "xterm"}
    environment.pop("CI", None)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*RAWAT, *words], cwd=project.folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    seen = b""
    with contextlib.suppress(OSError):  # the other side is gone
        while piece := os.read(ours, 1 << 16):
            seen += piece
            if types and after in seen:
                os.write(ours, types)
                types = b""
    os.close(ours)
    return process.wait(240), seen


def test_a_stream_that_is_closed_is_nothing_to_fall_over(project: Project) -> None:
    done = through_sh(project, "rawat run p.yml <&-; echo $?; rawat run p.yml 2>&-; echo $?; rawat runs -n 1 >&- <&-")
    assert done.returncode == 0
    assert [line for line in done.stdout.splitlines() if line.isdigit()] == ["0", "0"]
    assert "Traceback" not in done.stdout + done.stderr


def test_the_exit_code_stands_though_nobody_reads(project: Project) -> None:
    line = "rawat run %s 2>%s | true; echo ${PIPESTATUS[0]} >&2"
    lines = [line % ("p.yml", "/dev/null"), line % ("bad.yml", "/dev/null"), line % ("none.yml", "&1")]
    done = through_sh(project, "\n".join(lines))
    assert done.stderr.split() == ["0", "1", "2"]


@pytest.mark.parametrize(("before", "code"), [("trap '' HUP;", 0), ("", 143)])
def test_a_run_whose_terminal_is_closed_ends_as_it_should(project: Project, before: str, code: int) -> None:
    """Where SIGHUP is ignored, as nohup does it, it goes on; otherwise it is stopped. It ended with 1 both times."""
    begun, go = project.folder / "begun", project.folder / "go"
    book = project.playbook(ONE % f"'touch {begun}; until [ -e {go} ]; do sleep 0.05; done'", name="wait.yml")
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["sh", "-c", f"{before} exec {' '.join(RAWAT)} run {book}"], cwd=project.folder,
        env={**project.environment, "TERM": "xterm"}, stdin=theirs, stdout=theirs, stderr=theirs, text=True,
    )  # fmt: skip
    os.close(theirs)
    wait_for(begun, process)
    os.close(ours)
    process.send_signal(signal.SIGHUP)
    go.touch()
    assert process.wait(240) == code
    assert project.record()["stopped_by"] == ("" if code == 0 else "SIGHUP")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)])
def test_a_signal_before_anything_was_begun_leaves_one_document(
    project: Project, number: signal.Signals, code: int
) -> None:
    """The playbook is a pipe that somebody has open and writes nothing to: that is where it waits."""
    book = project.folder / "pipe.yml"
    os.mkfifo(book)
    process = subprocess.Popen(
        [*RAWAT, "run", "pipe.yml", "--json"], cwd=project.folder, env=project.environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    with book.open("wb"):
        process.send_signal(number)
        if number == signal.SIGTERM:  # as systemd does where it is told SendSIGHUP=yes
            process.send_signal(signal.SIGHUP)
        out, err = process.communicate(timeout=240)
    assert (process.returncode, err.strip()) == (code, "stopped")
    assert json.loads(out) == {
        "schema": "rawat-error@1", "exit": code, "error": "stopped", "hint": "", "problems": [],
    }  # fmt: skip


def test_who_stops_what_is_said_of_a_run_that_is_over_gets_no_other_words(project: Project) -> None:
    ours, theirs = os.pipe()
    fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)  # the record finds no room in it, and nobody reads
    process = subprocess.Popen(
        [*RAWAT, "run", "p.yml", "--json"], cwd=project.folder, env=project.environment, stdout=theirs,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(theirs)
    until("something is said", lambda: bool(select.select([ours], [], [], 1)[0]))

    def stopped() -> bool:
        process.send_signal(signal.SIGINT)
        return process.poll() is not None

    until("it has ended", stopped)
    with os.fdopen(ours, "rb") as said:
        document = said.read()
    assert process.returncode == 0
    assert b'"schema": "rawat-record@' in document and b"rawat-error" not in document


def test_a_full_disk_behind_stdout_is_6_in_words(project: Project) -> None:
    done = through_sh(project, "rawat schema >/dev/full")
    assert (done.returncode, done.stderr) == (
        6, "error: what was to be said could not be written: No space left on device\n",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("run", "none.yml"), 2, "none.yml: cannot be read"),
        (("run", "p.yml", "--hosts", ""), 2, "--hosts has an empty value"),
        (("plan", "p.yml", "--nope"), 2, "No such option"),
    ],
)
def test_with_json_there_is_one_document_when_it_fails_too(
    project: Project, words: tuple[str, ...], code: int, said: str
) -> None:
    done = project.rawat(*words, "--json")
    document = done.json()
    assert (done.code, document["schema"], document["exit"]) == (code, "rawat-error@1", code)
    assert said in document["error"]


def test_the_document_of_a_failure_holds_every_problem_with_its_place(project: Project) -> None:
    project.write("wrong.yml", "rawat: 1\nname: t\nkind: othr\nhosts: all\nphases: {implement: [{id: a, comand: x}]}\n")
    problems = project.rawat("plan", "wrong.yml", "--json").json()["problems"]
    assert [(problem["file"], problem["line"], problem["column"]) for problem in problems] == [
        ("wrong.yml", 3, 7), ("wrong.yml", 5, 30),
    ]  # fmt: skip


def test_a_run_that_is_refused_leaves_the_terminal_as_it_was(project: Project) -> None:
    path = project.folder / "rawat.yml"
    path.write_text(path.read_text().replace("{same_machine: allow}", "{ticket: required}"))
    code, seen = at_a_terminal(project, "run", "p.yml")
    assert (code, HIDE in seen) == (8, False), seen


def test_a_question_for_a_secret_can_be_seen_and_the_cursor_comes_back(project: Project) -> None:
    head = "rawat: 1\nname: t\nkind: other\nhosts: all\nsecrets: [pw]\n"
    book = project.playbook(ONE % "{line: 'test \"$X\" = open-sesame', env: {X: '{{ pw }}'}}", name="s.yml", head=head)
    code, seen = at_a_terminal(project, "run", book, types=b"open-sesame\n", after=b"Secret pw:")
    assert code == 0, seen
    assert HIDE not in seen.partition(b"Secret pw:")[0]
    assert seen.count(HIDE) == seen.count(SHOW) > 0


def test_a_folder_that_was_removed_is_told_so(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    script = f"cd {tmp_path}/gone; rmdir ../gone; {sys.executable} -c 'from runner.cli.main import main; main()' "
    done = subprocess.run(
        ["sh", "-c", f"{script} runs; echo $?; {script} check x.yml; echo $?"],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["2", "2"], done.stderr
    assert done.stderr.count("the folder that you are in was removed") == 2


def test_what_an_inventory_and_ssh_config_say_does_nothing_on_the_terminal(tmp_path: Path) -> None:
    project = Project(tmp_path / "p")
    book = project.playbook(ONE % "echo")
    project.write("rawat.yml", "rawat: 1\nssh_config: ssh\n")
    values = 'vars: {x: "\\e[2J\\u202e"}\nhosts: {h1: {}, h2: {identity_file: "\\e[2J"}}\n'
    project.write("inventory.yml", f"rawat: 1\n{values}")
    project.write("ssh", "HostName x\x1b[2J\nUser \x1b[2J\nIdentityFile %C\x1b[2J\nMatch exec \x1b[2J\n").chmod(0o600)
    for words, code in ((("hosts",), 0), (("plan", book), 0), (("run", book), 4)):
        said, seen = at_a_terminal(project, *words)
        told = b" ".join(seen.split())  # lines of the terminal end where words do
        assert (said, b"the block under 'Match exec ^[[2J' is ignored" in told) == (code, True), seen
        assert b"\x1b[2J" not in seen and "\u202e".encode() not in seen, seen


@pytest.mark.parametrize("encoding", ["latin-1", "ascii", "cp437"])
def test_what_another_encoding_cannot_show_is_written_as_its_number(project: Project, encoding: str) -> None:
    done = through_sh(
        project, f"PYTHONIOENCODING={encoding} rawat run p.yml; PYTHONIOENCODING={encoding} rawat show last"
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout.count("1 step") == 2
