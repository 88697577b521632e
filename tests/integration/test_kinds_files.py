"""The plain kinds on this machine's own shell: commands, scripts, files, and what must never be removed."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Any

import pytest

from runner.errors import InvalidInput
from runner.redact import Secret
from tests.unit.steps.driver import Hand

ROOT = os.getuid() == 0
WEIRD = 'it\'s a "b" $c `d`\ne'


@pytest.fixture(params=["dash", "busybox"])
def hand(request: pytest.FixtureRequest, tmp_path: Path) -> Hand:
    words = {"dash": ("dash",), "busybox": ("busybox", "sh")}[request.param]
    if shutil.which(words[0]) is None:
        pytest.fail(f"{words[0]} is not installed here: python -m tests.bed.setup")
    return Hand(root=tmp_path, shell=words)


class TestCommand:
    def test_words_arrive_as_they_are(self, hand: Hand) -> None:
        ran = hand.do("command", ["printf", "%s|", WEIRD, "", "a=b"])
        assert ran.done.stdout.decode() == f"{WEIRD}||a=b|"

    def test_everything_about_a_line(self, hand: Hand, tmp_path: Path) -> None:
        params = {
            "line": 'cat; echo "$TOKEN"; pwd; touch made',
            "cwd": str(tmp_path),
            "env": {"TOKEN": Secret("token", "hunter2")},
            "stdin": "hello\n",
            "umask": "077",
            "creates": str(tmp_path / "made"),
        }
        ran = hand.do("command", params)
        assert ran.check is not None and ran.check.needed is True
        assert ran.done.stdout.decode() == f"hello\nhunter2\n{tmp_path}\n"
        assert (tmp_path / "made").stat().st_mode & 0o777 == 0o600
        assert hand.look("command", params).needed is False

    def test_a_program_that_is_missing_is_a_failure(self, hand: Hand) -> None:
        ran = hand.do("command", ["no-such-program"])
        assert not ran.verdict.ok
        assert "not found" in ran.problem

    @pytest.mark.parametrize("interpreter", ["sh", "python3"])
    def test_arguments_of_a_script(self, hand: Hand, interpreter: str, tmp_path: Path) -> None:
        text = {
            "sh": 'for a in "$@"; do printf \'%s|\' "$a"; done',
            "python3": "import sys\nprint(*sys.argv[1:], '', sep='|', end='')",
        }
        (tmp_path / "s").write_text(text[interpreter])
        ran = hand.do("script", {"file": "s", "interpreter": interpreter, "args": [WEIRD, ""], "cwd": "/"})
        assert ran.done.stdout.decode() == f"{WEIRD}||"


class TestCopy:
    def test_what_is_no_plain_file_is_left_as_it_is(self, hand: Hand, tmp_path: Path) -> None:
        """A pipe here, a device elsewhere: put in its place, a file would be what all others write to."""
        there = tmp_path / "pipe"
        os.mkfifo(there)
        ran = hand.do("copy", {"content": "x", "to": str(there)})
        assert not ran.verdict.ok and f"{there} is there, and is no plain file" in ran.problem
        assert there.is_fifo()

    def test_a_link_that_leads_nowhere_is_named(self, hand: Hand, tmp_path: Path) -> None:
        (tmp_path / "link").symlink_to(tmp_path / "no" / "such")
        ran = hand.do("copy", {"content": "x", "to": str(tmp_path / "link")})
        assert not ran.verdict.ok and f"{tmp_path}/link is a link that leads nowhere" in ran.problem

    def test_it_is_private_until_it_has_its_permissions_and_then_in_place(self, hand: Hand, tmp_path: Path) -> None:
        to = tmp_path / WEIRD
        params = {"content": Secret("key", "hunter2"), "to": str(to), "mode": "0640"}
        assert hand.do("copy", params).verdict.ok
        assert to.read_text() == "hunter2"
        assert to.stat().st_mode & 0o777 == 0o640
        assert hand.look("copy", params).needed is False
        to.chmod(0o600)
        assert "mode 0600 instead of 0640" in hand.look("copy", params).why
        assert [path for path in tmp_path.iterdir() if path.name.startswith(".rawat")] == []

    def test_what_is_not_said_stays(self, hand: Hand, tmp_path: Path) -> None:
        to = tmp_path / "x"
        to.write_text("old")
        to.chmod(0o604)
        ran = hand.do("copy", {"content": "new", "to": str(to), "backup": True})
        assert to.stat().st_mode & 0o777 == 0o604
        assert Path(ran.values["backup"]).read_text() == "old"

    def test_a_link_is_followed(self, hand: Hand, tmp_path: Path) -> None:
        (tmp_path / "real").write_text("old")
        (tmp_path / "link").symlink_to("real")
        assert hand.do("copy", {"content": "new", "to": str(tmp_path / "link")}).verdict.ok
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "real").read_text() == "new"

    def test_content_that_is_refused_never_takes_the_place(self, hand: Hand, tmp_path: Path) -> None:
        to = tmp_path / "conf"
        to.write_text("good\n")
        params = {"content": "bad\n", "to": str(to), "validate": "grep -q good %s"}
        ran = hand.do("copy", params)
        assert "was refused by: grep -q good %s" in ran.problem
        assert to.read_text() == "good\n"
        assert hand.do("copy", {**params, "content": "good too\n"}).verdict.ok

    def test_binary_content_of_the_project(self, hand: Hand, tmp_path: Path) -> None:
        data = bytes(range(256)) * 1000
        (tmp_path / "src").write_bytes(data)
        assert hand.do("copy", {"src": "src", "to": str(tmp_path / "to")}).verdict.ok
        assert (tmp_path / "to").read_bytes() == data

    @pytest.mark.parametrize("src", ["../outside", "/etc/hostname", "link"])
    def test_nothing_outside_the_project_is_sent(self, tmp_path: Path, src: str) -> None:
        root = tmp_path / "project"
        root.mkdir()
        (tmp_path / "outside").write_text("x")
        (root / "link").symlink_to("../outside")
        with pytest.raises(InvalidInput, match="outside the project"):
            Hand(root=root).do("copy", {"src": src, "to": str(tmp_path / "to")})


class TestFetch:
    def test_it_comes_whole_into_a_folder_per_host(self, hand: Hand, tmp_path: Path) -> None:
        data = bytes(range(256)) * 500
        (tmp_path / "a b").write_bytes(data)
        ran = hand.do("fetch", {"src": str(tmp_path / "a b"), "to": "fetched"})
        assert ran.verdict.ok, ran.problem
        assert (tmp_path / "fetched" / "db1" / "a b").read_bytes() == data
        (tmp_path / "a b").rename(tmp_path / "gone")
        assert "is not there" in hand.do("fetch", {"src": str(tmp_path / "a b"), "to": "fetched"}).problem
        assert (tmp_path / "fetched" / "db1" / "a b").read_bytes() == data, "what was fetched before stays"
        assert len(list((tmp_path / "fetched" / "db1").iterdir())) == 1

    def test_what_has_no_size_is_not_fetched_as_an_empty_file(self, hand: Hand, tmp_path: Path) -> None:
        for file in ("/proc/uptime", "/proc/self/environ"):
            assert "has no size of its own" in hand.do("fetch", {"src": file, "to": "fetched"}).problem
        (tmp_path / "empty").touch()
        assert hand.do("fetch", {"src": str(tmp_path / "empty"), "to": "fetched"}).verdict.ok
        assert hand.do("fetch", {"src": "/sys/kernel/uevent_seqnum", "to": "fetched"}).verdict.ok
        assert (tmp_path / "fetched" / "db1" / "uevent_seqnum").read_text().strip().isdigit()

    @pytest.mark.parametrize(("act", "wanted"), [("mv", "old old\n"), ("cp", "")])
    def test_a_file_that_changes_meanwhile(self, tmp_path: Path, act: str, wanted: str) -> None:
        """One that a rotation puts another in the place of is fetched as it was; one that is written over is not."""
        source, new, tools = tmp_path / "log", tmp_path / "new", tmp_path / "tools"
        source.write_text("old old\n")
        new.write_text("new new\n")
        tools.mkdir()
        (tools / "head").write_text(f'#!/bin/sh\n{shutil.which("head")} "$@"; {act} {new} {source} 2>/dev/null; :\n')
        (tools / "head").chmod(0o755)
        hand = Hand(root=tmp_path, env={"PATH": f"{tools}:{os.environ['PATH']}"})
        ran = hand.do("fetch", {"src": str(source), "to": "fetched"})
        assert source.read_text() == "new new\n"
        assert ran.verdict.ok is bool(wanted), ran.problem
        if wanted:
            assert (tmp_path / "fetched" / "db1" / "log").read_text() == wanted
        else:
            assert f"{source} was written to while it was fetched: expected sha256" in ran.problem
            assert not list((tmp_path / "fetched" / "db1").iterdir())

    def test_a_target_outside_the_project_is_refused(self, hand: Hand) -> None:
        with pytest.raises(InvalidInput, match="outside the project"):
            hand.do("fetch", {"src": "/etc/hostname", "to": "../x"})

    def test_what_is_not_there_is_said(self, hand: Hand) -> None:
        assert "is not there" in hand.do("fetch", {"src": "/no/such", "to": "x"}).problem


class TestFile:
    def test_folders_links_and_nothing(self, hand: Hand, tmp_path: Path) -> None:
        folder = {"path": str(tmp_path / "a b" / "c"), "state": "directory", "mode": "0750"}
        assert hand.do("file", folder).verdict.ok
        assert (tmp_path / "a b" / "c").stat().st_mode & 0o777 == 0o750
        assert hand.look("file", folder).needed is False
        link = {"path": str(tmp_path / "l"), "state": "link", "target": WEIRD}
        assert hand.do("file", link).verdict.ok
        assert str((tmp_path / "l").readlink()) == WEIRD
        assert hand.do("file", {**link, "target": "other"}).verdict.ok
        assert str((tmp_path / "l").readlink()) == "other"
        gone = {"path": str(tmp_path / "a b"), "state": "absent"}
        assert hand.do("file", gone).verdict.ok
        assert not (tmp_path / "a b").exists()
        assert hand.look("file", gone).needed is False

    @pytest.mark.parametrize("state", ["directory", "file"])
    def test_a_link_to_what_is_wanted_is_followed_and_any_other_is_refused(
        self, hand: Hand, tmp_path: Path, state: str
    ) -> None:
        folder, file, link = tmp_path / "folder", tmp_path / "file", tmp_path / "link"
        folder.mkdir(mode=0o755)
        file.touch(mode=0o644)
        good, other = (folder, file) if state == "directory" else (file, folder)
        params = {"path": str(link), "state": state, "mode": "0700"}
        link.symlink_to(good.name)
        assert hand.look("file", {**params, "mode": f"{good.stat().st_mode & 0o777:o}"}).needed is False
        assert hand.do("file", params).verdict.ok
        assert hand.look("file", params).needed is False
        assert link.is_symlink() and good.stat().st_mode & 0o777 == 0o700
        before = other.stat().st_mode
        for leads, why in ((other.name, "is there, and is no"), ("nowhere", "leads nowhere")):
            link.unlink()
            link.symlink_to(leads)
            assert hand.look("file", params).needed is True
            assert why in hand.do("file", params).problem
        assert other.stat().st_mode == before and not (tmp_path / "nowhere").exists()

    def test_a_link_is_removed_and_not_what_it_leads_to(self, hand: Hand, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        (tmp_path / "real" / "x").write_text("x")
        (tmp_path / "link").symlink_to("real")
        assert hand.do("file", {"path": str(tmp_path / "link"), "state": "absent"}).verdict.ok
        assert (tmp_path / "real" / "x").exists()

    @pytest.mark.parametrize("path", ["/", "/etc", "/etc/", "/srv/../etc/x", "//", "/x", "~", "~/.."])
    def test_dangerous_paths_are_refused_before_anything_is_sent(self, tmp_path: Path, path: str) -> None:
        with pytest.raises(InvalidInput, match="not removed"):
            Hand(root=tmp_path).do("file", {"path": path, "state": "absent"})

    def test_links_do_not_lead_around_that(self, hand: Hand, tmp_path: Path) -> None:
        (tmp_path / "to-root").symlink_to("/")
        ran = hand.do("file", {"path": str(tmp_path / "to-root" / "usr"), "state": "absent"})
        assert "part of the system" in ran.problem
        (tmp_path / "home" / "me").mkdir(parents=True)
        mine = Hand(root=tmp_path, shell=hand.shell, env={"HOME": str(tmp_path / "home" / "me")})
        assert "is the home of" in mine.do("file", {"path": str(tmp_path / "home" / "me"), "state": "absent"}).problem

    @pytest.mark.parametrize("more", [{"state": "absent", "mode": "0644"}, {"state": "file", "target": "x"}])
    def test_parameters_that_mean_nothing_are_refused(self, tmp_path: Path, more: dict[str, Any]) -> None:
        with pytest.raises(InvalidInput, match="means nothing with state"):
            Hand(root=tmp_path).do("file", {"path": "/srv/app/x", **more})

    @pytest.mark.skipif(not ROOT, reason="needs root: a device is made")
    def test_a_device_is_not_removed(self, hand: Hand, tmp_path: Path) -> None:
        os.mknod(tmp_path / "null", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
        ran = hand.do("file", {"path": str(tmp_path / "null"), "state": "absent"})
        assert "null is a device: it is not removed" in ran.problem
        assert (tmp_path / "null").is_char_device()

    @pytest.mark.skipif(not ROOT, reason="needs root: owners are changed")
    def test_owners(self, hand: Hand, tmp_path: Path) -> None:
        params = {"path": str(tmp_path / "x"), "state": "file", "owner": "nobody", "group": "nogroup", "mode": "0600"}
        assert hand.do("file", params).verdict.ok
        assert (tmp_path / "x").owner() == "nobody"
        assert hand.look("file", params).needed is False
