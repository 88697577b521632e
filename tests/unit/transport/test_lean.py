"""What a run does not load; each in a process of its own, since a test runner has loaded all of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def loaded(code: str, folder: Path) -> set[str]:
    """The names of all modules after the code."""
    code += "\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_connection_loads_no_asyncio_and_leaves_nothing_behind(tmp_path: Path) -> None:
    there = loaded(
        "from runner.transport.lean import import_paramiko; import_paramiko(); import runner.transport.link", tmp_path
    )
    assert {"paramiko", "fabric.connection", "invoke.context"} <= there
    assert not {"unittest.mock", "asyncio", "ssl"} & there
    assert "unittest.mock" in loaded(
        "from runner.transport.lean import import_paramiko; import_paramiko()\n"
        "from unittest import mock; mock.Mock().x()",
        tmp_path,
    )


def test_a_playbook_without_templates_is_read_without_jinja(tmp_path: Path) -> None:
    playbook = tmp_path / "p.yml"
    code = (
        "from pathlib import Path; from runner.app.wiring import KINDS; from runner.playbook.load import load\n"
        "load(Path('p.yml'), kinds=KINDS); import runner.engine.host"
    )
    head = "rawat: 1\nname: p\nkind: other\nhosts: all\nphases:\n  implement:\n"
    playbook.write_text(head + "    - {id: a, command: 'true'}\n", encoding="utf-8")
    assert not {"jinja2", "jsonschema"} & loaded(code, tmp_path)
    playbook.write_text(head + "    - {id: a, command: 'echo {{ host.name }}'}\n", encoding="utf-8")
    assert "jinja2" in loaded(code, tmp_path)
