"""What a run does not load; each in a process of its own, since a test runner has loaded all of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def loaded(code: str, folder: Path) -> set[str]:
    """The names of all modules after the code; what stands in for one has no `__spec__`."""
    code += "\nimport sys; print(*(name for name, module in sys.modules.items() if getattr(module, '__spec__', None)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_connection_loads_no_asyncio_and_leaves_nothing_behind(tmp_path: Path) -> None:
    there = loaded(
        "from runner.transport.lean import import_paramiko; import_paramiko(); import runner.transport.link", tmp_path
    )
    assert {"paramiko", "fabric.connection", "invoke.context"} <= there
    assert not {"unittest.mock", "asyncio", "ssl", "importlib.metadata", "email", "invoke.vendor.yaml"} & there
    assert not {name for name in there if name.split(".")[0] == "nacl"}
    afterwards = loaded(
        "from runner.transport.lean import import_paramiko; import_paramiko()\n"
        "from unittest import mock; mock.Mock().x()\n"
        "from importlib import metadata; import paramiko, yaml\n"
        "assert metadata.version('paramiko') == paramiko.__version__ and metadata.files('paramiko')\n"
        "from invoke.vendor.yaml import safe_load; assert safe_load is not yaml.safe_load\n"
        "import nacl.signing, nacl.exceptions, nacl.public\n"
        "assert nacl.signing.VerifyKey is not paramiko.ed25519key.nacl.signing.VerifyKey\n"
        "assert paramiko.ed25519key.nacl.signing.__name__ == 'nacl.signing' and nacl.signing.__file__",
        tmp_path,
    )
    assert {"unittest.mock", "importlib.metadata", "email", "invoke.vendor.yaml"} <= afterwards


CONNECTION = "import runner.cli.main; from runner.transport.lean import import_paramiko; import_paramiko()\n"


def test_the_connection_loads_no_command_line_of_others(tmp_path: Path) -> None:
    there = loaded(CONNECTION, tmp_path)
    assert {"invoke.context", "fabric.connection", "paramiko.client"} <= there
    assert not {"invoke.program", "invoke.parser", "fabric.group", "ast", "dis", "platform", "tokenize"} & there
    assert not {"inspect", "uuid", "traceback", "subprocess", "tempfile", "bcrypt", "pprint", "decorator"} & there


def test_fabric_and_invoke_are_as_ever_afterwards(tmp_path: Path) -> None:
    code = CONNECTION + (
        "import fabric, invoke\n"
        "from fabric import Connection, Config, ThreadingGroup, task\n"
        "from invoke import Program, Collection, Context, Result, run\n"
        "assert Connection is fabric.connection.Connection and Context is invoke.context.Context\n"
        "assert issubclass(Connection, Context) and fabric.__version__ and invoke.__version__\n"
        "assert run('echo word', hide=True).stdout == 'word\\n' and Context().run('true')\n"
        "try: run('exit 3', hide=True)\n"
        "except invoke.UnexpectedExit as error: assert error.result.exited == 3\n"
        "@task\n"
        "def job(c, name='x'): pass\n"
        "assert job.get_arguments()[0].name == 'name'\n"
        "from decorator import decorator; assert decorator.__module__ == 'decorator'\n"
        "import bcrypt; assert bcrypt.kdf(b'a', b'b', 8, 50)"
    )
    loaded(code, tmp_path)


def test_methods_of_a_connection_open_it(tmp_path: Path) -> None:
    """What Fabric's decorator does, though it was made by ours."""
    code = CONNECTION + (
        "from fabric.connection import Connection\n"
        "class Counting(Connection):\n"
        "    def open(self): raise ConnectionError('opened')\n"
        "assert Connection.run.__name__ == 'run' and Connection.run.__doc__\n"
        "try: Counting('nowhere').run('true', hide=True)\n"
        "except ConnectionError as error: assert str(error) == 'opened'\n"
        "else: raise AssertionError"
    )
    loaded(code, tmp_path)


def test_who_asks_for_the_real_module_meanwhile_gets_it(tmp_path: Path) -> None:
    """By an import hook, since another thread would hardly ever come at this very moment."""
    code = (
        "import sys\n"
        "class Meanwhile:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name == 'paramiko.transport':\n"
        "            from importlib import metadata\n"
        "            assert metadata.files('paramiko') and metadata.version('pytest')\n"
        "sys.meta_path.insert(0, Meanwhile())\n"
        "from runner.transport.lean import import_paramiko; import_paramiko()"
    )
    assert "importlib.metadata" in loaded(code, tmp_path)


def test_yaml_reads_and_writes_as_ever_though_its_patterns_come_later(tmp_path: Path) -> None:
    code = (
        "import re, sys, yaml as theirs\n"
        "text = 'a: [1, 0x1f, 2001-12-14, 2001-12-14t21:59:43.10-05:00, 1.5e+3, yes, ~, !!float 1_0.5]\\nb: \u00e9'\n"
        "expected = theirs.safe_load(text)\n"
        "for name in [name for name in sys.modules if name.split('.')[0] in ('yaml', '_yaml')]: del sys.modules[name]\n"
        "from runner.document.lean import yaml\n"
        "assert yaml is not theirs and sys.modules['re'] is re and re.compile('x').pattern == 'x'\n"
        "assert yaml.safe_load(text) == expected and theirs.safe_load(yaml.safe_dump(expected)) == expected\n"
        "try: yaml.safe_load('a: \\x01')\n"
        "except yaml.reader.ReaderError as error: assert 'special characters' in str(error)\n"
        "else: raise AssertionError"
    )
    loaded(code, tmp_path)


def test_a_playbook_without_templates_is_read_without_jinja(tmp_path: Path) -> None:
    playbook = tmp_path / "p.yml"
    code = (
        "from pathlib import Path; from runner.app.wiring import KINDS; from runner.playbook.load import load\n"
        "load(Path('p.yml'), kinds=KINDS)\n"
        "import runner.engine.host, runner.cli.execute, runner.app.run, runner.app.prepare"
    )
    head = "rawat: 1\nname: p\nkind: other\nhosts: all\nphases:\n  implement:\n"
    playbook.write_text(head + "    - {id: a, command: 'true'}\n", encoding="utf-8")
    assert not {"jinja2", "jsonschema"} & loaded(code, tmp_path)
    playbook.write_text(head + "    - {id: a, command: 'echo {{ host.name }}'}\n", encoding="utf-8")
    assert "jinja2" in loaded(code, tmp_path)
