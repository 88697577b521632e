"""Steps in cgroups, on a host with systemd as pid 1 where we are root: the same promises, and kills that are proven."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.errors import LinkLost
from runner.model import Host as Target
from runner.seams import Launch, Script
from runner.transport.local import LocalTransport
from runner.transport.session import SupervisedSession
from tests.bed.host import Host, HostSpec
from tests.bed.lab import Lab
from tests.bed.process import until
from tests.contract import test_transports as contract

pytestmark = pytest.mark.lab

ESCAPES = """
trap '' TERM
setsid env -i sh -c 'trap "" TERM; exec 0<&- 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-; echo $$; exec >&- 2>&-; while :; do
    sleep 97; done' &
sleep 0.3
echo $$
"""
"""A child of which neither group, token nor descriptor tells; and what runs on must ignore TERM too."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    with Lab.start([HostSpec(name="web")]) as lab:
        yield lab


class Reached:
    """A host of the lab over OpenSSH's own client, as root by sudo or as an ordinary user; sessions of one run."""

    def __init__(self, lab: Lab, shell: tuple[str, ...]) -> None:
        self.host: Host = lab.host("web")
        options = [f"-oUserKnownHostsFile={lab.known_hosts}", "-oStrictHostKeyChecking=yes", "-oBatchMode=yes"]
        ssh = ["ssh", "-F", "none", "-i", str(lab.key), *options, f"maint@{self.host.address}", *shell]
        self.transport = LocalTransport(shell=lab.command(ssh))
        self.target = Target(name="web", address=self.host.address)
        self.bed = contract.Bed(self.transport, self.target, touch=lambda file: self.host.exec(["touch", str(file)]))

    def session(self) -> SupervisedSession:
        session = self.bed.session()
        assert isinstance(session, SupervisedSession)
        return session

    def launch(self, text: str, **given: Any) -> Launch:
        return Launch(
            run_id=self.bed.run_id, step=uuid.uuid4().hex, attempt=1, script=Script(text=text), **given
        )  # fmt: skip

    def alive(self, pid: int) -> bool:
        words = self.host.exec(f"cat /proc/{pid}/stat 2>/dev/null", check=False).stdout.rpartition(")")[2].split()
        return bool(words) and words[0] not in "ZX"

    def cgroups(self) -> list[str]:
        return self.host.exec("find /sys/fs/cgroup -type d -name 'rawat[.-]*'").stdout.split()


@pytest.fixture
def root(lab: Lab) -> Iterator[Reached]:
    made = Reached(lab, ("sudo", "sh"))
    yield made
    made.bed.close()


@pytest.fixture
def maint(lab: Lab) -> Iterator[Reached]:
    made = Reached(lab, ("sh",))
    yield made
    made.bed.close()


def cut(session: SupervisedSession) -> None:
    """The link is gone: its ssh is killed, and the host's sshd closes what it has open for it."""
    process = session._open_ones[None]._channel._process  # type: ignore[attr-defined]
    process.kill()
    process.wait()


def cut_while_it_runs(session: SupervisedSession, launch: Launch) -> bool:
    """Cut when its first output comes; was it lost, or over by then?"""
    begun = threading.Event()
    cutting = threading.Thread(target=lambda: begun.wait(240) and cut(session))
    cutting.start()
    try:
        session.run(launch, lambda *_: begun.set())
    except LinkLost:
        return True
    finally:
        begun.set()
        cutting.join(240)
    return False


# -- kills -------------------------------------------------------------------------------------------------------


def test_a_deadline_is_proven(root: Reached) -> None:
    done = contract.timed_out(root.bed, ESCAPES + "sleep 300", words=2)
    assert done.exit.killed == "proven"
    pids = [int(word) for word in done.stdout.split()]
    assert len(pids) == 2 and not any(root.alive(pid) for pid in pids)
    assert root.bed.run("echo next").stdout == b"next\n"


def test_without_a_cgroup_nothing_is_proven(maint: Reached) -> None:
    done = contract.timed_out(maint.bed, ESCAPES + "sleep 300", words=2)
    assert done.exit.killed == "no trace left"
    child, payload = (int(word) for word in done.stdout.split())
    assert not maint.alive(payload)
    maint.host.exec(f"kill -KILL {child}")


def test_a_cancel_is_proven(root: Reached) -> None:
    session = root.session()
    begun = threading.Event()
    ends = []
    launch = root.launch(ESCAPES + "sleep 300")
    worker = threading.Thread(target=lambda: ends.append(session.run(launch, lambda *_: begun.set())))
    worker.start()
    assert begun.wait(240)
    session.cancel()
    worker.join(240)
    assert ends[0].exit.killed == "proven"
    assert not any(root.alive(int(word)) for word in ends[0].stdout.split())


def test_a_deadline_after_the_link_was_lost_is_proven(root: Reached) -> None:
    for deadline_s in (5, 30, 120):  # a busy machine may take longer to cut it
        launch = root.launch(ESCAPES + "sleep 300", deadline_s=deadline_s)
        if cut_while_it_runs(root.session(), launch):
            break
    settled = root.session().settle(launch, contract.ignore)
    assert settled.completed is not None
    assert (settled.completed.exit.timeout_s, settled.completed.exit.killed) == (deadline_s, "proven")
    assert not any(root.alive(int(word)) for word in settled.completed.stdout.split())


def test_an_attempt_whose_cgroup_is_populated_is_busy(root: Reached) -> None:
    """All that could write an end is gone, and what lives on shows neither group, token nor descriptor."""
    session = root.session()
    launch = root.launch(ESCAPES + "read -r line </proc/$PPID/stat; set -- ${line##*) }; kill -KILL $PPID $2 $$")
    seen: list[bytes] = []
    with contextlib.suppress(LinkLost):
        session.run(launch, lambda _, data: seen.append(data))
    asked = root.session()
    supervisor = asked._supervisor(None)
    name = f"{launch.step}.1"
    assert supervisor.status(name) == "busy"
    for child in root.host.exec("cat /sys/fs/cgroup/user.slice/*/*/rawat.*/cgroup.procs").stdout.split():
        root.host.exec(f"kill -KILL {child}")
    until("it is over", lambda: supervisor.status(name) == "free")


# -- the same contract -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "promise",
    [
        lambda bed, _: contract.test_the_exit_code_is_the_one_the_host_wrote_down(bed, 3),
        lambda bed, _: contract.test_a_signal_is_told_as_sh_knows_it(bed),
        lambda bed, _: contract.test_a_script_may_kill_its_group_and_no_more(bed),
        lambda bed, _: contract.test_a_missing_interpreter_is_an_exit_code_and_words(bed),
        lambda bed, _: contract.test_streams_are_kept_apart_and_byte_identical(bed),
        lambda bed, _: contract.test_output_comes_while_the_step_runs(bed),
        contract.test_stdout_goes_to_a_local_file_for_nobody_else,
        lambda bed, _: contract.test_more_output_than_allowed_is_a_failure(bed, "yes"),
        lambda bed, _: contract.test_binary_input_arrives_whole(bed, 300_000),
        contract.test_input_may_be_a_local_file_and_looks_like_code,
        lambda bed, _: contract.test_odd_values_arrive_in_the_environment(bed),
        lambda bed, _: contract.test_neither_script_nor_environment_is_seen_in_ps(bed),
        lambda bed, _: contract.test_a_step_starts_as_a_login_would(bed),
        lambda bed, _: contract.test_a_deadline_is_never_early(bed),
        lambda bed, _: contract.test_an_attempt_is_started_once_whoever_asks(bed),
        lambda bed, _: contract.test_many_launches_leave_no_process_behind(bed),
        lambda bed, _: contract.test_sessions_at_the_same_time_do_not_meet(bed),
    ],
)
def test_the_promises_hold_in_cgroups(
    root: Reached, promise: Callable[[contract.Bed, Path], None], tmp_path: Path
) -> None:
    promise(root.bed, tmp_path)


def test_a_step_knows_its_cgroup_and_no_cgroup_is_left(root: Reached) -> None:
    session = root.session()
    for number in range(20):
        done = session.run(root.launch("sed -n 's/^0:://p' /proc/self/cgroup"), contract.ignore)
        assert done.stdout.decode().strip().endswith(f".{number}") and b"/session-" in done.stdout
    left = session.run(root.launch("sleep 97 >/dev/null 2>&1 & echo $!"), contract.ignore)
    session.run(root.launch("true"), contract.ignore)
    assert len(root.cgroups()) <= 16
    session.close()
    until("only that of the daemon is left", lambda: len(root.cgroups()) == 1)
    root.host.exec(f"kill {int(left.stdout)}")


def test_where_logind_kills_what_a_login_leaves_a_step_runs_on(root: Reached) -> None:
    with killing(root.host):
        before = logins(root.host)
        session = root.session()
        own = logins(root.host) - before
        go = f"/tmp/rawat-go-{uuid.uuid4().hex}"
        wait = f"until [ -e {go} ]; do sleep 0.05; done"
        launch = root.launch(f"echo begun; {wait}; sed -n 's/^0:://p' /proc/self/cgroup")
        assert cut_while_it_runs(session, launch)
        until("the login is gone", lambda: not own & logins(root.host))
        root.host.exec(["touch", go])
        settled = root.session().settle(launch, contract.ignore)
        assert settled.completed is not None and settled.completed.exit.ok
        assert b"/system.slice/rawat-" in settled.completed.stdout
        done = contract.timed_out(root.bed, ESCAPES + "sleep 300", words=2)
        assert done.exit.killed == "proven"
    root.bed.close()
    until("its scopes are gone", lambda: not root.cgroups())


def logins(host: Host) -> set[str]:
    """Numbers of the sessions that logind knows; of one that is gone, what it kills is dead."""
    return {line.split()[0] for line in host.exec("loginctl list-sessions --no-legend").stdout.splitlines()}


@contextlib.contextmanager
def killing(host: Host) -> Iterator[None]:
    file = "/etc/systemd/logind.conf.d/kill.conf"
    host.exec(f"mkdir -p /etc/systemd/logind.conf.d; printf '[Login]\\nKillUserProcesses=yes\\n' >{file}")
    host.exec("systemctl restart systemd-logind")
    try:
        yield
    finally:
        host.exec(f"rm {file}; systemctl restart systemd-logind")
