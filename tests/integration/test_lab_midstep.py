"""Seven faults in the middle of a running apt-get and of a running pg_dump; then `rawat resume`."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.bed import faults, seeds
from tests.bed.host import Host, HostSpec
from tests.bed.lab import Lab
from tests.bed.process import BedError, until
from tests.integration.lab_project import LabProject, Said, step_of

pytestmark = pytest.mark.lab

BUSY_S = 20
"""How long apt-get sits in a package's script, in seconds; pg_dump stands before a locked table."""

JOBS = {"apt": "upgrade", "dump": "dump"}
PLAYBOOK = """
rawat: 1
name: midstep
kind: other
hosts: all
vars: {job: {required: true}}
become: root
rollout: {parallel: 20, stop_when_failed: 100%}
phases:
  implement:
    - {id: upgrade, when: job == 'apt', patch: {apply: all}, timeout: 3m}
    - {id: dump, when: job == 'dump', become: postgres, timeout: 3m, idempotent: true,
       backup: {engine: postgresql, database: shopintar, to: /backup, keep: 3}}
"""


Lost = Callable[[Host], bool]
"""Has the run on record that the link to this host was lost?"""


def _cord(host: Host, undo: ExitStack, lost: Lost) -> None:
    undo.enter_context(faults.power_cut(host))


def _frozen(host: Host, undo: ExitStack, lost: Lost) -> None:
    with faults.frozen(host):
        until(f"{host.name} is missed", lambda: lost(host))


def _cable(host: Host, undo: ExitStack, lost: Lost) -> None:
    with faults.partitioned(host):
        until(f"{host.name} is missed", lambda: lost(host))


def _reboot(host: Host, undo: ExitStack, lost: Lost) -> None:
    host.exec("systemctl reboot", check=False)


def _disk(host: Host, undo: ExitStack, lost: Lost) -> None:
    host.exec(f"dd if=/dev/zero of={_small(host)}/filler bs=64k 2>/dev/null", check=False)
    undo.callback(host.exec, f"rm {_small(host)}/filler")


def _key(host: Host, undo: ExitStack, lost: Lost) -> None:
    faults.new_host_key(host)
    _cut(host)


def _clock(host: Host, undo: ExitStack, lost: Lost) -> None:
    undo.enter_context(faults.skewed_clock(host, offset_s=-3 * 86400))
    _cut(host)


FAULTS: Mapping[str, Callable[[Host, ExitStack, Lost], None]] = {
    "cord": _cord, "frozen": _frozen, "cable": _cable, "reboot": _reboot, "disk": _disk, "key": _key, "clock": _clock,
}  # fmt: skip


def _cut(host: Host) -> None:
    """End the sessions that are open, but not what was started over them."""
    host.exec("kill $(pgrep -f '^sshd: maint')", check=False)


def _small(host: Host) -> str:
    return "/var/lib/dpkg" if host.name.endswith("apt") else "/backup"


def _make_small(host: Host) -> None:
    """A disk of its own, where the job writes: with room for it until the fault takes that."""
    if host.name.endswith("apt"):
        host.exec(
            "cp -a /var/lib/dpkg /var/lib/dpkg.was && mount -t tmpfs -o size=60m,mode=755 small /var/lib/dpkg "
            "&& cp -a /var/lib/dpkg.was/. /var/lib/dpkg/ && rm -r /var/lib/dpkg.was"
        )
    else:
        host.exec("mount -t tmpfs -o size=60m,mode=1777 small /backup")


def _hosts(start_lab: Callable[[Sequence[HostSpec]], Lab]) -> Lab:
    """A host for every fault and job, with slow work waiting."""
    specs = [
        HostSpec(name=f"{fault}-{job}", packages=("bed-slow",)) if job == "apt"
        else HostSpec(name=f"{fault}-{job}", services=("postgresql",))
        for fault in FAULTS for job in JOBS
    ]  # fmt: skip
    lab = start_lab(specs)
    lab.repository.publish("v2")
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda spec: _prepare(lab.host(spec.name), patched=bool(spec.packages)), specs))
    return lab


def _prepare(host: Host, *, patched: bool) -> None:
    if patched:
        host.exec(f"apt-get update -qq; echo {BUSY_S} >/etc/bed-slow.seconds")
    else:
        seeds.seed_postgresql(host, loans=5_000, rounds=0)
        host.exec("install -d -m 750 -o postgres -g postgres /backup")
    if host.name.startswith("disk"):
        _make_small(host)


def _strike(lab: Lab, fault: str, job: str, undo: ExitStack, lost: Lost, trouble: list[str]) -> None:
    """Wait until the job is in the middle of its work, let the fault happen, and then the work go on."""
    host = lab.host(f"{fault}-{job}")
    process = "bed-slow.postinst" if job == "apt" else "bin/pg_dump"
    try:
        until(
            f"{host.name}: {job} runs",
            lambda: host.exec(["pgrep", "-f", process], check=False).returncode == 0,
            every_s=0.2,
        )
        time.sleep(1)
        FAULTS[fault](host, undo, lost)
        if job == "dump":
            time.sleep(BUSY_S / 2)
            with suppress(BedError):  # it may be off
                host.exec("touch /tmp/go-on")
    except Exception as error:  # noqa: BLE001 - a thread's failure is the test's
        trouble.append(f"{host.name}: {error}")


def _locked(host: Host) -> subprocess.Popen[bytes]:
    """Somebody holds a table until /tmp/go-on is there, so that pg_dump stands in the middle of its work."""
    wait = "for n in $(seq 3000); do [ -e /tmp/go-on ] && break; sleep 0.2; done"
    words = f"begin;\nlock table loans in access exclusive mode;\n\\! {wait}\ncommit;\n"
    process = subprocess.Popen(
        host.command(["su", "postgres", "-c", "psql -q -d shopintar"]),
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(words.encode())
    process.stdin.close()
    until(
        f"{host.name}: the table is locked",
        lambda: host.exec(
            "su postgres -c \"psql -Atqc \\\"select 1 from pg_locks where mode='AccessExclusiveLock' and granted\\\" "
            "shopintar\" | grep -q 1",
            check=False,
        ).returncode == 0,
    )  # fmt: skip
    return process


def _run(project: LabProject, lab: Lab, undo: ExitStack) -> Said:
    """The run, every host struck once in the middle of its step."""
    process = subprocess.Popen(
        project.argv("run", "p.yml", "--reconnect-timeout", "40s"),
        cwd=project.folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    trouble: list[str] = []

    def lost(host: Host) -> bool:
        (events,) = project.folder.glob("records/*/1/events.jsonl")
        lines = map(json.loads, events.read_text().splitlines(keepends=True)[:-1])
        return any(line["type"] == "LinkDropped" and line["host"] == host.name for line in lines)

    threads = [
        threading.Thread(target=_strike, args=(lab, fault, job, undo, lost, trouble))
        for fault in FAULTS for job in JOBS
    ]  # fmt: skip
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(240)
    out, err = process.communicate(timeout=600)
    assert trouble == [], out + err
    return Said(code=process.returncode, out=out, err=err)


def test_faults_in_the_middle_of_apt_get_and_pg_dump(
    tmp_path: Path, start_lab: Callable[[Sequence[HostSpec]], Lab]
) -> None:
    lab = _hosts(start_lab)
    with ExitStack() as undo:
        variables = {f"{fault}-{job}": {"job": job} for fault in FAULTS for job in JOBS}
        project = LabProject(tmp_path / "project", lab, variables)
        settings = json.loads((project.folder / "rawat.yml").read_text())
        project.write("rawat.yml", json.dumps(settings | {"keepalive": "1s"}))
        project.write("p.yml", PLAYBOOK)
        lockers = [_locked(lab.host(f"{fault}-dump")) for fault in FAULTS]
        said = _run(project, lab, undo)
        record = project.record()
        found = {
            f"{fault}-{job}": step_of(record, f"{fault}-{job}", step) for fault in FAULTS for job, step in JOBS.items()
        }
        _first(said, record, found)
        undo.close()
        for locker in lockers:
            locker.wait(240)
        lab.write_known_hosts()
        resumed = project.rawat("resume")
        assert resumed.code == 0, resumed.all
        _afterwards(project.record(), lab)


def _first(said: Said, record: Mapping[str, Any], found: Mapping[str, Mapping[str, Any]]) -> None:
    """What the run says of each host, before anything is mended."""
    outcomes = {name: step["outcome"] for name, step in found.items()}
    assert said.code == 5, said.all
    for job in JOBS:
        assert outcomes[f"cord-{job}"] == "unknown"
        first = found[f"reboot-{job}"]["attempts"][0]
        assert first["outcome"] == "unknown", first
        assert "went down" in first["problem"] or "booted again" in first["problem"]
        assert outcomes[f"disk-{job}"] == "failed", found[f"disk-{job}"]
        assert outcomes[f"key-{job}"] == "unknown"
        assert "host key" in found[f"key-{job}"]["problem"]
        for name in (f"frozen-{job}", f"cable-{job}", f"clock-{job}"):
            assert outcomes[name] == "ok", found[name]
            assert record["hosts"][name]["links_lost"] >= 1
            assert BUSY_S * 500 < found[name]["host_ms"] < 170_000, found[name]["host_ms"]
    assert abs(record["hosts"]["clock-apt"]["clock_offset_ms"]) < 60_000, "the clock was right when it connected"


def _afterwards(record: Mapping[str, Any], lab: Lab) -> None:
    """Everything is done, and what needed no second time had none."""
    for fault in FAULTS:
        apt = lab.host(f"{fault}-apt")
        assert apt.exec("dpkg-query -W -f '${db:Status-Abbrev}${Version}' bed-slow").stdout == "ii 2.0"
        begun = apt.exec("grep -c ' configure bed-slow:all 2.0' /var/log/dpkg.log").stdout.strip()
        if fault in ("frozen", "cable", "clock", "key"):
            assert begun == "1", f"{fault}: configured {begun} times"
        dump = lab.host(f"{fault}-dump")
        kept = dump.exec("ls /backup").stdout.split()
        assert len([name for name in kept if name.endswith(".dump")]) == 1, f"{fault}: {kept}"
        dump.exec("su postgres -c 'for one in /backup/*.dump; do pg_restore -f /dev/null $one || exit 1; done'")
    for fault in ("frozen", "cable", "clock"):
        for job, step in JOBS.items():
            assert len(step_of(record, f"{fault}-{job}", step)["attempts"]) == 1
