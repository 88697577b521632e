"""What goes wrong with a running host: each fault begins on entry, and is over, again by itself, on exit."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager

from tests.bed.host import Host
from tests.bed.process import run, until


@contextmanager
def power_cut(host: Host) -> Iterator[None]:
    """The host is without power inside; on exit it is switched on again and waited for."""
    host.power_off()
    try:
        yield
    finally:
        host.power_on()
        host.wait_ready()


@contextmanager
def frozen(host: Host) -> Iterator[None]:
    """Every process of the host stands still; its kernel still answers (TCP accepts, nothing is said)."""
    host.cgroup.freeze(True)
    try:
        yield
    finally:
        host.cgroup.freeze(False)


@contextmanager
def partitioned(host: Host) -> Iterator[None]:
    """The host's cable is out: packets vanish both ways, open connections hang."""
    host.network.link(host.number, up=False)
    try:
        yield
    finally:
        host.network.link(host.number, up=True)


@contextmanager
def slow_link(host: Host, *, kbit_s: int) -> Iterator[None]:
    """The host's link carries kbit_s kilobits a second each way (tbf); gone when the host reboots."""
    lab, own = host.network.lab, host.network.namespace(host.number)
    ends = ((lab, host.network.port(host.number)), (own, "eth0"))
    burst = ["burst", str(max(2000, kbit_s * 1000 // 8 // 100)), "latency", "400ms"]
    for namespace, device in ends:
        run(
            [
                "tc",
                "-n",
                namespace,
                "qdisc",
                "replace",
                "dev",
                device,
                "root",
                "tbf",
                "rate",
                f"{kbit_s}kbit",
                *burst,
            ]
        )
    try:
        yield
    finally:
        for namespace, device in ends:
            run(["tc", "-n", namespace, "qdisc", "del", "dev", device, "root"], check=False)


@contextmanager
def lossy_link(host: Host, *, percent: int) -> Iterator[None]:
    """Of the host's packets each way, percent in a hundred are lost, at random."""
    port = host.network.port(host.number)
    lose = f"numgen random mod 100 < {percent} drop"
    chains = "".join(
        f"chain {way} {{ type filter hook {way} device {port} priority 0; {lose}; }}\n" for way in ("ingress", "egress")
    )
    table = f"bed_{port}"
    run(host.network.command(["nft", "-f", "-"]), stdin=f"table netdev {table} {{\n{chains}}}\n")
    try:
        yield
    finally:
        run(host.network.command(["nft", "delete", "table", "netdev", table]), check=False)


@contextmanager
def small_disk(host: Host, path: str, *, megabytes: int) -> Iterator[None]:
    """An empty file system of this size is mounted at the host's path (made if missing) until exit."""
    where = shlex.quote(path)
    host.exec(f"mkdir -p {where} && mount -t tmpfs -o size={megabytes}m,mode=1777 bed-small {where}")
    try:
        yield
    finally:
        host.exec(f"umount -l {where}", check=False)


def new_host_key(host: Host) -> None:
    """The host has another key from now on, also after a reboot; known_hosts stays as it is."""
    host.new_host_key()
    key = (host.folder / "host_key").read_text(encoding="utf-8")
    host.exec("umask 077; cat >/etc/ssh/ssh_host_ed25519_key", stdin=key)
    host.exec("cat >/etc/ssh/ssh_host_ed25519_key.pub", stdin=host.host_key + "\n")
    _restart_sshd(host)


@contextmanager
def skewed_clock(host: Host, *, offset_s: int) -> Iterator[None]:
    """Logins see the wall clock offset_s seconds off (libfaketime); not services, and not what sudo runs."""
    library = host.exec("ls /usr/lib/*/faketime/libfaketime.so.1").stdout.split()[0]
    line = f"SetEnv LD_PRELOAD={library} FAKETIME={offset_s:+d}s FAKETIME_DONT_FAKE_MONOTONIC=1\n"
    file = "/etc/ssh/sshd_config.d/bed-clock.conf"
    host.exec(f"cat >{file}", stdin=line)
    _restart_sshd(host)
    try:
        yield
    finally:
        host.exec(["rm", "-f", file])
        _restart_sshd(host)


def _restart_sshd(host: Host) -> None:
    """Restart the listener; sessions that are open go on."""
    host.exec(["systemctl", "restart", "ssh.service"])
    until(f"{host.name}: sshd listens", lambda: host.listens(22))
