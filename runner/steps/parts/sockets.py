"""Listening sockets as the kernel writes them in /proc/net, told as `port/protocol` and address."""

from __future__ import annotations

import ipaddress

from runner.frozen import frozen
from runner.steps.parts.answers import Answers


@frozen
class Listening:
    """One socket; `protocol` is `tcp` or `udp`."""

    address: str
    port: int
    protocol: str

    @property
    def loopback(self) -> bool:
        return ipaddress.ip_address(self.address).is_loopback

    def __str__(self) -> str:
        return f"{self.port}/{self.protocol} on {self.address}"


def listening(said: Answers) -> list[Listening]:
    """Every socket that was told of under `listens`, once, by port."""
    found = {
        Listening(address=_address(where.partition(":")[0]), port=int(where.partition(":")[2], 16), protocol=table[:3])
        for table, where in (row for row in said.fields("listens") if len(row) == 2)
    }
    return sorted(found, key=lambda each: (each.port, each.protocol, each.address))


def _address(digits: str) -> str:
    """Hexadecimal words of 32 bits, each with its bytes turned round (as on every little-endian machine)."""
    raw = b"".join(bytes.fromhex(digits[at : at + 8])[::-1] for at in range(0, len(digits), 8))
    found = ipaddress.ip_address(raw)
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return str(mapped or found)
