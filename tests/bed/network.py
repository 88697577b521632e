"""The lab's network: one namespace with a bridge, and per host a namespace joined to it by a veth pair."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bed.process import BedError, run

GATEWAY = "10.77.0.1"
"""The bridge's own address, where tests and repositories are. The same in every lab: each is a world of its own."""

FIRST_HOST = 11
MOST_HOSTS = 240
CLONE_NEWNET = 0x40000000


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """Network namespaces of one lab, found by the lab's name (`ip netns`)."""

    lab: str

    def create(self) -> None:
        """The lab's namespace with a bridge that answers at GATEWAY."""
        run(["ip", "netns", "add", self.lab])
        self._in_lab(
            "link set lo up",
            "link add br0 type bridge forward_delay 0",
            f"addr add {GATEWAY}/24 dev br0",
            "link set br0 up",
        )

    def attach(self, number: int) -> None:
        """A new namespace for host number (0, 1, ...), its eth0 joined to the bridge; an old one goes first."""
        self.detach(number)
        host, port = self.namespace(number), self.port(number)
        run(["ip", "netns", "add", host])
        self._in_lab(f"link add {port} type veth peer name eth0 netns {host}", f"link set {port} master br0 up")
        mac = f"02:00:0a:4d:00:{number:02x}"  # kept over a reboot, as a real card's is: neighbours remember it
        _configure(
            host,
            "link set lo up",
            f"link set eth0 address {mac}",
            f"addr add {self.address(number)}/24 dev eth0",
            "link set eth0 up",
            f"route add default via {GATEWAY}",
        )

    def detach(self, number: int) -> None:
        """Take host number off the bridge and drop its namespace, open connections and all."""
        if Path("/run/netns", self.namespace(number)).exists():
            run(["ip", "-n", self.lab, "link", "del", self.port(number)], check=False)
            run(["ip", "netns", "del", self.namespace(number)])

    def link(self, number: int, up: bool) -> None:
        """Plug in or pull out the cable of host number, at the bridge."""
        self._in_lab(f"link set {self.port(number)} {'up' if up else 'down'}")

    def address(self, number: int) -> str:
        """IPv4 address of host number."""
        return f"10.77.0.{FIRST_HOST + number}"

    def port(self, number: int) -> str:
        """Name of the bridge's interface for host number, in the lab's namespace."""
        return f"port{number}"

    def namespace(self, number: int) -> str:
        """Name of host number's own network namespace."""
        return f"{self.lab}-{number}"

    def command(self, argv: list[str]) -> list[str]:
        """The command line that runs argv inside the lab's namespace, whence the hosts can be reached."""
        return ["nsenter", f"--net=/run/netns/{self.lab}", "--", *argv]

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Move the calling thread, and threads it starts meanwhile, into the lab's namespace."""
        with Path(f"/proc/self/task/{threading.get_native_id()}/ns/net").open("rb") as before:
            with Path("/run/netns", self.lab).open("rb") as lab:
                _enter(lab.fileno())
            try:
                yield
            finally:
                _enter(before.fileno())

    def remove(self) -> None:
        """Drop all namespaces of this lab, whatever is left of them."""
        folder = Path("/run/netns")
        if folder.is_dir():
            for entry in sorted(folder.iterdir()):
                if entry.name == self.lab or entry.name.startswith(f"{self.lab}-"):
                    run(["ip", "netns", "del", entry.name], check=False)

    def _in_lab(self, *lines: str) -> None:
        _configure(self.lab, *lines)


def _configure(namespace: str, *lines: str) -> None:
    """Carry out lines of `ip` in the namespace of that name."""
    run(["ip", "-n", namespace, "-batch", "-"], stdin="\n".join(lines) + "\n")


def _enter(namespace: int) -> None:
    """Move the calling thread into the network namespace of this file descriptor (os.setns came with 3.12)."""
    if ctypes.CDLL(None, use_errno=True).setns(namespace, CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise BedError(f"setns: {os.strerror(code)}")
