"""The first command of the README: the main job on a machine that has nothing, from its beginning to its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path

from runner.playbook.shipped import NAMES
from tests.acceptance.project import RAWAT
from tests.bed import packages
from tests.bed.process import alive, descendants, until


def start(folder: Path) -> subprocess.Popen[str]:
    packages.ensure(packages.LOOPBACK)
    with (folder / "out").open("w") as out, (folder / "err").open("w") as err:
        return subprocess.Popen(
            [*RAWAT, "demo"], cwd=folder, stdin=subprocess.DEVNULL, stdout=out, stderr=err, text=True,
            start_new_session=True,
        )  # fmt: skip


def said(folder: Path) -> str:
    return (folder / "out").read_text() + (folder / "err").read_text()


def records(folder: Path) -> list[dict[str, object]]:
    """Of all runs, the first of them first."""
    here = folder / "rawat-demo"
    runs = sorted(path.name for path in (here / "records").iterdir() if path.is_dir())
    shown = (subprocess.run([*RAWAT, "show", run, "--json"], cwd=here, capture_output=True, check=True) for run in runs)
    return [json.loads(done.stdout) for done in shown]


def test_the_demo_runs_the_four_playbooks_and_leaves_nothing_behind_but_its_folder(tmp_path: Path) -> None:
    demo = start(tmp_path)
    until("it serves itself, or says why not", lambda: "SSH" in said(tmp_path))
    served = descendants(demo.pid)
    assert demo.wait(300) == 0, said(tmp_path)
    assert [(record["playbook"], record["outcome"]) for record in records(tmp_path)] == [(name, "ok") for name in NAMES]
    by_ssh = Path("/run/sshd").is_dir() or os.getuid() != 0
    assert ("A throw-away SSH server listens" in said(tmp_path)) is by_ssh
    verified = subprocess.run([*RAWAT, "verify"], cwd=tmp_path / "rawat-demo", capture_output=True, text=True)
    assert "intact, not signed by somebody who is trusted: 4 runs" in verified.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["err", "out", "rawat-demo"]
    until("its server is gone", lambda: not any(map(alive, served)))


def test_ctrl_c_ends_the_demo_and_not_the_server_under_what_runs(tmp_path: Path) -> None:
    """The terminal sends it to all of them; and the playbooks behind it were begun, on a host that was gone."""
    demo = start(tmp_path)
    until("its last step is at work", lambda: "document/" in said(tmp_path))
    os.killpg(demo.pid, signal.SIGINT)
    assert demo.wait(300) == 130, said(tmp_path)
    (record,) = records(tmp_path)
    assert (record["playbook"], record["stopped_by"], record["outcome"]) == (NAMES[0], "SIGINT", "cancelled")
    assert "2 of 4" not in said(tmp_path)
    assert "link" not in said(tmp_path) and "unreachable" not in said(tmp_path)
