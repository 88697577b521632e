"""How long a host may be silent, on each level, before it is not waited for any more."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from runner.errors import LinkLost
from runner.model import Host
from runner.seams import Launch, Script, Session
from runner.testing import NoPasswords
from runner.transport import link as links
from runner.transport import ssh
from runner.transport.local import LocalTransport, PipeChannel
from runner.transport.ssh import SshTransport
from runner.transport.target import Target, dial

RUN = uuid.uuid4().hex


def test_the_kernel_ends_a_link_whose_bytes_are_not_acknowledged() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        target = Target(name="web", address="127.0.0.1", port=port, user="x", identity_files=(), known_hosts=())
        with dial(target, timeout_s=5, silence_s=1.5) as plug:
            assert plug.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 1500
            assert plug.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_a_server_that_throttles_is_asked_less_and_less_often_within_the_time_to_connect(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, slept = [0.0], list[float]()

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    def dropped(*_: object) -> None:
        raise links.Dropped("the server ended the connection")

    monkeypatch.setattr(ssh, "time", SimpleNamespace(sleep=sleep, monotonic=lambda: now[0]))
    monkeypatch.setattr(ssh, "dial", lambda *_, **__: None)
    monkeypatch.setattr(links, "connect", dropped)
    found: list[list[float]] = []
    for _ in range(2):
        slept.clear()
        now[0] = 0.0
        with pytest.raises(links.Dropped):
            SshTransport(known_hosts=(), connect_timeout_s=20.0).connect(
                Host(name="web", address="127.0.0.1", user="x"), run_id=RUN, passwords=NoPasswords()
            )
        for number, pause in enumerate(slept):
            about = min(ssh.LONGEST_PAUSE_S, ssh.DROPPED_PAUSE_S * 2**number)
            assert 0.5 * about <= pause <= 1.5 * about, slept
        assert 15 < now[0] <= 21 and len(slept) > 8
        found.append(slept[:6])
    assert all(one != other for one, other in zip(*found, strict=True))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    host = Host(name="here", address="localhost", transport="local")
    made = LocalTransport(spool=str(tmp_path / "spool")).connect(host, run_id=RUN, passwords=NoPasswords())
    made.lock("me")
    yield made
    with contextlib.suppress(LinkLost):
        made.close()


@pytest.fixture
def stopped(session: Session) -> Iterator[Callable[[], None]]:
    """Stops the supervisor: it is there and says nothing any more."""
    shell = int((Path(session.facts.spool) / "lock.host").read_text().split()[-1])
    yield lambda: os.kill(shell, signal.SIGSTOP)
    with contextlib.suppress(ProcessLookupError):
        os.kill(shell, signal.SIGKILL)


def launch(text: str, deadline_s: float) -> Launch:
    return Launch(run_id=RUN, step=uuid.uuid4().hex, attempt=1, script=Script(text=text), deadline_s=deadline_s)


@pytest.mark.timeout(200)
def test_a_question_that_is_not_answered_is_not_waited_for_for_ever(
    session: Session, stopped: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runner.transport.supervisor.ANSWER_S", 0.3)
    stopped()
    began = time.monotonic()
    with pytest.raises(LinkLost, match="does not answer"):
        session.lock("me", name="other")
    assert 0.3 <= time.monotonic() - began < 25, "and not 30 s"


@pytest.mark.timeout(200)
def test_a_supervisor_that_takes_no_launch_is_not_waited_for_as_long_as_the_step_may_take(
    session: Session, stopped: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An hour, by default, in which nothing was begun; what runs long and says nothing is waited for as before."""
    monkeypatch.setattr("runner.transport.supervisor.ANSWER_S", 1.5)
    assert session.run(launch("sleep 2.2", 60), lambda *_: None).exit.ok
    stopped()
    began = time.monotonic()
    with pytest.raises(LinkLost, match="does not answer"):
        session.run(launch("true", 60), lambda *_: None)
    assert 1.5 <= time.monotonic() - began < 25, "and not 30 s"


@pytest.mark.timeout(200)
def test_a_step_whose_end_is_not_told_is_not_waited_for_long_after_its_deadline(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(self: PipeChannel, timeout_s: float) -> bytes:
        time.sleep(min(timeout_s, 0.02))
        raise TimeoutError

    monkeypatch.setattr("runner.transport.supervisor.OVERDUE_S", 0.3)
    monkeypatch.setattr(PipeChannel, "recv", silent)
    began = time.monotonic()
    with pytest.raises(LinkLost, match="does not say how it ended"):
        session.run(launch("true", 0.2), lambda *_: None)
    assert 0.5 <= time.monotonic() - began < 50, "and not a minute"
