"""The test bed itself: what tests of the runner take for granted is looked at here."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bed import faults, lab, seeds
from tests.bed.cgroup import hierarchy
from tests.bed.fixtures import lab3, loopback_sshd, shared_sshd, start_lab, start_sshd
from tests.bed.host import HostSpec
from tests.bed.lab import Lab
from tests.bed.network import GATEWAY
from tests.bed.packages import ensure, no_services
from tests.bed.process import BedError, alive, run, until
from tests.bed.proxy import Proxy
from tests.bed.root import SUDO_PASSWORD, debian_sources, written
from tests.bed.sshd import LoopbackSshd, account, free_port

__all__ = ["lab3", "loopback_sshd", "shared_sshd", "start_lab", "start_sshd"]

REPOSITORY = Path(__file__).parents[2]


# -- without root ------------------------------------------------------------------------------------------------


def test_sshd_answers_openssh_with_strict_checking(shared_sshd: LoopbackSshd) -> None:
    told = run(shared_sshd.ssh_argv("id", "-un"))
    assert told.stdout.strip() == shared_sshd.user
    assert shared_sshd.fingerprint.startswith("SHA256:")


def test_one_sshd_looks_like_many_hosts(start_sshd: Callable[..., LoopbackSshd]) -> None:
    sshd = start_sshd(addresses=("127.0.0.1", "127.0.0.2", "127.3.4.5"))
    for address in sshd.addresses:
        assert run(sshd.ssh_argv("echo up", address=address)).stdout == "up\n"


def test_an_sshd_whose_port_another_took_meanwhile_takes_the_next(
    shared_sshd: LoopbackSshd, start_sshd: Callable[..., LoopbackSshd], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whole, though it can have its other address; and nobody takes the one that greets there for it."""
    ports = iter((shared_sshd.port, free_port()))
    monkeypatch.setattr("tests.bed.sshd.free_port", lambda address: next(ports))
    sshd = start_sshd(addresses=(shared_sshd.address, "127.3.4.5"))
    for address in sshd.addresses:
        assert run(sshd.ssh_argv("echo up", address=address)).stdout == "up\n"


def test_a_changed_host_key_is_refused_until_it_is_trusted(loopback_sshd: LoopbackSshd) -> None:
    before = loopback_sshd.fingerprint
    loopback_sshd.new_host_key()
    assert loopback_sshd.fingerprint != before
    refused = run(loopback_sshd.ssh_argv("true"), check=False)
    assert refused.returncode == 255
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in refused.stderr
    loopback_sshd.new_host_key(trusted=True)
    assert run(loopback_sshd.ssh_argv("true"), check=False).returncode == 0


def test_killed_sessions_end_the_client_and_the_server_goes_on(loopback_sshd: LoopbackSshd) -> None:
    client = subprocess.Popen(loopback_sshd.ssh_argv("echo here; sleep 600"), stdout=subprocess.PIPE)
    assert client.stdout is not None
    with client.stdout:
        assert client.stdout.readline() == b"here\n"
        assert loopback_sshd.sessions() == 1
        assert loopback_sshd.kill_sessions() == 1
        assert client.wait(240) == 255
    assert run(loopback_sshd.ssh_argv("echo again")).stdout == "again\n"


def test_a_stopped_sshd_leaves_nothing_not_even_what_was_detached(start_sshd: Callable[..., LoopbackSshd]) -> None:
    sshd = start_sshd()
    told = run(sshd.ssh_argv("setsid sleep 600 >/dev/null 2>&1 </dev/null & echo $!"))
    left = int(told.stdout)
    assert alive(left)
    sshd.stop()
    until("the detached command is gone", lambda: not alive(left))
    with pytest.raises(OSError):
        socket.create_connection((sshd.address, sshd.port), timeout=60).close()


def test_a_wrong_option_is_told_with_the_log(tmp_path: Path) -> None:
    with pytest.raises(BedError, match="NoSuchOption"):
        LoopbackSshd(tmp_path / "sshd", options=("NoSuchOption 1",))


def _through(sshd: LoopbackSshd, proxy: Proxy, command: str) -> subprocess.CompletedProcess[str]:
    sshd.trust(proxy.host, proxy.port)
    return run(sshd.ssh_argv(command, address=proxy.host, port=proxy.port), check=False)


def test_a_proxy_delays_and_counts_round_trips(shared_sshd: LoopbackSshd) -> None:
    with Proxy(shared_sshd.address, shared_sshd.port, rtt_ms=50) as proxy:
        start = time.monotonic()
        assert _through(shared_sshd, proxy, "echo slow").stdout == "slow\n"
        took_s = time.monotonic() - start
        counted = proxy.counters()
    assert counted.connections == 1
    assert counted.bytes_up > 1000 < counted.bytes_down
    assert counted.round_trips >= 4
    assert took_s >= counted.round_trips * 0.05


def test_a_proxy_cuts_at_the_byte(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, Proxy(*server.getsockname()) as proxy:
        proxy.cut_after(1000, direction="up")
        with socket.create_connection((proxy.host, proxy.port), timeout=60) as client:
            client.sendall(b"x" * 5000)
            served, _ = server.accept()
            with served:
                served.settimeout(60)
                received = b""
                with pytest.raises(ConnectionResetError):
                    while True:
                        received += served.recv(4096)
        assert len(received) == 1000 == proxy.counters().bytes_up


def test_a_proxy_goes_silent_and_refuses(shared_sshd: LoopbackSshd) -> None:
    with Proxy(shared_sshd.address, shared_sshd.port) as proxy:
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection((proxy.host, proxy.port), timeout=60).close()
        with socket.socket() as other, pytest.raises(OSError, match="in use"):
            other.bind((proxy.host, proxy.port))
        proxy.refuse(False)
        proxy.black_hole()
        with socket.create_connection((proxy.host, proxy.port), timeout=60) as link:
            link.settimeout(0.3)
            with pytest.raises(TimeoutError):
                link.recv(1)
            proxy.black_hole(False)
            link.settimeout(60)
            assert link.recv(4) == b"SSH-"


def test_only_debian_sources_of_the_release_are_taken(tmp_path: Path) -> None:
    folder = tmp_path / "sources.list.d"
    folder.mkdir()
    ours = "Types: deb\nURIs: http://mirror.invalid/debian\nSuites: bookworm bookworm-updates\nComponents: main\n"
    (folder / "debian.sources").write_text("# a comment\n" + ours, encoding="utf-8")
    (folder / "other.sources").write_text(ours.replace("bookworm bookworm-updates", "nodistro"), encoding="utf-8")
    assert debian_sources(tmp_path, "bookworm") == ours
    assert written(ours, tmp_path).name == "bed.sources"
    (folder / "debian.sources").unlink()
    (tmp_path / "sources.list").write_text("deb http://mirror.invalid/debian bookworm main\n", encoding="utf-8")
    lines = "deb http://mirror.invalid/debian bookworm main\n"
    assert debian_sources(tmp_path, "bookworm") == lines
    assert written(lines, tmp_path).name == "bed.list"
    with pytest.raises(BedError, match="trixie"):
        debian_sources(tmp_path, "trixie")


# -- with root ---------------------------------------------------------------------------------------------------


@pytest.mark.lab
def test_a_login_as_an_ordinary_account(start_sshd: Callable[..., LoopbackSshd]) -> None:
    sshd = start_sshd(account=account())
    told = run(sshd.ssh_argv("id -u; pwd; echo $SHELL")).stdout.split()
    assert told[0] != "0"
    assert told[1:] == ["/var/lib/rawatbed", "/bin/bash"]


@pytest.mark.lab
def test_the_policy_against_services_is_put_back(tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    with no_services(policy):
        assert "exit 101" in policy.read_text(encoding="utf-8")
    assert not policy.exists()
    policy.write_text("mine\n", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt), no_services(policy):
        raise KeyboardInterrupt
    assert policy.read_text(encoding="utf-8") == "mine\n"


@pytest.mark.lab
def test_hosts_are_real_and_distinct(lab3: Lab) -> None:
    seen = set()
    for login in lab3.inventory():
        read = "hostname; cat /etc/machine-id /proc/sys/kernel/random/boot_id; cat /proc/1/comm; sudo -n id -u"
        name, machine, boot, init, uid = lab3.ssh(login.name, read, check=True).stdout.split()
        assert (name, init, uid) == (login.name, "systemd", "0")
        assert boot == lab3.host(name).boot_ids[-1]
        assert lab3.host(name).exec("systemctl is-system-running").stdout == "running\n"
        seen |= {machine, boot}
    assert len(seen) == 6


@pytest.mark.lab
def test_the_three_kinds_of_login(lab3: Lab) -> None:
    assert lab3.ssh("plain", "sudo -n true", user="maint").returncode == 0
    assert "password is required" in lab3.ssh("plain", "sudo -n true", user="maintpw").stderr
    asked = lab3.ssh("plain", f"echo {SUDO_PASSWORD} | sudo -S -p '' id -u", user="maintpw")
    assert asked.stdout == "0\n"
    assert lab3.ssh("plain", "sudo -n true", user="nosudo").returncode != 0


@pytest.mark.lab
def test_hosts_are_only_reachable_from_inside_the_lab(lab3: Lab) -> None:
    address = lab3.host("plain").address
    with lab3.network.inside(), socket.create_connection((address, 22), timeout=60) as link:
        assert link.recv(4) == b"SSH-"
    outside = run(["ip", "-o", "route", "get", address], check=False).stdout
    assert "br0" not in outside


@pytest.mark.lab
def test_a_host_cannot_touch_the_machines_clock_modules_or_settings(lab3: Lab) -> None:
    forbidden = 1 << 25 | 1 << 16  # CAP_SYS_TIME, CAP_SYS_MODULE
    read = "grep CapBnd /proc/self/status | cut -f2"
    for told in (lab3.host("plain").exec(read).stdout, lab3.ssh("plain", f"sudo sh -c '{read}'").stdout):
        assert int(told, 16) & forbidden == 0
    write = lab3.host("plain").exec("echo 1 >/proc/sys/vm/swappiness", check=False)
    assert "Read-only file system" in write.stderr


@pytest.mark.lab
def test_a_reboot_changes_boot_id_and_uptime(lab3: Lab) -> None:
    host = lab3.host("plain")
    before = lab3.ssh("plain", "cat /proc/sys/kernel/random/boot_id", check=True).stdout.strip()
    began = time.monotonic()
    lab3.ssh("plain", "sudo systemctl reboot")
    host.wait_rebooted(before)
    after, uptime_s, *_ = lab3.ssh(
        "plain", "cat /proc/sys/kernel/random/boot_id /proc/uptime", check=True
    ).stdout.split()
    assert after != before
    assert after == host.boot_ids[-1]
    assert float(uptime_s) < time.monotonic() - began, "since it booted, not since it was first up"
    assert len(host.exec("journalctl --list-boots --no-pager -q").stdout.strip().splitlines()) >= 2


@pytest.mark.lab
def test_a_host_can_switch_itself_off_and_stays_off(start_lab: Callable[[Sequence[HostSpec]], Lab]) -> None:
    host = start_lab([HostSpec(name="lone")]).host("lone")
    host.exec("systemctl poweroff")
    until("it is off", lambda: not host.on)
    assert len(host.boot_ids) == 1
    with pytest.raises(BedError, match="is off"):
        host.exec("true")
    host.power_on()
    host.wait_ready()
    assert len(host.boot_ids) == 2


@pytest.mark.lab
def test_databases_answer_and_are_seeded(lab3: Lab) -> None:
    postgresql, mariadb = lab3.host("pg"), lab3.host("maria")
    seeds.seed_postgresql(postgresql, loans=5000, rounds=2)
    ask = "select (select count(*) from loans), (select n_dead_tup from pg_stat_user_tables where relname = 'loans')"
    counted = postgresql.exec(["runuser", "-u", "postgres", "--", "psql", "-AtXc", ask, seeds.DATABASE]).stdout
    rows, dead = map(int, counted.strip().split("|"))
    assert (rows, dead) == (5000, 10000)
    seeds.seed_mariadb(mariadb, loans=4000)
    told = mariadb.exec(
        ["mariadb", "-BN", seeds.DATABASE, "-e", "select count(*) from loans; select count(*) from loan_changes"]
    )
    assert told.stdout.split() == ["3000", "1"]
    seeds.seed_sqlite(lab3.host("plain"), "/srv/shop.db", loans=400)
    assert lab3.host("plain").exec("sqlite3 /srv/shop.db 'select count(*) from loans'").stdout == "300\n"
    assert not lab3.host("plain").listens(5432)


@pytest.mark.lab
def test_apt_and_dnf_really_upgrade(start_lab: Callable[[Sequence[HostSpec]], Lab]) -> None:
    with_toys = HostSpec(name="box", packages=("bed-app", "bed-broken", "bed-kernel", "bed-dep", "bed-held"))
    own = start_lab([with_toys])
    host = own.host("box")
    host.exec("dnf -qy install bed-rpm-app")
    assert own.run(["curl", "-fsS", f"http://{host.address}:8080/"]).stdout == "bed-app 1.0\n"
    own.repository.publish("v2")
    host.exec("touch /etc/bed-broken.fail; apt-get -qq update")
    upgrade = host.exec("DEBIAN_FRONTEND=noninteractive apt-get -yq dist-upgrade", check=False)
    assert upgrade.returncode == 100
    states = host.exec("dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\n' 'bed-*'").stdout
    assert "bed-broken 2.0 iF" in states
    assert "bed-held 1.0 hi" in states
    host.exec("rm /etc/bed-broken.fail; dpkg --configure -a")
    assert (
        "bed-newdep 2.0 ii"
        in host.exec("dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\n' 'bed-*'").stdout
    )
    assert own.run(["curl", "-fsS", f"http://{host.address}:8080/"]).stdout == "bed-app 2.0\n"
    assert host.exec("cat /run/reboot-required.pkgs").stdout == "bed-kernel\n"
    waiting = host.exec("dnf -q --refresh check-update", check=False)
    assert (waiting.returncode, "bed-rpm-app.noarch" in waiting.stdout) == (100, True)
    assert "BED-2026:0001 Important/Sec. bed-rpm-app-2.0-1.noarch" in host.exec("dnf -q updateinfo list").stdout
    host.exec("dnf -qy upgrade")
    assert "bed-rpm-app-2.0-1" in host.exec("rpm -q bed-rpm-app").stdout


@pytest.mark.lab
def test_frozen_hosts_accept_and_say_nothing(lab3: Lab) -> None:
    host = lab3.host("plain")
    with lab3.network.inside():
        with faults.frozen(host), socket.create_connection((host.address, 22), timeout=60) as link:
            link.settimeout(0.5)
            with pytest.raises(TimeoutError):
                link.recv(4)
        with socket.create_connection((host.address, 22), timeout=60) as link:
            link.settimeout(60)
            assert link.recv(4) == b"SSH-"


@pytest.mark.lab
def test_a_partition_is_silence_and_heals(lab3: Lab) -> None:
    host = lab3.host("plain")
    with lab3.network.inside():
        with faults.partitioned(host), pytest.raises((TimeoutError, OSError)):
            socket.create_connection((host.address, 22), timeout=0.5).close()
        until("it answers again", lambda: lab3.ssh("plain", "true").returncode == 0)


@pytest.mark.lab
def test_a_power_cut_kills_in_the_middle_of_a_command(lab3: Lab) -> None:
    host = lab3.host("plain")
    before = host.boot_ids[-1]
    host.exec("setsid sh -c 'sync; echo kept >/root/kept; sleep 600; echo lost >/root/lost' >/dev/null 2>&1 &")
    until("it runs", lambda: host.exec("grep -q kept /root/kept", check=False).returncode == 0)
    with faults.power_cut(host):
        assert not host.on
        assert not host.cgroup.populated()
    assert host.boot_ids[-1] != before
    assert host.exec("cat /root/kept; ls /root").stdout == "kept\nkept\n"


@pytest.mark.lab
def test_links_can_be_slow_and_lossy(lab3: Lab) -> None:
    host = lab3.host("plain")
    fetch = ["curl", "-sS", "-o", "/dev/null", "-m", "200", "-w", "%{time_total}", f"http://{host.address}:8081/blob"]
    host.exec("head -c 300000 /dev/zero >/srv/blob; systemd-run -q -u bed-blob python3 -m http.server -d /srv 8081")
    until("the host serves", lambda: host.listens(8081))

    def fast() -> bool:
        """Once at least: a busy machine is slow, too, but not each time."""
        return float(lab3.run(fetch).stdout) < 0.5

    until("what is fetched comes fast", fast)
    with faults.slow_link(host, kbit_s=2000):
        assert float(lab3.run(fetch).stdout) > 0.8
    with faults.lossy_link(host, percent=50):
        lost = host.exec(["ping", "-q", "-c", "100", "-i", "0.005", "-W", "1", GATEWAY], check=False).stdout
        share = float(lost.partition("% packet loss")[0].split()[-1])
        assert 50 < share < 98  # half each way
    until("what is fetched comes fast again", fast)
    host.exec("systemctl stop bed-blob")


@pytest.mark.lab
def test_small_disks_new_keys_and_skewed_clocks(lab3: Lab) -> None:
    host = lab3.host("plain")
    with faults.small_disk(host, "/srv/small", megabytes=1):
        full = host.exec("head -c 3000000 /dev/zero >/srv/small/file", check=False)
        assert "No space left on device" in full.stderr
    with faults.skewed_clock(host, offset_s=-86400):
        off_s = int(lab3.ssh("plain", "date +%s", check=True).stdout) - time.time()
        assert -86700 < off_s < -86100
    assert abs(int(lab3.ssh("plain", "date +%s", check=True).stdout) - time.time()) < 300
    faults.new_host_key(host)
    assert "HOST IDENTIFICATION HAS CHANGED" in lab3.ssh("plain", "true").stderr
    lab3.write_known_hosts()
    assert lab3.ssh("plain", "true").returncode == 0


def test_a_lab_that_goes_while_it_is_looked_at_is_no_fault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(lab, "labs", lambda: tmp_path)
    (tmp_path / "rb1x0").mkdir()
    monkeypatch.setattr(Path, "exists", lambda path: True)  # a moment ago it was there
    assert lab.leftovers() == ("rb1x0",)


@pytest.mark.lab
def test_what_a_killed_run_left_is_recognised_and_removed() -> None:
    start = "import time; from tests.bed.lab import Lab, HostSpec; own = Lab.start([HostSpec(name='orphan')]); "
    start += "print(own.name, flush=True); time.sleep(600)"
    process = subprocess.Popen([sys.executable, "-c", start], stdout=subprocess.PIPE, cwd=REPOSITORY, text=True)
    assert process.stdout is not None
    with process.stdout:
        name = process.stdout.readline().strip()
        assert name
        assert name not in lab.leftovers()
        with lab._exclusive():  # nobody else who starts a lab sweeps it away before us
            os.kill(process.pid, signal.SIGKILL)
            process.wait(240)
            assert name in lab.leftovers()
            assert name in lab._sweep()
    _nothing_left(name)


@pytest.mark.lab
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_nothing(number: signal.Signals) -> None:
    start = "import signal, sys; from tests.bed.lab import Lab, HostSpec; "
    # what is started in the background of a shell script ignores SIGINT otherwise
    start += "signal.signal(signal.SIGINT, signal.default_int_handler); "
    start += "signal.signal(signal.SIGTERM, lambda *_: sys.exit(1)); from tests.bed.host import Host; "
    start += "up = Host.power_on; Host.power_on = lambda self: (print(self.network.lab, flush=True), up(self)); "
    start += "Lab.start([HostSpec(name='early')])"
    process = subprocess.Popen(
        [sys.executable, "-c", start], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=REPOSITORY, text=True
    )
    assert process.stdout is not None
    with process.stdout:
        name = process.stdout.readline().strip()
        process.send_signal(number)
        assert process.wait(240) != 0
    assert name.startswith("rb")
    assert name not in lab.leftovers()
    _nothing_left(name)


def _nothing_left(name: str) -> None:
    assert not (lab.labs() / name).exists()
    assert not [entry.name for entry in Path("/run/netns").iterdir() if entry.name.startswith(name)]
    assert not (hierarchy() / f"rawat-bed-{name}").exists()
    assert name not in Path("/proc/self/mounts").read_text(encoding="utf-8")


@contextmanager
def _not_root() -> Iterator[None]:
    """Be an ordinary user for a moment, also where the tests run as root."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)


def test_without_root_the_bed_says_what_it_needs() -> None:
    with _not_root(), pytest.raises(BedError, match="run it as root"):
        Lab.start([HostSpec(name="any")])
    with _not_root(), pytest.raises(BedError, match="no-such-package-of-the-bed"):
        ensure(["no-such-package-of-the-bed"])
