"""The Debian root that all lab hosts share, built once and cached."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.bed import packages
from tests.bed.process import BedError, run

INCLUDE = (
    *("systemd", "systemd-sysv", "dbus", "libpam-systemd", "openssh-server", "openssh-client", "sudo"),
    *("iproute2", "iputils-ping", "procps", "curl", "less", "rsync", "logrotate", "python3", "apt-utils"),
    *("postgresql", packages.REPACK, "pgbackrest", "mariadb-server", "mariadb-backup", "sqlite3"),
    *("needrestart", "unattended-upgrades", "restic", "borgbackup", "zstd", "age", "gnupg", "faketime"),
    *("rpm", "dnf", "zypper", "python3-dateutil", "python3-dbus"),
)
"""Packages of the root; everything on every host, since overlayfs shares it: what runs where is the lab's choice."""

ASIDE = ("dnf-plugins-core",)
"""Packages that cannot be on a host beside the others: their files lie in /opt/bed, for `dpkg --install`."""

ACCOUNTS = {"maint": 2001, "maintpw": 2002, "nosudo": 2003}
"""Accounts of every host and their user ids: sudo without a password, sudo with one, no sudo."""

SUDO_PASSWORD = "bed-sudo-secret"
"""The password of `maintpw` (no secret: it exists only inside the lab)."""

KEEP_DAYS = 7
RECIPE = Path(__file__).with_name("root.sh")


def cache() -> Path:
    """Where the bed keeps what is expensive: RAWAT_BED_CACHE, else /var/cache/rawat-bed."""
    return Path(os.environ.get("RAWAT_BED_CACHE") or "/var/cache/rawat-bed")


def release() -> str:
    """Code name of the machine's Debian release. Raises BedError where it has none."""
    if name := packages.release():
        return name
    raise BedError("/etc/os-release names no VERSION_CODENAME: the lab's hosts need a Debian release to be built from")


def location() -> Path:
    """Path of the root for this release, package list and recipe, built or not."""
    parts = (release(), *INCLUDE, *ASIDE, RECIPE.read_text(encoding="utf-8"))
    key = hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
    return cache() / "roots" / f"{release()}-{key}"


def need_root_user() -> None:
    """Raise BedError, in words, when the user cannot make namespaces, mounts and roots."""
    if os.geteuid() != 0:
        raise BedError("the lab makes network namespaces and mounts: run it as root, or leave it out with -m 'not lab'")


def build(tell: Callable[[str], None] = lambda line: None) -> Path:
    """
    Path of the Debian root, building it when it is not there yet (about a minute, about 1 GB).

    Several processes may call this at once: one builds, the others wait. A half-built root left by a killed
    run is removed. tell receives progress lines. Raises BedError.
    """
    need_root_user()
    path = location()
    if path.is_dir():
        os.utime(path)  # see prune
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with (path.parent / ".lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if path.is_dir():
            return path
        packages.ensure(packages.LAB)
        half = path.with_name(f"{path.name}.half")
        shutil.rmtree(half, ignore_errors=True)
        tell(f"building {path.name} with mmdebstrap, about a minute")
        try:
            bootstrap(half)
            customise(half)
        except BaseException:
            shutil.rmtree(half, ignore_errors=True)
            raise
        half.rename(path)
    return path


def prune() -> tuple[str, ...]:
    """Remove roots of older recipes that nobody used for KEEP_DAYS days; returns their names."""
    limit = time.time() - KEEP_DAYS * 86400
    old = [path for path in (cache() / "roots").glob("*") if path != location() and path.stat().st_mtime < limit]
    for path in old:
        shutil.rmtree(path, ignore_errors=True)
    return tuple(path.name for path in old)


def bootstrap(target: Path) -> None:
    """Fill target with a minimal Debian and the packages of INCLUDE, from the machine's own apt sources."""
    with tempfile.TemporaryDirectory(prefix="rawat-bed-") as folder:
        sources = written(debian_sources(Path("/etc/apt"), release()), Path(folder))
        excluded = [f"--dpkgopt=path-exclude=/usr/share/{part}/*" for part in ("doc", "man", "locale", "info")]
        argv = ["mmdebstrap", "--mode=root", "--variant=minbase", "--format=directory", *excluded]
        argv += [
            "--aptopt=Acquire::Languages none",
            "--dpkgopt=force-unsafe-io",
            f"--include={','.join(INCLUDE)}",
            '--customize-hook=mkdir -p "$1/opt/bed"; cd "$1/opt/bed"; '
            f'APT_CONFIG="$MMDEBSTRAP_APT_CONFIG" apt-get -q download {" ".join(ASIDE)}',
        ]
        # In namespaces of its own: when we are stopped, its mounts and processes are gone, before the rest is removed.
        apart = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "--"]
        run([*apart, *argv, release(), str(target), str(sources)], timeout_s=1200, cwd=Path("/"))


def written(sources: str, folder: Path) -> Path:
    """A file with these sources, whose ending says of which kind they are: mmdebstrap and apt go by that."""
    path = folder / ("bed.list" if sources.startswith("deb ") else "bed.sources")
    path.write_text(sources, encoding="utf-8")
    return path


def customise(target: Path) -> None:
    """Make a host of the lab out of a plain Debian: accounts, masks, no outside sources (see root.sh)."""
    accounts = "\n".join(f"{name} {uid}" for name, uid in ACCOUNTS.items())
    script = RECIPE.read_text(encoding="utf-8")
    env = {"BED_ACCOUNTS": accounts, "BED_SUDO_PASSWORD": SUDO_PASSWORD}
    run(["chroot", str(target), "/bin/sh", "-eu", "-c", script], env=env, timeout_s=120)


def debian_sources(apt: Path, codename: str) -> str:
    """
    The machine's own apt sources of this Debian release, as one sources file, other publishers left out.

    Reads sources.list and sources.list.d/*.{list,sources} below apt; of the one-line kind only when no
    deb822 entry fits. Raises BedError when nothing names the release.
    """
    wanted = {codename, f"{codename}-updates", f"{codename}-security"}
    stanzas: list[str] = []
    for file in sorted(apt.glob("sources.list.d/*.sources")):
        for stanza in file.read_text(encoding="utf-8").split("\n\n"):
            lines = [line for line in stanza.splitlines() if line.strip() and not line.startswith("#")]
            suites = next((line.split()[1:] for line in lines if line.lower().startswith("suites:")), [])
            if suites and set(suites) <= wanted:
                stanzas.append("\n".join(lines) + "\n")
    if stanzas:
        return "\n".join(stanzas)
    entries: list[str] = []
    for file in [apt / "sources.list", *sorted(apt.glob("sources.list.d/*.list"))]:
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        entries += [line for line in text.splitlines() if line.startswith("deb ") and wanted & set(line.split())]
    if not entries:
        raise BedError(f"no apt source of this machine names {codename}: the lab's root cannot be built")
    return "\n".join(entries) + "\n"
