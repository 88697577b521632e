"""What every transport promises, asked of each: SSH to a real sshd, local pipes under several shells, and the fake."""

from __future__ import annotations

import contextlib
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from runner.errors import LaunchRefused, LinkLost, LockBusy, TransportError
from runner.model import Host
from runner.redact import Secret
from runner.seams import KEEP_BYTES, Completed, Launch, Script, Session, Stream, Transport
from runner.testing import FakeTransport, NoPasswords, done
from runner.transport.local import LocalTransport
from runner.transport.ssh import SshTransport
from tests.bed.packages import ensure
from tests.bed.process import alive, descendants, until
from tests.bed.sshd import LoopbackSshd, account

SHELLS = {"dash": ("dash",), "bash": ("bash", "--posix"), "busybox": ("sh",)}
REAL = ("ssh", *SHELLS)
DEAD = ("proven", "no trace left")
"""What a kill may say that reached everything: the first where root runs the tests on a machine with systemd."""


@dataclass
class Bed:
    """A transport and a host to use it on; all sessions are closed at the end."""

    transport: Transport
    host: Host
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    sessions: list[Session] = field(default_factory=list)
    count: int = 0
    touch: Callable[[Path], object] = Path.touch
    """Makes a file on the host, over another way."""

    def session(self) -> Session:
        self.sessions.append(self.transport.connect(self.host, run_id=self.run_id, passwords=NoPasswords()))
        return self.sessions[-1]

    def launch(self, text: str, *, step: str = "", **given: Any) -> Launch:
        self.count += 1
        words = {"env", "stdin", "save_to", "interpreter"}
        script = Script(text=text, **{name: given.pop(name) for name in words & given.keys()})
        given.setdefault("deadline_s", 900.0)
        return Launch(run_id=self.run_id, step=step or f"step-{self.count}", attempt=1, script=script, **given)

    def run(self, text: str, **given: Any) -> Completed:
        """In a session of the bed's own, opened at first use."""
        session = self.sessions[0] if self.sessions else self.session()
        return session.run(self.launch(text, **given), ignore)

    def close(self) -> None:
        """Nothing of the run is left, on the host either."""
        for session in self.sessions:
            session.close()
        with contextlib.closing(self.session()) as last:
            last.forget()
        self.transport.close()


def ignore(stream: Stream, data: bytes) -> None:
    """Output that nobody looks at while it comes."""


def said_in_turn(bed: Bed, *pieces: str) -> Completed:
    """A step that says one piece after another, each a moment after what came before has been heard of here."""
    heard = [Path(f"/tmp/rawat-heard-{uuid.uuid4().hex}") for _ in pieces[1:]]
    pairs = zip(heard, pieces[1:], strict=True)
    waiting = [f"until [ -e {file} ]; do sleep 0.05; done; sleep 1; {piece}" for file, piece in pairs]
    left = iter(heard)

    def answer(stream: Stream, data: bytes) -> None:
        if file := next(left, None):
            bed.touch(file)

    try:
        return bed.session().run(bed.launch("; ".join((pieces[0], *waiting)), deadline_s=120), answer)
    finally:
        for file in heard:
            file.unlink(missing_ok=True)


@pytest.fixture(scope="module")
def sshd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LoopbackSshd]:
    who = account() if os.geteuid() == 0 else None
    with LoopbackSshd(tmp_path_factory.mktemp("contract") / "sshd", account=who) as server:
        yield server


@pytest.fixture(scope="module")
def busybox_only(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment whose PATH holds nothing but busybox's applets: no flock, no coreutils."""
    if shutil.which("busybox") is None:
        ensure(("busybox",))
    folder = tmp_path_factory.mktemp("busybox")
    subprocess.run([shutil.which("busybox") or "busybox", "--install", "-s", str(folder)], check=True)
    return {"PATH": str(folder), "HOME": os.environ["HOME"], "USER": "root", "LOGNAME": "root"}


@pytest.fixture
def bare(tmp_path: Path, busybox_only: dict[str, str]) -> Iterator[Bed]:
    """Busybox alone, and without its setsid."""
    folder = tmp_path / "bare"
    folder.mkdir()
    for entry in Path(busybox_only["PATH"]).iterdir():
        if entry.name != "setsid":
            (folder / entry.name).symlink_to(entry.readlink())
    env = {**busybox_only, "PATH": str(folder)}
    transport = LocalTransport(shell=("sh",), env=env, spool=str(tmp_path / "spool"))
    made = Bed(transport, Host(name="here", address="localhost", transport="local"))
    yield made
    made.close()


@pytest.fixture(params=REAL)
def bed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bed]:
    made = real(request.param, request, tmp_path)
    yield made
    made.close()


def real(name: str, request: pytest.FixtureRequest, tmp_path: Path) -> Bed:
    if name == "ssh":
        return over_ssh(request.getfixturevalue("sshd"))
    env = request.getfixturevalue("busybox_only") if name == "busybox" else None
    transport = LocalTransport(shell=SHELLS[name], env=env, spool=str(tmp_path / "spool"))
    return Bed(transport, Host(name="here", address="localhost", transport="local"))


def over_ssh(sshd: LoopbackSshd) -> Bed:
    # one for each process of the test runner: the locks in it are those of a host, and tests run side by side
    spool = f"{pwd.getpwnam(sshd.user).pw_dir}/spool.{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
    transport = SshTransport(known_hosts=(str(sshd.known_hosts),), spool=spool)
    host = Host(
        name="there", address=sshd.address, port=sshd.port, user=sshd.user, identity_files=(str(sshd.key),)
    )  # fmt: skip
    return Bed(transport, host)


# -- the end ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [0, 1, 3, 127, 255])
def test_the_exit_code_is_the_one_the_host_wrote_down(bed: Bed, code: int) -> None:
    done = bed.run(f"exit {code}")
    assert done.exit.code == code
    assert done.exit.ok is (code == 0)


def test_a_signal_is_told_as_sh_knows_it(bed: Bed) -> None:
    assert str(bed.run("kill -KILL $$").exit) == "exit 137, perhaps signal 9"


def test_a_script_may_kill_its_group_and_no_more(bed: Bed) -> None:
    assert bed.run("kill -TERM 0; sleep 20").exit.code == 143
    assert bed.run("exit 4").exit.code == 4


def test_times_are_the_hosts(bed: Bed) -> None:
    before = time.time()
    done = bed.run("sleep 0.3")
    assert done.duration_s is not None and done.started is not None
    assert 0.25 <= done.duration_s < 120
    assert before - 2 <= done.started <= time.time() + 2


def test_a_missing_interpreter_is_an_exit_code_and_words(bed: Bed) -> None:
    done = bed.run("x", interpreter="no-such-interpreter")
    assert done.exit.code in (126, 127)
    assert b"no-such-interpreter" in done.stderr


# -- output -------------------------------------------------------------------------------------------------------


def test_streams_are_kept_apart_and_byte_identical(bed: Bed) -> None:
    done = bed.run(r"printf 'out\000\377\n'; printf 'err\000' >&2")
    assert (done.stdout, done.stderr) == (b"out\0\xff\n", b"err\0")
    assert (done.stdout_bytes, done.stderr_bytes) == (6, 4)


def test_output_comes_while_the_step_runs(bed: Bed) -> None:
    """Its end waits for what came before it: who would hear of that at its end only would wait for ever."""
    done = said_in_turn(bed, "echo first", "echo last")
    assert done.stdout == b"first\nlast\n"


def test_a_script_that_truncates_its_own_output_is_noted_once(bed: Bed) -> None:
    pieces = ("echo a long first line", "echo two >/dev/stdout", "echo three", ": >/dev/stdout; sleep 1; echo 4")
    done = said_in_turn(bed, *pieces)
    assert done.stdout == b"a long first line\ntwo\nthree\n4\n"
    assert len(done.notes) == 1 and "truncated its own stdout" in done.notes[0]
    assert bed.run("echo one").notes == ()


def test_what_is_written_after_a_truncation_comes_though_it_is_longer(bed: Bed) -> None:
    """The file is as long as what was sent of it, or longer, when it is looked at again: its sum has changed."""
    done = said_in_turn(bed, "echo first", "echo x >/dev/stdout; echo last")
    assert done.stdout == b"first\nx\nlast\n"
    assert len(done.notes) == 1 and "truncated its own stdout" in done.notes[0]
    done = said_in_turn(bed, "echo a", "echo b", "echo c")
    assert (done.stdout, done.notes) == (b"a\nb\nc\n", ())


def test_a_truncation_that_nobody_sees_is_noted_by_its_name(bed: Bed) -> None:
    """A short step's file is looked at once, when it has ended."""
    done = bed.run("echo first; echo x >/dev/stdout; echo last", step="short")
    assert done.stdout == b"x\nlast\n"
    assert len(done.notes) == 1 and "opens its own output by name" in done.notes[0]
    assert bed.run("echo first; echo x >>/dev/stdout; echo y >&1", step="append").notes == ()


def test_one_line_of_100_mb_passes_whole_and_head_and_tail_are_kept(bed: Bed) -> None:
    size = 100_000_000
    digest = hashlib.sha256()
    session = bed.session()
    done = session.run(
        bed.launch(f"printf begin; head -c {size} /dev/zero; printf end"), lambda _, data: digest.update(data)
    )
    assert done.exit.ok
    assert done.stdout_bytes == size + 8
    expected = hashlib.sha256(b"begin")
    expected.update(bytes(size))
    expected.update(b"end")
    assert digest.digest() == expected.digest()
    assert len(done.stdout) == KEEP_BYTES
    assert done.stdout.startswith(b"begin\0") and done.stdout.endswith(b"\0end")


MEMORY = """
from runner.model import Host
from runner.seams import Launch, Script
from runner.testing import NoPasswords
from runner.transport.{module} import *

def run(step, text):
    launch = Launch(run_id={run_id!r}, step=step, attempt=1, script=Script(text=text))
    return session.run(launch, lambda *_: None)

def memory(what):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(what))

session = {transport}.connect({host!r}, run_id={run_id!r}, passwords=NoPasswords())
run("small", "sleep 0.3; echo small")
idle = memory("VmRSS")
done = run("big", "head -c 100000000 /dev/zero")
assert done.stdout_bytes == 100000000, done
print(memory("VmHWM") - idle)
session.forget()
session.close()
"""


def test_100_mb_cost_no_memory(bed: Bed) -> None:
    """
    What it adds to an idle session, in a process of its own: what a test runner holds says nothing, and ru_maxrss
    of a child begins with what its parent held.
    """
    transport, host = bed.transport, bed.host
    spool = bed.session().facts.spool
    if isinstance(transport, SshTransport):
        made = f"SshTransport(known_hosts={transport._known_hosts!r}, spool={spool!r})"
    else:
        assert isinstance(transport, LocalTransport)
        made = f"LocalTransport(shell={transport._supervisors.shell!r}, env={transport._env!r}, spool={spool!r})"
    module = "ssh" if host.transport == "ssh" else "local"
    program = MEMORY.format(module=module, transport=made, host=host, run_id=bed.run_id)
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=900)
    assert told.returncode == 0, told.stderr
    assert int(told.stdout) < 16 * 1024


def test_stdout_goes_to_a_local_file_for_nobody_else(bed: Bed, tmp_path: Path) -> None:
    shown: list[tuple[Stream, bytes]] = []
    file = tmp_path / "fetched"
    file.write_bytes(b"old and longer than what comes")
    file.chmod(0o644)
    session = bed.session()
    done = session.run(
        bed.launch(r"printf 'a\000b'; echo note >&2", save_to=file), lambda *piece: shown.append(piece)
    )  # fmt: skip
    assert file.read_bytes() == b"a\0b"
    assert file.stat().st_mode & 0o777 == 0o600
    assert done.stdout == b"" and done.stdout_bytes == 3
    assert shown == [("stderr", b"note\n")]


def test_a_local_file_that_cannot_be_written_is_told_before_anything_runs(bed: Bed, tmp_path: Path) -> None:
    with pytest.raises(TransportError, match="cannot write"):
        bed.run("echo x", save_to=tmp_path / "none" / "file", step="again")
    assert bed.run("echo ran", step="again").stdout == b"ran\n"


@pytest.mark.parametrize("text", ["yes", "head -c 3000000 /dev/zero"])
def test_more_output_than_allowed_is_a_failure(bed: Bed, text: str) -> None:
    done = bed.run(text, output_limit=1_000_000)
    assert done.exit.output_limit == 1_000_000
    assert not done.exit.ok
    assert bed.run("echo next").stdout == b"next\n"


# -- input, environment, text ------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 5, 70_000, 300_000, 9_000_000])
def test_binary_input_arrives_whole(bed: Bed, size: int) -> None:
    data = os.urandom(size)
    done = bed.run("cat", stdin=data, output_limit=1 << 30)
    assert done.stdout_bytes == size
    if size <= KEEP_BYTES:
        assert done.stdout == data
    assert bed.run("sha256sum", stdin=data).stdout.split()[0].decode() == hashlib.sha256(data).hexdigest()


def test_input_may_be_a_local_file_and_looks_like_code(bed: Bed, tmp_path: Path) -> None:
    file = tmp_path / "input"
    file.write_bytes(b"}; touch /tmp/never; '%s\\n%d\0\n" * 30_000)
    done = bed.run("sha256sum", stdin=file)
    assert done.stdout.split()[0].decode() == hashlib.sha256(file.read_bytes()).hexdigest()


def test_input_that_is_not_read_harms_nothing(bed: Bed) -> None:
    assert bed.run("exit 5", stdin=os.urandom(300_000)).exit.code == 5
    assert bed.run("cat").stdout == b""


def test_odd_values_arrive_in_the_environment(bed: Bed) -> None:
    values = {"PLAIN": "x", "QUOTE": 'it\'s "$HOME" `id`', "LINES": "a\nb\n", "EMPTY": "", "UTF": "ü€", "IFS": "e"}
    done = bed.run(
        'printf "%s|" "$PLAIN" "$QUOTE" "$LINES" "$EMPTY" "$UTF"; printf %s "$SECRET"',
        env={**values, "SECRET": Secret("s", "p'w d")},
    )
    assert done.stdout.decode() == "x|it's \"$HOME\" `id`|a\nb\n||ü€|p'w d"


@pytest.mark.parametrize("name", ["A B", "1A", "A=B", "", "A;id", "A\n"])
def test_a_name_that_no_shell_takes_is_refused(bed: Bed, name: str) -> None:
    with pytest.raises(TransportError, match="environment variable"):
        bed.run("echo ran", env={name: "x"})


def test_every_byte_but_nul_survives_in_a_script(bed: Bed) -> None:
    every = bytes(range(1, 256)).replace(b"'", b"").decode("utf-8", "surrogateescape")
    done = bed.run(f"printf %s '{every}'")
    assert done.stdout == bytes(range(1, 256)).replace(b"'", b"")


def test_a_script_of_a_megabyte(bed: Bed) -> None:
    assert bed.run(": " + "x" * 1_000_000 + "\necho end").stdout == b"end\n"


def test_a_nul_in_a_script_is_refused_before_anything_runs(bed: Bed) -> None:
    with pytest.raises(TransportError, match="NUL"):
        bed.run("echo a\0b", step="nul")
    assert bed.run("echo ran", step="nul").stdout == b"ran\n"


def test_another_interpreter_runs_the_text_from_a_file(bed: Bed) -> None:
    if shutil.which("awk") is None:
        ensure(("gawk",))
    assert bed.run("BEGIN { print 6 * 7 }", interpreter="awk -f").stdout == b"42\n"


def test_neither_script_nor_environment_is_seen_in_ps(bed: Bed) -> None:
    done = bed.run("cat /proc/[0-9]*/cmdline; : needle", env={"HIDDEN": "haystack-" + "value"})
    assert b"needle" not in done.stdout
    assert b"haystack-value" not in done.stdout


def test_a_step_starts_as_a_login_would(bed: Bed) -> None:
    told = bed.run("umask; pwd; kill -l >/dev/null; echo ${r_mark-none}").stdout.decode().split()
    assert told[0] == "0022"
    assert told[2] == "none"


# -- deadline, cancel --------------------------------------------------------------------------------------------

STUBBORN = """
(trap 'sleep 0.3; echo tidied; exit' TERM; sleep 300 & wait) &
trap '' TERM
(trap '' TERM; exec sleep 300) & echo $!
SETSID sh -c 'trap "" TERM; echo $$; exec sleep 300' &
SETSID sh -c 'exec 7<&- 8>&-; trap "" TERM; echo $$; exec sleep 300' &
sleep 0.2
env -i SETSID sh -c 'echo $$; exec sleep 300' &
wait
""".replace("SETSID", shutil.which("setsid") or "setsid")


@pytest.mark.parametrize("read_only", [False, True])
def test_a_deadline_ends_what_ignores_term_and_what_left_the_group(bed: Bed, read_only: bool) -> None:
    done = timed_out(bed, STUBBORN, words=4 + 1, read_only=read_only)
    assert done.duration_s is not None and done.duration_s < 200
    *words, last = done.stdout.split()
    assert last == b"tidied", "what heeds TERM has its time to"
    pids = [int(word) for word in words]
    assert len(pids) == 4
    until("all are gone", lambda: not any(alive(pid) for pid in pids))
    assert bed.run("echo next").stdout == b"next\n"


def timed_out(bed: Bed, text: str, *, words: int, **given: Any) -> Completed:
    """
    It is ended at its deadline, which is proven or shown, and had said so many words by then.

    A second is enough for them; a machine that is busy is given more, and each of these deadlines is kept as well.
    """
    for deadline_s in (1, 6, 36):
        done = bed.run(text, deadline_s=deadline_s, **given)
        assert done.exit.timeout_s == deadline_s
        assert done.exit.killed in DEAD
        assert done.duration_s is not None and done.duration_s >= deadline_s
        if len(done.stdout.split()) >= words:
            return done
    raise AssertionError(f"it has not said {words} words in {deadline_s} s: {done.stdout!r}")


REUSED = """
st=${0%.sh}.st
rm -f NEW
env -i SETSID sh -c 'exec 7<&- 8>&- >/dev/null; echo $$ >NEW; exec sleep 300' &
until [ -s NEW ]; do sleep 0.01; done
read -r other <NEW
while read -r kind one two three rest; do
    case $kind in
        claim) echo "claim $one $two $((${three%.*} - 1000)).00 $rest" ;;
        pid) echo "pid $other ." ;;
    esac
done <"$st" >NEW
cat NEW >"$st"
echo "$other"
exec sleep 300
""".replace("SETSID", shutil.which("setsid") or "setsid")


def test_a_number_that_was_given_to_another_process_is_not_killed(tmp_path: Path) -> None:
    """The step's first process is gone and its number in use again: told by when that one began."""
    spool, here = str(tmp_path / "spool"), Host(name="here", address="localhost", transport="local")
    bed = Bed(LocalTransport(shell=SHELLS["dash"], spool=spool), here)
    done = timed_out(bed, REUSED.replace("NEW", str(tmp_path / "new")), words=1)
    other = int(done.stdout)
    assert alive(other)
    os.kill(other, signal.SIGKILL)
    bed.close()


@pytest.mark.parametrize("shell", SHELLS)
def test_what_a_limit_of_file_sizes_does_not_let_us_write_is_not_begun(
    shell: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """`ulimit -f` of an account ends who writes more: the supervisor lives on, and what a step does is as it was."""
    env = request.getfixturevalue("busybox_only") if shell == "busybox" else None
    argv = ("sh", "-c", 'ulimit -f 8; exec "$@"', "sh", *SHELLS[shell])
    transport = LocalTransport(shell=argv, env=env, spool=str(tmp_path / "spool"))
    bed = Bed(transport, Host(name="here", address="localhost", transport="local"))
    with pytest.raises(LaunchRefused, match="ulimit -f"):
        bed.run(f"echo ran #{'x' * 10_000}")
    assert bed.run("echo ran").stdout == b"ran\n"
    assert bed.run(f"exec dd if=/dev/zero bs=1024 count=99 of={tmp_path / 'large'}").exit.code == 128 + signal.SIGXFSZ
    bed.close()


def test_without_setsid_the_promises_hold(bare: Bed) -> None:
    test_a_deadline_ends_what_ignores_term_and_what_left_the_group(bare, False)
    test_a_script_may_kill_its_group_and_no_more(bare)
    test_output_comes_while_the_step_runs(bare)
    test_an_attempt_is_started_once_whoever_asks(bare)


def test_a_deadline_is_never_early(bed: Bed) -> None:
    """Where the machine is so busy that a step of less than its time is ended, it has had all of that."""
    done = bed.run("sleep 0.8", deadline_s=1)
    assert done.exit.code == 0 or (done.duration_s is not None and done.duration_s >= 1)
    assert done.exit.code == 0 or done.exit.timeout_s == 1


@pytest.mark.parametrize("read_only", [False, True])
def test_cancel_from_another_thread(bed: Bed, read_only: bool) -> None:
    session = bed.session()
    started = threading.Event()
    ends: list[Completed] = []
    launch = bed.launch("echo $$; exec sleep 300", read_only=read_only)
    worker = threading.Thread(target=lambda: ends.append(session.run(launch, lambda *_: started.set())))
    worker.start()
    assert started.wait(240)
    session.cancel()
    worker.join(240)
    assert not worker.is_alive()
    assert ends[0].exit.cancelled_s is not None and ends[0].exit.timeout_s is None and ends[0].exit.killed in DEAD
    assert not alive(int(ends[0].stdout))
    assert session.run(bed.launch("echo next"), ignore).stdout == b"next\n"


def test_cancel_of_nothing_does_nothing(bed: Bed) -> None:
    session = bed.session()
    session.cancel()
    assert session.run(bed.launch("echo on"), ignore).stdout == b"on\n"


# -- claims ------------------------------------------------------------------------------------------------------


def test_an_attempt_is_started_once_whoever_asks(bed: Bed) -> None:
    assert bed.run("echo once", step="a/b [1]").exit.ok
    with pytest.raises(TransportError, match="started before"):
        bed.run("echo twice", step="a/b [1]")
    with pytest.raises(TransportError, match="started before"):
        bed.session().run(bed.launch("echo thrice", step="a/b [1]"), ignore)
    assert bed.run("echo other", step="a/b [2]").stdout == b"other\n"


@pytest.mark.parametrize(("shell", "gone"), [("dash", "removed"), ("bash", "removed"), ("dash", "emptied")])
def test_what_the_host_has_forgotten_is_not_taken_for_what_never_arrived(tmp_path: Path, shell: str, gone: str) -> None:
    """Not by the sitting that finds it gone, nor by one after it; its own launches it knows."""
    spool, here = str(tmp_path / "spool"), Host(name="here", address="localhost", transport="local")
    first = Bed(LocalTransport(shell=SHELLS[shell], spool=spool), here)

    def resumed() -> Bed:
        return Bed(LocalTransport(shell=SHELLS[shell], spool=spool, resumed=True), here, run_id=first.run_id)

    whole, second, third = resumed(), resumed(), resumed()
    assert first.run("echo ran", step="ran").exit.ok
    assert whole.session().settle(first.launch("", step="other"), ignore).state == "none"
    folder = folder_of(first)
    shutil.rmtree(folder)
    if gone == "emptied":
        folder.mkdir(mode=0o700)
    for bed in (second, third):
        assert bed.session().settle(first.launch("", step="ran"), ignore).state == "forgotten"
        assert bed.session().settle(first.launch("", step="ran"), ignore).state == "forgotten"
    assert third.sessions[-1].run(third.launch("echo new", step="new"), ignore).exit.ok
    assert third.session().settle(third.launch("", step="new"), ignore).state == "ended"
    for bed in (first, whole, second, third):
        bed.close()


@pytest.mark.timeout(300)
def test_a_launch_that_is_refused_after_its_output_was_asked_for_hides_no_end(
    bed: Bed, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question is on its way when the refusal comes: who followed it told the next one's end to nobody."""
    monkeypatch.setattr("runner.transport.supervisor.Supervisor._patience_s", lambda self: 0.0)
    session = bed.session()
    launch = bed.launch("echo once")
    assert session.run(launch, ignore).stdout == b"once\n"
    for _ in range(3):
        with pytest.raises(TransportError, match="not started twice"):
            session.run(launch, ignore)
    assert session.run(bed.launch("echo next"), ignore).stdout == b"next\n"
    settled = bed.session().settle(launch, ignore)
    assert settled.completed is not None and settled.completed.stdout == b"once\n"


def test_a_read_only_launch_may_be_asked_again(bed: Bed) -> None:
    for _ in range(3):
        done = bed.run("echo look; exit 2", step="probe", read_only=True)
        assert (done.exit.code, done.stdout) == (2, b"look\n")


ZOMBIES = """
read -r line <"/proc/$PPID/stat"; set -- ${line##*) }; supervisor=$2 count=0
for file in /proc/[0-9]*/stat; do
    read -r line <"$file" || continue
    set -- ${line##*) }
    [ "$1.$2" != "Z.$supervisor" ] || count=$((count + 1))
done 2>/dev/null
echo $count
"""
"""How many children of the supervisor's main shell, the payload's grandparent, nobody has waited for."""


def test_many_launches_leave_no_process_behind(bed: Bed) -> None:
    session = bed.session()
    for number in range(40):
        session.run(bed.launch("true", read_only=number % 2 == 0), ignore)
    done = session.run(bed.launch(ZOMBIES), ignore)
    assert int(done.stdout) < 3


# -- what is kept on the host --------------------------------------------------------------------------------------


def another(bed: Bed) -> Bed:
    """Another run on the same host."""
    return Bed(bed.transport, bed.host)


def folder_of(bed: Bed) -> Path:
    return Path(bed.session().facts.spool) / f"run-{bed.run_id}=40{bed.host.name}"


def age(folder: Path, days: int) -> None:
    moment = time.time() - days * 86400
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (moment, moment))


def test_the_folders_of_old_runs_go_once_a_day_unless_something_lives(bed: Bed) -> None:
    old, alive_still, young = another(bed), another(bed), another(bed)
    for run in (old, young):
        run.run("echo done")
    session = alive_still.session()
    begun = threading.Event()
    worker = threading.Thread(
        target=lambda: session.run(alive_still.launch("echo begun; exec sleep 900"), lambda *_: begun.set())
    )
    worker.start()
    assert begun.wait(240)
    folders = [folder_of(run) for run in (old, alive_still, young)]
    for folder, days in zip(folders, (15, 15, 13), strict=True):
        age(folder, days)
    marker = folders[0].parent / "aged"
    marker.unlink(missing_ok=True)
    assert bed.run("echo on").stdout == b"on\n"
    until("the old one is gone", lambda: not folders[0].exists())
    assert folders[1].exists() and folders[2].exists() and folder_of(bed).exists()
    late = another(bed)
    late.run("echo done")
    age(folder_of(late), 20)
    marker_says = marker.read_text()
    assert bed.session().run(bed.launch("sleep 1"), ignore).exit.ok
    assert marker.read_text() == marker_says
    assert (folders[0].parent / f"run-{late.run_id}=40{bed.host.name}").exists()
    session.cancel()
    worker.join(240)
    for run in (alive_still, young, old, late):
        for one in run.sessions:
            one.close()
        with contextlib.closing(run.session()) as last:
            last.forget()


# -- the lock of a host -------------------------------------------------------------------------------------------


@pytest.fixture(params=[*REAL, "fake"])
def any_bed(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bed]:
    made = fake(lambda launch: done()) if request.param == "fake" else real(request.param, request, tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("whole", [True, False])
def test_what_vanishes_between_two_sessions_is_not_taken_for_what_never_arrived(any_bed: Bed, whole: bool) -> None:
    """Whether its folder is gone, or only what was in it."""
    session = any_bed.session()
    ran = any_bed.launch("true")
    assert session.run(ran, ignore).exit.ok
    assert any_bed.session().settle(any_bed.launch("true"), ignore).state == "none"
    vanish(any_bed, whole=whole)
    for _ in range(2):
        assert any_bed.session().settle(ran, ignore).state == "forgotten"
    new = any_bed.launch("true")
    assert any_bed.session().run(new, ignore).exit.ok
    assert any_bed.session().settle(new, ignore).state == "ended", "its own launches it knows"


def vanish(bed: Bed, *, whole: bool) -> None:
    if isinstance(bed.transport, FakeTransport):
        bed.transport.hosts[bed.host.name].vanish()
        return
    folder = folder_of(bed)
    shutil.rmtree(folder)
    if not whole:
        folder.mkdir(mode=0o700)
        os.chown(folder, folder.parent.stat().st_uid, folder.parent.stat().st_gid)


MINE, YOURS = "run 01A, anna on box, since 10:00 it's", "run 01B, ben on laptop, since 10:05"


def test_a_host_is_held_by_one_and_freed_when_its_session_ends(any_bed: Bed) -> None:
    first, second = any_bed.session(), any_bed.session()
    first.lock(MINE)
    with pytest.raises(LockBusy) as caught:
        second.lock(YOURS)
    assert MINE in caught.value.message and caught.value.exit_code == 7
    first.lock(MINE)
    first.run(any_bed.launch("true"), ignore)
    first.close()
    until("it is free", lambda: locked(second))
    with pytest.raises(LockBusy, match="ben on laptop"):
        any_bed.session().lock(MINE)


def test_locks_of_two_names_do_not_meet(any_bed: Bed) -> None:
    first, second = any_bed.session(), any_bed.session()
    first.lock(MINE, name="web/1")
    second.lock(YOURS, name="web/2")
    with pytest.raises(LockBusy, match="anna"):
        any_bed.session().lock(YOURS, name="web/1")


def test_the_same_owner_gets_it_again_though_the_old_session_lingers(bed: Bed) -> None:
    """A later sitting of the same run, too: the link of a controller without power is open for two hours."""
    old, new = bed.session(), bed.session()
    old.lock(MINE)
    launch = bed.launch("echo begun; sleep 2; echo done")
    begun = threading.Event()

    def work() -> None:
        # whether the old client hears the end depends on what else holds its pipe
        with contextlib.suppress(LinkLost):
            old.run(launch, lambda *_: begun.set())

    worker = threading.Thread(target=work)
    worker.start()
    assert begun.wait(240)
    new.lock(MINE.replace("10:00", "11:30"))
    settled = new.settle(launch, ignore)
    assert settled.completed is not None and settled.completed.stdout == b"begun\ndone\n"
    worker.join(240)
    assert not worker.is_alive()
    with pytest.raises(LockBusy, match="anna"):
        bed.session().lock(YOURS)


def test_what_a_step_leaves_behind_does_not_hold_the_host(bed: Bed) -> None:
    session = bed.session()
    session.lock(MINE)
    left = session.run(bed.launch("sleep 900 >/dev/null 2>&1 & echo $!"), ignore)
    session.close()
    try:
        until("it is free", lambda: locked(bed.session()))
        assert alive(int(left.stdout))
    finally:
        os.kill(int(left.stdout), signal.SIGKILL)


def locked(session: Session) -> bool:
    """Is the host ours now? It is freed when the shell of its holder is gone, a moment after the session."""
    try:
        session.lock(YOURS)
    except LockBusy:
        return False
    return True


# -- sessions ----------------------------------------------------------------------------------------------------


def test_the_hello_carries_the_facts(bed: Bed) -> None:
    facts = bed.session().facts
    assert facts.os_id == "debian" and facts.os_version
    assert facts.kernel == os.uname().release and facts.architecture == os.uname().machine
    assert facts.machine_id == Path("/etc/machine-id").read_text().strip()
    assert facts.boot_id == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert abs(facts.clock - time.time()) < 120 and facts.uptime_s > 1
    assert facts.cpus == os.cpu_count() and facts.memory_bytes > 1 << 26
    assert facts.uid >= 0 and facts.user and facts.home.startswith("/")
    assert facts.spool.startswith("/") and "setsid" in facts.tools and "sh" in facts.tools
    assert facts.root is (facts.uid == 0)


def test_sessions_at_the_same_time_do_not_meet(bed: Bed) -> None:
    sessions = [bed.session() for _ in range(4)]
    found: list[bytes] = []

    def work(number: int, session: Session) -> None:
        for turn in range(5):
            launch = bed.launch(f"echo {number}.{turn}; echo {number} >&2", step=f"s{number}.{turn}")
            done = session.run(launch, ignore)
            found.append(done.stdout + done.stderr)

    workers = [threading.Thread(target=work, args=pair) for pair in enumerate(sessions)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(240)
    assert sorted(found) == sorted(f"{n}.{t}\n{n}\n".encode() for n in range(4) for t in range(5))


def test_the_own_user_is_no_other_user(bed: Bed) -> None:
    session = bed.session()
    assert session.become(session.facts.user) == session.facts
    done = session.run(bed.launch("id -un", user=session.facts.user), ignore)
    assert done.stdout.decode().strip() == session.facts.user


def test_an_unsafe_name_of_a_user_never_reaches_a_shell(bed: Bed) -> None:
    with pytest.raises(TransportError, match="no name of a user"):
        bed.session().become("root; id")


# -- sessions that are lost ----------------------------------------------------------------------------------------


@pytest.fixture(params=["ssh", "dash"])
def lost(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Bed]:
    """One bed of each transport: what is lost here is the way to a host, whichever shell it has."""
    made = real(request.param, request, tmp_path)
    yield made
    made.close()


def ended(bed: Bed, launch: Launch, offsets: tuple[int, int] = (0, 0)) -> tuple[str, Completed | None, bytes]:
    """How it stands, asked in a new session; and the output that came with it."""
    seen: list[bytes] = []
    settled = bed.session().settle(launch, lambda _, data: seen.append(data), offsets=offsets)
    return settled.state, settled.completed, b"".join(seen)


class Running:
    """A launch in a thread of its own, up to its first output; `seen` is what came of it."""

    def __init__(self, session: Session, launch: Launch) -> None:
        self.seen: list[bytes] = []
        self.lost: list[LinkLost] = []
        self._begun = threading.Event()
        self._worker = threading.Thread(target=lambda: self._run(session, launch))
        self._worker.start()
        assert self._begun.wait(240)

    def _run(self, session: Session, launch: Launch) -> None:
        try:
            session.run(launch, lambda _, data: (self.seen.append(data), self._begun.set()))
        except LinkLost as error:
            self.lost.append(error)

    @property
    def words(self) -> list[int]:
        return [int(word) for word in b"".join(self.seen).split()]

    def over(self) -> None:
        """Wait until the client has noticed."""
        assert self.is_lost()

    def is_lost(self) -> bool:
        """Wait until the client is done: because its link was lost, or with the end of the step?"""
        self._worker.join(240)
        assert not self._worker.is_alive()
        return bool(self.lost)


def test_a_session_that_is_closed_under_a_running_step_is_followed_from_any_byte(lost: Bed) -> None:
    session, go_on = lost.session(), Path(f"/tmp/rawat-go-{uuid.uuid4().hex}")
    wait = f"until [ -e {go_on} ]; do sleep 0.05; done"
    launch = lost.launch(f"echo begun; echo err >&2; {wait}; echo done; exit 3")
    running = Running(session, launch)
    session.close()
    running.over()
    timer = threading.Timer(0.5, go_on.touch)
    timer.start()
    for at in (4, 0, 6):  # the first while it runs
        state, completed, rest = ended(lost, launch, (at, 4))
        assert state == "ended" and completed is not None and completed.exit.code == 3
        assert rest == b"begun\ndone\n"[at:]
    timer.join()
    go_on.unlink()
    with pytest.raises(TransportError, match="started before"):
        lost.session().run(launch, ignore)


def test_settling_what_never_arrived_and_what_still_runs(lost: Bed) -> None:
    assert ended(lost, lost.launch("never sent"))[0] == "none"
    launch = lost.launch("echo a; sleep 1; echo b")
    Running(lost.session(), launch)
    state, completed, seen = ended(lost, launch)
    assert (state, seen) == ("ended", b"a\nb\n") and completed is not None and completed.exit.ok


def test_a_supervisor_that_was_killed_with_all_its_children_leaves_an_unknown_end(lost: Bed) -> None:
    launch = lost.launch("read -r line </proc/$PPID/stat; set -- ${line##*) }; kill -KILL $PPID $2 $$")
    with pytest.raises(LinkLost):
        lost.session().run(launch, ignore)
    assert ended(lost, launch)[0] == "free"


def test_a_parent_that_was_killed_is_noticed_while_following(lost: Bed) -> None:
    """What it should have waited for is followed to its end all the same: nothing is begun beside it."""
    session = lost.session()
    done = session.run(lost.launch("sleep 0.3; kill -KILL $PPID; sleep 0.6; seq 1 40000"), ignore)
    assert done.exit.unknown and done.gone
    assert done.stdout.endswith(b"\n40000\n")
    assert session.run(lost.launch("echo on"), ignore).stdout == b"on\n"


def append(file: Path, text: str) -> None:
    with file.open("a") as opened:
        opened.write(text)


def test_the_end_of_a_step_that_is_being_ended_is_waited_for_though_it_is_not_known_by_whom(lost: Bed) -> None:
    """As on a full disk, where who ends it cannot write down his number; slow as he is, his word was not waited for."""
    launch = lost.launch("true")
    assert lost.session().run(launch, ignore).exit.ok
    state = folder_of(lost) / f"{launch.step}.1.st"
    lines = state.read_text().splitlines(keepends=True)
    state.write_text("".join(line for line in lines if not line.startswith("end")))
    state.with_suffix(".kill").touch()
    uptime = Path("/proc/uptime").read_text().split()[0]
    timer = threading.Timer(5.0, append, (state, f"\nend timeout:trace {uptime} .\n"))
    timer.start()
    settled = lost.session().settle(launch, ignore)
    timer.join()
    assert settled.completed is not None and settled.completed.exit.timeout_s == launch.deadline_s, settled


@pytest.mark.parametrize("watcher", [False, True])
def test_a_deadline_is_kept_though_the_supervisor_was_killed(lost: Bed, *, watcher: bool) -> None:
    """By its watcher where that lives; by whoever comes back and asks, otherwise."""
    text = "trap '' TERM; read -r x </proc/$PPID/stat; set -- ${x##*) }; echo $$ $PPID $2; sleep 300 & sleep 300"
    for deadline_s in (2, 12, 72):  # who is too late with the killing gives it more time
        launch = lost.launch(text, deadline_s=deadline_s)
        running = Running(lost.session(), launch)
        step, parent, supervisor = running.words
        away = {pid for pid in descendants(supervisor) if os.path.realpath(f"/proc/{pid}/fd/1") == "/dev/null"}
        assert away
        for pid in {supervisor, *(away if watcher else ())}:
            os.kill(pid, signal.SIGKILL)
        if running.is_lost():
            break
    found = ended(lost, launch, (len(b"".join(running.seen)), 0))[1]
    assert found is not None and found.exit.timeout_s == deadline_s
    assert found.exit.killed in DEAD
    assert not alive(step) and not alive(parent)


# -- the fake ----------------------------------------------------------------------------------------------------


def fake(answer: Callable[[Launch], Completed]) -> Bed:
    return Bed(FakeTransport(answers=answer), Host(name="fake", address="192.0.2.1"))


def test_the_fake_keeps_the_same_promises(tmp_path: Path) -> None:
    bed = fake(lambda launch: done(b"out\0", code=3, stderr="err"))
    session = bed.session()
    shown: list[tuple[Stream, bytes]] = []
    first = session.run(bed.launch("x", step="once"), lambda *piece: shown.append(piece))
    assert (first.exit.code, first.stdout, first.stderr) == (3, b"out\0", b"err")
    assert shown == [("stdout", b"out\0"), ("stderr", b"err")]
    with pytest.raises(TransportError, match="started before"):
        session.run(bed.launch("x", step="once"), ignore)
    saved = session.run(bed.launch("x", save_to=tmp_path / "file"), ignore)
    assert saved.stdout == b"" and (tmp_path / "file").read_bytes() == b"out\0"
    assert session.become(session.facts.user) == session.facts
