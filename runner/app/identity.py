"""Who runs rawat, from where, and with what: facts for the record, each with what says so."""

from __future__ import annotations

import getpass
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import runner
from runner.events import PIPELINE_JOB
from runner.installed import installed

_PERSONS = (
    ("GITHUB_ACTOR", "GITHUB_ACTOR"),
    ("GITLAB_USER_LOGIN", "GITLAB_USER_LOGIN"),
    ("BUILD_USER_ID", "Jenkins BUILD_USER_ID"),
    ("SUDO_USER", "sudo"),
)
_PIPELINES = ("GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL", "CI")


def who(environment: Mapping[str, str]) -> dict[str, Any]:
    """The OS user, and the person behind it where something names one."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = str(os.getuid())
    person = next(((environment[key], source) for key, source in _PERSONS if environment.get(key)), None)
    found: dict[str, Any] = {"user": user, "uid": os.getuid()}
    if person is not None:
        found |= {"person": person[0], "person_from": person[1]}
    return found


def name_of(found: Mapping[str, Any]) -> str:
    """The person where one is named, else the OS user."""
    return str(found.get("person") or found.get("user") or "?")


def controller(environment: Mapping[str, str], *, terminal: bool) -> dict[str, Any]:
    """The machine, its boot, and whether a person or a pipeline is at it."""
    pipeline = next((key for key in _PIPELINES if environment.get(key)), "")
    found: dict[str, Any] = {
        "hostname": socket.gethostname(),
        "boot_id": _read("/proc/sys/kernel/random/boot_id"),
        "pid": os.getpid(),
        "terminal": terminal,
        "pipeline": pipeline,
    }
    if environment.get("SSH_CONNECTION"):
        found["ssh_connection"] = environment["SSH_CONNECTION"]
    return found | {name: environment[name.upper()] for name in PIPELINE_JOB if environment.get(name.upper())}


def machine() -> tuple[str, str]:
    """This machine as hosts say who they are: machine id and boot id, empty where there is none."""
    return _read("/etc/machine-id"), _read("/proc/sys/kernel/random/boot_id")


def tool() -> dict[str, Any]:
    """Versions of what did the work."""
    there = installed()
    return {"rawat": runner.__version__, "python": ".".join(map(str, sys.version_info[:3]))} | {
        name: there.get(name, "") for name in ("fabric", "paramiko", "jinja2", "pyyaml", "jsonschema")
    }


def _read(path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return ""
