"""The one place where a host's package manager is chosen."""

from __future__ import annotations

from runner.frozen import frozen
from runner.model import Facts
from runner.steps.parts.answers import Answers


@frozen
class Packages:
    """`text` is the shell text of the family; `manager` the program."""

    text: str
    manager: str


def packages(facts: Facts | None) -> Packages | None:
    """The dialect of a host; apt while it is not known yet; None where there is none for it."""
    match facts.package_manager if facts is not None else "apt":
        case "apt" | "apt-get" | "dpkg":
            return Packages(text="apt", manager="apt")
        case "dnf" | "dnf5" | "yum" | "microdnf":
            return Packages(text="rpm", manager="dnf")
        case "zypper":
            return Packages(text="rpm", manager="zypper")
        case _:
            return None


def none_known(facts: Facts | None) -> str:
    """A script that says that this host's packages cannot be handled."""
    return f'echo "rawat: {not_handled(facts)}" >&2\nexit 69\n'


def not_handled(facts: Facts | None) -> str:
    """Which package manager it is that no dialect knows, in words that are safe in a script."""
    name = (facts.package_manager if facts is not None else "") or "none that is known"
    return f"the package manager of this host ({_safe(name)}) is not apt, dnf or zypper"


def waits(said: Answers) -> tuple[tuple[str, int, str], ...]:
    """How long a script waited for another program that held the package database, and for which."""
    rows = [row for row in said.fields("lock_wait") if len(row) == 2 and row[0].isdigit()]
    return tuple(("package-lock", int(took_ms), holder) for took_ms, holder in rows)


def _safe(name: str) -> str:
    return "".join(letter for letter in name if letter.isalnum() or letter in " -_.")
