"""Defaults < `rawat.yml` < environment < flags: the value that holds, and where it came from."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from runner.document.paths import OWN_KNOWN_HOSTS, SYSTEM_KNOWN_HOSTS, expanded, in_home, resolved
from runner.document.schema import check, check_value
from runner.document.source import At, Document, likely, read_file
from runner.errors import InvalidInput, Problem
from runner.frozen import frozen
from runner.settings.schema import SCHEMA
from runner.settings.values import Entry, Policy, Settings
from runner.units import duration_s

FILE = "rawat.yml"
PREFIX = "RAWAT_"
NOT_SETTINGS = re.compile(r"RAWAT_(SPOOL|SECRET_\w*|BED\w*|SUDO_PASSWORD\w*)\Z")
"""Names in the environment that others read: the spool, secrets, the test bed, the password of sudo."""


@frozen
class _Found:
    """A raw value from one of the sources; `say` makes a problem of what is wrong with it."""

    value: Any
    origin: str
    base: Path
    say: Callable[[str], Problem]


_Source = dict[str, _Found]


def load(
    *, folder: Path, environment: Mapping[str, str], flags: Mapping[str, Any], file: Path | None = None
) -> Settings:
    """
    The settings that hold in a folder; `file` instead of the nearest `rawat.yml` above it.

    Flags are named as the keys are, `policy.ticket` or `policy_ticket`; None and () are not given. Paths are relative
    to the file that names them, else to `folder`. Raises InvalidInput with all problems of all sources.
    """
    folder = resolved(folder)
    path = (folder / expanded(file)) if file is not None else _nearest(folder)
    problems: list[Problem] = []
    sources = [
        _from_file(path, problems) if path else {},
        _from_environment(environment, folder, problems),
        _from_flags(flags, folder, problems),
    ]
    root = resolved(path).parent if path else folder
    entries = dict(_defaults(root, folder, environment))
    for source in sources:
        for key, found in source.items():
            try:
                entries[key] = Entry(key=key, value=_READ[key](found.value, found.base), origin=found.origin)
            except InvalidInput as error:
                problems.append(found.say(error.message))
    if problems:
        raise InvalidInput(problems=tuple(problems))
    return _settings(root, path, entries)


def _settings(root: Path, path: Path | None, entries: dict[str, Entry]) -> Settings:
    values = {key: entry.value for key, entry in entries.items()}
    if entries["index"].origin == "default":
        values["index"] = f"sqlite:{values['records'] / 'index.db'}"
    return Settings(
        root=root,
        file=path,
        records=values["records"],
        index=values["index"],
        inventory=values["inventory"],
        known_hosts=values["known_hosts"],
        ssh_config=values["ssh_config"],
        timezone=values["timezone"],
        ticket_required=values["policy.ticket"] == "required",
        same_machine_allowed=values["policy.same_machine"] == "allow",
        signing_key=values["signing.key"],
        signing_principal=values["signing.principal"],
        anchors=values["anchor.places"],
        anchor_authority=values["anchor.authority"],
        policy=Policy(
            signature=values["policy.signature"] == "required",
            approvals=values["policy.approvals"],
            approvers=values["policy.approvers"],
            standard=values["policy.standard"],
            review=values["policy.review"] == "required",
            self_review=values["policy.self_review"] == "allow",
            emergency_review_s=values["policy.emergency_review"],
            retention_s=values["policy.retention"],
            anchor=values["policy.anchor"] == "required",
        ),
        connect_timeout_s=values["connect_timeout"],
        keepalive_s=values["keepalive"],
        reconnect_timeout_s=values["reconnect_timeout"],
        lock_timeout_s=values["lock_timeout"],
        _entries=tuple(Entry(key=key, value=_plain(values[key]), origin=entries[key].origin) for key in _READ),
    )


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [str(part) for part in value]
    return str(value) if isinstance(value, Path) else value


def _nearest(folder: Path) -> Path | None:
    return next((up / FILE for up in (folder, *folder.parents) if (up / FILE).is_file()), None)


def _defaults(root: Path, folder: Path, environment: Mapping[str, str]) -> Iterator[tuple[str, Entry]]:
    own = [str(path) for path in map(in_home, OWN_KNOWN_HOSTS) if path]
    beside = next((path for path in (root / "inventory.yml", folder / "inventory.yml") if path.is_file()), None)
    values = {
        "records": root / "records",
        "index": "",
        "inventory": (beside,) if beside else (),
        "known_hosts": (*own, *SYSTEM_KNOWN_HOSTS),
        "ssh_config": in_home("~/.ssh/config") or Path("/etc/ssh/ssh_config"),
        "timezone": _system_zone(environment),
        "signing.key": None,
        "signing.principal": "",
        "anchor.places": (),
        "anchor.authority": None,
        "policy.ticket": "optional",
        "policy.same_machine": "refuse",
        "policy.signature": "optional",
        "policy.approvals": 0,
        "policy.approvers": (),
        "policy.standard": (),
        "policy.review": "optional",
        "policy.self_review": "refuse",
        "policy.emergency_review": 72 * 3600.0,
        "policy.retention": 0.0,
        "policy.anchor": "optional",
        "connect_timeout": 10.0,
        "keepalive": 5.0,
        "reconnect_timeout": 300.0,
        "lock_timeout": 5.0,
    }
    for key, value in values.items():
        yield key, Entry(key=key, value=value, origin="default")


def _from_file(path: Path, problems: list[Problem]) -> _Source:
    try:
        document = read_file(path, name=_short(path), told=problems)
    except InvalidInput as error:
        problems += error.problems
        return {}
    if not isinstance(document.data, dict):
        problems.append(document.problem((), "the settings are a mapping that begins with 'rawat: 1'"))
        return {}
    wrong = check(document, SCHEMA)
    problems += wrong
    found: _Source = {}
    for key in _READ:
        at = tuple(key.split("."))
        value: Any = document.data
        for part in at:
            value = value.get(part) if isinstance(value, dict) else None
        if value is None or check_value(value, _schema(key)):
            continue
        line = document.location(at).line
        found[key] = _Found(
            value=value, origin=f"{document.name}:{line}", base=resolved(path).parent, say=_saying(document, at)
        )
    return found


def _saying(document: Document, at: At) -> Callable[[str], Problem]:
    return lambda message: document.problem(at, message)


def _from_environment(environment: Mapping[str, str], folder: Path, problems: list[Problem]) -> _Source:
    names = {PREFIX + key.replace(".", "_").upper(): key for key in _READ}
    found: _Source = {}
    for name, text in environment.items():
        if not name.startswith(PREFIX) or NOT_SETTINGS.match(name) or not text:
            continue
        origin = f"environment {name}"
        if name not in names:
            problems.append(Problem(message=f"{origin}: there is no such setting{likely(name, names)}"))
            continue
        key = names[name]
        value = [part for part in re.split("[:,]", text) if part] if key in _LISTS else text
        _take(found, key, value, origin, folder, problems)
    return found


def _from_flags(flags: Mapping[str, Any], folder: Path, problems: list[Problem]) -> _Source:
    names = {key.replace(".", "_"): key for key in _READ}
    found: _Source = {}
    for name, value in flags.items():
        if value is None or value == ():
            continue
        key = names.get(name.replace(".", "_").replace("-", "_"))
        if key is None:
            problems.append(Problem(message=f"flag {name}: there is no such setting{likely(name, names)}"))
            continue
        plain = [str(part) for part in value] if isinstance(value, tuple | list) else value
        _take(found, key, str(plain) if isinstance(plain, Path) else plain, "flag", folder, problems)
    return found


def _take(found: _Source, key: str, value: Any, origin: str, folder: Path, problems: list[Problem]) -> None:
    def say(message: str) -> Problem:
        return Problem(
            message=f"{origin}: {message}" if origin != "flag" else f"--{re.sub('[._]', '-', key)}: {message}"
        )

    wrong = check_value(value, _schema(key))
    problems += [say(message) for message in wrong]
    if not wrong:
        found[key] = _Found(value=value, origin=origin, base=folder, say=say)


def _schema(key: str) -> Mapping[str, Any]:
    schema: Mapping[str, Any] = SCHEMA
    for part in key.split("."):
        schema = schema["properties"][part]
    return schema


def _path(value: Any, base: Path) -> Path:
    return Path(os.path.normpath(base / expanded(str(value))))


def _file(value: Any, base: Path) -> Path:
    path = _path(value, base)
    try:
        there = path.exists() and not path.is_dir()
    except OSError as error:
        raise InvalidInput(f"{path}: cannot be read: {error.strerror or error}") from error
    if not there:
        raise InvalidInput(f"there is no file {path}")
    return path


def _paths(value: Any, base: Path) -> tuple[Path, ...]:
    return tuple(_path(part, base) for part in ([value] if isinstance(value, str) else value))


def _text(value: Any, base: Path) -> str:
    return str(value)


def _texts(value: Any, base: Path) -> tuple[str, ...]:
    return tuple(map(str, [value] if isinstance(value, str) else value))


def _places(value: Any, base: Path) -> tuple[str, ...]:
    return tuple(
        part if part.startswith(("http://", "https://")) else str(_path(part, base)) for part in _texts(value, base)
    )


def _index(value: Any, base: Path) -> str:
    return f"sqlite:{_path(str(value).removeprefix('sqlite:'), base)}"


def _zone(value: Any, base: Path) -> str:
    from zoneinfo import available_timezones

    if value not in available_timezones():
        raise InvalidInput(f"'{value}' is no time zone{likely(str(value), available_timezones())}")
    return str(value)


def _span(value: Any, base: Path) -> float:
    seconds = duration_s(value)
    if seconds <= 0:
        raise InvalidInput(f"{value!r} is no time at all; it must be longer than 0")
    return seconds


def _system_zone(environment: Mapping[str, str]) -> str:
    """The IANA name of the system's zone: TZ, else where /etc/localtime points to, else UTC."""
    if name := environment.get("TZ", "").removeprefix(":"):
        from zoneinfo import ZoneInfo

        with suppress(ValueError, OSError, KeyError):
            return ZoneInfo(name).key
    file = os.path.realpath("/etc/localtime")
    return file.partition("/zoneinfo/")[2] if "/zoneinfo/" in file and Path(file).is_file() else "UTC"


def _short(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


_READ: Mapping[str, Callable[[Any, Path], Any]] = {
    "records": _path,
    "index": _index,
    "inventory": _paths,
    "known_hosts": lambda value, base: tuple(str(path) for path in _paths(value, base)),
    "ssh_config": _file,
    "timezone": _zone,
    "signing.key": lambda value, base: None if value == "none" else _path(value, base),
    "signing.principal": _text,
    "anchor.places": _places,
    "anchor.authority": _file,
    "policy.ticket": _text,
    "policy.same_machine": _text,
    "policy.signature": _text,
    "policy.approvals": lambda value, base: int(value),
    "policy.approvers": _texts,
    "policy.standard": _texts,
    "policy.review": _text,
    "policy.self_review": _text,
    "policy.emergency_review": _span,
    "policy.retention": lambda value, base: duration_s(value),
    "policy.anchor": _text,
    "connect_timeout": _span,
    "keepalive": _span,
    "reconnect_timeout": _span,
    "lock_timeout": _span,
}
_LISTS = frozenset({"inventory", "known_hosts", "policy.approvers", "policy.standard"})
