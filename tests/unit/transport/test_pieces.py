"""The small parts: what is kept, what is sent, what a hello must be like, when a link is lost."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from runner.errors import LinkLost, ProtocolError, TransportError
from runner.model import Exit
from runner.seams import Launch, Script
from runner.transport import hello, request, sudo
from runner.transport.ending import completed, exit_of
from runner.transport.refusals import NoSupervisor
from runner.transport.sink import Kept, Sink
from runner.transport.supervisor import Supervisor
from runner.transport.watchdog import Watchdog
from tests.bed.process import until


@given(st.lists(st.binary(max_size=9), max_size=12))
def test_head_and_tail_are_kept_however_it_comes(chunks: list[bytes]) -> None:
    kept, data = Kept(10), b"".join(chunks)
    for chunk in chunks:
        kept.add(chunk)
    assert kept.total == len(data)
    assert kept.value() == (data if len(data) <= 10 else data[:5] + data[-5:])


def test_a_sink_does_not_follow_a_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with pytest.raises(TransportError, match="cannot write"):
        Sink(lambda *_: None, tmp_path / "link", host="h")


def test_a_full_disk_here_is_told_at_the_end() -> None:
    sink = Sink(lambda *_: None, None, host="h")
    sink._path, sink._file = Path("/dev/full"), __import__("os").open("/dev/full", 1)
    sink.add("stdout", b"x")
    with pytest.raises(TransportError, match="No space"):
        sink.close()


# -- requests ----------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(st.binary(max_size=60))
@example(b"-\0")
@example(b"--")
@example(b"-%s\\0'")
def test_a_word_and_a_format_mean_their_bytes_to_sh(data: bytes) -> None:
    script = b"printf " + request.word(request.as_format(data)[1:])
    assert subprocess.run(["sh"], input=script, capture_output=True, check=True).stdout == data


@pytest.mark.parametrize(
    ("step", "attempt", "name"),
    [
        ("disk", 1, "disk.1"),
        ("a/b", 2, "a=2fb.2"),
        ("..", 1, "=2e=2e.1"),
        ("a.1", 1, "a=2e1.1"),
        ("x[1]", 3, "x=5b1=5d.3"),
        ("ü", 1, "=c3=bc.1"),
    ],
)
def test_an_entry_is_a_plain_file_name(step: str, attempt: int, name: str) -> None:
    assert request.entry(step, attempt) == name


@given(st.text(max_size=200), st.text(max_size=200))
def test_two_steps_have_two_entries(one: str, other: str) -> None:
    if one != other:
        assert request.entry(one, 1) != request.entry(other, 1)


def test_a_request_is_in_braces_and_ends_its_line() -> None:
    launch = Launch(run_id="r", step="s", attempt=1, script=Script(text="it's\n"), deadline_s=0.2)
    assert request.start(7, launch, b"-") == b"{ s 7 s.1 1 1073741824 '-' '' 'it'\\''s\n' 'sh'; }\n"


def test_comments_are_not_sent() -> None:
    text = request.supervisor(mark="m", session="s", run_id="r/1", folder="/x y")
    assert b"r_run=run-r=2f1\nr_days=14\nr_first=\nr_folder='/x y'\n" in text
    assert b"\n#" not in text and len(text) < 17_000


# -- hello -------------------------------------------------------------------------------------------------------

FACTS = "uid=1000\ngid=1000\nuser=maint\nhome=/home/maint\nclock=1767225600.123456789\nuptime=77.5\nboot_id=b\n"
SAFE = (
    "drwxr-xr-x 20 0 0 4096 Jan  1 00:00 /\n"
    "drwxr-xr-x 3 0 0 4096 Jan  1 00:00 /home\n"
    "drwxr-x--- 9 1000 1000 4096 Jan  1 00:00 /home/maint\n"
    "drwx------ 3 1000 1000 4096 Jan  1 00:00 /home/maint/spool\n"
    "drwx------ 2 1000 1000 4096 Jan  1 00:00 /home/maint/spool/run-1\n"
)


def said(listing: str = SAFE, more: str = "spool=/home/maint/spool\n") -> hello.Hello:
    return hello.parse((FACTS + more + listing).encode())


def test_facts_are_read() -> None:
    extra = 'os.ID=debian\nos.VERSION_ID="12"\nos.ID_LIKE="a b"\ncpus=0-2,5\nmemory=MemTotal:  1000 kB\ntools= sh dnf\n'
    facts = said(more=extra + "spool=/home/maint/spool\n").facts
    assert (facts.os_id, facts.os_version, facts.os_like) == ("debian", "12", ("a", "b"))
    assert (facts.cpus, facts.memory_bytes, facts.package_manager) == (4, 1_024_000, "dnf")
    assert (facts.uptime_s, round(facts.clock, 3), facts.uid) == (77.5, 1767225600.123, 1000)


@pytest.mark.parametrize("clock", ["1767225600.N", "1767225600.%N", "1767225600"])
def test_a_date_without_fractions(clock: str) -> None:
    assert hello.parse(FACTS.replace("1767225600.123456789", clock).encode()).facts.clock == 1767225600.0


@pytest.mark.parametrize("text", ["", "uid=x\ngid=0\nuptime=1\nclock=1\n", "uid=0\nuptime=1\nclock=1\n"])
def test_a_hello_that_makes_no_sense(text: str) -> None:
    with pytest.raises(ProtocolError):
        hello.parse(text.encode())


def test_a_safe_spool_is_accepted() -> None:
    hello.check_spool(said(), "h")


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("drwx------ 3", "drwxr-x--- 3", "open to others"),
        ("drwx------ 3 1000", "drwx------ 3 0", "belongs to user id 0"),
        ("drwx------ 3", "lrwxrwxrwx 3", "a link"),
        ("drwx------ 2", "drwx---rwx 2", "open to others"),
        ("drwxr-x--- 9", "drwxr-xrwx 9", "written by everybody"),
        ("drwxr-x--- 9 1000 1000", "drwxrwx--- 9 1000 50", "written by group id 50"),
        ("drwxr-xr-x 3 0", "drwxr-xr-x 3 1001", "belongs to user id 1001"),
        ("drwxr-xr-x 20 0 0 4096 Jan  1 00:00 /\n", "", "cannot be listed"),
    ],
)
def test_a_spool_that_others_may_reach_is_refused(old: str, new: str, why: str) -> None:
    assert old in SAFE
    with pytest.raises(TransportError, match=why):
        hello.check_spool(said(SAFE.replace(old, new)), "h")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("drwxr-x--- 9", "drwxrwx--- 9"),
        ("drwxr-xr-x 3 0 0", "drwxrwxrwt 3 0 0"),
        ("drwxr-xr-x 3 0", "lrwxrwxrwx 3 0"),
        ("drwxr-x---", "drwxr-x---+"),
    ],
)
def test_what_is_usual_is_accepted(old: str, new: str) -> None:
    assert old in SAFE
    hello.check_spool(said(SAFE.replace(old, new)), "h")


def test_no_spool_says_what_was_tried() -> None:
    with pytest.raises(TransportError, match=r"tried /a \(No space left\)"):
        hello.check_spool(said("", "spool=\ntried=/a (No space left) \n"), "h")


# -- ends, sudo, watchdog ----------------------------------------------------------------------------------------

LAUNCH = Launch(run_id="r", step="s", attempt=1, script=Script(text=""), deadline_s=9, output_limit=100)


@pytest.mark.parametrize(
    ("how", "output", "expected"),
    [
        ("0", 0, Exit(code=0)),
        ("143", 0, Exit(code=143)),
        ("timeout:trace", 0, Exit(timeout_s=9, killed="no trace left")),
        ("timeout:proven", 0, Exit(timeout_s=9, killed="proven")),
        ("timeout:known", 0, Exit(timeout_s=9, killed="not known")),
        ("cancelled:trace", 0, Exit(cancelled_s=2.5, killed="no trace left")),
        ("limit:trace", 200, Exit(output_limit=100, killed="no trace left")),
        ("0", 101, Exit(output_limit=100)),
        ("0", 100, Exit(code=0)),
    ],
)
def test_ends(how: str, output: int, expected: Exit) -> None:
    assert exit_of(how, LAUNCH, took_s=2.5, output=output) == expected


def test_a_lost_end_is_unknown() -> None:
    """Only where nothing of it was found any more is it gone, and may be repeated where that is said to be safe."""
    sink = Sink(lambda stream, data: None, None, host="h")
    for how, gone in (("lost", True), ("unsure", False)):
        done = completed((how, "1.0", "1.0"), LAUNCH, sink, boot=0.0)
        assert done.exit.unknown and done.gone is gone
    assert not completed(("0", "1.0", "2.0"), LAUNCH, sink, boot=0.0).gone


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ("sudo: a password is required\n", "asks for a password"),
        ("sudo: a terminal is required to read the password", "asks for a password"),
        ("maint is not in the sudoers file.\nThis incident has been reported.", "not in the sudoers"),
        ("Sorry, user maint is not allowed to execute '/bin/sh' as root on h.", "do not allow"),
        ("sudo: sorry, you must have a tty to run sudo", "requiretty"),
        ("sudo: Account or password is expired, reset your password and try again", "expired"),
        ("sudo: unknown user nemo", "no such user"),
        ("env: 'sudo': No such file or directory", "not installed"),
        ("something new\n", "something new"),
        ("", "without a word"),
    ],
)
def test_sudos_words(words: str, meaning: str) -> None:
    assert meaning in sudo.reason(words)


@dataclass(eq=False)
class FakeLink:
    lost_because: str = ""
    heard_at: float = 0.0
    answers: bool = True
    raises: bool = False
    closed: bool = False
    asked: list[float] = field(default_factory=list)

    def ask_for_life(self) -> None:
        self.asked.append(time.monotonic())
        if self.raises:
            raise RuntimeError("key exchange timed out")
        if self.answers:
            self.heard_at = time.monotonic()

    def is_active(self) -> bool:
        return not self.closed

    def close(self) -> None:
        self.closed = True


def test_a_link_that_does_not_answer_is_closed_and_others_are_not() -> None:
    dog = Watchdog(0.05)
    odd, dead, alive = FakeLink(raises=True), FakeLink(answers=False), FakeLink()
    dog.watch(odd)
    dog.watch(dead)
    dog.watch(alive)
    until("the dead one is found out", lambda: dead.closed)
    assert "no answer" in dead.lost_because
    assert len(dead.asked) >= 2
    assert odd.closed and not alive.closed
    dog.forget(alive)


def test_a_machine_that_did_not_come_to_ask_says_nothing_of_the_server() -> None:
    """It was busy, or asleep: the link was closed then, though nobody had asked it for life."""
    dog, alive, dead = Watchdog(0.2), FakeLink(), FakeLink(answers=False)
    dog.watch(alive)
    dog.watch(dead)
    with dog._lock:
        time.sleep(1.2)
    until("the dead one is found out", lambda: dead.closed)
    assert not alive.closed and len(dead.asked) >= 2
    dog.forget(alive)


# -- imports -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["runner.transport.local", "runner.transport.ssh", "runner.testing"])
def test_importing_a_transport_loads_no_ssh_library(module: str) -> None:
    program = f"import sys, {module}; print([m for m in ('fabric', 'paramiko', 'invoke') if m in sys.modules])"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


class Gone:
    """A channel whose command has ended before it read anything."""

    def __init__(self, *, alive: bool) -> None:
        self._alive = alive

    def send(self, data: bytes) -> None:
        raise LinkLost("the link was lost: Socket is closed", host="web")

    def recv(self, timeout_s: float) -> bytes:
        if not self._alive:
            raise LinkLost("the link was lost: the server is gone", host="web")
        return b""

    def why(self) -> str:
        return "sudo: a password is required"

    def close(self) -> None:
        """Nothing is left to close."""


def test_a_shell_that_ended_before_it_was_sent_anything_is_heard_all_the_same() -> None:
    """sudo that says no may be quicker than we are; a link that is lost is still one."""
    with pytest.raises(NoSupervisor) as caught:
        Supervisor(Gone(alive=True), host="web", run_id="r")
    assert "a password is required" in caught.value.said
    with pytest.raises(LinkLost, match="the server is gone"):
        Supervisor(Gone(alive=False), host="web", run_id="r")


class Mute(Gone):
    """It cannot be written to, and does not end."""

    asked_s = 0.0

    def recv(self, timeout_s: float) -> bytes:
        self.asked_s = timeout_s
        raise TimeoutError


def test_a_shell_that_cannot_be_sent_anything_is_told_as_that_and_at_once() -> None:
    """As on a disk that breaks, or a pipe that does: its start-up files have nothing to do with it."""
    channel = Mute(alive=True)
    with pytest.raises(ProtocolError, match="could not be sent: the link was lost: Socket is closed"):
        Supervisor(channel, host="web", run_id="r")
    assert channel.asked_s <= 2.0
