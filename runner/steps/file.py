"""Folders, links and permissions on the host, and things that must not be there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, ClassVar

from runner import shell
from runner.errors import InvalidInput
from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.parts import schema as part
from runner.steps.parts.answers import Answers, failure
from runner.steps.parts.kind import HostKind, cannot_tell
from runner.steps.parts.owned import differing
from runner.steps.parts.texts import script


class File(HostKind):
    name: ClassVar[str] = "file"
    family: ClassVar[str] = "plain"
    idempotent: ClassVar[bool] = True
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "A folder, a file, a link, or nothing",
        "What must be at a path, with which permissions. For `directory` and `file` a link that leads to one is "
        "followed; one that leads nowhere, or to something else, is refused. `absent` removes a folder with all that "
        "is in it; it refuses parts of the system, mount points, the user's home and paths with `..`.",
        {
            "path": part.host_path("The path."),
            "state": part.choice(
                "`directory`: a folder, made with those above it; `file`: a file, made empty where it is missing; "
                "`link`: a symbolic link to `target`; `absent`: nothing.",
                ["directory", "file", "link", "absent"],
                "file",
            ),
            "target": part.text("Where the link leads; may be relative to its folder."),
            "mode": part.mode("Permissions. Left out: as they are."),
            "owner": part.owner("Who owns it. Left out: as it is."),
            "group": part.owner("Its group. Left out: as it is."),
        },
        required=["path"],
        examples=[
            {"path": "/var/backups/rawat", "state": "directory", "mode": "0700", "owner": "postgres"},
            {"path": "/srv/app/current", "state": "link", "target": "releases/42"},
            {"path": "/srv/app/releases/40", "state": "absent"},
        ],
        allOf=[
            {
                "if": {"properties": {"state": {"const": "link"}}, "required": ["state"]},
                "then": {"required": ["target"]},
            },
        ],
    )

    def confirms(self, params: Any) -> bool:
        return True

    def look(self, wish: Wish) -> Script | None:
        return Script(text=script(("file_look",), {"state": _state(wish.params)}, {"path": _path(wish.params)}))

    def judge(self, wish: Wish, found: Completed) -> Check:
        if not found.exit.ok:
            return cannot_tell(found)
        params, said = wish.params, Answers(found.stdout)
        state, kind = _state(params), said.text("type")
        if kind != state:
            there = "is not there" if kind == "absent" else f"is there: {kind}"
            return Check(needed=True, why=f"{params['path']} {there}")
        if state == "absent":
            return Check(needed=False, why=f"{params['path']} is not there")
        differs = differing(params, said)
        if state == "link" and said.text("target") != params["target"]:
            differs.append(f"leads to {said.text('target')}")
        if differs:
            return Check(needed=True, why=f"{params['path']}: {', '.join(differs)}")
        return Check(needed=False, why=f"{params['path']} is as wanted")

    def act(self, wish: Wish, found: Check | None) -> Script:
        params = wish.params
        values = {key: params.get(key, "") for key in ("mode", "owner", "group", "target")}
        return Script(text=script(("file",), {"state": _state(params), **values}, {"path": _path(params)}))

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        if not done.exit.ok:
            return Verdict(ok=False, problem=failure(done))
        return Verdict(ok=True, changed=True, values={"path": wish.params["path"]})

    def preview(self, wish: Wish) -> Sequence[str]:
        params = wish.params
        path = shell.path(_path(params))
        match _state(params):
            case "directory":
                lines = [f"mkdir -p {path}"]
            case "link":
                lines = [f"ln -s {shell.quote(params['target'])} {path}"]
            case "absent":
                lines = [f"rm -rf {path}"]
            case _:
                lines = [f"touch {path}"]
        for key, command in (("owner", "chown"), ("group", "chgrp"), ("mode", "chmod")):
            if key in params:
                lines.append(f"{command} {shell.quote(params[key])} {path}")
        return lines


def _state(params: Mapping[str, Any]) -> str:
    return str(params.get("state", "file"))


def _path(params: Mapping[str, Any]) -> str:
    """The path, without a slash at its end; raises InvalidInput where the parameters do not fit together."""
    path, state = str(params["path"]), _state(params)
    unfit = {"link": {"mode"}, "absent": {"mode", "owner", "group", "target"}}.get(state, {"target"}) & params.keys()
    if unfit:
        raise InvalidInput(f"{', '.join(sorted(unfit))}: means nothing with state: {state}")
    parts = PurePosixPath(path).parts
    if state == "absent" and path[0] != "{" and (".." in parts or len(parts) < (2 if parts[0] == "~" else 3)):
        raise InvalidInput(f"path: {path!r} is not removed: it is too near to the root, or holds '..'")
    return path.rstrip("/") or "/"
