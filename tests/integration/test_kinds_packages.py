"""Packages of this machine, looked at by an ordinary user; nothing is changed."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.unit.steps.driver import Hand

pytestmark = pytest.mark.skipif(shutil.which("apt-get") is None, reason="this machine has no apt")


@pytest.fixture
def hand(tmp_path: Path, apt: Mapping[str, str]) -> Hand:
    return Hand(root=tmp_path, user="nobody" if os.getuid() == 0 else None, env=apt)


def versions() -> str:
    return subprocess.run(["dpkg-query", "-W"], capture_output=True, text=True, check=True).stdout


def test_updates_are_listed_without_root_and_nothing_changes(hand: Hand, apt: Mapping[str, str]) -> None:
    before = versions()
    ran = hand.do("patch", {"exclude": ["base-*"]})
    assert ran.verdict.ok, ran.problem
    assert ran.verdict.changed is False
    plan = subprocess.run(
        ["apt-get", "-s", "-o", "Debug::NoLocking=true", "--with-new-pkgs", "upgrade"],
        capture_output=True, text=True, check=True, env={**os.environ, **apt, "LC_ALL": "C"},
    )  # fmt: skip
    names = {line.split()[1] for line in plan.stdout.splitlines() if line.startswith("Inst ")}
    assert {row["name"] for row in ran.values["packages"]} == names
    assert all(row["candidate"] and " " not in row["candidate"] for row in ran.values["packages"])
    assert {row["left"] for row in ran.values["packages"] if row["name"].startswith("base-")} <= {"excluded"}
    assert versions() == before


def test_without_lists_nobody_says_that_no_update_waits_and_old_ones_are_told(hand: Hand, tmp_path: Path) -> None:
    lists, config = tmp_path / "lists", tmp_path / "apt.conf"
    (lists / "partial").mkdir(parents=True)
    config.write_text(f'Dir::State::lists "{lists}"; Dir::Cache "{tmp_path}"; Dir::Etc::sourceparts "/none";')
    bare = Hand(root=tmp_path, env={**os.environ, "APT_CONFIG": str(config)})
    assert "this host has no package lists: nobody can say which updates wait" in bare.do("patch", {}).problem
    passing = bare.do("patch", {"without_lists": "pass"})
    assert passing.verdict.ok and passing.values["known"] is False
    assert passing.verdict.summary.startswith("no package lists: nobody can say which updates wait")
    old = lists / "x_Packages"
    old.touch()
    os.utime(old, (old.stat().st_mtime - 5 * 86400 - 60,) * 2)
    assert bare.do("patch", {}).verdict.summary.startswith("0 updates wait, by package lists of 5 days ago")


def test_an_older_apt_that_only_warns_of_a_mirror_that_is_away_is_not_believed(hand: Hand, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "apt-get"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'W: Some index files failed to download. They have been ignored.' >&2\n")
    program.chmod(0o755)
    older = Hand(root=tmp_path, env={**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"})
    assert "the package lists are not fresh" in older.do("patch", {"refresh": True}).problem


def test_applying_needs_root_and_says_so(hand: Hand) -> None:
    if os.getuid() != 0 or hand.user is not None:
        assert "root only: say become: root" in hand.do("patch", {"apply": "all"}).problem
        assert "root only: say become: root" in hand.do("package", {"name": "dpkg", "state": "absent"}).problem


def test_what_is_installed_is_seen(hand: Hand) -> None:
    assert hand.look("package", {"name": "dpkg"}).needed is False
    assert hand.look("package", {"name": "no-such-package-here"}).needed is True
    assert hand.look("package", {"name": "dpkg", "state": "absent"}).needed is True
    assert hand.look("package", {"name": "dpkg", "state": "held"}).needed is True
    check = hand.look("package", {"name": "dpkg", "version": "0.1"})
    assert "dpkg: expected 0.1, found 1." in check.why
