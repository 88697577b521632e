"""What Ansible's `ansible_*` variables say of a connection, in the terms of the rawat form."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from runner.document.source import likely
from runner.errors import Problem
from runner.frozen import replace
from runner.inventory.draft import HostEntry, Values, Written, is_secret, show
from runner.inventory.groups import Sourced
from runner.inventory.names import port_of

_PLAIN = {
    "ansible_host": "address", "ansible_ssh_host": "address",
    "ansible_port": "port", "ansible_ssh_port": "port",
    "ansible_user": "user", "ansible_ssh_user": "user",
    "ansible_ssh_private_key_file": "identity_file", "ansible_private_key_file": "identity_file",
    "ansible_connection": "transport",
}  # fmt: skip
_TRANSPORTS = {"ssh": "ssh", "smart": "ssh", "paramiko": "ssh", "paramiko_ssh": "ssh", "local": "local"}
_ARGUMENTS = ("ansible_ssh_common_args", "ansible_ssh_extra_args", "ansible_ssh_args")
_CHECKING = frozenset({"ansible_host_key_checking", "ansible_ssh_host_key_checking"})


def is_connection(name: str) -> bool:
    """Whether a variable is used up here, so that playbooks do not see it."""
    return name in _PLAIN or name in _ARGUMENTS or is_secret(name) or name in _CHECKING


class Translated:
    """The variables that are left, the settings that came out, and what was wrong or ignored."""

    def __init__(self, variables: Sourced, settings: Values) -> None:
        self.variables, self.settings = variables, settings
        self.problems: list[Problem] = []
        self.notes: list[str] = []


def translate(entry: HostEntry, variables: Sourced) -> Translated:
    """
    A host's settings with those of its Ansible variables; settings of the rawat form are stronger.

    Passwords are left out: they would stand in the record.
    """
    used = {name: pair for name, pair in variables.items() if pair[0].ansible and is_connection(name)}
    done = Translated({name: pair for name, pair in variables.items() if name not in used}, dict(entry.settings))
    for name, (written, group) in used.items():
        if is_secret(name):
            done.notes.append(f"{written.mark}: '{name}' is left out; secrets do not belong in an inventory")
        elif name in _CHECKING:
            done.notes.append(f"{written.mark}: '{name}' is ignored; host keys are always checked")
        elif "{{" in str(written.value):
            done.problems.append(written.mark.problem(f"'{name}' is a template, which rawat does not render here"))
        elif name in _ARGUMENTS:
            _arguments(done, written)
        else:
            _take(done, _PLAIN[name], _setting(done, name, written), own=not group)
    return done


def _take(done: Translated, key: str, written: Written | None, *, own: bool) -> None:
    if written is None:
        return
    first = done.settings.setdefault(key, written)
    if own and not first.same(written):
        done.problems.append(
            written.mark.problem(f"'{key}' is {show(written.value)} here, and {show(first.value)} at {first.mark}")
        )


def _setting(done: Translated, name: str, written: Written) -> Written | None:
    value: Any = written.value
    key = _PLAIN[name]
    wrong = ""
    if value is None:  # as in Ansible: nothing was said
        return None
    if key == "port":
        port = port_of(str(value))
        wrong = "" if port else f"{show(value)} is no port"
        value = port or value
    elif key == "transport":
        wrong = (
            ""
            if isinstance(value, str) and value in _TRANSPORTS
            else f"{show(value)} is no connection that rawat has: ssh, local"
        )
        wrong += likely(str(value), _TRANSPORTS) if wrong else ""
        value = _TRANSPORTS.get(value, value) if not wrong else value
    else:
        odd = isinstance(value, bool) or not isinstance(value, str | int | float)
        value = str(value)
        bad = odd or not value or value.startswith("-") or (key != "identity_file" and any(c.isspace() for c in value))
        wrong = f"{show(value)} cannot be" if bad or not value.isprintable() else ""
        value = [value] if key == "identity_file" else value
    if wrong:
        done.problems.append(written.mark.problem(f"'{name}': {wrong}"))
        return None
    return replace(written, value=value)


def _arguments(done: Translated, written: Written) -> None:
    """`-J` and `-o ProxyJump` become the jump hosts; ProxyCommand is refused; other arguments are noted."""
    try:
        words = shlex.split(str(written.value))
    except ValueError:
        done.problems.append(written.mark.problem("a quote is not closed"))
        return
    for flag, value in _options(words):
        option, _, setting = value.replace("=", " ", 1).strip().partition(" ")
        jump = value if flag == "-J" else setting.strip() if flag == "-o" and option.lower() == "proxyjump" else ""
        if jump:
            hops = [] if jump.lower() == "none" else [hop for hop in jump.split(",") if hop]
            done.settings.setdefault("jump", replace(written, value=hops))
        elif flag == "-o" and option.lower() == "proxycommand":
            message = "ProxyCommand would run a local command; name the jump host: -J user@host"
            done.problems.append(written.mark.problem(message))
        else:
            done.notes.append(f"{written.mark}: the ssh argument '{f'{flag} {value}'.strip()}' is ignored")


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    rest = iter(words)
    for word in rest:
        if word in ("-J", "-o"):
            yield word, next(rest, "")
        elif word[:2] in ("-J", "-o"):
            yield word[:2], word[2:]
        else:
            yield word, ""
