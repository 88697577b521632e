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
from runner.inventory.ssh_config import left_out

_PLAIN = {
    "ansible_host": "address", "ansible_ssh_host": "address",
    "ansible_port": "port", "ansible_ssh_port": "port",
    "ansible_user": "user", "ansible_ssh_user": "user",
    "ansible_ssh_private_key_file": "identity_file", "ansible_private_key_file": "identity_file",
    "ansible_connection": "transport",
}  # fmt: skip
_TRANSPORTS = {"ssh": "ssh", "smart": "ssh", "paramiko": "ssh", "paramiko_ssh": "ssh", "local": "local"}
_ARGUMENTS = ("ansible_ssh_args", "ansible_ssh_common_args", "ansible_ssh_extra_args")
"""The first stands before what the other variables say, the others behind it: of two values ssh takes the first."""
_FLAGS = {"p": "port", "l": "user", "i": "identity_file", "J": "jump"}
_OPTIONS = {
    "port": "port", "user": "user", "identityfile": "identity_file", "proxyjump": "jump",
    "hostkeyalias": "host_key_alias", "userknownhostsfile": "known_hosts",
}  # fmt: skip
_WITH_VALUE = frozenset("BbcDEeFIiJLlmOoPpQRSWw")
"""Flags of ssh that are followed by a value."""
_CHECKING = frozenset({"ansible_host_key_checking", "ansible_ssh_host_key_checking"})

_BECOME = frozenset({"ansible_become", "ansible_become_user", "ansible_become_method", "ansible_become_exe"})


def is_connection(name: str) -> bool:
    """Whether a variable is used up here, so that playbooks do not see it."""
    return name in _PLAIN or name in _ARGUMENTS or is_secret(name) or name in _CHECKING


class Translated:
    """The variables that are left, the settings that came out, and what was wrong or ignored."""

    def __init__(self, variables: Sourced, settings: Values) -> None:
        self.variables, self.settings = variables, settings
        self.problems: list[Problem] = []
        self.notes: list[str] = []
        self.by_arguments: set[str] = set()


def translate(entry: HostEntry, variables: Sourced) -> Translated:
    """
    A host's settings with those of its Ansible variables; settings of the rawat form are stronger.

    Passwords are left out: they would stand in the record.
    """
    used = {
        name: variables[name]
        for name in sorted(variables, key=lambda name: _ARGUMENTS.index(name) if name in _ARGUMENTS else 0.5)
        if variables[name][0].ansible and is_connection(name)
    }
    done = Translated({name: pair for name, pair in variables.items() if name not in used}, dict(entry.settings))
    for name, (written, group) in used.items():
        if is_secret(name):
            done.notes.append(f"{written.mark}: '{name}' is left out; secrets do not belong in an inventory")
        elif name in _CHECKING:
            done.notes.append(f"{written.mark}: '{name}' is ignored; host keys are always checked")
        elif "{{" in str(written.value):
            done.problems.append(written.mark.problem(f"'{name}' is a template, which rawat does not render here"))
        elif name in _ARGUMENTS:
            _arguments(done, name, written)
        else:
            _take(done, _PLAIN[name], _setting(done, name, _PLAIN[name], written), own=not group)
    for name in sorted(_BECOME & done.variables.keys()):
        written, _ = done.variables[name]
        if written.ansible and str(written.value).lower() not in ("", "no", "false", "none"):
            done.notes.append(
                f"{written.mark}: '{name}' says nothing here; whom steps work as stands in the playbook: become"
            )
    return done


def _take(done: Translated, key: str, written: Written | None, *, own: bool) -> None:
    if written is None:
        return
    first = done.settings.setdefault(key, written)
    if own and key not in done.by_arguments and not first.same(written):
        done.problems.append(
            written.mark.problem(f"'{key}' is {show(written.value)} here, and {show(first.value)} at {first.mark}")
        )


def _setting(done: Translated, name: str, key: str, written: Written) -> Written | None:
    value: Any = written.value
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


def _arguments(done: Translated, name: str, written: Written) -> None:
    """What names port, user, keys and jump hosts is taken; ProxyCommand is refused; all else is noted."""
    try:
        words = shlex.split(str(written.value))
    except ValueError:
        done.problems.append(written.mark.problem("a quote is not closed"))
        return
    for flag, value in _options(words):
        option, _, setting = value.replace("=", " ", 1).strip().partition(" ")
        option, setting = (option.lower(), setting.strip()) if flag == "-o" else ("", value)
        key = _OPTIONS.get(option) if flag == "-o" else _FLAGS.get(flag[1:])
        why = left_out(option, tuple(setting.split())) if key and option and setting else ""
        if not why and key in ("identity_file", "known_hosts") and "%" in setting:
            why = f"ignored: '{setting}' has a token, which is filled in for ssh_config only"
        if option == "proxycommand":
            message = "ProxyCommand would run a local command; name the jump host: -J user@host"
            done.problems.append(written.mark.problem(message))
        elif key is None or why or not setting:
            said = f"{flag} {value}".strip()
            done.notes.append(f"{written.mark}: the ssh argument '{said}' is {why or 'ignored'}")
        else:
            _argument(done, name, key, replace(written, value=setting))


def _argument(done: Translated, name: str, key: str, written: Written) -> None:
    if key == "jump":
        hops = [] if written.value.lower() == "none" else [hop for hop in written.value.split(",") if hop]
        made: Written | None = replace(written, value=hops)
    elif key == "known_hosts":
        made = replace(written, value=written.value.split())
    else:
        made = _setting(done, name, key, written)
    first = done.settings.get(key)
    if made is None or first is None:
        done.by_arguments.add(key)
        done.settings |= {key: made} if made else {}
    elif key == "identity_file" and first.ansible:  # ssh tries them all
        done.settings[key] = replace(first, value=[*first.value, *made.value])


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """(flag, value) of each argument, as getopt takes them apart: -p22 and -Cp 22 as well as -p 22."""
    rest = iter(words)
    for word in rest:
        if word[:1] != "-" or len(word) == 1:
            yield word, ""
            continue
        for place, flag in enumerate(word[1:], start=1):
            if flag in _WITH_VALUE:
                yield f"-{flag}", word[place + 1 :] or next(rest, "")
                break
            yield f"-{flag}", ""
