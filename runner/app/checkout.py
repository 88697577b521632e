"""Which commit the playbooks came from, and whether they were what it holds."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

LIMIT_S = 5.0
_QUIET = ("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "--no-optional-locks")
"""Nothing that the repository brings along is run."""


def checkout(folder: Path) -> dict[str, Any]:
    """
    `{"commit", "branch", "dirty", "remote"}` of the git checkout that a folder is in; empty where it is in none.

    `dirty`: something below the folder is changed or not in git at all. Where git does not say, `{"problem"}` is why.
    """
    if not any((parent / ".git").exists() for parent in (folder, *folder.parents)):
        return {}
    try:
        said = _git(folder, "status", "--porcelain=v2", "--branch", "--untracked-files=normal", "--", ".")
        remote = _git(folder, "config", "--get", "remote.origin.url", may_fail=True).strip()
    except OSError as error:
        return {"problem": f"git cannot be run: {error.strerror}"}
    except subprocess.SubprocessError as error:
        return {"problem": (getattr(error, "stderr", "") or str(error)).strip().partition("\n")[0]}
    lines = said.splitlines()
    heads = dict(line[2:].partition(" ")[::2] for line in lines if line.startswith("# "))
    return {
        "commit": heads.get("branch.oid", "").replace("(initial)", ""),
        "branch": heads.get("branch.head", ""),
        "dirty": any(not line.startswith("# ") for line in lines),
        "remote": _without_password(remote),
    }


def _git(folder: Path, *words: str, may_fail: bool = False) -> str:
    done = subprocess.run(
        ["git", *_QUIET, "-C", str(folder), *words],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=LIMIT_S, check=not may_fail,
    )  # fmt: skip
    return done.stdout


def _without_password(url: str) -> str:
    """A token in the address of the remote does not belong into a record."""
    return re.sub(r"^(\w+://)[^/@]*@", r"\1", url)
