"""The fixtures of the bed; properties without a clock; and the order: what takes longest begins first, not alone."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.bed.fixtures"]

LONGEST = (
    "contract/test_transports.py",
    "integration/test_ssh_hosts.py",
    "integration/test_lab_midstep.py",
    "integration/test_databases.py",
    "integration/test_lab_playbooks.py",
    "integration/test_kinds_lab.py",
    "integration/test_kinds_backup.py",
    "crash/test_everywhere.py",
    "integration/test_lab_units.py",
    "integration/test_lab_rollout.py",
    "acceptance/test_run.py",
    "crash/test_soak.py",
    "integration/test_bed.py",
    "integration/test_incident_databases.py",
    "acceptance/test_links.py",
    "acceptance/test_resume.py",
    "acceptance/test_locks.py",
    "acceptance/test_demo.py",
    "integration/test_lab_incident.py",
    "integration/test_lab_backup.py",
    "integration/test_lab_reboot.py",
    "integration/test_kinds_verify.py",
    "integration/test_kinds_optimize.py",
)
"""Files that take longer than 15 s, longest first; the others follow as they are found.

One exception: the 14 hosts of `test_lab_midstep.py` want a machine on which the other processes mostly wait.
"""

settings.register_profile(
    "rawat",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=bool(os.environ.get("CI")),
)
settings.load_profile("rawat")
"""How fast the machine is says nothing about a property. A pipeline tries the same examples always, a person others."""

signal.signal(signal.SIGHUP, signal.SIG_DFL)
signal.signal(signal.SIGINT, signal.default_int_handler)
"""Under nohup the one is ignored, in a shell's background the other: here, and by all that a test starts."""

os.umask(0o022)
"""Whatever that of who starts the tests is: hosts on this machine get it from us, and theirs is usual."""

HERE = Path(__file__).parent
PLACES = {(HERE / name).resolve(strict=True): place for place, name in enumerate(LONGEST)}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: PLACES.get(item.path, len(LONGEST)))
