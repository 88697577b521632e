"""Stand-ins for modules, each in a process of its own: what they save, and that whoever wants the module gets it."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

HEAD = "import sys; from runner.lazy import StandIn, at_hand, later, meanwhile, when_asked, without_its_own_code\n"


def run(code: str, folder: Path) -> str:
    done = subprocess.run([sys.executable, "-c", HEAD + code], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package `shelf` whose own code prints, with a module `one` that imports another of it."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    own = "print('began')\nfrom shelf.one import One\nfrom .two import two\n__version__ = '7'\n"
    (folder / "__init__.py").write_text(own, encoding="utf-8")
    (folder / "one.py").write_text("from .two import two\nclass One: pass\n", encoding="utf-8")
    (folder / "two.py").write_text("def two(): return 2\n", encoding="utf-8")
    return tmp_path


class TestModules:
    def test_nothing_is_imported_before_something_is_asked(self, tmp_path: Path) -> None:
        code = (
            "when_asked('wave'); import wave; assert 'chunk' not in sys.modules and not hasattr(wave, '__path__')\n"
            "assert wave.open and 'wave' in str(wave.open.__module__); import wave as again\n"
            "assert again is not wave and again.__file__ and again.open is wave.open\n"
            "from wave import Error; assert Error is wave.Error"
        )
        run(code, tmp_path)

    def test_what_is_there_stays(self, tmp_path: Path) -> None:
        run("import wave; when_asked('wave'); assert sys.modules['wave'] is wave and wave.__file__", tmp_path)

    def test_what_does_not_exist_is_missed_when_it_is_asked(self, tmp_path: Path) -> None:
        code = (
            "when_asked('no_such_thing'); import no_such_thing\n"
            "try: no_such_thing.x\n"
            "except ModuleNotFoundError as error: print(error.name)"
        )
        assert run(code, tmp_path) == "no_such_thing\n"

    def test_at_hand_is_over_afterwards(self, tmp_path: Path) -> None:
        code = (
            "when_asked('wave')\n"
            "with at_hand('wave', open=later('wave', 'open')):\n"
            "    from wave import open as asked\n"
            "    assert not sys.modules['wave'].__dict__.get('Error')\n"
            "import wave; assert wave.open is not asked\n"
            "try: asked('there is no such file')\n"
            "except FileNotFoundError: print('called')"
        )
        assert run(code, tmp_path) == "called\n"

    def test_at_hand_leaves_a_real_module_alone(self, tmp_path: Path) -> None:
        code = "import wave\nwith at_hand('wave', open=1):\n    assert wave.open != 1\nassert wave.open"
        run(code, tmp_path)

    def test_meanwhile_leaves_nothing_behind_after_an_error(self, tmp_path: Path) -> None:
        code = (
            "try:\n"
            "    with meanwhile({'wave': StandIn('wave', open=1)}):\n"
            "        import wave; assert wave.open == 1\n"
            "        raise KeyError\n"
            "except KeyError: assert 'wave' not in sys.modules\n"
            "import wave; assert callable(wave.open)"
        )
        run(code, tmp_path)

    def test_many_threads_that_ask_at_once_get_one_module(self, tmp_path: Path) -> None:
        (tmp_path / "slow.py").write_text("import time; time.sleep(0.2); word = object()\n", encoding="utf-8")
        code = (
            "when_asked('slow'); import slow; from threading import Thread; found = []\n"
            "threads = [Thread(target=lambda: found.append(slow.word)) for _ in range(20)]\n"
            "for thread in threads: thread.start()\n"
            "for thread in threads: thread.join()\n"
            "assert len(found) == 20 and len(set(found)) == 1 and found[0] is sys.modules['slow'].word"
        )
        run(code, tmp_path)


class TestPackages:
    def test_its_modules_are_imported_without_its_own_code(self, package: Path) -> None:
        code = (
            "without_its_own_code('shelf', One='one'); import shelf.two; from shelf import One\n"
            "assert shelf.two.two() == 2 and One.__module__ == 'shelf.one' and not hasattr(shelf, '__all__')"
        )
        assert run(code, package) == ""

    def test_its_own_code_runs_once_when_something_of_it_is_asked(self, package: Path) -> None:
        code = (
            "without_its_own_code('shelf', One='one'); from shelf import One; import shelf\n"
            "assert shelf.__version__ == '7' and shelf.two() == 2 and shelf.One is One\n"
            "assert sys.modules['shelf'] is shelf\n"
            "from shelf import two\n"
            "try: shelf.three\n"
            "except AttributeError as error: print(error)"
        )
        assert run(code, package) == "began\nmodule 'shelf' has no attribute 'three'\n"

    def test_what_is_not_installed_is_missed_at_once(self, tmp_path: Path) -> None:
        code = "try: without_its_own_code('shelf')\nexcept ModuleNotFoundError as error: print(error.name)"
        assert run(code, tmp_path) == "shelf\n"

    def test_what_is_there_stays(self, package: Path) -> None:
        assert run("import shelf; without_its_own_code('shelf'); assert shelf.two() == 2", package) == "began\n"


class TestClick:
    def test_help_texts_are_those_of_inspect(self) -> None:
        from runner.cli.lean import _cleandoc

        for doc in ("", " a", "a ", "\ta\tb", "a\n  b\n    c\n\n", "\n\n  a\n b", "a\n\tb", "  \n"):
            assert _cleandoc(doc) == inspect.cleandoc(doc)

    def test_the_standard_library_is_as_ever(self, tmp_path: Path) -> None:
        code = (
            "import runner.cli.main, gettext, inspect, subprocess, uuid, ipaddress\n"
            "from inspect import signature; from subprocess import Popen; from traceback import format_exception\n"
            "assert str(signature(lambda a, b=1: a)) == '(a, b=1)' and format_exception\n"
            "assert inspect.isclass(int) and not inspect.isclass(1)\n"
            "assert isinstance(subprocess.Popen, type) and Popen is subprocess.Popen\n"
            "assert subprocess.run(['true']).returncode == 0 and gettext.__file__ and gettext.translation\n"
            "class More(subprocess.Popen): pass\n"
            "assert uuid.UUID(int=1).int == 1 and isinstance(uuid.uuid4(), uuid.UUID) and ipaddress.ip_address('::1')\n"
            "import dataclasses\n"
            "@dataclasses.dataclass\n"
            "class Pair: a: int; b: int = 1\n"
            "assert Pair.__doc__ == 'Pair(a: int, b: int = 1)'"
        )
        run(code, tmp_path)
