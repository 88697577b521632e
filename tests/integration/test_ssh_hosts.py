"""Hosts as they are: noise, few channels, odd shells, sudo; and links as they are: slow, silent, cut."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from runner.errors import BecomeRefused, LinkLost, LockBusy, ProtocolError, TransportError, Unreachable
from runner.frozen import replace
from runner.model import Host
from runner.redact import Secret
from runner.seams import Completed, Launch, Script, Session
from runner.testing import NoPasswords
from runner.transport.local import PipeChannel
from runner.transport.session import SupervisedSession
from runner.transport.ssh import OPENED_AT_ONCE, SshTransport
from runner.transport.target import Target, dial
from tests.bed.draws import cuts, drawn
from tests.bed.fixtures import PASSWORD, shared_sshd, start_sshd
from tests.bed.packages import ensure
from tests.bed.process import BedError, alive, run, until
from tests.bed.proxy import Counters, Direction, Proxy
from tests.bed.sshd import ACCOUNT, LoopbackSshd, account

__all__ = ["shared_sshd", "start_sshd"]

Start = Callable[..., LoopbackSshd]
DEAD = ("proven", "no trace left")
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make accounts and sudo rules")


class Reached:
    """One server as a host, for any number of sessions of one run."""

    def __init__(self, sshd: LoopbackSshd, *, port: int = 0, address: str = "", **given: Any) -> None:
        given.setdefault("known_hosts", (str(sshd.known_hosts),))
        self.transport = SshTransport(**given)
        self.host = Host(
            name="web", address=address or sshd.address, port=port or sshd.port, user=sshd.user,
            identity_files=(str(sshd.key),),
        )  # fmt: skip
        self.word = sshd._token
        self.run_id = uuid.uuid4().hex
        self.passwords: Any = NoPasswords()
        self._spools = {"/var/lib/rawat", f"/var/lib/{ACCOUNT}/.local/state/rawat"}

    def session(self, **given: float) -> SupervisedSession:
        session = self.transport.connect(self.host, run_id=self.run_id, passwords=self.passwords, **given)
        self._spools.add(session.facts.spool)
        return session

    def close(self) -> None:
        """What it left in the spools goes too: the host is this machine."""
        self.transport.close()
        for spool in self._spools:
            shutil.rmtree(f"{spool}/run-{self.run_id}=40{self.host.name}", ignore_errors=True)

    def launch(self, text: str, *, step: str = "", user: str | None = None, **given: Any) -> Launch:
        return Launch(
            run_id=self.run_id, step=step or uuid.uuid4().hex, attempt=1, script=Script(text=text), user=user, **given
        )  # fmt: skip


@contextlib.contextmanager
def reached(sshd: LoopbackSshd, **given: Any) -> Iterator[Reached]:
    made = Reached(sshd, **given)
    with contextlib.closing(made):
        yield made


def ignore(*_: object) -> None:
    """Output that nobody looks at."""


# -- noise -------------------------------------------------------------------------------------------------------


def test_noise_is_skipped_and_noted_once(start_sshd: Start, tmp_path: Path) -> None:
    banner = tmp_path / "banner"
    banner.write_text("** authorised use only **\n")
    go = tmp_path / "go"
    wait = f"until [ -e {go} ]; do sleep 0.05; done"
    late = f"({wait}; echo late; echo late >&2) & echo noise; printf 'no end'; echo warn >&2; exec sh"
    sshd = start_sshd(options=(f"Banner {banner}", f"ForceCommand {late}"))
    with reached(sshd) as bed:
        session = bed.session()
        assert session.peer.notes == ("noise\nno end",)
        done = session.run(bed.launch(f"echo one; touch {go}; sleep 0.6; echo two"), ignore)
        assert done.stdout.endswith(b"two\n") and done.exit.ok
        assert session.run(bed.launch("echo three"), ignore).stdout == b"three\n"


def test_much_on_stderr_does_not_stop_the_channel(start_sshd: Start) -> None:
    sshd = start_sshd(options=("ForceCommand head -c 6000000 /dev/zero >&2; exec sh",))
    with reached(sshd) as bed:
        assert bed.session().run(bed.launch("echo on"), ignore).stdout == b"on\n"


@pytest.mark.parametrize("unit", ["BLOCK_SIZE=1M", "LS_BLOCK_SIZE=7"])
def test_an_output_is_whole_in_whatever_unit_the_login_likes_its_sizes(start_sshd: Start, unit: str) -> None:
    with reached(start_sshd(environment=(unit,))) as bed:
        assert bed.session().run(bed.launch("seq 100; sleep 0.1; seq 100"), ignore).stdout_bytes == 2 * 292


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("echo This account is currently not available.; exit 1", "This account is currently not available."),
        ("echo broken >&2; exit 3", "broken"),
        ("exit 7", "exit 7"),
    ],
)
def test_a_shell_that_will_not_work_is_told_in_its_own_words(start_sshd: Start, command: str, words: str) -> None:
    with reached(start_sshd(options=(f"ForceCommand {command}",))) as bed:
        with pytest.raises(ProtocolError) as caught:
            bed.session()
        assert words in caught.value.message


def test_a_start_up_file_that_eats_the_input_is_noticed(start_sshd: Start) -> None:
    sshd = start_sshd(options=("ForceCommand cat >/dev/null; exec sh",))
    with reached(sshd, hello_timeout_s=1.0) as bed, pytest.raises(ProtocolError, match="start-up file"):
        bed.session()


def test_busybox_as_the_shell(start_sshd: Start) -> None:
    ensure(("busybox",))
    with reached(start_sshd(), shell="busybox ash") as bed:
        session = bed.session()
        assert session.run(bed.launch("echo $((6 * 7))"), ignore).stdout == b"42\n"
        assert session.run(bed.launch("sleep 30", deadline_s=1), ignore).exit.killed in DEAD


# -- reaching it -------------------------------------------------------------------------------------------------


def unreachable(shared_sshd: LoopbackSshd, *, connect_timeout_s: float = 120.0, **given: Any) -> str:
    transport = {"connect_timeout_s": connect_timeout_s}
    with reached(shared_sshd, **transport, **given) as bed, pytest.raises(Unreachable) as caught:
        bed.session()
    return caught.value.message


@needs_root
@pytest.mark.parametrize("shell", ["/bin/tcsh", "/usr/bin/fish", "/bin/bash"])
def test_whatever_the_login_shell_a_step_is_run_by_sh(start_sshd: Start, shell: str) -> None:
    with reached(start_sshd(account=account(shell))) as bed:
        session = bed.session()
        done = session.run(bed.launch("for n in 1 2; do printf '%s' \"$((n + 1))\"; done; echo; exit 3"), ignore)
        assert (done.exit.code, done.stdout) == (3, b"23\n")
        late = session.run(bed.launch("trap '' TERM; sleep 60", deadline_s=0.5), ignore)
        assert late.exit.timeout_s == 0.5
        assert late.exit.killed in DEAD


@needs_root
def test_a_restricted_shell_restricts_no_step_or_says_what_it_lacks(start_sshd: Start) -> None:
    """rbash may start sh, where its PATH has one; it is often given a PATH of a few chosen programs."""
    who = account("/bin/rbash")
    with reached(start_sshd(account=who)) as bed:
        done = bed.session().run(bed.launch("cd / && /bin/echo $PWD >/dev/stderr"), ignore)
        assert (done.exit.code, done.stderr) == (0, b"/\n")
    words = r"its shell ended before it answered: .*sh: command not found"
    sshd = start_sshd(account=who, environment=("PATH=/nonexistent",))
    with reached(sshd) as bed, pytest.raises(ProtocolError, match=words):
        bed.session()


@needs_root
def test_an_account_that_may_not_log_in_is_told_in_the_words_of_the_host(start_sshd: Start) -> None:
    sshd = start_sshd(account=account("/usr/sbin/nologin"))
    with reached(sshd) as bed, pytest.raises(ProtocolError, match="This account is currently not available"):
        bed.session()


@pytest.mark.parametrize("name", ["no-such-host.invalid", "b\u00fccher.invalid", "\u00fc" * 80 + ".invalid"])
def test_a_name_that_is_not_known(shared_sshd: LoopbackSshd, name: str) -> None:
    """Nor one that has no form in the DNS at all."""
    assert f"the name {name} is not known" in unreachable(shared_sshd, address=name)


def test_a_refused_connection(shared_sshd: LoopbackSshd) -> None:
    with nobody_there() as port:
        assert f"127.0.0.1 port {port}: connection refused" in unreachable(shared_sshd, port=port)


@contextlib.contextmanager
def nobody_there() -> Iterator[int]:
    """A port that nobody listens on, nor can take meanwhile."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


def test_a_server_that_says_nothing(shared_sshd: LoopbackSshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        begun = time.monotonic()
        message = unreachable(shared_sshd, port=silent.getsockname()[1], connect_timeout_s=1.0)
        assert message.endswith("no answer within 1 s while connecting; is that an SSH server?")
        assert time.monotonic() - begun < 60


@pytest.mark.parametrize("silent", ["greeting", "shell"])
def test_an_attempt_may_be_given_less_time_than_the_usual(start_sshd: Start, silent: str) -> None:
    """Whatever it waits for then, and whatever limit that has of its own."""
    sshd = start_sshd(options=("ForceCommand cat >/dev/null; exec sh",) if silent == "shell" else ())
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1] if silent == "greeting" else sshd.port
        with reached(sshd, port=port, connect_timeout_s=120.0, hello_timeout_s=120.0) as bed:
            begun = time.monotonic()
            with pytest.raises(Unreachable, match=r"no answer within 0\.5 s"):
                bed.session(within_s=0.5)
            assert time.monotonic() - begun < 60
    until("the server serves nobody", lambda: sshd.sessions() == 0)


@contextlib.contextmanager
def silent_address() -> Iterator[tuple[int, Callable[[], None]]]:
    """
    A port whose packets are dropped: the queue of those who want to connect is full, and nobody takes them.

    And what ends the silence: whoever still asks is refused then.
    """
    with socket.create_server(("127.0.0.1", 0), backlog=0) as server, contextlib.ExitStack() as stack:
        for _ in range(3):
            client = stack.enter_context(socket.socket())
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                client.connect(server.getsockname())
        yield server.getsockname()[1], server.close


def test_hosts_that_are_silent_keep_nobody_waiting(shared_sshd: LoopbackSshd) -> None:
    told: list[str] = []

    def connect(port: int, name: str) -> None:
        host = replace(bed.host, name=name, port=port)
        with contextlib.suppress(Unreachable):
            bed.transport.connect(host, run_id=bed.run_id, passwords=bed.passwords)
        told.append(name)

    with silent_address() as (port, end), reached(shared_sshd, connect_timeout_s=120.0) as bed:
        silent = [threading.Thread(target=connect, args=(port, f"silent{n}")) for n in range(2 * OPENED_AT_ONCE)]
        for thread in silent:
            thread.start()
        time.sleep(0.1)
        connect(bed.host.port, "web")
        assert told == ["web"]
        end()
        for thread in silent:
            thread.join(240)
    assert len(told) == 1 + len(silent)


def test_an_address_that_is_silent_leaves_the_next_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    with silent_address() as (dead, _), socket.create_server(("127.0.0.1", 0)) as lives:
        two = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", n)) for n in (dead, lives.getsockname()[1])]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **given: two)
        target = Target(name="web", address="two", port=22, user="x", identity_files=(), known_hosts=())
        with dial(target, timeout_s=6.0, silence_s=5.0) as link:
            assert link.getpeername() == lives.getsockname()


def test_a_server_that_is_none(shared_sshd: LoopbackSshd) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def greet() -> None:
            with contextlib.suppress(OSError), server.accept()[0] as link:
                link.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 400)

        worker = threading.Thread(target=greet)
        worker.start()
        assert "127.0.0.1" in unreachable(shared_sshd, port=server.getsockname()[1])
        worker.join(240)


def test_a_host_behind_a_jump_host_that_cannot_reach_it(shared_sshd: LoopbackSshd) -> None:
    with reached(shared_sshd) as bed, nobody_there() as port:
        inner = Host(name="inner", address="127.0.0.1", port=port, user="x", jump=(bed.host,))
        with pytest.raises(Unreachable) as caught:
            bed.transport.connect(inner, run_id="r", passwords=NoPasswords())
        assert f"inner (127.0.0.1:{port}): the jump host cannot reach it" in caught.value.message


def test_a_closed_session_leaves_nothing_open(start_sshd: Start) -> None:
    sshd = start_sshd()
    with reached(sshd) as bed:
        sessions = [bed.session() for _ in range(3)]
        assert sshd.sessions() == 3
        for session in sessions:
            session.close()
        until("the server serves nobody", lambda: sshd.sessions() == 0)


# -- links that break --------------------------------------------------------------------------------------------


def test_a_black_holed_link_is_noticed(shared_sshd: LoopbackSshd) -> None:
    with Proxy(shared_sshd.address, shared_sshd.port) as proxy:
        shared_sshd.trust(proxy.host, proxy.port)
        with reached(shared_sshd, port=proxy.port, keepalive_s=0.4) as bed:
            session = bed.session()
            threading.Timer(0.5, proxy.black_hole).start()
            begun = time.monotonic()
            with pytest.raises(LinkLost, match="no answer for"):
                session.run(bed.launch("sleep 400", deadline_s=400), ignore)
            assert time.monotonic() - begun < 200
            session.close()


def test_a_bit_that_changed_on_the_way_ends_the_link(shared_sshd: LoopbackSshd) -> None:
    with Proxy(shared_sshd.address, shared_sshd.port) as proxy:
        shared_sshd.trust(proxy.host, proxy.port)
        with reached(shared_sshd, port=proxy.port, keepalive_s=100.0) as bed:
            session = bed.session()
            launch = bed.launch("seq 1 200000")
            proxy.garble_after(300_000)
            begun = time.monotonic()
            with pytest.raises(LinkLost):
                session.run(launch, ignore)
            assert time.monotonic() - begun < 90, "by the bit itself, not by the silence after it"
            session.close()
            state, _, seen = ended(bed, launch)
            assert (state, seen) == ("ended", b"".join(b"%d\n" % number for number in range(1, 200_001)))


def test_a_channel_whose_server_is_gone_says_so_whatever_it_is_asked(shared_sshd: LoopbackSshd) -> None:
    """Nothing is heard of the end before we send: paramiko raises EOFError, and once more when leave is taken."""
    with Proxy(shared_sshd.address, shared_sshd.port) as proxy:
        shared_sshd.trust(proxy.host, proxy.port)
        with reached(shared_sshd, port=proxy.port) as bed:
            session = bed.session()
            (link,) = bed.transport._links
            channel = link.channel("cat")
            proxy.black_hole()
            link.transport.sock.shutdown(socket.SHUT_WR)
            for told in (lambda: channel.send(b"x"), lambda: link.channel("true")):
                with pytest.raises(LinkLost, match="the server is gone"):
                    told()
            channel.close()
            with pytest.raises(LinkLost):
                session.run(bed.launch("true"), ignore)
            session.close()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("asked", ["a channel", "a command"])
def test_a_server_that_does_not_answer_is_not_waited_for_for_ever(shared_sshd: LoopbackSshd, asked: str) -> None:
    """Neither when it shall open a channel nor when it shall start a command there; nobody asks it for life here."""
    with Proxy(shared_sshd.address, shared_sshd.port) as proxy:
        shared_sshd.trust(proxy.host, proxy.port)
        with reached(shared_sshd, port=proxy.port, keepalive_s=100.0) as bed:
            bed.session()
            (link,) = bed.transport._links
            link._limits = replace(link._limits, channel_s=0.4)
            give = link.transport.give_data_to
            if asked == "a channel":
                proxy.black_hole()
            else:
                link.transport.give_data_to = lambda *words: [give(*words), proxy.black_hole()]
            begun = time.monotonic()
            with pytest.raises(TransportError, match=r"no answer within 0\.4 s|Timeout opening channel"):
                link.channel("true")
            assert 0.4 <= time.monotonic() - begun < 90


@pytest.mark.parametrize("way", ["ssh", "local"])
def test_a_shell_that_reads_nothing_is_not_waited_for_for_ever(
    shared_sshd: LoopbackSshd, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    """Though its server lives: more is sent than fits between us."""
    monkeypatch.setattr("runner.transport.channel.TAKES_NOTHING_S", 0.5)
    with reached(shared_sshd) as bed:
        session = bed.session()
        (link,) = bed.transport._links
        argv = ["sh", "-c", "head -c 3000000 >/dev/null; exec sleep 300"]
        channel = link.channel(shlex.join(argv)) if way == "ssh" else PipeChannel(argv)
        begun = time.monotonic()
        with pytest.raises(LinkLost, match=r"read nothing for 0\.5 s"):
            channel.send(bytes(9_000_000))
        assert 0.5 <= time.monotonic() - begun < 50
        channel.close()
        assert session.run(bed.launch("echo on"), ignore).stdout == b"on\n"


def test_a_link_that_brings_nonsense_is_lost_for_whoever_asks_it_something(shared_sshd: LoopbackSshd) -> None:
    with Proxy(shared_sshd.address, shared_sshd.port) as proxy:
        shared_sshd.trust(proxy.host, proxy.port)
        with reached(shared_sshd, port=proxy.port) as bed:
            session = bed.session()
            (link,) = bed.transport._links
            proxy.garble_after(10)  # in the answer
            with pytest.raises(LinkLost, match="not what was sent"):
                link.channel("true")
            session.close()


@pytest.mark.parametrize(
    "options", [("RekeyLimit 1M",), ("Ciphers aes256-gcm@openssh.com",), ("Ciphers aes128-ctr", "RekeyLimit 1M")]
)
def test_output_is_whole_over_new_keys_and_other_ciphers(start_sshd: Start, options: tuple[str, ...]) -> None:
    with reached(start_sshd(options=options)) as bed:
        session = bed.session()
        assert session.run(bed.launch("seq 1 800000 | cksum; seq 1 800000"), ignore).stdout_bytes > 5_000_000
        assert session.run(bed.launch("echo on"), ignore).stdout == b"on\n"


def test_a_slow_silent_step_is_no_lost_link(shared_sshd: LoopbackSshd) -> None:
    for keepalive_s in (0.7, 4.0, 16.0):  # a server that gets no time to answer is as silent as one that is gone
        with reached(shared_sshd, keepalive_s=keepalive_s) as bed, contextlib.suppress(LinkLost):
            launch = bed.launch(f"sleep {6 * keepalive_s}; echo still")
            assert bed.session().run(launch, ignore).stdout == b"still\n"
            return
    raise AssertionError("it was called lost each time")


def ended(bed: Reached, launch: Launch, offsets: tuple[int, int] = (0, 0)) -> tuple[str, Completed | None, bytes]:
    """How it stands, asked in a new session; and the output that came with it."""
    seen: list[bytes] = []
    with contextlib.closing(bed.session()) as session:
        settled = session.settle(launch, lambda _, data: seen.append(data), offsets=offsets)
    return settled.state, settled.completed, b"".join(seen)


def test_the_end_of_a_step_whose_link_was_cut_is_in_the_spool(start_sshd: Start, tmp_path: Path) -> None:
    sshd = start_sshd()
    with reached(sshd) as bed:
        session = bed.session()
        go = tmp_path / "go"
        launch = bed.launch(f"echo begun; until [ -e {go} ]; do sleep 0.05; done; echo done; exit 3")
        begun = threading.Event()
        cut = threading.Thread(target=lambda: begun.wait(240) and sshd.kill_sessions())
        cut.start()
        seen: list[bytes] = []
        with pytest.raises(LinkLost):
            session.run(launch, lambda _, data: (seen.append(data), begun.set()))
        cut.join(240)
        go.touch()
        had = sum(map(len, seen))
        state, completed, rest = ended(bed, launch, (had, 0))
        assert state == "ended" and completed is not None and completed.exit.code == 3
        assert b"".join(seen) + rest == b"begun\ndone\n"
        with pytest.raises(TransportError, match="started before"):
            bed.session().run(launch, ignore)


def test_a_deadline_is_kept_without_us(start_sshd: Start) -> None:
    sshd = start_sshd()
    with reached(sshd) as bed:
        for deadline_s in (5, 30, 120):  # a busy machine may take longer to cut it
            session = bed.session()
            launch = bed.launch("trap '' TERM; echo $$; sleep 900 & sleep 900", deadline_s=deadline_s)
            seen: list[bytes] = []
            begun = threading.Event()
            cut = threading.Thread(target=lambda: begun.wait(240) and sshd.kill_sessions())  # noqa: B023
            cut.start()
            lost = False
            try:
                session.run(launch, lambda _, data: (seen.append(data), begun.set()))  # noqa: B023
            except LinkLost:
                lost = True
            begun.set()
            cut.join(240)
            if lost:
                break
        assert lost
        # before anybody comes back and asks
        until("it has ended", lambda: not alive(int(seen[0])))
        found = ended(bed, launch)
        assert found[1] is not None and found[1].exit.timeout_s == deadline_s
        assert found[1].exit.killed in DEAD


def test_a_cut_at_any_byte_starts_a_step_once_or_not_at_all(start_sshd: Start, tmp_path: Path) -> None:
    """The payload appends to a counter; what is asked and what is answered is cut somewhere in its length."""
    sshd = start_sshd()
    with Proxy(sshd.address, sshd.port) as proxy:
        sshd.trust(proxy.host, proxy.port)
        with reached(sshd, port=proxy.port) as bed:

            def cut(way: Direction, size: int | None) -> tuple[str, int]:
                """How it stands afterwards, and how often it ran."""
                counter = tmp_path / uuid.uuid4().hex
                launch = bed.launch(f"echo once >>{counter}; : {'x' * 3000}")
                session = bed.session()
                proxy.reset_counters()
                proxy.cut_after(size, direction=way)
                with contextlib.suppress(LinkLost):
                    session.run(launch, ignore)
                whole.append(proxy.counters())
                proxy.cut_after(None, direction=way)
                session.close()
                return ended(bed, launch)[0], len(counter.read_text().splitlines()) if counter.exists() else 0

            whole: list[Counters] = []
            assert cut("up", None) == ("ended", 1)
            states = {place: cut(*place) for place in cuts(drawn(), whole[0], 6)}
            assert set(states.values()) <= {("none", 0), ("ended", 1)}, states


def test_round_trips(start_sshd: Start) -> None:
    """
    At most nine to the end of the first step, and one for each after it.

    On a machine that is busy a step may take so long that the client asks for it once more; the best try counts.
    """
    sshd = start_sshd()
    firsts, others = list[int](), list[int]()
    with Proxy(sshd.address, sshd.port, rtt_ms=20) as proxy:
        sshd.trust(proxy.host, proxy.port)
        for _ in range(20):
            proxy.reset_counters()
            with reached(sshd, port=proxy.port) as bed:
                session = bed.session()
                session.run(bed.launch("true"), ignore)
                firsts.append(proxy.counters().round_trips)
                for _ in range(10):
                    session.run(bed.launch("echo x"), ignore)
                others.append(proxy.counters().round_trips - firsts[-1])
            if min(firsts) <= 9 and min(others) <= 11:
                return
    raise AssertionError(f"{firsts} to the end of the first step, and {others} for ten more")


# -- few channels ------------------------------------------------------------------------------------------------


@needs_root
def test_one_channel_serves_two_users_one_after_another(start_sshd: Start) -> None:
    who = account()
    with reached(start_sshd(options=("MaxSessions 1",))) as bed:
        session = bed.session()
        assert session.become(who).user == who
        for _ in range(3):
            assert session.run(bed.launch("id -un", user=who), ignore).stdout.decode().strip() == who
            assert session.run(bed.launch("id -un"), ignore).stdout == b"root\n"


@needs_root
def test_the_lock_is_taken_again_where_one_channel_served_another_user(start_sshd: Start) -> None:
    who = account()
    with reached(start_sshd(options=("MaxSessions 1",))) as bed:
        session, other = bed.session(), bed.session()
        session.lock("run 1")
        session.run(bed.launch("true", user=who), ignore)
        session.run(bed.launch("true"), ignore)
        with pytest.raises(LockBusy, match="run 1"):
            other.lock("run 2")


def test_no_channel_at_all_is_told(start_sshd: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runner.transport.session.FREED_WITHIN_S", 0.3)
    with (
        reached(start_sshd(options=("MaxSessions 0",))) as bed,
        pytest.raises(TransportError, match="opens no channel"),
    ):
        bed.session()


# -- sudo --------------------------------------------------------------------------------------------------------


@dataclass
class Passwords:
    """Knows one password, and counts how often it was asked for."""

    value: str
    asked: int = 0

    def sudo(self, host: str, user: str) -> Secret | None:
        self.asked += 1
        return Secret("sudo", self.value)


def as_(start_sshd: Start, name: str, **given: Any) -> contextlib.AbstractContextManager[Reached]:
    return reached(start_sshd(account=name), **given)


@needs_root
@pytest.mark.parametrize(
    "rules",
    [
        "%s ALL=(ALL:ALL) NOPASSWD: ALL",
        "Defaults:%s use_pty\n%s ALL=(ALL:ALL) NOPASSWD: ALL",
        "Defaults:%s lecture=always\n%s ALL=(ALL:ALL) NOPASSWD: ALL",
        "%s ALL=(root) NOPASSWD: /bin/sh",  # as docs/hosts.md says
    ],
)
def test_sudo_without_a_password(start_sshd: Start, sudoer: Callable[[str], str], rules: str) -> None:
    name = sudoer(rules)
    with as_(start_sshd, name) as bed:
        session = bed.session()
        facts = session.become("root")
        assert (facts.user, facts.uid, facts.home) == ("root", 0, "/root")
        done = session.run(bed.launch("id -u; umask; pwd; echo ${LC_ALL-none}", user="root"), ignore)
        assert done.stdout.split()[0] == b"0" and done.stdout.split()[-1] == b"none"
        assert session.run(bed.launch(r"printf 'a\r\n\000'", user="root"), ignore).stdout == b"a\r\n\0"
        stubborn = bed.launch("trap '' TERM; setsid sleep 50 & sleep 50", user="root", deadline_s=1)
        assert session.run(stubborn, ignore).exit.killed in DEAD
        assert session.run(bed.launch("id -un"), ignore).stdout.decode().strip() == name


@needs_root
@pytest.mark.parametrize("late", [True, False])
def test_logins_of_two_people_meet_where_they_become_one_user(
    start_sshd: Start, sudoer: Callable[[str], str], late: bool
) -> None:
    """Whether the host was locked before it was asked for that user, or after."""
    anna, ben, shared = (sudoer("%s ALL=(ALL:ALL) NOPASSWD: ALL") for _ in range(3))
    with as_(start_sshd, anna) as hers, as_(start_sshd, ben) as his:
        first, second, third = hers.session(), his.session(), his.session()
        if late:
            first.lock("anna's run")
            first.become(shared)
        else:
            first.become(shared)
            first.lock("anna's run")
        second.lock("ben's run")
        for _ in range(2):
            with pytest.raises(LockBusy, match="anna's run"):
                second.become(shared)
        with pytest.raises(LockBusy, match="anna's run"):
            second.run(his.launch("echo beside", user=shared), ignore)
        assert second.run(his.launch("echo own"), ignore).stdout == b"own\n"
        assert third.run(his.launch("echo looks", user=shared), ignore).stdout == b"looks\n", "it holds nothing"
        assert first.run(hers.launch("echo works", user=shared), ignore).stdout == b"works\n"
        first.close()
        until("it is free", lambda: not busy(second, shared))


def busy(session: Session, user: str) -> bool:
    try:
        session.become(user)
    except LockBusy:
        return True
    return False


@needs_root
@pytest.mark.parametrize("defaults", ["", "Defaults:%s use_pty", "Defaults:%s insults", "Defaults:%s lecture=always"])
def test_sudo_with_a_password(start_sshd: Start, sudoer: Callable[[str], str], defaults: str) -> None:
    name = sudoer(f"{defaults}\n%s ALL=(ALL:ALL) ALL")
    with as_(start_sshd, name) as bed:
        bed.passwords = Passwords(PASSWORD)
        session = bed.session()
        assert session.become("root").uid == 0
        assert session.run(bed.launch("cat; id -u", user="root"), ignore).stdout == b"0\n"
        assert bed.passwords.asked == 1


@needs_root
def test_a_password_through_one_channel(start_sshd: Start, sudoer: Callable[[str], str]) -> None:
    name = sudoer("%s ALL=(ALL:ALL) ALL")
    with reached(start_sshd(account=name, options=("MaxSessions 1",))) as bed:
        bed.passwords = Passwords(PASSWORD)
        session = bed.session()
        assert session.become("root").uid == 0
        assert session.run(bed.launch("id -un"), ignore).stdout.decode().strip() == name
        assert session.run(bed.launch("id -un", user="root"), ignore).stdout == b"root\n"


@needs_root
def test_a_password_that_has_expired_is_told_at_once(start_sshd: Start, sudoer: Callable[[str], str]) -> None:
    """sudo would ask for a new one, and wait for it."""
    name = sudoer("%s ALL=(ALL:ALL) ALL")
    run(["chage", "-d", "0", name])
    with as_(start_sshd, name) as bed:
        bed.passwords = Passwords(PASSWORD)
        session = bed.session()
        with pytest.raises(BecomeRefused, match="the account or its password has expired"):
            session.become("root")


@needs_root
@pytest.mark.parametrize(
    ("rules", "passwords", "why"),
    [
        ("%s ALL=(ALL:ALL) ALL", NoPasswords(), "asks for a password and none was given"),
        ("%s ALL=(ALL:ALL) ALL", Passwords("wrong"), "the password was not accepted"),
        ("Defaults:%s insults\n%s ALL=(ALL:ALL) ALL", Passwords("wrong"), "the password was not accepted"),
        ("Defaults:%s passwd_tries=1\n%s ALL=(ALL:ALL) ALL", Passwords("wrong"), "the password was not accepted"),
        ("# nothing for %s", Passwords(PASSWORD), "not in the sudoers file"),
        ("%s ALL=(nobody) NOPASSWD: ALL", Passwords(PASSWORD), "do not allow it"),
        ("Defaults:%s requiretty\n%s ALL=(ALL:ALL) NOPASSWD: ALL", NoPasswords(), "requiretty"),
    ],
)
def test_a_sudo_that_says_no_is_told_why(
    start_sshd: Start, sudoer: Callable[[str], str], rules: str, passwords: Any, why: str
) -> None:
    with as_(start_sshd, sudoer(rules)) as bed:
        bed.passwords = passwords
        session = bed.session()
        begun = time.monotonic()
        with pytest.raises(BecomeRefused) as caught:
            session.become("root")
        assert why in caught.value.message and "root" in caught.value.message
        assert PASSWORD not in str(caught.value) and time.monotonic() - begun < 200
        assert session.run(bed.launch("echo on"), ignore).stdout == b"on\n"


@needs_root
def test_a_user_that_is_not_there(start_sshd: Start, sudoer: Callable[[str], str]) -> None:
    with (
        as_(start_sshd, sudoer("%s ALL=(ALL:ALL) NOPASSWD: ALL")) as bed,
        pytest.raises(BecomeRefused, match="no such"),
    ):
        bed.session().become("nemo-nemo")


# -- the spool ---------------------------------------------------------------------------------------------------


@needs_root
def test_a_spool_that_others_may_write_is_refused_before_anything_starts(start_sshd: Start, tmp_path: Path) -> None:
    open_folder = tmp_path / "open"
    open_folder.mkdir()
    open_folder.chmod(0o777)
    for spool in (open_folder, open_folder / "below"):
        with reached(start_sshd(), spool=str(spool)) as bed, pytest.raises(TransportError, match="not safe"):
            bed.session()


@needs_root
def test_a_spool_that_cannot_be_made_is_told(start_sshd: Start) -> None:
    with reached(start_sshd(account=account()), spool="/proc/rawat") as bed, pytest.raises(TransportError) as caught:
        bed.session()
    assert "/proc/rawat" in caught.value.message and "spool" in caught.value.message


@needs_root
def test_the_next_path_is_taken_where_the_first_is_not_writable(
    start_sshd: Start, sudoer: Callable[[str], str]
) -> None:
    name = sudoer("# %s")
    home = Path(f"/home/{name}")
    (home / ".local").mkdir()
    with as_(start_sshd, name) as bed:
        session = bed.session()
        assert session.facts.spool == f"{home}/.rawat"
        assert session.run(bed.launch("echo on"), ignore).stdout == b"on\n"


@needs_root
def test_forgetting_a_run_removes_its_folder(start_sshd: Start) -> None:
    with reached(start_sshd(account=account())) as bed:
        session = bed.session()
        session.run(bed.launch("echo secret"), ignore)
        folder = Path(session.facts.spool) / f"run-{bed.run_id}=40{bed.host.name}"
        assert folder.is_dir() and folder.stat().st_mode & 0o777 == 0o700
        until("only the watcher is left", lambda: left_over(bed) == 1)
        session.forget()
        session.close()
        assert not folder.exists()
        until("the watcher is gone", lambda: left_over(bed) == 0)


def left_over(bed: Reached) -> int:
    """How many shells still work on this host's runs."""
    return len(shells(bed))


def shells(bed: Reached) -> set[int]:
    """Those away from the channel: each has its own word in the environment from sshd."""
    word = bed.word.encode()
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                shell = (entry / "comm").read_text().strip() in ("sh", "dash", "busybox")
                alone = os.path.realpath(entry / "fd" / "1") == "/dev/null"
                if shell and alone and word in (entry / "environ").read_bytes().split(b"\0"):
                    found.add(int(entry.name))
    return found


def test_a_closed_session_leaves_no_process_behind(start_sshd: Start) -> None:
    with reached(start_sshd()) as bed:
        session = bed.session()
        session.run(bed.launch("true"), ignore)
        until("the watcher is there", lambda: left_over(bed) == 1)
        session.close()
        until("the watcher is gone", lambda: left_over(bed) == 0)


@needs_root
@pytest.mark.parametrize("shell", ["sh", "busybox sh"])
def test_output_takes_no_more_than_a_tenth_of_a_small_disk(start_sshd: Start, tmp_path: Path, shell: str) -> None:
    """Ten million bytes of a hundred; what is far below the limit of 1 GiB would fill the disk for everybody."""
    disk = tmp_path / "disk"
    disk.mkdir()
    run(["mount", "-t", "tmpfs", "-o", "size=100m,mode=700", "none", str(disk)])
    try:
        with reached(start_sshd(), spool=str(disk / "spool"), shell=shell) as bed:
            session = bed.session()
            fits = session.run(bed.launch("head -c 8000000 /dev/zero; sleep 1.5"), ignore)
            assert (fits.exit.code, fits.stdout_bytes) == (0, 8_000_000)
            done = session.run(bed.launch("while head -c 1000000 /dev/zero; do sleep 0.2; done"), ignore)
            assert done.exit.killed in DEAD and done.exit.output_limit is not None
            assert 9_000_000 < done.exit.output_limit < 60_000_000
            assert any("a tenth of the room" in note for note in done.notes)
            assert session.run(bed.launch("echo next"), ignore).stdout == b"next\n"
    finally:
        run(["umount", "-l", str(disk)])


@needs_root
@pytest.mark.parametrize("asked", ["after a while", "before it is refused"])
def test_a_full_disk_is_a_refusal_before_the_start(
    start_sshd: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """A spool on a file system of its own that has no room left."""
    if asked != "after a while":
        monkeypatch.setattr("runner.transport.supervisor.Supervisor._patience_s", lambda self: 0.0)
    disk = tmp_path / "disk"
    disk.mkdir()
    try:
        run(["mount", "-t", "tmpfs", "-o", "size=256k,nr_inodes=200,mode=700", "none", str(disk)])
    except BedError:
        pytest.skip("no mounts here")
    try:
        with reached(start_sshd(), spool=str(disk / "spool")) as bed:
            session = bed.session()
            assert session.run(bed.launch("echo fits"), ignore).exit.ok
            launch = bed.launch("echo ran; : " + "x" * 400_000)
            with pytest.raises(TransportError, match="nothing was started"):
                session.run(launch, ignore)
            assert session.run(bed.launch("echo on", step=launch.step), ignore).stdout == b"on\n"
            big = Launch(run_id=bed.run_id, step="in", attempt=1, script=Script(text="cat", stdin=bytes(600_000)))
            with pytest.raises(TransportError):
                session.run(big, ignore)
            session = bed.session()
            fill = f"head -c 999999 /dev/zero >{disk}/filler"
            for filling in (f"sleep 0.5; {fill}; sleep 0.5", f"{fill}; sleep 1"):  # while it is followed, and before
                full = session.run(bed.launch(f"echo begun; {filling}; exit 3"), ignore)
                assert (full.exit.code, full.stdout) == (3, b"begun\n"), "its end has room where its beginning stands"
                (disk / "filler").unlink()
            inodes = f"i=0; while command : 2>&- >{disk}/filler.$i; do i=$((i + 1)); done"
            for filling in (fill, inodes):
                for deadline_s in (1, 6, 36):  # a busy machine may take longer to begin
                    launch = bed.launch(f"echo begun; {filling}; sleep 60", deadline_s=deadline_s)
                    late = session.run(launch, ignore)
                    assert (late.exit.timeout_s, late.exit.killed) == (deadline_s, "no trace left"), late
                    if late.stdout:
                        break
                assert late.stdout == b"begun\n"
                with contextlib.closing(bed.session()) as another:
                    found = another.settle(launch, ignore)
                assert found.completed is not None and found.completed.stdout == b"begun\n", "a link lost by then"
                for filler in disk.glob("filler*"):
                    filler.unlink()
            assert session.run(bed.launch("echo on"), ignore).stdout == b"on\n"
    finally:
        run(["umount", "-l", str(disk)])


@needs_root
def test_what_a_step_started_as_another_user_and_could_not_be_ended_is_not_called_gone(
    start_sshd: Start, sudoer: Callable[[str], str]
) -> None:
    """It is in the step's own group, to which we may send no signal."""
    name = sudoer("%s ALL=(ALL:ALL) NOPASSWD: ALL")
    with as_(start_sshd, name) as bed:
        script = """sudo -n sh -c 'trap "" TERM; echo $$; sleep 300; :'"""
        done = bed.session().run(bed.launch(script, deadline_s=3), ignore)
        root = int(done.stdout.split()[0])
        try:
            assert done.exit.timeout_s == 3
            assert Path(f"/proc/{root}").exists()
            assert done.exit.killed == "not known"
        finally:
            for child in Path(f"/proc/{root}/task/{root}/children").read_text().split():
                os.kill(int(child), signal.SIGKILL)
            os.kill(root, signal.SIGKILL)
