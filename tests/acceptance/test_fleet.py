"""More hosts than a process may have open files."""

from __future__ import annotations

from pathlib import Path

from tests.acceptance.project import Project
from tests.bed.sshd import LoopbackSshd

ONE = "rollout: {parallel: 5}\nphases: {implement: [{id: one, command: 'echo {{ n }} >>{{ out }}'}]}\n"
HOSTS = 12
FEW = ("prlimit", "--nofile=16:16")


def test_more_hosts_than_files_may_be_open(tmp_path: Path, loopback_sshd: LoopbackSshd) -> None:
    """All are asked before the first step, and again when their turn comes."""
    project = Project(tmp_path / "project", loopback_sshd, hosts=HOSTS)
    out = project.folder / "out"
    out.touch()
    out.chmod(0o666)
    book = project.playbook("vars: {out: {required: true, type: string}, n: 0}\n" + ONE)
    planned = project.rawat("plan", book, "-e", f"out={out}", before=FEW)
    assert "12 hosts are more than stay connected (1): each is asked first" in planned.out
    assert "no more than 1 hosts work at once: a process may not open more files here (ulimit -n)" in planned.out
    ran = project.rawat("run", book, "-e", f"out={out}", before=FEW)
    assert ran.code == 0, ran.err
    assert sorted(map(int, out.read_text().split())) == list(range(1, HOSTS + 1))
