"""
Every kind, from files: `golden/<kind>/<case>.yml` holds what it is given, and what must come of it.

`given` is parameters, and where they matter facts, names, and what the host answered to the look (`found`) and to
the act (`done`). `wanted` is written by `RAWAT_GOLDEN=write pytest tests/unit/steps/test_golden_kinds.py`; read the
difference before it is committed. Shell texts that never change stand in it by name, as `<common.sh>`.
"""

from __future__ import annotations

import os
import subprocess
import threading
from importlib import import_module, resources
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from runner.model import Exit, Facts, Host
from runner.redact import Secret
from runner.seams import Answer, Completed, Question, Script, Wish
from runner.steps import BUILT_IN

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(GOLDEN.glob("*/*.yml"))


class Texts(yaml.SafeDumper):
    """Several lines as a block, so that scripts can be read."""


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Texts.add_representer(str, _block)


def kind_of(name: str) -> Any:
    module, _, attribute = BUILT_IN[name].partition(":")
    return getattr(import_module(module), attribute)()


def completed(data: dict[str, Any]) -> Completed:
    out, err = str(data.get("stdout", "")).encode(), str(data.get("stderr", "")).encode()
    ended = Exit.from_json(data["ended"]) if "ended" in data else Exit(code=data.get("exit", 0))
    return Completed(
        exit=ended, stdout=out, stderr=err, stdout_bytes=data.get("bytes", len(out)), stderr_bytes=len(err)
    )


def wish_of(given: dict[str, Any], root: Path) -> Wish:
    params = given["params"]
    for key in given.get("secret", []):
        params = {**params, key: Secret(key, params[key])}
    for name, text in given.get("files", {}).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    facts = Facts(**{"hostname": "db1", "package_manager": "apt", **given.get("facts", {})})
    return Wish(
        params=params,
        host=Host(name="db1", address="10.0.0.5"),
        facts=None if given.get("planning") else facts,
        run_id="01J8Z",
        step="step",
        user=None,
        root=root,
        folder=root,
        names=given.get("names", {}),
    )


class Nobody:
    """Answers as the case says."""

    def __init__(self, answer: dict[str, Any]) -> None:
        self.answer = answer

    def ask(self, question: Question, stop: threading.Event) -> Answer:
        return Answer(**{"yes": None, **self.answer})


def shown(script: Script | None, root: Path) -> Any:
    if script is None:
        return None
    subprocess.run(["dash", "-n"], input=script.text.encode(), check=True) if script.interpreter == "sh" else None
    text = script.text
    for file in sorted(resources.files("runner.steps").joinpath("sh").iterdir(), key=lambda file: file.name):
        text = text.replace(file.read_text(), f"<{file.name}>\n")
    data: dict[str, Any] = {"text": text.replace(str(root), "ROOT")}
    if script.interpreter != "sh":
        data["interpreter"] = script.interpreter
    if script.env:
        data["env"] = {key: str(value) for key, value in script.env.items()}
    if script.stdin is not None:
        stdin = script.stdin
        data["stdin"] = str(stdin).replace(str(root), "ROOT") if isinstance(stdin, Path) else stdin.decode()
    if script.save_to is not None:
        data["save_to"] = str(script.save_to).replace(str(root), "ROOT")
    return data


def outcome(kind: Any, given: dict[str, Any], root: Path) -> dict[str, Any]:
    wish = wish_of(given, root)
    wanted: dict[str, Any] = {"preview": list(kind.preview(wish)), "reads_only": kind.reads_only(wish.params)}
    if hasattr(kind, "decide"):
        verdict = kind.decide(wish, Nobody(given.get("answer", {})))
    else:
        wanted["look"] = shown(kind.look(wish), root)
        check = kind.judge(wish, completed(given["found"])) if "found" in given else None
        if check:
            wanted["check"] = {"needed": check.needed, "why": check.why, "values": dict(check.values)}
        wanted["act"] = shown(kind.act(wish, check), root)
        verdict = kind.read(wish, completed(given["done"]), check) if "done" in given else None
    if verdict:
        wanted["verdict"] = {
            "ok": verdict.ok,
            "changed": verdict.changed,
            "problem": verdict.problem,
            "summary": verdict.summary,
            "values": dict(verdict.values),
        }
    return wanted


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_kind_does_what_its_golden_file_says(path: Path, tmp_path: Path) -> None:
    case = yaml.safe_load(path.read_text())
    kind = kind_of(path.parent.name)
    plain = case["given"]["params"]
    assert [error.message for error in Draft202012Validator(kind.schema).iter_errors(plain)] == []
    found = outcome(kind, case["given"], tmp_path)
    if os.environ.get("RAWAT_GOLDEN") == "write":
        text = yaml.dump(
            {"given": case["given"], "wanted": found}, Dumper=Texts, sort_keys=False, allow_unicode=True, width=120
        )
        path.write_text(text)
    assert case.get("wanted") == yaml.safe_load(yaml.dump(found, Dumper=Texts)) or os.environ.get("RAWAT_GOLDEN")


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_every_kind_has_a_golden_file(name: str) -> None:
    assert list((GOLDEN / name).glob("*.yml"))
