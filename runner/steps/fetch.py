"""A file of the host, brought to the controller."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from runner.errors import InvalidInput
from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.parts import schema as part
from runner.steps.parts.answers import Answers, failure
from runner.steps.parts.kind import HostKind
from runner.steps.parts.local import project_target
from runner.steps.parts.texts import script
from runner.units import text_of_size


class Fetch(HostKind):
    name: ClassVar[str] = "fetch"
    family: ClassVar[str] = "plain"
    idempotent: ClassVar[bool] = True
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "Bring a file from the host",
        "The file is kept under the project's root as `TO/HOST/NAME`, readable by its owner only, and its digest is "
        "compared with the one that the host computed. A file that grows meanwhile is taken up to the size it had.",
        {
            "src": part.host_path("The file on the host."),
            "to": part.text("A folder of the project; relative to its root. It is made where it is missing."),
        },
        required=["src", "to"],
        examples=[{"src": "/var/log/app/app.log", "to": "fetched"}],
    )

    def reads_only(self, params: Any) -> bool:
        return True

    def act(self, wish: Wish, found: Check | None) -> Script:
        return Script(text=script(("fetch",), paths={"src": wish.params["src"]}), save_to=_target(wish))

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        if not done.exit.ok:
            return Verdict(ok=False, changed=False, problem=failure(done))
        target, said = _target(wish), Answers(done.stderr)
        try:
            with target.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            return Verdict(ok=False, changed=False, problem=f"{target} was not kept: {error}")
        if digest != said.text("sha256"):
            problem = f"{target} is not what the host sent: expected sha256 {said.text('sha256')}, found {digest}"
            return Verdict(ok=False, changed=False, problem=problem)
        size = target.stat().st_size
        values = {"path": str(target), "sha256": digest, "bytes": size}
        return Verdict(ok=True, changed=False, values=values, summary=f"{text_of_size(size)} kept in {target}")

    def preview(self, wish: Wish) -> Sequence[str]:
        return [f"{wish.params['src']} -> {_target(wish).relative_to(wish.root.resolve())}"]


def _target(wish: Wish) -> Path:
    name = PurePosixPath(wish.params["src"]).name
    if not name or name == ".." or "/" in wish.host.name:
        raise InvalidInput(f"src: {wish.params['src']!r} does not name a file")
    return project_target(wish, wish.params["to"], wish.host.name, name)
