"""What is asked for often is fast: it loads nothing that it does not need."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bed import packages

HEAVY = ("fabric", "paramiko", "jsonschema", "yaml", "jinja2", "rich", "cryptography", "sqlite3")
PROBE = """
import sys
sys.argv = ["rawat", *{words!r}]
from runner.cli.main import _main
try:
    _main()
finally:
    print("loaded:", ",".join(sorted(set(sys.modules) & set({heavy!r}))), file=sys.stderr)
"""


@pytest.mark.parametrize("words", [["--version"], ["--help"], ["run", "--help"]])
def test_version_and_help_load_nothing_heavy(words: list[str]) -> None:
    probe = PROBE.format(words=words, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stderr.splitlines()[-1] == "loaded: "


def test_completion_loads_nothing_heavy() -> None:
    probe = PROBE.format(words=[], heavy=HEAVY)
    environment = {**os.environ, "_RAWAT_COMPLETE": "bash_complete", "COMP_WORDS": "rawat ru", "COMP_CWORD": "1"}
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, env=environment, check=False)
    assert "plain,run" in done.stdout, done.stderr
    assert "loaded: \n" in done.stderr


def test_importing_the_package_costs_nothing() -> None:
    probe = f"import sys, runner; print(sorted(set(sys.modules) & set({HEAVY!r})))"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_demo_goes_without_ssh_where_the_uid_has_no_account(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from runner.app.demo import ssh_server

    monkeypatch.setattr(os, "getuid", lambda: 54321)
    with ssh_server(tmp_path / "sshd") as server:
        assert (server.port, server.why) == (0, "uid 54321 has no account here, and sshd lets nobody else in")


@pytest.mark.skipif(os.geteuid() != 0, reason="a server of others lets only its own account in")
def test_the_demo_goes_without_ssh_where_its_account_may_not_log_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `nobody`, whose shell lets nobody work: the server runs, and refuses him."""
    from runner.app.demo import ssh_server

    packages.ensure(packages.LOOPBACK)
    Path("/run/sshd").mkdir(exist_ok=True)
    monkeypatch.setattr(getpass, "getuser", lambda: "nobody")
    with ssh_server(tmp_path / "sshd") as server:
        assert server.port == 0
        assert "the SSH server of the demo is of no use to nobody: demo (127.0.0.1:" in server.why
