"""Packages, updates and services on a real host with systemd, apt and dnf, against a repository that flips to v2."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from runner.model import Exit, Facts
from runner.model import Host as Target
from runner.seams import Check, Completed, Script, Wish
from tests.bed.host import Host, HostSpec
from tests.bed.lab import Lab
from tests.unit.steps.driver import Ran, kind_of

pytestmark = pytest.mark.lab

TOYS = ("bed-app", "bed-broken", "bed-kernel", "bed-dep", "bed-held", "bed-conflict", "bed-rival", "bed-stale")
STATES = "dpkg-query -W -f '${Package} ${Version} ${db:Status-Abbrev}\n' 'bed-*'"


class Box:
    """A host of the lab on which kinds run, as root."""

    def __init__(self, host: Host, manager: str = "apt-get") -> None:
        self.host = host
        self.facts = Facts(package_manager=manager)

    def run(self, script: Script) -> Completed:
        done = self.host.exec(["sh", "-c", script.text], check=False)
        out, err = done.stdout.encode(), done.stderr.encode()
        return Completed(exit=Exit(code=done.returncode), stdout=out, stderr=err, stdout_bytes=len(out))

    def wish(self, params: Any) -> Wish:
        here, target = Path("/"), Target(name=self.host.name, address=self.host.address)
        return Wish(
            params=params, host=target, facts=self.facts, run_id="run", step="step", user=None, root=here, folder=here
        )

    def look(self, name: str, params: Any) -> Check:
        script = kind_of(name).look(self.wish(params))
        assert script is not None
        return kind_of(name).judge(self.wish(params), self.run(script))

    def do(self, name: str, params: Any) -> Ran:
        kind, wish = kind_of(name), self.wish(params)
        script = kind.look(wish)
        check = kind.judge(wish, self.run(script)) if script is not None else None
        done = self.run(kind.act(wish, check))
        return Ran(verdict=kind.read(wish, done, check), check=check, done=done)


@pytest.fixture
def lab(start_lab: Callable[[Sequence[HostSpec]], Lab]) -> Iterator[Lab]:
    yield start_lab([HostSpec(name="box", packages=TOYS)])


@pytest.fixture
def box(lab: Lab) -> Box:
    return Box(lab.host("box"))


def test_apt_upgrades_keeps_what_the_administrator_wrote_and_goes_back(lab: Lab, box: Box) -> None:
    box.host.exec("echo level=mine >>/etc/bed-app.conf; apt-mark auto bed-app")
    lab.repository.publish("v2")
    box.host.exec("rm -f /var/log/apt/*")
    listed = box.do("patch", {"apply": "list", "refresh": True, "exclude": ["bed-dep"]})
    assert listed.verdict.ok, listed.problem
    assert box.host.exec("ls /var/log/apt").stdout == ""
    rows = {row["name"]: row for row in listed.values["packages"]}
    assert {name: row["left"] for name, row in rows.items() if row["left"]} == {
        "bed-held": "held",
        "bed-dep": "excluded",
        "bed-newdep": "new",
        "bed-conflict": "would remove bed-rival",
    }
    assert listed.values["kept_back"] == ["bed-conflict"]
    app = {"name": "bed-app", "installed": "1.0", "candidate": "2.0", "security": True, "left": "", "way_back": True}
    assert app.items() <= rows["bed-app"].items()
    assert "Bed-Security" in rows["bed-app"]["origin"]
    assert rows["bed-held"]["candidate"] == "2.0"

    ran = box.do("patch", {"apply": "all", "exclude": ["bed-dep"]})
    assert ran.verdict.ok, ran.problem
    moved = {row["name"]: (row["from"], row["to"]) for row in ran.values["upgraded"]}
    assert {"bed-app", "bed-broken", "bed-kernel"} <= moved.keys()
    assert moved["bed-app"] == ("1.0", "2.0")
    assert not {"bed-held", "bed-dep", "bed-conflict"} & moved.keys()
    assert "bed-held" in ran.values["held"]
    assert ran.values["removed"] == []
    assert ran.values["conffiles"] == ["/etc/bed-app.conf.dpkg-dist"]
    assert "level=mine" in box.host.exec("cat /etc/bed-app.conf").stdout
    assert ran.values["reboot_required"] is True
    assert "bed-kernel" in ran.values["reboot_reason"]
    assert "bed-app" in box.host.exec("apt-mark showauto bed-app").stdout
    assert box.look("patch", {"apply": "all", "exclude": ["bed-dep"], "refresh": False}).needed is False

    # What runs the old program still is known to needrestart, and without it by a look of our own.
    assert ran.values["restart"] == ["bed-stale.service"]
    box.host.exec("mv /usr/sbin/needrestart /usr/sbin/needrestart.away")
    kept = box.do("patch", {"apply": "all", "exclude": "bed-dep", "restart": "restart", "keep_running": "bed-st*"})
    assert kept.values["restart_why"] == {"bed-stale.service": "is to be kept running"}
    restarted = box.do("patch", {"apply": "all", "exclude": "bed-dep", "restart": "restart"})
    assert (restarted.values["restarted"], restarted.values["restart"]) == (["bed-stale.service"], [])
    assert box.do("patch", {"apply": "list"}).values["restart"] == []
    box.host.exec("cd /usr/lib/bed-stale; cp daemon next; chmod a-x next; mv next daemon")
    fallen = box.do("patch", {"apply": "all", "exclude": "bed-dep", "restart": "restart"})
    assert "restarted, and not up: bed-stale.service" in fallen.problem

    back = {"apply": "back", "versions": ran.values["upgraded"]}
    box.host.exec("mv /var/cache/apt/archives/bed-broken_1.0_all.deb /root")
    refused = box.do("patch", back)
    assert "there is no way back: no repository and no cache of this host has bed-broken 1.0" in refused.problem
    assert "bed-app 2.0 ii" in box.host.exec(STATES).stdout, "all of them or none"
    box.host.exec("mv /root/bed-broken_1.0_all.deb /var/cache/apt/archives")
    assert box.look("patch", back).needed is True
    returned = box.do("patch", back)
    assert returned.verdict.ok, returned.problem
    assert {row["name"]: row["to"] for row in returned.values["restored"]} == dict.fromkeys(moved, "1.0")
    assert "bed-app 1.0 ii" in box.host.exec(STATES).stdout
    assert "level=mine" in box.host.exec("cat /etc/bed-app.conf").stdout
    assert "bed-app" in box.host.exec("apt-mark showauto bed-app").stdout
    assert box.look("patch", back).needed is False
    _twins(box)


TWINS = """
set -e; own=$(dpkg --print-architecture); mkdir -p /root/twins; cd /root/twins
dpkg --add-architecture s390x
for arch in $own s390x; do
    for version in 1.0 2.0; do
        mkdir -p tree/DEBIAN
        printf 'Package: bed-twin\nVersion: %s\nArchitecture: %s\nMulti-Arch: same\nMaintainer: bed <b@example.com>\n' \
            $version $arch >tree/DEBIAN/control
        printf 'Description: twin\n' >>tree/DEBIAN/control
        dpkg-deb -b tree twin_${version}_$arch.deb
        deb=twin_${version}_$arch.deb
        { cat tree/DEBIAN/control; echo "Filename: ./$deb"; stat -c 'Size: %s' $deb
          sha256sum $deb | sed 's/ .*//;s/^/SHA256: /'; echo; } >>Packages
    done
done
dpkg -i twin_1.0_*.deb
echo 'deb [trusted=yes] copy:/root/twins ./' >/etc/apt/sources.list.d/twins.list
apt-get update -o Dir::Etc::SourceList=/etc/apt/sources.list.d/twins.list -o Dir::Etc::SourceParts=- \\
    -o APT::Get::List-Cleanup=0
apt-mark hold bed-twin:s390x
"""


def _twins(box: Box) -> None:
    """One name in two architectures: a hold of the other is none of the host's own; either may be left out."""
    box.host.exec(TWINS)
    own = box.host.exec("dpkg --print-architecture").stdout.strip()

    def left(**given: Any) -> Any:
        ran = box.do("patch", {"apply": "list", **given})
        assert ran.verdict.ok, ran.problem
        assert "bed-twin:s390x" in ran.values["held"] and "bed-twin" not in ran.values["held"]
        return {row["name"]: row["left"] for row in ran.values["packages"] if "twin" in row["name"]}

    # apt takes both or none of them.
    assert left() == {"bed-twin": "needs a decision of its own", "bed-twin:s390x": "held"}
    assert left(exclude=f"bed-twin:{own}") == {"bed-twin": "excluded", "bed-twin:s390x": "held"}
    assert box.do("package", {"name": "bed-twin:s390x", "state": "unheld"}).verdict.ok
    box.host.exec(f"apt-mark hold bed-twin:{own}")
    ran = box.do("patch", {"apply": "list", "exclude": "bed-twin"})
    rows = {row["name"]: row["left"] for row in ran.values["packages"] if "twin" in row["name"]}
    assert rows == {"bed-twin": "held", "bed-twin:s390x": "excluded"}
    box.host.exec("apt-mark unhold bed-twin")
    gone = box.do("package", {"name": f"bed-twin:{own}", "state": "absent"})
    assert gone.verdict.ok, gone.problem


def test_a_new_dependency_comes_and_what_needs_an_excluded_one_is_left(lab: Lab, box: Box) -> None:
    lab.repository.publish("v2")
    refused = box.do("patch", {"apply": "all", "exclude": "bed-newdep"})
    assert "the upgrade needs bed-newdep, which is excluded: nothing was done" in refused.problem
    assert "bed-app 1.0" in box.host.exec(STATES).stdout
    ran = box.do("patch", {"apply": "all"})
    assert ran.verdict.ok, ran.problem
    assert [row["name"] for row in ran.values["new"]] == ["bed-newdep"]
    # Nothing is changed where the packages cannot be fetched.
    lab.repository.stop()
    box.host.exec("echo 'Acquire::Retries 0;' >/etc/apt/apt.conf.d/99tries")
    box.host.exec("apt-mark unhold bed-held; rm -f /var/cache/apt/archives/*_2.0_*")
    unfetched = box.do("patch", {"apply": "all", "refresh": False})
    assert "could not be fetched: nothing was changed" in unfetched.problem
    assert "bed-held 1.0" in box.host.exec(STATES).stdout


def test_a_package_left_half_way_fails_the_step_and_is_repaired_by_the_next(lab: Lab, box: Box) -> None:
    box.host.exec("touch /etc/bed-broken.fail")
    lab.repository.publish("v2")
    ran = box.do("patch", {"apply": "all"})
    assert not ran.verdict.ok
    assert "half-configured" in ran.problem
    assert any(line.startswith("bed-broken") for line in ran.values["broken"])
    listed = box.do("patch", {"apply": "list"})
    assert any(line.startswith("bed-broken") for line in listed.values["broken"])
    again = box.do("patch", {"apply": "all"})
    assert "could not be repaired" in again.problem
    # Going back needs no repair: what is left half-way is put back with the rest, held since or not.
    box.host.exec("apt-mark hold bed-app")
    back = box.do("patch", {"apply": "back"})
    assert back.verdict.ok, back.problem
    assert {row["name"]: row["to"] for row in back.values["restored"]}["bed-broken"] == "1.0"
    assert "bed-app 1.0 hi" in box.host.exec(STATES).stdout, "held still"
    box.host.exec("apt-mark unhold bed-app")
    assert not box.do("patch", {"apply": "all"}).verdict.ok
    box.host.exec("rm /etc/bed-broken.fail")
    healed = box.do("patch", {"apply": "all"})
    assert healed.verdict.ok, healed.problem
    assert any(line.startswith("bed-broken") for line in healed.values["repaired"])
    assert "bed-broken 2.0 ii" in box.host.exec(STATES).stdout


def test_an_upgrade_that_is_killed_can_be_taken_back(lab: Lab, box: Box) -> None:
    assert box.do("package", {"name": "bed-slow"}).verdict.ok
    box.host.exec("echo 600 >/etc/bed-slow.seconds")
    before = box.host.exec(STATES).stdout
    lab.repository.publish("v2")
    script = kind_of("patch").act(box.wish({"apply": "all"}), None).text
    box.host.exec("cat >/root/upgrade.sh", stdin=script)
    box.host.exec("setsid sh /root/upgrade.sh >/root/said 2>&1 & echo $! >/root/pid")
    at_work = "i=0; until pgrep -f '[b]ed-slow.postinst' || [ $i = 3000 ]; do sleep 0.1; i=$((i + 1)); done"
    assert box.host.exec(f"{at_work}; kill -9 -$(cat /root/pid)").stdout, "it was at work"
    # Only the versions from before are known, on the disk of the host; what did not move stays.
    assert "bed-app 2.0" in box.host.exec(STATES).stdout
    back = box.do("patch", {"apply": "back", "lock_wait": "120s"})
    assert back.verdict.ok, back.problem
    assert box.host.exec(STATES).stdout.replace("bed-newdep 2.0 ii \n", "") == before
    assert box.look("patch", {"apply": "back"}).needed is False
    assert box.do("patch", {"apply": "back"}).verdict.changed is False


def test_a_security_version_behind_a_newer_one_of_another_origin_is_chosen(lab: Lab, box: Box) -> None:
    assert box.do("package", {"name": "bed-slow"}).verdict.ok
    lab.repository.publish("v2")
    box.host.exec("echo 'deb [trusted=yes] http://10.77.0.1:8000/other ./' >/etc/apt/sources.list.d/other.list")
    pin = "Package: bed-kernel\\nPin: version 2.0\\nPin-Priority: 50\\n"
    box.host.exec(f"printf '{pin}' >/etc/apt/preferences.d/bed")
    listed = box.do("patch", {"apply": "list", "refresh": True})
    rows = {row["name"]: row for row in listed.values["packages"]}
    app = {"installed": "1.0", "candidate": "3.0", "security": True, "security_version": "2.0"}
    assert {**app, "left": "would remove bed-rival"}.items() <= rows["bed-app"].items()
    kernel = {"candidate": "3.0", "security": False, "security_version": "", "left": ""}
    assert kernel.items() <= rows["bed-kernel"].items(), "the pin forbids it"
    assert rows["bed-slow"]["security_version"] == rows["bed-slow"]["candidate"] == "2.0"
    box.host.exec("rm /etc/apt/preferences.d/bed")
    ran = box.do("patch", {"apply": "security", "exclude": ["bed-broken", "bed-stale", "bed-slow", "bed-dep"]})
    assert ran.verdict.ok, ran.problem
    moved = {row["name"]: (row["from"], row["to"]) for row in ran.values["upgraded"]}
    assert moved == {"bed-app": ("1.0", "2.0"), "bed-kernel": ("1.0", "2.0")}
    # What is there already is not hidden any more, and nothing goes backward.
    rows = {row["name"]: row for row in box.do("patch", {"apply": "list"}).values["packages"]}
    assert (rows["bed-kernel"]["security"], rows["bed-kernel"]["candidate"]) == (False, "3.0")
    assert box.do("patch", {"apply": "security", "exclude": "bed-[bsd]*"}).values["upgraded"] == []
    everything = box.do("patch", {"apply": "all", "exclude": "bed-[bsd]*"})
    assert [(row["name"], row["to"]) for row in everything.values["upgraded"]] == [("bed-kernel", "3.0")]


def test_another_program_at_work_is_waited_for_and_not_for_ever(box: Box) -> None:
    holder = (
        "import fcntl, os, time; f = open('/var/lib/dpkg/lock-frontend', 'w'); fcntl.lockf(f, fcntl.LOCK_EX); "
        "open(chr(47) + chr(120), chr(119)).close(); "
        # until it may, and somebody sleeps from second to second, since he waits; then a little longer
        "seen = lambda: os.path.exists('/let-go') and not os.system('pgrep -xf sleep.1'); "
        "any(seen() or time.sleep(0.1) for _ in range(3000)); "
        "time.sleep(2)"
    )
    box.host.exec(f'setsid python3 -c "{holder}" >/dev/null 2>&1 &')
    box.host.exec("until [ -e /x ]; do sleep 0.1; done; rm /x")
    ran = box.do("package", {"name": "bed-rival", "lock_wait": "1s"})
    assert not ran.verdict.ok
    assert "python3 -c" in ran.problem, "who holds it is named"
    box.host.exec("touch /let-go")
    waited = box.do("patch", {"apply": "all", "lock_wait": "300s"})
    assert waited.verdict.ok, waited.problem
    ((cause, took_ms, holder),) = waited.verdict.waits
    assert cause == "package-lock"
    assert 1000 <= took_ms < 200_000
    assert "python3 -c" in holder


def test_packages_come_go_and_stay(lab: Lab, box: Box) -> None:
    assert box.do("package", {"names": ["bed-rival", "bed-slow"]}).verdict.ok
    lab.repository.publish("v2")
    assert box.do("package", {"name": "bed-slow", "state": "held"}).verdict.ok
    assert box.do("package", {"name": "bed-app", "state": "latest", "refresh": True}).verdict.ok
    assert "bed-app 2.0 ii" in box.host.exec(STATES).stdout
    assert box.do("package", {"name": "bed-kernel"}).verdict.changed is False
    exact = box.do("package", {"name": "bed-broken", "version": "2.0"})
    assert exact.verdict.ok, exact.problem
    refused = box.do("package", {"name": "bed-conflict", "state": "latest"})
    assert not refused.verdict.ok
    assert "bed-rival 1.0 ii" in box.host.exec(STATES).stdout
    assert box.do("package", {"name": "bed-dep", "state": "latest"}).verdict.ok
    refused = box.do("package", {"name": "bed-newdep", "state": "absent"})
    assert "nobody asked for it: bed-dep" in refused.problem
    assert box.do("package", {"names": ["bed-newdep", "bed-dep"], "state": "absent"}).verdict.ok
    assert "there is no package" in box.do("package", {"name": "bed-nothing"}).problem


@pytest.mark.parametrize("manager", ["dnf", "zypper"])
def test_rpm_packages_are_listed_upgraded_and_put_back(lab: Lab, manager: str) -> None:
    box = Box(lab.host("box"), manager)
    # As on a host with dnf: zypper is not there, and the plug-ins are.
    if manager == "dnf":
        box.host.exec("dpkg --remove zypper; dpkg --install /opt/bed/dnf-plugins-core*.deb")
        box.host.exec("sed -i s/^enabled.*/enabled=0/ /etc/dnf/plugins/local.conf")
    box.host.exec("mv /usr/sbin/needrestart /usr/sbin/needrestart.away")
    there = ["bed-rpm-app", "bed-rpm-dep", "bed-rpm-plain", "bed-rpm-stale"]
    assert box.do("package", {"names": there, "refresh": True}).verdict.ok
    box.host.exec("echo level=mine >/etc/bed-rpm-app.conf")
    lab.repository.publish("v2")
    listed = box.do("patch", {"apply": "list", "refresh": True})
    assert listed.verdict.ok, listed.problem
    waiting = {row["name"]: row for row in listed.values["packages"]}
    app = {"installed": "1.0-1", "candidate": "2.0-1", "origin": "bed", "security": True, "way_back": True, "left": ""}
    assert app.items() <= waiting["bed-rpm-app"].items()
    assert waiting["bed-rpm-plain"]["security"] is False
    assert waiting["bed-rpm-dep"]["way_back"] is False
    if manager == "zypper":
        assert box.do("package", {"name": "bed-rpm-plain", "state": "held"}).verdict.ok
    else:
        box.host.exec("echo exclude=bed-rpm-plain >>/etc/dnf/dnf.conf")
    # A transaction that was cut off leaves a package in two versions.
    box.host.exec(
        "curl -sO http://10.77.0.1:8000/rpm/bed-rpm-app-2.0-1.noarch.rpm; rpm -i --force --nodeps --justdb *.rpm"
    )
    twice = box.do("patch", {"apply": "list"})
    assert twice.values["broken"] == ["bed-rpm-app.noarch (in two versions)"]
    row = next(row for row in twice.values["packages"] if row["name"] == "bed-rpm-plain")
    assert row["candidate"] == "2.0-1"
    assert row["left"] == ("held" if manager == "zypper" else "left out by the settings of dnf")
    if manager == "zypper":
        assert box.do("package", {"name": "bed-rpm-plain", "state": "unheld"}).verdict.ok
    box.host.exec("sed -i /^exclude=/d /etc/dnf/dnf.conf")
    box.host.exec("rpm -e --justdb --nodeps bed-rpm-app-2.0-1")
    # Held by the package manager itself, whoever calls it; by its name or with the architecture, as are those left out.
    assert box.do("package", {"name": "bed-rpm-plain.noarch", "state": "held"}).verdict.ok
    assert box.look("package", {"name": "bed-rpm-plain", "state": "held"}).needed is False
    if manager == "dnf":
        assert "bed-nope is not installed" in box.do("package", {"name": "bed-nope", "state": "held"}).problem
    held = box.do("patch", {"apply": "all", "exclude": ["bed-rpm-app.noarch", "bed-rpm-dep"], "restart": "list"})
    assert held.verdict.ok, held.problem
    assert [row["name"] for row in held.values["upgraded"]] == ["bed-rpm-stale.noarch"]
    assert held.values["held"] == ["bed-rpm-plain"]
    row = next(row for row in held.values["packages"] if row["name"] == "bed-rpm-plain")
    assert (row["candidate"], row["left"]) == ("2.0-1", "held")
    assert held.values["restart"] == ["bed-rpm-stale.service"]
    command = {"dnf": "dnf -q upgrade -y bed-rpm-plain", "zypper": "zypper -n update bed-rpm-plain"}[manager]
    box.host.exec(command, check=False)
    assert box.host.exec("rpm -q bed-rpm-plain").stdout.split() == ["bed-rpm-plain-1.0-1.noarch"]
    if manager == "dnf":
        assert held.values["reboot_required"] is False
        # One of those that dnf wants to be booted for.
        box.host.exec("cd /etc/dnf/plugins; mkdir needs-restarting.d; echo bed-rpm-stale >needs-restarting.d/bed.conf")
        asked = box.do("patch", {"apply": "list"})
        assert (asked.values["reboot_required"], asked.values["reboot_reason"]) == (True, "says dnf needs-restarting")
        box.host.exec("rm /etc/dnf/plugins/needs-restarting.d/bed.conf")
        # Its code is 1 for a fault, too, such as settings that it cannot read.
        box.host.exec("cp -a /etc/dnf/dnf.conf /root; echo '[main' >/etc/dnf/dnf.conf")
        probed = box.do("system", {"reboot_needed": False})
        assert "found nothing that can tell (dnf -q needs-restarting -r: exit 1: " in probed.problem
        assert "not booted: nobody can say" in box.do("reboot", {"only_if_needed": True}).problem
        box.host.exec("mv /root/dnf.conf /etc/dnf/")
    assert box.do("package", {"name": "bed-rpm-plain.noarch", "state": "unheld"}).verdict.ok
    secure = box.do("patch", {"apply": "security"})
    assert secure.verdict.ok, secure.problem
    assert [row["name"] for row in secure.values["upgraded"]] == ["bed-rpm-app.noarch"]
    assert secure.values["conffiles"] == ["/etc/bed-rpm-app.conf.rpmnew"]
    refused = box.do("patch", {"apply": "all", "exclude": ["bed-rpm-plain", "bed-rpm-newdep.noarch"], "refresh": False})
    if manager == "zypper":
        assert "needs bed-rpm-newdep, which is excluded: nothing was done" in refused.problem
    else:
        assert (refused.values["upgraded"], refused.values["kept_back"]) == ([], ["bed-rpm-dep"])
        assert "1 kept back" in refused.verdict.summary
    assert box.host.exec("rpm -q bed-rpm-dep").stdout.split() == ["bed-rpm-dep-1.0-1.noarch"]
    rest = box.do("patch", {"apply": "all", "exclude": "bed-rpm-plain"})
    assert rest.verdict.ok, rest.problem
    assert [row["name"] for row in rest.values["upgraded"]] == ["bed-rpm-dep.noarch"]
    assert [row["name"] for row in rest.values["new"]] == ["bed-rpm-newdep.noarch"]

    box.host.exec(
        "curl -sO http://10.77.0.1:8000/rpm/bed-rpm-app-1.0-1.noarch.rpm; rpm -i --force --nodeps --justdb *app-1.0*"
    )
    repaired = box.do("patch", {"apply": "all", "exclude": "bed-rpm-plain"})
    assert repaired.verdict.ok, repaired.problem
    assert repaired.values["repaired"] == ["bed-rpm-app.noarch (in two versions)"]
    assert box.host.exec("rpm -q bed-rpm-app").stdout.split() == ["bed-rpm-app-2.0-1.noarch"]

    everything = [*secure.values["upgraded"], *rest.values["upgraded"]]
    refused = box.do("patch", {"apply": "back", "versions": everything})
    assert "no way back: no repository and no cache of this host has bed-rpm-dep.noarch 1.0-1" in refused.problem
    assert box.do("package", {"name": "bed-rpm-app", "state": "held"}).verdict.ok
    back = box.do("patch", {"apply": "back", "versions": secure.values["upgraded"]})
    assert back.verdict.ok, back.problem
    assert box.do("patch", {"apply": "list"}).values["held"] == ["bed-rpm-app"], "held still"
    assert back.values["restored"] == [{"name": "bed-rpm-app.noarch", "from": "2.0-1", "to": "1.0-1"}]
    assert "level=mine" in box.host.exec("cat /etc/bed-rpm-app.conf").stdout

    refused = box.do("package", {"name": "bed-rpm-newdep", "state": "absent"})
    assert "others need" in refused.problem
    held_by = "/run/zypp.pid" if manager == "zypper" else "/var/lib/dnf/rpmdb_lock.pid"
    work = "until pgrep -xf 'sleep 1'; do sleep 0.1; done; sleep 2"  # until somebody waits for it, and a little longer
    pid = box.host.exec(f'setsid sh -c "{work}" >/dev/null 2>&1 & echo $! | tee {held_by}').stdout.strip()
    gone = box.do("package", {"name": "bed-rpm-plain", "state": "absent"})
    assert gone.verdict.ok, gone.problem
    ((cause, _, holder),) = gone.verdict.waits
    assert (cause, *holder.split()[:2]) == ("package-lock", "process", pid), "and its words, once it has some"
    assert box.look("package", {"name": "bed-rpm-plain", "state": "absent"}).needed is False


def test_services_are_really_up_or_it_is_said_why_not(box: Box) -> None:
    app = {"name": "bed-app"}
    assert box.do("service", {**app, "state": "stopped", "enabled": False}).verdict.ok
    assert box.look("service", {**app, "state": "stopped", "enabled": False}).needed is False
    started = box.do("service", {**app, "state": "started", "enabled": True})
    assert started.verdict.ok, started.problem
    assert started.values["active"] == "active"
    before = started.values["pid"]
    assert box.do("service", {**app, "state": "restarted"}).values["pid"] != before
    box.host.write(
        "/etc/systemd/system/falls.service",
        "[Service]\nExecStart=/bin/sh -c 'echo cannot find it >&2; sleep 0.2; exit 3'\n",
    )
    box.host.exec("systemctl daemon-reload")
    ran = box.do("service", {"name": "falls", "state": "started", "timeout": "5s"})
    assert not ran.verdict.ok
    assert "falls: expected active, found" in ran.problem
    assert b"cannot find it" in ran.done.stderr
    # A unit that was changed while it runs is started as it is written now, though nobody said daemon-reload.
    for seconds in (600, 700):
        box.host.write("/etc/systemd/system/falls.service", f"[Service]\nExecStart=/bin/sleep {seconds}\n")
        mended = box.do("service", {"name": "falls", "state": "restarted", "timeout": "60s"})
        assert mended.verdict.ok, mended.problem
        assert f"sleep {seconds}" in box.host.exec(["ps", "-o", "args=", "-p", str(mended.values["pid"])]).stdout
    # A job: it is done when it has ended well, also where systemd has forgotten it by then, and is run each time.
    for name, lines in {
        "job": "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo >>/run/job'\n[Install]\nWantedBy=multi-user.target",
        "forgotten": "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo >>/run/forgotten'",
        "stays": "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true",
        "bad": "[Service]\nType=oneshot\nExecStart=/bin/sh -c 'echo no luck >&2; exit 3'",
        "left-out": "[Unit]\nConditionPathExists=/nowhere\n[Service]\nType=oneshot\nExecStart=/bin/true",
        "left-again": "[Unit]\nConditionPathExists=/nowhere\n[Service]\nType=oneshot\nExecStart=/bin/true\n[Install]\n"
        "WantedBy=multi-user.target",
    }.items():
        box.host.exec(["sh", "-c", 'printf "%s\n" "$1" >"/etc/systemd/system/$2.service"', "-", lines, name])
    box.host.exec("systemctl daemon-reload; systemctl enable left-again.service")
    for name, more in (("job", {"enabled": True}), ("job", {"enabled": True}), ("forgotten", {})):
        ran = box.do("service", {"name": name, "state": "started", **more})
        assert ran.verdict.ok, ran.problem
        assert (ran.verdict.changed, ran.verdict.summary.partition(",")[0]) == (True, "ran to its end")
        assert box.look("service", {"name": name, "state": "started", **more}).needed is None, "nobody can see it"
    assert box.host.exec("wc -l </run/job; wc -l </run/forgotten").stdout.split() == ["2", "1"]
    assert box.do("service", {"name": "stays", "state": "started"}).verdict.changed is True
    assert box.look("service", {"name": "stays", "state": "started"}).needed is False
    for name, said in (
        ("bad", "systemctl start bad ended badly"),
        ("left-out", "left-out: systemd left it out, since a condition of the unit is not met; left-out.service was"),
        ("left-again", "left-again: systemd left it out, since a condition of the unit is not met"),
    ):
        ran = box.do("service", {"name": name, "state": "started"})
        assert (ran.verdict.ok, said in ran.problem) == (False, True), ran.problem
    assert "there is no service nope" in box.do("service", {"name": "nope", "state": "stopped"}).problem
    # Who only looks: a job that ended well is not down; one that stays, or failed, or has never run, is.
    box.host.write("/etc/systemd/system/timed.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n")
    box.host.write("/etc/systemd/system/timed.timer", "[Timer]\nOnCalendar=yearly\n")
    box.host.exec("systemctl daemon-reload; systemctl start timed.timer; systemctl stop stays.service")
    verified = box.do("verify", {"services": ["bed-app", "job", "timed"]})
    assert verified.verdict.ok, verified.problem
    for name, said in (
        ("stays", "stays is a job (oneshot), which is run each time"),
        ("bad", "bad: expected a job that ended well, found failed (exit-code)"),
        ("left-again", "left-again: a job (oneshot), and systemd knows of no run of it since the host came up"),
    ):
        assert said in box.do("verify", {"services": [name]}).problem
    reboot = kind_of("reboot")
    for names, up in ((["bed-app", "job"], 0), (["stays"], 1), (["bad"], 1), (["left-again"], 1), (["nope"], 1)):
        assert box.run(reboot.ready(box.wish({"services": names}))).exit.code == up, names
