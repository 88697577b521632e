"""Three real hosts: each with systemd, its own address, machine id and boot id."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bed import faults
from tests.bed.lab import Lab
from tests.bed.root import SUDO_PASSWORD
from tests.integration.lab_project import LabProject, step_of

pytestmark = pytest.mark.lab

HEAD = "rawat: 1\nname: t\nkind: other\nhosts: all\n"


@pytest.fixture
def project(tmp_path: Path, lab3: Lab) -> LabProject:
    return LabProject(tmp_path / "project", lab3)


def test_a_host_in_the_middle_fails_and_the_others_behave_as_the_rollout_says(project: LabProject, lab3: Lab) -> None:
    project.write(
        "p.yml",
        HEAD
        + """
become: root
rollout: {batches: [1], stop_when_failed: 2}
phases:
  implement:
    - id: mark
      script: "[ {{ host.name }} != maria ] && date >/root/rawat-was-here"
      on_failure: rollback
      undo: [{id: unmark, command: rm -f /root/rawat-was-here}]
  test:
    - {id: there, command: test -s /root/rawat-was-here}
finally:
  - {id: tidy, command: touch /root/rawat-tidied}
""",
    )
    said = project.rawat("run", "p.yml")
    assert said.code == 1, said.all
    record = project.record()
    outcomes = {name: host["outcome"] for name, host in record["hosts"].items()}
    assert outcomes == {"pg": "ok", "maria": "failed", "plain": "ok"}
    assert len({host["facts"]["machine_id"] for host in record["hosts"].values()}) == 3
    for name in ("pg", "plain"):
        lab3.host(name).exec("test -s /root/rawat-was-here && rm /root/rawat-was-here")
    lab3.host("maria").exec("test ! -e /root/rawat-was-here")
    for name in outcomes:
        lab3.host(name).exec("rm /root/rawat-tidied")
    assert step_of(record, "maria", "unmark")["outcome"] == "ok"
    said = project.rawat("run", "p.yml", "-i", "inventory.yml", "--hosts", "maria:pg")
    assert said.code == 1


def test_the_rollout_stops_at_the_limit_and_names_who_was_not_started(project: LabProject) -> None:
    project.write("p.yml", HEAD + "rollout: {batches: [1]}\nphases: {implement: [{id: no, command: 'false'}]}\n")
    said = project.rawat("run", "p.yml")
    assert said.code == 1
    assert "not started  " in said.out
    assert sorted(host["outcome"] for host in project.record()["hosts"].values()) == ["", "", "failed"]


def test_a_host_that_is_cut_off_is_4_by_name_within_the_connect_limit(project: LabProject, lab3: Lab) -> None:
    project.write("p.yml", HEAD + "rollout: {stop_when_failed: 2}\nphases: {test: [{id: one, command: hostname}]}\n")
    with faults.partitioned(lab3.host("plain")):
        said = project.rawat("run", "p.yml")
    assert said.code == 4, said.all
    record = project.record()
    assert record["hosts"]["plain"]["refused"] == "unreachable"
    assert record["hosts"]["pg"]["outcome"] == "ok"
    assert record["took_ms"] < 100_000, "and not those of TCP, which are minutes"


def test_sudo_by_password_and_every_way_in_which_it_is_refused(tmp_path: Path, lab3: Lab) -> None:
    text = HEAD + "become: root\nphases: {test: [{id: who, command: id -un, expect: result.stdout == 'root'}]}\n"
    with_password = LabProject(tmp_path / "pw", lab3, user="maintpw")
    with_password.write("p.yml", text)
    refused = with_password.rawat("run", "p.yml", environment={"RAWAT_SUDO_PASSWORD": ""})
    assert refused.code == 4
    assert "none was given; --ask-sudo asks you for it" in refused.out
    wrong = with_password.rawat("run", "p.yml", environment={"RAWAT_SUDO_PASSWORD": "not-the-password"})
    assert wrong.code == 4
    assert "not-the-password" not in wrong.all
    right = with_password.rawat("run", "p.yml", environment={"RAWAT_SUDO_PASSWORD": SUDO_PASSWORD})
    assert right.code == 0, right.all
    assert SUDO_PASSWORD not in right.all
    for path in (with_password.folder / "records").rglob("*"):
        assert not path.is_file() or SUDO_PASSWORD.encode() not in path.read_bytes()
    nobody = LabProject(tmp_path / "no", lab3, user="nosudo")
    nobody.write("p.yml", text)
    refused = nobody.rawat("run", "p.yml", environment={"RAWAT_SUDO_PASSWORD": SUDO_PASSWORD})
    assert refused.code == 4
    assert "refused (sudo)" in refused.out


def test_a_user_that_may_write_nowhere_gets_a_folder_for_the_spool_where_root_logs_in(
    tmp_path: Path, lab3: Lab
) -> None:
    """As www-data and nobody are on most systems; where somebody else logs in, it is said what root has to do."""
    text = (
        HEAD + "become: www-data\nphases: {test: [{id: who, command: id -un, expect: result.stdout == 'www-data'}]}\n"
    )
    host = lab3.host("plain")
    host.exec("install -D -m 600 ~maint/.ssh/authorized_keys /root/.ssh/authorized_keys")
    maint, root = LabProject(tmp_path / "maint", lab3), LabProject(tmp_path / "root", lab3, user="root")
    for project in (maint, root):
        project.write("p.yml", text)
    refused = maint.rawat("run", "p.yml", "--hosts", "plain")
    assert refused.code == 4
    assert "as root: install -d -m 700 -o www-data /var/lib/rawat-www-data" in refused.out
    said = root.rawat("run", "p.yml", "--hosts", "plain")
    assert said.code == 0, said.all
    assert host.exec("stat -c '%U %a' /var/lib/rawat-www-data").stdout == "www-data 700\n"
    said = maint.rawat("run", "p.yml", "--hosts", "plain")
    assert said.code == 0, said.all


def test_power_loss_in_the_middle_of_a_step_is_unknown_never_failed(tmp_path: Path, start_lab: object) -> None:
    import subprocess

    from tests.bed.host import HostSpec
    from tests.bed.process import until

    lab = start_lab([HostSpec(name="web")])  # type: ignore[operator]
    project = LabProject(tmp_path / "p", lab)
    project.write("p.yml", HEAD + "phases: {implement: [{id: long, script: 'touch /tmp/begun; sleep 600'}]}\n")
    process = subprocess.Popen(
        project.argv("run", "p.yml", "--reconnect-timeout", "10s"),
        cwd=project.folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    until("it has begun", lambda: lab.host("web").exec("test -e /tmp/begun", check=False).returncode == 0, every_s=0.1)
    lab.host("web").power_off()
    out, err = process.communicate(timeout=600)
    assert process.returncode == 5, out + err
    assert "is unknown" in out
    record = project.record()
    assert record["in_doubt"] == [["web", "long"]]
