"""The Debian packages that the bed needs on the machine it runs on."""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bed.process import BedError, run

OS_RELEASE = Path("/etc/os-release")
POSTGRESQL = {"bookworm": "15", "trixie": "17"}
"""The major version that a release of Debian has."""


def release() -> str:
    """Code name of the machine's Debian release, as in `bookworm`; empty where it has none."""
    lines = OS_RELEASE.read_text(encoding="utf-8").splitlines() if OS_RELEASE.exists() else []
    named = (line.partition("=")[2].strip('"') for line in lines if line.startswith("VERSION_CODENAME="))
    return next(named, "")


REPACK = f"postgresql-{POSTGRESQL.get(release(), '17')}-repack"

LOOPBACK = ("openssh-server", "openssh-client")
"""What ring 2 (loopback sshd) needs."""

LAB = (
    *LOOPBACK,
    "curl",
    "iproute2",
    "nftables",
    "util-linux",
    "mmdebstrap",
    "dpkg-dev",
    "apt-utils",
    "rpm",
    "createrepo-c",
    "procps",
)
"""What ring 3 (real hosts) needs."""

EXTRA = (
    *("sudo", "sqlite3", "libfaketime", "tmux", "dnf", "postgresql", "mariadb-server", "busybox", "gawk", "openssl"),
    *("mariadb-backup", "pgbackrest", REPACK, "restic", "borgbackup", "age", "gnupg", "zstd"),
    *("tcsh", "fish", "wget", "pgloader", "libpango-1.0-0", "libpangoft2-1.0-0", "libharfbuzz-subset0"),
    *("attr", "acl", "libcap2-bin"),
)
"""What tests of the runner use on the machine itself."""

POLICY = Path("/usr/sbin/policy-rc.d")
APT_LOCK_S = 120


def missing(names: Sequence[str]) -> list[str]:
    """Those of the packages that are not installed here. Raises BedError when this is no Debian machine."""
    if shutil.which("dpkg-query") is None or shutil.which("apt-get") is None:
        raise BedError("the bed installs what it needs with apt: this machine has no apt-get and dpkg-query")
    told = run(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n", *names], check=False).stdout
    there = {line.split()[0] for line in told.splitlines() if line.split()[1:2] == ["ii"]}
    return [name for name in names if name not in there]


def ensure(names: Sequence[str]) -> list[str]:
    """
    Install those of the packages that are missing, and return their names; fast when nothing is.

    No service of a package is started while it is being installed. Raises BedError when something is missing
    and the user is not root, or when apt fails.
    """
    absent = missing(names)
    if not absent:
        return []
    if os.geteuid() != 0:
        raise BedError(
            f"not installed: {', '.join(absent)}. Only root can install packages: apt-get install {' '.join(absent)}"
        )
    quiet = {"DEBIAN_FRONTEND": "noninteractive", "NEEDRESTART_MODE": "l"}
    wait = f"DPkg::Lock::Timeout={APT_LOCK_S}"
    with no_services():
        run(["apt-get", "-o", wait, "update"], env=quiet, timeout_s=300)
        install = [
            "apt-get",
            "-o",
            wait,
            "install",
            "-y",
            "--no-install-recommends",
            "-o",
            "Dpkg::Options::=--force-confold",
        ]
        run([*install, *absent], env=quiet, timeout_s=900)
    return absent


@contextmanager
def no_services(policy: Path = POLICY) -> Iterator[None]:
    """
    While inside, Debian packages do not start their services (policy-rc.d answers 101).

    A policy that was there before is put back, also one left aside by an earlier run that was killed.
    """
    aside = policy.with_name(policy.name + ".rawat-bed")
    with Path("/run/rawat-bed-packages.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if policy.exists() and not aside.exists():
            policy.rename(aside)
        try:
            policy.write_text(
                "#!/bin/sh\n# written by rawat's test bed while it installs packages\nexit 101\n",
                encoding="utf-8",
            )
            policy.chmod(0o755)
            yield
        finally:
            policy.unlink(missing_ok=True)
            if aside.exists():
                aside.rename(policy)
