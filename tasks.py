"""What developers do: `inv test`, `inv lint`, `inv bench`, `inv demo`, `inv docs`."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from invoke import Context, task

ROOT = Path(__file__).parent
PYTHON = sys.executable
BIN = Path(PYTHON).parent


def _run(ctx: Context, command: str, **options: object) -> None:
    with ctx.cd(str(ROOT)):
        ctx.run(command, pty=False, **options)


@task
def setup(ctx: Context) -> None:
    """
    Install what the tests need on this machine: servers, and the Debian root of the test hosts (root, by apt).

    The modules are compiled: the tests start rawat hundreds of times, also where PYTHONDONTWRITEBYTECODE is set.
    """
    _run(ctx, f"{PYTHON} -m compileall -q runner tests")
    _run(ctx, f"{PYTHON} -m tests.bed.setup")


@task(help={"only": "Arguments for pytest.", "jobs": "Processes at once."})
def test(ctx: Context, only: str = "", jobs: int = 0) -> None:
    """All tests, real servers and hosts included; three processes for each processor, since many of them wait."""
    setup(ctx)
    if not only:  # pytest rewrites each test that it loads, 5 s in all: once here, or once in each of the processes
        halves = ("tests/unit", "tests --ignore tests/unit")
        looks = " & ".join(f"{PYTHON} -m pytest --collect-only -qq {half} >/dev/null" for half in halves)
        _run(ctx, f"{looks} & wait", env={"PYTHONDONTWRITEBYTECODE": ""})
    jobs = jobs or 3 * (os.cpu_count() or 1)
    how = only or f"-n {jobs} --dist loadfile --no-loadscope-reorder --durations 25"
    _run(ctx, f"{PYTHON} -m pytest {how}")


@task
def lint(ctx: Context) -> None:
    """ruff, mypy, import-linter."""
    _run(ctx, f"{BIN}/ruff check .")
    _run(ctx, f"{BIN}/ruff format --check .")
    _run(ctx, f"{BIN}/mypy")
    _run(ctx, f"{BIN}/lint-imports")


@task
def fmt(ctx: Context) -> None:
    """Format, and fix what can be fixed."""
    _run(ctx, f"{BIN}/ruff format .")
    _run(ctx, f"{BIN}/ruff check --fix .")


@task(help={"arguments": "For the benchmark: --hosts 1,10 --quick and so on."})
def bench(ctx: Context, arguments: str = "") -> None:
    """Measure against Fabric, pyinfra and ansible-core on this machine, as ratios."""
    setup(ctx)
    _run(ctx, f"{PYTHON} -m tests.bench {arguments}")


@task(help={"seeds": "How many random playbooks.", "first": "The first seed."})
def soak(ctx: Context, seeds: int = 2000, first: int = 1) -> None:
    """Random playbooks under random faults, three at a time; prints a line of JSON for each of the three."""
    jobs = " & ".join(
        f"mkdir -p /tmp/rawat-soak/{job} && {PYTHON} -m tests.crash.soak /tmp/rawat-soak/{job} {first + job} {seeds} 3"
        for job in range(3)
    )
    _run(ctx, f"{jobs} & wait")


@task
def demo(ctx: Context) -> None:
    """The demo, in a folder that is removed before."""
    _run(ctx, "rm -rf rawat-demo")
    _run(ctx, f"{BIN}/rawat demo", env={**os.environ})


@task
def docs(ctx: Context) -> None:
    """Make the pages of step kinds, events, settings and exit codes from the code."""
    _run(ctx, f"{PYTHON} -m docs.make")
