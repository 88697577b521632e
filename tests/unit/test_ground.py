"""What the tests themselves stand on, wherever and by whomever they are run."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, is_hypothesis_test, settings


def test_no_property_fails_where_the_machine_is_slow(request: pytest.FixtureRequest) -> None:
    """Those that were collected beside this test: in a run of the whole suite, all."""
    tests = [item.obj for item in request.session.items if isinstance(item, pytest.Function)]
    used = [test._hypothesis_internal_use_settings for test in tests if is_hypothesis_test(test)]
    for each in (settings.default, *used):
        assert each is not None and each.deadline is None
        assert HealthCheck.too_slow in each.suppress_health_check


def test_the_umask_of_who_starts_the_tests_is_that_of_no_host() -> None:
    say = [sys.executable, "-c", "import os; import tests.conftest; print(oct(os.umask(0)))"]
    told = subprocess.check_output(say, umask=0o077, text=True, cwd=Path(__file__).parents[2])
    assert told == "0o22\n"
    assert oct(os.umask(0o022)) == "0o22"
