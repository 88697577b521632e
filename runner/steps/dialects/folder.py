"""Files and folders, through tar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from runner import shell
from runner.errors import InvalidInput
from runner.redact import Secret
from runner.steps.dialects.base import Values, refuse
from runner.steps.dialects.forms import Form, Forms
from runner.steps.parts.schema import as_list
from runner.steps.parts.texts import environment

_PACK = {"tar.gz": "-z ", "tar.zst": "--zstd ", "tar": ""}


def _archive(ending: str) -> Form:
    return Form(ending=ending, backup=("files", "backup_files"), restore=("files", "restore_files"), packing=False)


def _repository(tool: str) -> Form:
    return Form(
        ending=tool,
        backup=(f"repository_{tool}", "backup_repository"),
        restore=(f"repository_{tool}", "restore_repository"),
        reference=True,
        packing=False,
    )


class Folder:
    name: ClassVar[str] = "files"
    texts: ClassVar[tuple[str, ...]] = ()
    forms: ClassVar[Forms] = {
        "tar.gz": _archive("tar.gz"),
        "tar.zst": _archive("tar.zst"),
        "tar": _archive("tar"),
        "restic": _repository("restic"),
        "borg": _repository("borg"),
    }

    def connection(self, params: Mapping[str, Any]) -> tuple[Values, Values]:
        refuse(params, "files", "database", "host", "port", "user")
        path = str(params.get("path") or params.get("artefact") or "")
        if not path or path.rstrip("/") in ("", "~"):
            raise InvalidInput("path: say which folder or file to save; all of / or ~ cannot be")
        return {"exclude": "\n".join(as_list(params.get("exclude")))}, {"path": path.rstrip("/")}

    def env(self, params: Mapping[str, Any]) -> Mapping[str, str | Secret]:
        """The password of a repository, as restic and borg read it."""
        word = params.get("password")
        return environment({"RESTIC_PASSWORD": word, "BORG_PASSPHRASE": word})

    def backup_lines(self, params: Mapping[str, Any], form: str, file: str) -> list[str]:
        if form in ("restic", "borg"):
            return [f"{form}: {params.get('repository', '')} <- {shell.path(str(params['path']))}", f"{form} check"]
        return [f"tar -c {_PACK.get(form, '')}-f {shell.quote(file)} {shell.path(str(params['path']))}"]

    def restore_lines(self, params: Mapping[str, Any], form: str, artefact: str) -> list[str]:
        if form in ("restic", "borg"):
            return [f"{form}: {{snapshot}} -> {{scratch}}", f"{form} check"]
        return [f"tar -x -f {shell.path(artefact)} -C {{scratch}}", f"tar -d -f {shell.path(artefact)} -C {{scratch}}"]
