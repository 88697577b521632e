"""Where a host is, from what the inventory made of it alone; and the socket to it."""

from __future__ import annotations

import socket
from pathlib import Path

from runner.model import Host
from runner.transport.target import PromptSocket, route


def test_a_file_of_known_keys_is_read_once() -> None:
    """However often it is named, and by whom; else a refusal lists the same key twice."""
    home = Path("~").expanduser()
    known = (f"{home}/.ssh/known_hosts", "/etc/known")
    hop = Host(name="gate", address="10.0.0.1", known_hosts=known)
    host = Host(name="web", address="10.0.0.2", known_hosts=known, jump=(hop,), identities_only=True)
    bare = Host(name="gate", address="10.0.0.3")
    own = "~/.ssh/known_hosts"
    first, last = route(host, known_hosts=(own, "/etc/more"))
    assert first.known_hosts == last.known_hosts == known, "the inventory has put all of them together"
    assert route(bare, known_hosts=(own, "/etc/more"))[0].known_hosts == (f"{home}/.ssh/known_hosts", "/etc/more")
    assert (first.port, first.identities_only, last.identities_only) == (22, False, True)


def test_what_was_read_ahead_is_given_without_asking_the_kernel() -> None:
    ours, theirs = socket.socketpair()
    with PromptSocket(fileno=ours.detach()) as link, theirs:
        theirs.sendall(b"head and body")
        assert link.read_ahead(4) == b""
        assert link.recv(4) == b"head"
        assert link.read_ahead(100) == b""
        assert link.read_ahead(5) + link.recv(100) == b" and body"
