"""Where a host is, from what the inventory made of it alone."""

from __future__ import annotations

from pathlib import Path

from runner.model import Host
from runner.transport.target import route


def test_a_file_of_known_keys_is_read_once() -> None:
    """However often it is named, and by whom; else a refusal lists the same key twice."""
    home = Path("~").expanduser()
    known = (f"{home}/.ssh/known_hosts", "/etc/known")
    hop = Host(name="gate", address="10.0.0.1", known_hosts=known)
    host = Host(name="web", address="10.0.0.2", known_hosts=known, jump=(hop,), identities_only=True)
    first, last = route(host, known_hosts=("~/.ssh/known_hosts", "/etc/more"))
    assert first.known_hosts == last.known_hosts == (*known, "/etc/more")
    assert (first.port, first.identities_only, last.identities_only) == (22, False, True)
