"""A file of the host, brought to the controller."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

from runner.document.paths import resolved
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
        "compared with the one that the host computed. A file that grows meanwhile is taken up to the size it had, "
        "one that another takes the place of as it was.",
        {
            "src": part.host_path("The file on the host."),
            "to": part.text("A folder of the project; relative to its root. It is made where it is missing."),
        },
        required=["src", "to"],
        examples=[{"src": "/var/log/app/app.log", "to": "fetched"}],
    )

    def reads_only(self, params: Any) -> bool:
        return True

    def peek(self, wish: Wish) -> Script:
        return Script(text=script(("fetch_file", "fetch_look"), paths={"src": wish.params["src"]}))

    def peeked(self, wish: Wish, done: Completed) -> Verdict:
        if not done.exit.ok:
            return Verdict(ok=False, changed=False, problem=failure(done))
        target, said = _target(wish), Answers(done.stdout)
        digest, count = said.text("sha256"), said.number("bytes") or 0
        size = text_of_size(count)
        try:
            problem = _broken(target, digest)
        except OSError:
            return Verdict(ok=True, changed=True, summary=f"{size} would be kept in {target}")
        if problem:
            return Verdict(ok=True, changed=True, summary=f"{size} would take the place of another content in {target}")
        values = {"path": str(target), "sha256": digest, "bytes": count}
        return Verdict(ok=True, changed=False, values=values, summary=f"{target} is the same already, {size}")

    def act(self, wish: Wish, found: Check | None) -> Script:
        return Script(
            text=script(("fetch_file", "fetch"), paths={"src": wish.params["src"]}), save_to=_incoming(_target(wish))
        )

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        target, said = _target(wish), Answers(done.stderr)
        incoming = _incoming(target)
        try:
            problem = _broken(incoming, said.text("sha256")) if done.exit.ok else failure(done)
            if problem and done.exit.ok:
                problem = f"{wish.params['src']} was written to while it was fetched: {problem}"
            if not problem:
                incoming.replace(target)
        except OSError as error:
            problem = f"{target} was not kept: {error}"
        if problem:
            with suppress(OSError):
                incoming.unlink()
            return Verdict(ok=False, changed=False, problem=problem)
        size = target.stat().st_size
        values = {"path": str(target), "sha256": said.text("sha256"), "bytes": size}
        return Verdict(ok=True, changed=False, values=values, summary=f"{text_of_size(size)} kept in {target}")

    def preview(self, wish: Wish) -> Sequence[str]:
        return [f"{wish.params['src']} -> {_target(wish).relative_to(resolved(wish.root))}"]


def _incoming(target: Path) -> Path:
    """Beside the file until all of it is there: one that was fetched before stays until then."""
    return target.with_name(f".{hashlib.sha256(target.name.encode()).hexdigest()[:16]}.part")


def _broken(file: Path, wanted: str) -> str:
    """How the file differs from what the host said, or an empty text. Raises OSError."""
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    return "" if digest == wanted else f"expected sha256 {wanted}, found {digest}"


def _target(wish: Wish) -> Path:
    name = PurePosixPath(wish.params["src"]).name
    if not name or name == ".." or "/" in wish.host.name:
        raise InvalidInput(f"src: {wish.params['src']!r} does not name a file")
    return project_target(wish, wish.params["to"], wish.host.name, name)
