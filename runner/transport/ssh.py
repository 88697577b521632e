"""
Hosts over SSH: Fabric's connection, one per host for the whole run, a supervisor on it for each user.

Fabric and paramiko are imported while the TCP connection to the first host is under way: they cost 0.15 s.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from math import inf
from typing import TYPE_CHECKING

from runner.model import Host, Peer
from runner.seams import Passwords
from runner.transport.channel import Channel
from runner.transport.lean import import_paramiko
from runner.transport.session import SupervisedSession
from runner.transport.spools import Spools
from runner.transport.supervisors import Supervisors
from runner.transport.target import KNOWN_HOSTS, Target, dial, route
from runner.transport.watchdog import MISSES, Watchdog
from runner.transport.within import Within, within

if TYPE_CHECKING:
    from runner.transport.link import Limits, Link

OPENED_AT_ONCE = 12
"""Connections that are being opened; more only keep each other waiting. Silent hosts do not count."""
DROPPED_PAUSE_S, LONGEST_PAUSE_S = 0.1, 2.0
"""Seconds before a server that lets only so many log in at once is tried again: growing, and never two alike."""


class SshTransport:
    """
    `known_hosts` are read after those of a host. `keepalive_s`: how often a silent link is asked; it is given up after
    three times that. `spool`: a folder on the hosts instead of the usual ones. `spool_days`: how long a run's folder
    stays there when nothing happens in it. `resumed`: the run had earlier sittings, whose folders should be there.
    `shell`: what reads the supervisor. `inventories`: what to name beside a host whose key is to be trusted.
    """

    def __init__(
        self,
        *,
        known_hosts: Sequence[str] = KNOWN_HOSTS,
        connect_timeout_s: float = 10.0,
        hello_timeout_s: float = 20.0,
        keepalive_s: float = 5.0,
        spool: str = "",
        spool_days: int = 14,
        resumed: bool = False,
        shell: str = "sh",
        inventories: Sequence[str] = (),
    ) -> None:
        self._known_hosts = tuple(str(file) for file in known_hosts)
        self._connect_s = connect_timeout_s
        self._silence_s = keepalive_s * MISSES
        self._supervisors = Supervisors(
            shell=(shell,), spools=Spools(spool), days=spool_days, resumed=resumed, hello_s=hello_timeout_s
        )
        self._inventories = tuple(inventories)
        self._watchdog = Watchdog(keepalive_s)
        self._opening = threading.BoundedSemaphore(OPENED_AT_ONCE)
        self._links: set[Link] = set()
        self._lock = threading.Lock()

    def connect(self, host: Host, *, run_id: str, passwords: Passwords, within_s: float = inf) -> SupervisedSession:
        """A session on the host, key checked and logged in, its supervisor answering. Raises TransportError."""
        with within(within_s, host.name) as limit, self._opening:
            link = self._linked(host, limit)
            try:
                return self._session(host, link, run_id, passwords)
            except BaseException:
                self._forget(link)
                raise

    @contextmanager
    def _aside(self) -> Iterator[None]:
        """While nothing comes from a host, others open theirs."""
        self._opening.release()
        try:
            yield
        finally:
            self._opening.acquire()

    def route(self, host: Host) -> tuple[Target, ...]:
        """How the host would be reached: hops first, itself last."""
        return route(host, known_hosts=self._known_hosts, inventories=self._inventories)

    def limits(self) -> Limits:
        from runner.transport.link import Limits

        return Limits(connect_s=self._connect_s, silence_s=self._silence_s)

    def close(self) -> None:
        """End what sessions left open."""
        with self._lock:
            links = list(self._links)
        for link in links:
            self._forget(link)

    def _linked(self, host: Host, limit: Within) -> Link:
        link = self._opened(self.route(host), limit)
        with self._lock:
            self._links.add(link)
        self._watchdog.watch(link.transport)
        return link

    def _opened(self, targets: Sequence[Target], limit: Within) -> Link:
        """All hops open. A server that drops us before it greets is asked again until the time to connect is over."""
        until = time.monotonic() + min(self._connect_s, limit.left_s)
        pause_s = DROPPED_PAUSE_S
        while True:
            timeout_s = min(self._connect_s, limit.left_s)
            first = dial(targets[0], timeout_s=timeout_s, silence_s=self._silence_s, aside=self._aside)
            limit.goes_over(first)
            import_paramiko()
            from runner.transport import link as links

            try:
                return links.connect(targets, first, self.limits())
            except links.Dropped:
                if time.monotonic() + pause_s > until:
                    raise
            time.sleep(pause_s * random.uniform(0.5, 1.5))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    def _forget(self, link: Link) -> None:
        with self._lock:
            self._links.discard(link)
        self._watchdog.forget(link.transport)
        link.close()

    def _session(self, host: Host, link: Link, run_id: str, passwords: Passwords) -> SupervisedSession:
        def pipe(words: Sequence[str]) -> Channel:
            return link.channel(" ".join(words))

        opened = self._supervisors.of(host.name, run_id=run_id, pipe=pipe, passwords=passwords)
        return SupervisedSession(host.name, _peer(link), opened, lambda: self._forget(link))


def _peer(link: Link) -> Peer:
    address = link.target.address
    if len(link.route) == 1:
        with suppress(OSError, IndexError):
            address = link.transport.sock.getpeername()[0]
    return Peer(
        address=address,
        port=link.target.port,
        user=link.target.user,
        jump=tuple(str(hop) for hop in link.route[:-1]),
        key_type=link.policy.key_type,
        fingerprint=link.policy.fingerprint,
        trusted_by=link.policy.trusted_by,
        cipher=link.transport.cipher,
        strict_kex=link.transport.strict_kex,
        login=link.login.used,
    )
