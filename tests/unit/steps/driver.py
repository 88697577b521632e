"""Runs a kind's scripts on this machine by plain `sh`, as the engine would: look, act, read."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from runner.model import Exit, Facts, Host
from runner.redact import Secret
from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps import BUILT_IN


def kind_of(name: str) -> Any:
    module, _, attribute = BUILT_IN[name].partition(":")
    return getattr(import_module(module), attribute)()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """How a step went; `check` is what the look said before."""

    verdict: Verdict
    check: Check | None
    done: Completed

    @property
    def values(self) -> Mapping[str, Any]:
        return self.verdict.values

    @property
    def problem(self) -> str:
        return self.verdict.problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """As whom, in which environment and by which shell the scripts run."""

    root: Path
    user: str | None = None
    env: Mapping[str, str] | None = None
    shell: tuple[str, ...] = ("sh",)

    def look(self, name: str, params: Any) -> Check:
        kind, wish = kind_of(name), self.wish(params)
        script = kind.look(wish)
        assert script is not None
        return kind.judge(wish, self.run(script))

    def do(self, name: str, params: Any, **names: Any) -> Ran:
        kind, wish = kind_of(name), self.wish(params, names)
        script = kind.look(wish)
        check = kind.judge(wish, self.run(script)) if script is not None else None
        done = self.run(kind.act(wish, check))
        return Ran(verdict=kind.read(wish, done, check), check=check, done=done)

    def wish(self, params: Any, names: Mapping[str, Any] | None = None) -> Wish:
        host = Host(name="db1", address="127.0.0.1")
        facts = Facts(package_manager="apt-get", uid=os.getuid())
        where: dict[str, Any] = {"root": self.root, "folder": self.root}
        return Wish(
            params=params, host=host, facts=facts, run_id="run", step="step", user=self.user, names=names or {}, **where
        )

    def run(self, script: Script) -> Completed:
        with tempfile.TemporaryDirectory() as folder:
            Path(folder).chmod(0o755)
            file = Path(folder) / "script"
            file.write_text(script.text)
            file.chmod(0o644)
            words = self.shell if script.interpreter == "sh" else tuple(script.interpreter.split())
            stdin = script.stdin.read_bytes() if isinstance(script.stdin, Path) else script.stdin or b""
            done = subprocess.run(
                [*words, str(file)],
                input=stdin,
                capture_output=True,
                cwd="/",
                env={**os.environ, **(self.env or {}), **{key: _plain(value) for key, value in script.env.items()}},
                user=self.user,
                timeout=600,
                check=False,
            )
        out = done.stdout
        if script.save_to is not None:
            script.save_to.parent.mkdir(parents=True, exist_ok=True)
            script.save_to.write_bytes(out)
            out = b""
        ended = Exit(code=done.returncode) if done.returncode >= 0 else Exit(signal=str(-done.returncode))
        return Completed(
            exit=ended, stdout=out, stderr=done.stderr, stdout_bytes=len(out), stderr_bytes=len(done.stderr)
        )


def _plain(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value
