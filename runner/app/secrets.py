"""Where secrets come from: the environment, a file of mode 0600, or a question where there is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from runner.document.paths import expanded
from runner.errors import InvalidInput, Problem
from runner.frozen import replace
from runner.model import Playbook
from runner.redact import Secret

Ask = Callable[[str], str]


def find_secrets(names: Iterable[str], environment: Mapping[str, str], ask: Ask | None) -> dict[str, Secret]:
    """
    A value for every name: RAWAT_SECRET_<NAME>, else the file that RAWAT_SECRET_<NAME>_FILE names, else `ask`.

    Raises InvalidInput that says for each missing one how to give it; `ask` is None without a terminal.
    """
    found: dict[str, Secret] = {}
    problems = []
    for name in names:
        if (given := given_secret(name, environment)) is not None:
            found[name] = given
        elif ask is not None:
            found[name] = Secret(name, ask(f"Secret {name}: "))
        else:
            variable = _variable(name)
            message = f"the secret '{name}' has no value; set {variable}, or {variable}_FILE to a file of mode 0600"
            problems.append(Problem(message=message))
    if problems:
        raise InvalidInput(problems=tuple(problems))
    return found


def given_secret(name: str, environment: Mapping[str, str]) -> Secret | None:
    """Its value where the environment gives one. Raises InvalidInput for a file that cannot be used."""
    variable = _variable(name)
    if variable in environment:
        return Secret(name, environment[variable])
    if f"{variable}_FILE" in environment:
        return Secret(name, _from_file(expanded(environment[f"{variable}_FILE"])))
    return None


def with_given(playbook: Playbook, environment: Mapping[str, str]) -> Playbook:
    """The playbook for this run: a secret that may be missing and is there is one like the others."""
    given = [
        name
        for name in playbook.optional
        if environment.get(_variable(name)) or f"{_variable(name)}_FILE" in environment
    ]
    rest = tuple(name for name in playbook.optional if name not in given)
    return replace(playbook, secrets=(*playbook.secrets, *given), optional=rest) if given else playbook


def no_values(playbook: Playbook) -> dict[str, Secret]:
    """Of secrets that may be missing, and are."""
    return {name: Secret(name, "") for name in playbook.optional}


def _variable(name: str) -> str:
    return f"RAWAT_SECRET_{name.upper()}"


def _from_file(path: Path) -> str:
    try:
        mode = path.stat().st_mode
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path}: this file of a secret cannot be read: {error}") from error
    if mode & 0o077:
        raise InvalidInput(f"{path}: others may read this file of a secret", hint=f"chmod 600 {path}")
    return text.rstrip("\n")


class SudoPasswords:
    """One password for sudo on all hosts, from RAWAT_SUDO_PASSWORD, its _FILE, or asked once."""

    def __init__(self, password: Secret | None) -> None:
        self.password = password

    def sudo(self, host: str, user: str) -> Secret | None:
        return self.password


def find_sudo_password(environment: Mapping[str, str], ask: Ask | None) -> Secret | None:
    """
    `ask` is None where nobody wants to be asked; an empty variable is one that a pipeline does not have.

    Raises InvalidInput for what sudo could not take as one line.
    """
    if not (password := environment.get("RAWAT_SUDO_PASSWORD")):
        if file := environment.get("RAWAT_SUDO_PASSWORD_FILE"):
            password = _from_file(expanded(file))
        elif ask is not None:
            password = ask("Password for sudo: ")
        else:
            return None
    if any(end in password for end in "\n\r\0"):  # what follows would be read by the shell that sudo starts
        raise InvalidInput("the password for sudo has more than one line", hint="give it alone")
    return Secret("sudo_password", password)
