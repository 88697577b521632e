"""
Pytest fixtures over the bed. A test module uses them by `from tests.bed.fixtures import lab3` or through a conftest.

Hosts need root: a test that asks for them as another user fails, and says so; `-m "not lab"` leaves them out by choice.
"""

from __future__ import annotations

import contextlib
import itertools
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.bed.host import HostSpec
from tests.bed.lab import Lab
from tests.bed.packages import ensure
from tests.bed.process import BedError, run
from tests.bed.sshd import LoopbackSshd

LAB3 = (
    HostSpec(name="pg", services=("postgresql",)),
    HostSpec(name="maria", services=("mariadb",)),
    HostSpec(name="plain", packages=("bed-app",)),
)
PASSWORD = "the 'right' $(one)"
"""Of the accounts that `sudoer` makes."""


def spool(folder: Path) -> tuple[str, ...]:
    """A spool of its own for whoever logs in: tests that run beside each other do not hold each other's hosts."""
    (folder / "spool").mkdir(mode=0o700, exist_ok=True)
    return (f"RAWAT_SPOOL={folder / 'spool'}",)


@pytest.fixture
def loopback_sshd(tmp_path: Path) -> Iterator[LoopbackSshd]:
    """A fresh sshd on 127.0.0.1, login as the current user."""
    with LoopbackSshd(tmp_path / "sshd", environment=spool(tmp_path)) as sshd:
        yield sshd


@pytest.fixture
def start_sshd(tmp_path: Path) -> Iterator[Callable[..., LoopbackSshd]]:
    """Start as many sshds as a test wants: `start_sshd(options=("MaxSessions 1",))`; all stopped at its end."""
    numbers = itertools.count()
    with ExitStack() as undo:
        yield lambda **given: undo.enter_context(LoopbackSshd(tmp_path / f"sshd{next(numbers)}", **given))


@pytest.fixture(scope="session")
def shared_sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackSshd]:
    """One sshd for all tests that do it no harm."""
    folder = tmp_path_factory.mktemp("shared")
    with LoopbackSshd(folder / "sshd", environment=spool(folder)) as sshd:
        yield sshd


@pytest.fixture(scope="session")
def lab3() -> Iterator[Lab]:
    """
    Three hosts for the whole session: `pg` (PostgreSQL), `maria` (MariaDB), `plain` (bed-app 1.0).

    A test leaves them as it found them, or takes start_lab.
    """
    with Lab.start(LAB3) as lab:
        yield lab


@pytest.fixture
def start_lab() -> Iterator[Callable[[Sequence[HostSpec]], Lab]]:
    """Start a lab of one's own: `start_lab([HostSpec(name="web")])`; stopped at the test's end."""
    with ExitStack() as undo:
        yield lambda specs: undo.enter_context(Lab.start(specs))


@pytest.fixture
def sudoer() -> Iterator[Callable[[str], str]]:
    """Make an account with these sudo rules (`%s` is its name) and PASSWORD; both are removed at the end."""
    ensure(("sudo",))
    names: list[str] = []

    def made(rules: str) -> str:
        name = f"rawat{uuid.uuid4().hex[:8]}"
        names.append(name)
        run(["useradd", "--create-home", "--shell", "/bin/sh", name])
        run(["chpasswd"], stdin=f"{name}:{PASSWORD}\n")
        rule = Path(f"/etc/sudoers.d/{name}")
        rule.write_text(rules.replace("%s", name) + "\n")
        rule.chmod(0o440)
        run(["visudo", "-cqf", str(rule)])
        return name

    yield made
    for name in names:
        Path(f"/etc/sudoers.d/{name}").unlink(missing_ok=True)
        with contextlib.suppress(BedError):
            run(["userdel", "--remove", "--force", name])
