"""What is done otherwise than by paramiko, held against paramiko."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from hashlib import sha256, sha512
from typing import Any

import paramiko
import pytest

from runner.transport.wire import LinkTransport


class Exchange:
    hash_algo: Any = sha256


@pytest.fixture
def both() -> Iterator[tuple[Any, Any]]:
    """Our transport and paramiko's, neither begun."""
    pairs = socket.socketpair(), socket.socketpair()
    yield LinkTransport(pairs[0][0]), paramiko.Transport(pairs[1][0])
    for one, other in pairs:
        one.close()
        other.close()


@pytest.mark.parametrize("algorithm", [sha256, sha512])
def test_keys_of_a_connection_are_those_of_paramiko_after_a_second_exchange_too(
    both: tuple[Any, Any], algorithm: Any
) -> None:
    seen = set()
    for secret in (1, 2**255 - 19, 255 << 248, b"of ML-KEM" * 4):
        for transport in both:
            transport.kex_engine = Exchange()
            transport.kex_engine.hash_algo = algorithm
            transport.K, transport.H, transport.session_id = secret, b"h" * 32, b"s" * 32
        for letter in "ABCDEF":
            ours, theirs = (transport._compute_key(letter, 80) for transport in both)
            assert ours == theirs
            seen.add(ours)
    assert len(seen) == 24


def test_without_a_secret_there_are_no_keys(both: tuple[Any, Any]) -> None:
    for transport in both:
        transport.H = transport.session_id = b"s" * 32
        with pytest.raises(TypeError):
            transport._compute_key("A", 16)
