"""Two people who log in as themselves and become one user, whom nobody knew of before the steps ran."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.project import Project, wait_for
from tests.bed.process import alive, run, until
from tests.bed.sshd import LoopbackSshd

NOPASSWD = "%s ALL=(ALL:ALL) NOPASSWD: ALL"
BEN = """phases:
  implement:
    - {id: who, command: echo %s, register: who}
    - id: one
      become: "{{ who.stdout | trim }}"
      script: 'echo $$ >> {{ folder }}/counter; until test -e {{ folder }}/end; do sleep 0.05; done'
"""
ANNA = """become: %s
phases:
  implement:
    - id: hold
      script: 'touch {{ folder }}/held; until test -e {{ folder }}/free; do sleep 0.05; done'
"""


@pytest.fixture
def shared(sudoer: Callable[[str], str]) -> str:
    return sudoer(NOPASSWD)


@pytest.fixture
def room(shared: str) -> Iterator[Path]:
    """A folder where the shared user may write; the tests' own is closed to him."""
    with tempfile.TemporaryDirectory() as folder:
        run(["chown", shared, folder])
        yield Path(folder)


@pytest.fixture
def projects(
    tmp_path: Path, start_sshd: Callable[..., LoopbackSshd], sudoer: Callable[[str], str]
) -> Iterator[tuple[Project, Project]]:
    yield tuple(Project(tmp_path / name, start_sshd(account=sudoer(NOPASSWD))) for name in ("anna", "ben"))  # type: ignore[misc]


def test_a_step_in_doubt_is_not_run_again_because_another_holds_its_user(
    room: Path, projects: tuple[Project, Project], shared: str
) -> None:
    """It went on record as failed, and the next `resume` ran it once more."""
    anna, ben = projects
    variables = ("-e", f"folder={room}")
    first = ben.start("run", ben.playbook(f"vars: {{folder: {{required: true}}}}\n{BEN % shared}"), *variables)
    wait_for(room / "counter", first)
    until("the step wrote who it is", lambda: bool((room / "counter").read_text()))
    os.kill(first.pid, signal.SIGKILL)
    first.communicate(timeout=60)
    holder = anna.start(
        "run",
        anna.playbook(f"vars: {{folder: {{required: true}}}}\n{ANNA % shared}"),
        *variables,
        "--lock-timeout",
        "1m",
    )
    wait_for(room / "held", holder)
    (room / "end").touch()
    until("the step has ended", lambda: not alive(int((room / "counter").read_text().split()[0])))

    said = ben.rawat("resume", "last", "--lock-timeout", "300ms")
    assert said.code == 5, said
    assert "another run holds this host" in said.out and "--settle one=" in said.out, said
    assert ben.sshd is not None
    began = ben.start("resume", "last", "--lock-timeout", "2m")
    until("it is connected", lambda: began.poll() is not None or ben.sshd.sessions())
    (room / "free").touch()
    out, err = began.communicate(timeout=120)
    assert began.returncode == 0, out + err
    out, err = holder.communicate(timeout=120)
    assert holder.returncode == 0, out + err
    assert len((room / "counter").read_text().split()) == 1
