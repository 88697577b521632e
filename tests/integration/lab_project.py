"""A project whose hosts are those of a lab; rawat runs inside the lab's network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bed.lab import Lab
from tests.records import shown


@dataclass(frozen=True, kw_only=True)
class Said:
    code: int
    out: str
    err: str

    @property
    def all(self) -> str:
        return f"exit {self.code}\n{self.out}\n{self.err}"


class LabProject:
    """`vars` maps a host's name to its variables; `user` is who logs in; `here` names a host that is this machine."""

    def __init__(
        self,
        folder: Path,
        lab: Lab,
        variables: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        user: str = "maint",
        here: str = "",
    ) -> None:
        self.folder = folder
        self.lab = lab
        folder.mkdir(parents=True, exist_ok=True)
        logins = lab.inventory(user)
        hosts = {
            login.name: {
                "address": login.address,
                "port": login.port,
                "user": login.user,
                "identity_file": str(login.key),
                "vars": dict((variables or {}).get(login.name, {})),
            }
            for login in logins
        }
        if here:
            hosts[here] = {"transport": "local"}
        self.write("inventory.yml", json.dumps({"rawat": 1, "hosts": hosts}))
        known = str(logins[0].known_hosts)
        self.write("rawat.yml", json.dumps({"rawat": 1, "ssh_config": "/dev/null", "known_hosts": [known]}))

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def argv(self, *words: str) -> list[str]:
        return self.lab.command([sys.executable, "-m", "runner", *words])

    def rawat(self, *words: str, environment: Mapping[str, str] | None = None) -> Said:
        done = subprocess.run(
            self.argv(*words),
            cwd=self.folder,
            env={**os.environ, "TERM": "dumb", **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=900,
            check=False,
        )
        return Said(code=done.returncode, out=done.stdout, err=done.stderr)

    def record(self, run: str = "last") -> dict[str, Any]:
        return shown(self.folder, os.environ, run)


def step_of(record: Mapping[str, Any], host: str, step: str) -> dict[str, Any]:
    """A step on a host; its last attempt's fields beside its own."""
    for found in record["hosts"][host]["steps"]:
        if found["id"] == step:
            return {**(found["attempts"][-1] if found["attempts"] else {}), **found}
    raise AssertionError(f"{step} did not run on {host}: {[found['id'] for found in record['hosts'][host]['steps']]}")
