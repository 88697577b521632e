"""Files and folders, through tar."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from runner import shell
from runner.errors import InvalidInput
from runner.redact import Secret
from runner.steps.dialects.base import Values, refuse
from runner.steps.parts.schema import as_list

FORMATS: Mapping[str, str] = {"tar.gz": "tar.gz", "tar.zst": "tar.zst", "tar": "tar"}
_PACK = {"tar.gz": "-z ", "tar.zst": "--zstd ", "tar": ""}


class Folder:
    name: ClassVar[str] = "files"
    texts: ClassVar[tuple[str, ...]] = ("files",)
    scratch_texts: ClassVar[tuple[str, ...]] = ("scratch_folder",)
    formats: ClassVar[Mapping[str, str]] = FORMATS

    def connection(self, params: Mapping[str, Any]) -> tuple[Values, Values]:
        refuse(params, "files", "database", "host", "port", "user", "password")
        path = str(params.get("path") or params.get("artefact") or "")
        if not path or path.rstrip("/") in ("", "~"):
            raise InvalidInput("path: say which folder or file to save; all of / or ~ cannot be")
        return {"exclude": "\n".join(as_list(params.get("exclude")))}, {"path": path.rstrip("/")}

    def env(self, params: Mapping[str, Any]) -> Mapping[str, str | Secret]:
        return {}

    def backup_lines(self, params: Mapping[str, Any], form: str, file: str) -> list[str]:
        return [f"tar -c {_PACK.get(form, '')}-f {shell.quote(file)} {shell.path(str(params['path']))}"]

    def restore_lines(self, params: Mapping[str, Any], artefact: str) -> list[str]:
        return [f"tar -x -f {shell.path(artefact)} -C {{scratch}}", f"tar -d -f {shell.path(artefact)} -C {{scratch}}"]
