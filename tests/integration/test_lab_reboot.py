"""Hosts that are really booted again, as planned and not."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.bed.host import HostSpec
from tests.bed.lab import Lab
from tests.bed.process import until
from tests.integration.lab_project import LabProject, step_of

pytestmark = pytest.mark.lab
HEAD = "rawat: 1\nname: t\nkind: other\nhosts: all\nbecome: root\n"
Start = Callable[[Sequence[HostSpec]], Lab]


def test_a_reboot_is_proven_by_a_new_boot_id_and_services_that_are_up(tmp_path: Path, start_lab: Start) -> None:
    lab = start_lab([HostSpec(name="pg", services=("postgresql",)), HostSpec(name="web")])
    project = LabProject(tmp_path / "p", lab, {"pg": {"services": ["postgresql"]}})
    project.write(
        "p.yml",
        HEAD
        + """
vars: {services: []}
phases:
  implement:
    - {id: boot, reboot: {services: "{{ services }}"}, timeout: 2m, register: boot}
    - {id: not-needed, reboot: {only_if_needed: true}, timeout: 2m}
  test:
    - {id: other, assert: {that: boot.boot_id != boot.boot_id_before}}
    - {id: up, command: id -un, expect: result.stdout == 'root'}
""",
    )
    said = project.rawat("run", "p.yml")
    assert said.code == 0, said.all
    record = project.record()
    for name in ("pg", "web"):
        values = step_of(record, name, "boot")["values"]
        assert values["boot_id"] == lab.host(name).exec("cat /proc/sys/kernel/random/boot_id").stdout.strip()
        assert record["hosts"][name]["facts"]["boot_id"] == values["boot_id"]
        assert record["hosts"][name]["waits"]["reboot"] > 0
        assert len(lab.host(name).boot_ids) == 2
        assert step_of(record, name, "not-needed")["summary"] == "no reboot is needed"


def test_any_step_may_boot_the_host_where_it_says_so(tmp_path: Path, start_lab: Start) -> None:
    lab = start_lab([HostSpec(name="web")])
    project = LabProject(tmp_path / "p", lab)
    project.write(
        "p.yml",
        HEAD + "phases: {implement: [{id: boot, command: systemctl reboot, expects_reboot: true, timeout: 2m}, "
        "{id: after, command: uptime}]}\n",
    )
    said = project.rawat("run", "p.yml")
    assert said.code == 0, said.all
    assert len(lab.host("web").boot_ids) == 2


def test_a_reboot_nobody_planned_makes_the_running_step_unknown(tmp_path: Path, start_lab: Start) -> None:
    lab = start_lab([HostSpec(name="web")])
    project = LabProject(tmp_path / "p", lab)
    project.write("p.yml", HEAD + "phases: {implement: [{id: long, script: 'touch /root/begun; sleep 900'}]}\n")
    process = subprocess.Popen(
        project.argv("run", "p.yml"), cwd=project.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    until("it has begun", lambda: lab.host("web").exec("test -e /root/begun", check=False).returncode == 0, every_s=0.1)
    before = lab.host("web").boot_ids[-1]
    lab.host("web").exec("systemctl reboot", check=False)
    lab.host("web").wait_rebooted(before)
    out, err = process.communicate(timeout=600)
    assert process.returncode in (1, 5), out + err
    step = step_of(project.record(), "web", "long")
    # killed by the shutdown before the power went, with its end written down; or nobody saw the end
    if process.returncode == 1:
        assert step["exit"]["code"] > 128, step
    else:
        assert step["outcome"] == "unknown"
        problem = step["problem"]
        assert "booted again" in problem or "went down" in problem
