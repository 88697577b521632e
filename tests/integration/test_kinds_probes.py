"""Probes against a small server on loopback, with each of the programs that a host may have."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from runner.redact import Secret
from tests.programs import program, programs
from tests.unit.steps.driver import Hand

_PROGRAMS = (
    *("awk", "cat", "cut", "date", "df", "dirname", "grep", "head", "id", "ls", "mkdir", "mkfifo", "mktemp", "rm"),
    *("sed", "sh", "sleep", "tail", "tee", "tr", "wc"),
)


LARGE = 2_000_000


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.answer(b"")

    def do_POST(self) -> None:
        self.answer(self.rfile.read(int(self.headers.get("Content-Length", "0"))))

    def answer(self, sent: bytes) -> None:
        path, _, query = self.path.partition("?")
        if path == "/moved":
            self.send_response(302)
            self.send_header("Location", query or "/health")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if self.path == "/endless":
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):
                while True:
                    self.wfile.write(b"x" * 65536)
        self.send_response(503 if self.path == "/broken" else 200)
        self.end_headers()
        self.wfile.write(b"state: ok\nkey: " + self.headers.get("X-Key", "none").encode() + b"\nsent: " + sent)
        if self.path == "/large":
            self.wfile.write(b"x" * LARGE)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Page) as httpd:
        thread = threading.Thread(target=httpd.serve_forever, daemon=True)
        thread.start()
        yield httpd.server_address[1]
        httpd.shutdown()


def with_only(folder: Path, *names: str) -> dict[str, str]:
    """A path with the programs that every host has, and with `names`."""
    folder.mkdir()
    programs(folder, (*_PROGRAMS, *names))
    return {"PATH": str(folder)}


def test_what_is_written_over_a_name_leaves_the_program_of_the_machine_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "machine").mkdir()
    program(own := tmp_path / "machine" / "own", 'echo "own $*"')
    monkeypatch.setenv("PATH", f"{own.parent}:{os.environ['PATH']}")
    path = Path(with_only(tmp_path / "bin", "own")["PATH"])
    assert subprocess.check_output([path / "own", "a  b"]) == b"own a  b\n"
    (path / "own").write_text("#!/bin/sh\necho another\n")
    assert subprocess.check_output([path / "own"]) == b"another\n"
    assert subprocess.check_output([own]) == b"own \n"


@pytest.fixture(params=["curl", "python3", "wget"])
def hand(request: pytest.FixtureRequest, tmp_path: Path) -> Hand:
    return Hand(root=tmp_path, env=with_only(tmp_path / "bin", request.param))


class TestHttp:
    def test_what_is_as_expected(self, hand: Hand, server: int) -> None:
        ran = hand.do("http", {"url": f"http://127.0.0.1:{server}/health", "body": "state: ok", "matches": "(?m)^key"})
        assert ran.verdict.ok, ran.problem
        assert ran.values["status"] == 200
        assert ran.values["body"].startswith("state: ok\n")

    def test_expected_and_found_are_named(self, hand: Hand, server: int) -> None:
        ran = hand.do("http", {"url": f"http://127.0.0.1:{server}/broken"})
        assert "expected status 200, found 503" in ran.problem

    def test_no_proxy_is_asked_for_what_is_on_the_host_and_brackets_are_no_pattern(
        self, hand: Hand, server: int
    ) -> None:
        proxy = f"http://127.0.0.1:{free_port()}"
        behind = Hand(root=hand.root, env={**(hand.env or {}), "http_proxy": proxy, "no_proxy": "intranet.example"})
        for host in ("127.0.0.1", "localhost"):
            url = f"http://{host}:{server}/health?only[0]={{a,b}}"
            assert behind.do("http", {"url": url, "body": "state: ok"}).problem == ""
            assert behind.do("wait", {"http": url, "timeout": 0}).verdict.ok
        assert not behind.do("http", {"url": "http://203.0.113.1/", "timeout": "1s"}).verdict.ok

    def test_a_redirect_is_an_answer_unless_it_is_followed(self, hand: Hand, server: int) -> None:
        url = f"http://127.0.0.1:{server}/moved"
        assert hand.do("http", {"url": url, "status": 302}).verdict.ok
        # More than once: a connection that the server ends behind its answer is not asked again.
        for _ in range(4):
            assert hand.do("http", {"url": url, "follow": True}).values["status"] == 200
        nobody = f"http://127.0.0.1:{free_port()}/"
        assert hand.do("http", {"url": f"{url}?{nobody}", "status": 302}).verdict.ok
        away = hand.do("http", {"url": f"{url}?{nobody}", "status": 302, "follow": True})
        assert not away.verdict.ok
        assert "refused" in away.done.stderr.decode() or "onnect to" in away.done.stderr.decode()

    def test_secrets_are_sent_or_it_is_said_that_they_cannot_be(self, hand: Hand, server: int) -> None:
        params = {"headers": {"X-Key": Secret("key", "hunter2")}, "send": Secret("body", "a=b"), "method": "POST"}
        ran = hand.do("http", {"url": f"http://127.0.0.1:{server}/", **params})
        if (hand.root / "bin" / "wget").exists():
            assert "install curl or python3" in ran.problem
        else:
            assert "key: hunter2\nsent: a=b" in ran.values["body"]

    def test_a_large_answer_is_counted_and_not_kept_on_the_host(self, hand: Hand, server: int) -> None:
        """No file of more than 128 KiB can be written here, and nothing is left behind."""
        small = ("sh", "-c", 'ulimit -f 256; exec sh "$1"', "-")
        here = hand.root / "here"
        here.mkdir()
        tight = Hand(root=hand.root, env={**(hand.env or {}), "TMPDIR": str(here)}, shell=small)
        ran = tight.do("http", {"url": f"http://127.0.0.1:{server}/large"})
        assert ran.verdict.ok, ran.problem
        assert (ran.values["bytes"] - LARGE in range(20, 40), len(ran.values["body"])) == (True, 65536)
        if (hand.root / "bin" / "curl").exists():
            return  # its --max-time is for all of it
        programs(hand.root / "bin", ["timeout"])
        endless = tight.do("http", {"url": f"http://127.0.0.1:{server}/endless", "timeout": "1s"})
        assert "the answer had not ended after 1 s" in endless.problem
        assert list(here.iterdir()) == []

    def test_nobody_there(self, hand: Hand) -> None:
        ran = hand.do("http", {"url": f"http://127.0.0.1:{free_port()}/", "timeout": "2s"})
        assert not ran.verdict.ok
        assert "127.0.0.1" in ran.problem

    def test_no_program_at_all(self, tmp_path: Path) -> None:
        bare = Hand(root=tmp_path, env=with_only(tmp_path / "bare"))
        assert "none of curl, python3, wget" in bare.do("http", {"url": "http://127.0.0.1:1/"}).problem


class TestWait:
    def test_a_port(self, tmp_path: Path, server: int) -> None:
        hand = Hand(root=tmp_path)
        assert hand.do("wait", {"port": server, "timeout": "60s"}).values["seen"] == "open"
        ran = hand.do("wait", {"port": free_port(), "timeout": "1s", "every": "200ms"})
        assert "open, found closed after" in ran.problem
        assert hand.do("wait", {"port": free_port(), "gone": True, "timeout": "1s"}).verdict.ok

    @pytest.mark.parametrize("names", [("python3",), ("bash", "timeout")])
    def test_a_port_with_what_the_host_has(self, tmp_path: Path, server: int, names: tuple[str, ...]) -> None:
        hand = Hand(root=tmp_path, env=with_only(tmp_path / "bin", *names))
        assert hand.do("wait", {"port": server, "timeout": "60s"}).verdict.ok
        assert not hand.do("wait", {"port": free_port(), "timeout": 0}).verdict.ok

    def test_a_page(self, hand: Hand, server: int) -> None:
        assert hand.do("wait", {"http": f"http://127.0.0.1:{server}/health", "timeout": "60s"}).verdict.ok
        ran = hand.do("wait", {"http": f"http://127.0.0.1:{server}/broken", "timeout": "1s"})
        assert "status 200, found 503" in ran.problem

    def test_a_file_that_comes_later(self, tmp_path: Path) -> None:
        late = tmp_path / "la te's"
        timer = threading.Timer(1.0, late.touch)
        timer.start()
        ran = Hand(root=tmp_path).do("wait", {"file": str(late), "timeout": "120s", "every": "200ms"})
        timer.join()
        assert ran.verdict.ok
        assert ran.values["looks"] > 1


class TestDisk:
    def test_expected_and_found(self, tmp_path: Path) -> None:
        hand = Hand(root=tmp_path)
        ran = hand.do("disk", {"path": str(tmp_path / "not" / "there"), "free": "1kB", "inodes_free": "0%"})
        assert ran.verdict.ok, ran.problem
        assert ran.values["free_bytes"] > 0
        ran = hand.do("disk", {"path": str(tmp_path), "free": "900TB", "inodes_free": "100%"})
        assert "expected at least 900.0 TB free on" in ran.problem


_TAKEN: list[socket.socket] = []


def free_port() -> int:
    """One that nobody listens on, nor can take: it is kept."""
    _TAKEN.append(socket.socket())
    _TAKEN[-1].bind(("127.0.0.1", 0))
    return int(_TAKEN[-1].getsockname()[1])
