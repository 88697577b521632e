"""The lab's package repositories: apt and dnf over http on the bridge, flipping from v1 to v2."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.bed import root, toys
from tests.bed.network import GATEWAY
from tests.bed.process import BedError, end, run, until

PORT = 8000
SERVE = Path(__file__).with_name("serve.py")

_ADVISORY = """<?xml version="1.0" encoding="UTF-8"?>
<updates>
 <update from="bed@localhost" status="final" type="security" version="1">
  <id>BED-2026:0001</id><title>bed-rpm-app security update</title><severity>Important</severity>
  <issued date="2026-01-01 00:00:00"/><description>Toy advisory of the test bed.</description>
  <references>
   <reference href="http://localhost/CVE-2026-0001" id="CVE-2026-0001" type="cve" title="CVE-2026-0001"/>
  </references>
  <pkglist><collection short="bed"><name>bed</name>
   <package name="bed-rpm-app" version="2.0" release="1" epoch="0" arch="noarch">
    <filename>bed-rpm-app-2.0-1.noarch.rpm</filename></package>
  </collection></pkglist>
 </update>
</updates>
"""


class Repository:
    """
    What one lab's hosts can install: `http://10.77.0.1:8000/deb` and `/rpm`, at first v1; `/other` for who adds it.

    lab_command wraps a command line so that it runs inside the lab. Requests are logged in `folder/requests.log`.
    """

    def __init__(self, *, folder: Path, lab_command: Callable[[list[str]], list[str]]) -> None:
        self.folder = folder
        self._command = lab_command
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def build(cls) -> Path:
        """
        Path of the built packages with their indexes, `deb/v1`, `deb/v2`, `rpm/v1`, `rpm/v2`, `other`.

        Raises BedError when a tool is missing or fails.
        """
        made_from = [Path(toys.__file__), Path(__file__)]
        key = hashlib.sha256(b"".join(file.read_bytes() for file in made_from)).hexdigest()[:12]
        path = root.cache() / "repositories" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        with (path.parent / ".lock").open("w", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.is_dir():
                half = path.with_name(f"{key}.half")
                shutil.rmtree(half, ignore_errors=True)
                for name, version in toys.VERSIONS.items():
                    _build_deb_repository(half / "deb" / name, toys.debs(version), half / "scratch" / name)
                    rpms = (*toys.rpms(version), *(toys.old_rpms() if name == "v2" else ()))
                    _build_rpm_repository(half / "rpm" / name, rpms, half / "scratch" / name)
                _build_deb_repository(half / "other", toys.others(), half / "scratch/other", "Bed-Other", "stable")
                shutil.rmtree(half / "scratch")
                half.rename(path)
        return path

    def start(self) -> None:
        """Serve, v1 first; returns when the server answers."""
        if self._process is not None:
            raise BedError("the lab's repository is being served already")
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.folder / "www").is_dir():
            self.publish("v1")
        argv = [sys.executable, str(SERVE), str(self.folder / "www"), GATEWAY, str(PORT)]
        with (self.folder / "requests.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command(argv), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        ask = self._command(["curl", "-fsS", "-m", "2", "-o", "/dev/null", f"http://{GATEWAY}:{PORT}/deb/Release"])
        until("the lab's repository answers", lambda: run(ask, check=False).returncode == 0)

    def publish(self, version: str) -> None:
        """Let both repositories show this version, `v1` or `v2`, from the next request on."""
        if version not in toys.VERSIONS:
            raise BedError(f"the repository has {', '.join(toys.VERSIONS)}; not {version}")
        www = self.folder / "www"
        www.mkdir(parents=True, exist_ok=True)
        for kind in ("deb", "rpm"):
            fresh = www / f"{kind}.next"
            fresh.unlink(missing_ok=True)
            fresh.symlink_to(self.build() / kind / version)
            fresh.replace(www / kind)
        if not (www / "other").is_symlink():
            (www / "other").symlink_to(self.build() / "other")

    def stop(self) -> None:
        """Stop serving: hosts then meet a refused connection; start() serves again, the same version."""
        process, self._process = self._process, None
        if process is not None:
            end(process)


def _build_deb_repository(
    folder: Path,
    packages: tuple[toys.Toy, ...],
    scratch: Path,
    label: str = "Bed-Security",
    suite: str = "stable-security",
) -> None:
    folder.mkdir(parents=True)
    for toy in packages:
        toys.build_deb(toy, folder, scratch / "deb")
    (folder / "Packages").write_text(run(["apt-ftparchive", "packages", "."], cwd=folder).stdout, encoding="utf-8")
    words = {"Origin": "Bed", "Label": label, "Suite": suite, "Codename": "bed"}
    options = [word for key, value in words.items() for word in ("-o", f"APT::FTPArchive::Release::{key}={value}")]
    (folder / "Release").write_text(
        run(["apt-ftparchive", *options, "release", "."], cwd=folder).stdout, encoding="utf-8"
    )


def _build_rpm_repository(folder: Path, packages: tuple[toys.Toy, ...], scratch: Path) -> None:
    folder.mkdir(parents=True)
    for toy in packages:
        toys.build_rpm(toy, folder, scratch / "rpm")
    run(
        ["createrepo_c", "--quiet", str(folder)],
        env={"LC_ALL": "C.UTF-8", "HOME": os.environ.get("HOME", "/root")},
    )
    if any(toy.name == "bed-rpm-app" and toy.version == "2.0" for toy in packages):
        advisory = scratch / "updateinfo.xml"
        advisory.write_text(_ADVISORY, encoding="utf-8")
        run(["modifyrepo_c", str(advisory), str(folder / "repodata")])
