"""How often a run must wait for the other end: what a slow link costs is this, times its round trip."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bed.fixtures import shared_sshd
from tests.bed.process import until
from tests.bed.proxy import Proxy
from tests.bed.sshd import LoopbackSshd

__all__ = ["shared_sshd"]

TO_THE_FIRST_STEP = 8
MORE = 10
TRIES = 3
"""On a machine that is busy a step may take so long that the client asks for it once more; the best try counts."""


@pytest.fixture
def proxy(shared_sshd: LoopbackSshd) -> Iterator[Proxy]:
    """The delay keeps packets apart that are separate turns, and is short against a step."""
    with Proxy(shared_sshd.address, shared_sshd.port, rtt_ms=20) as proxy:
        shared_sshd.trust(proxy.host, proxy.port)
        yield proxy


def trips(folder: Path, proxy: Proxy, sshd: LoopbackSshd, *, steps: int) -> tuple[int, int]:
    """
    Round trips of a run with so many steps: before its first step runs, and of the whole.

    One for TCP, and one for each turn of the client; the turn that carries the step is not over when it runs.
    """
    folder.mkdir()
    host = f"{{address: {proxy.host}, port: {proxy.port}, user: {sshd.user}, identity_file: {sshd.key}}}"
    (folder / "inventory.yml").write_text(f"rawat: 1\nhosts:\n  a: {host}\n", encoding="utf-8")
    settings = f"rawat: 1\nssh_config: /dev/null\nknown_hosts: [{sshd.known_hosts}]\n"
    (folder / "rawat.yml").write_text(settings, encoding="utf-8")
    begun = folder / "begun"
    lines = ["echo >" + str(begun) + "; sleep 0.1", *[":"] * (steps - 1)]
    body = "".join(f"    - {{id: s{number}, command: '{line}'}}\n" for number, line in enumerate(lines))
    head = "rawat: 1\nname: trips\nkind: other\nhosts: all\nphases:\n  implement:\n"
    (folder / "p.yml").write_text(head + body, encoding="utf-8")
    proxy.reset_counters()
    argv = [sys.executable, "-m", "runner", "run", "p.yml"]
    with (folder / "said").open("wb") as said:
        process = subprocess.Popen(argv, cwd=folder, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        until("the first step runs", lambda: begun.exists() or process.poll() is not None, every_s=0.005)
        first = proxy.counters()
        code = process.wait(240)
    assert code == 0, (folder / "said").read_text(encoding="utf-8")
    whole = proxy.counters()
    return first.connections + first.round_trips - 1, whole.connections + whole.round_trips


def test_a_step_is_one_round_trip_and_few_come_before(proxy: Proxy, shared_sshd: LoopbackSshd, tmp_path: Path) -> None:
    one = [trips(tmp_path / f"one{number}", proxy, shared_sshd, steps=1) for number in range(TRIES)]
    more = [trips(tmp_path / f"more{number}", proxy, shared_sshd, steps=1 + MORE) for number in range(TRIES)]
    assert min(first for first, _ in one) <= TO_THE_FIRST_STEP
    assert min(whole for _, whole in more) - min(whole for _, whole in one) <= MORE
