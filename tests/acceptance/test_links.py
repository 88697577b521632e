"""Links that break in the middle of a step, on a real sshd."""

from __future__ import annotations

import os
import pwd
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.project import PATIENT, Project, wait_for
from tests.bed.draws import cuts, drawn
from tests.bed.process import until
from tests.bed.proxy import Proxy
from tests.bed.sshd import LoopbackSshd, account

COUNTING = """
vars: {folder: {required: true, type: string}}
phases:
  implement:
    - id: slow
      script: |
        cd {{ folder }}
        printf x >>count
        touch begun
        for i in 1 2 3 4 5 6 7 8 9 10; do echo line $i; sleep 0.4; done
      register: said
    - {id: after, command: "true", when: "'line 10' in said.stdout"}
"""
LINES = [f"h1 | line {number}" for number in range(1, 11)]
WAITING = COUNTING.replace("sleep 0.4; done\n", "sleep 0.4; done\n        until test -e go; do sleep 0.05; done\n")
"""It runs until the test is through with its link, however slow that is."""


@pytest.fixture
def project(tmp_path: Path, loopback_sshd: LoopbackSshd) -> Project:
    return Project(tmp_path / "project", loopback_sshd)


def output_of(project: Project, step: str) -> list[str]:
    return project.rawat("logs", "last", "h1", step).out.splitlines()[1:]


def told(project: Project, kind: str) -> int:
    """How many events of this kind are on record."""
    (events,) = project.folder.glob("records/*/1/events.jsonl")
    return events.read_text().count(f'"type":"{kind}"')


def test_a_session_that_is_killed_three_times_changes_nothing(project: Project) -> None:
    assert project.sshd is not None
    sshd = project.sshd
    book = project.playbook(WAITING)
    process = project.start("run", book, "-e", f"folder={project.folder}")
    wait_for(project.folder / "begun", process)
    for number in range(3):
        until("it is reached again", lambda: told(project, "Waited") == number)  # noqa: B023
        sshd.kill_sessions()
    (project.folder / "go").touch()
    out, err = process.communicate(timeout=600)
    assert process.returncode == 0, out + err
    record = project.record()
    assert record["hosts"]["h1"]["links_lost"] == 3
    assert [step["outcome"] for step in record["hosts"]["h1"]["steps"]] == ["ok", "ok"]
    assert (project.folder / "count").read_text() == "x"
    assert output_of(project, "slow") == LINES


VANISHING = """
vars: {folder: {required: true, type: string}, vanish: {required: true, type: string}}
phases:
  implement:
    - id: slow
      script: |
        printf x >>{{ folder }}/count
        eval {{ vanish }}
        touch {{ folder }}/begun
        sleep 300
"""


def cut_off(project: Project, vanish: str) -> None:
    """A step after which the host knows nothing of it, cut off while it runs: it is unknown, and was begun once."""
    assert project.sshd is not None
    path = project.folder / "rawat.yml"
    path.write_text(path.read_text() + "reconnect_timeout: 6s\n")
    book = project.playbook(VANISHING)
    process = project.start("run", book, "-e", f"folder={project.folder}", "-e", f"vanish={vanish}")
    wait_for(project.folder / "begun", process)
    project.sshd.kill_sessions()
    out, err = process.communicate(timeout=600)
    assert process.returncode == 5, out + err
    assert [step["outcome"] for step in project.record()["hosts"]["h1"]["steps"]] == ["unknown"]
    assert (project.folder / "count").read_text() == "x"


def test_a_step_whose_spool_vanished_under_it_is_unknown_and_not_begun_again(project: Project) -> None:
    cut_off(project, 'rm -rf "${RAWAT_SPOOL:?}"/run-*')


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can log in as another account")
def test_a_step_whose_spool_cannot_be_used_any_more_is_not_looked_for_in_another(
    start_sshd: Callable[..., LoopbackSshd],
) -> None:
    """The usual ones are tried in turn by the first session only."""
    who = pwd.getpwnam(account())
    with tempfile.TemporaryDirectory(dir=who.pw_dir) as name:
        home = Path(name)
        os.chown(home, who.pw_uid, who.pw_gid)
        project = Project(home / "project", start_sshd(account=who.pw_name, environment=(f"HOME={home}",)))
        os.chown(project.folder, who.pw_uid, who.pw_gid)
        cut_off(project, "chmod 0 $HOME/.local/state/rawat")
        assert not (home / ".rawat").exists()


def through(project: Project, proxy: Proxy) -> None:
    """Point the inventory at the proxy."""
    assert project.sshd is not None
    project.sshd.trust(proxy.host, proxy.port)
    text = (project.folder / "inventory.yml").read_text()
    project.write("inventory.yml", text.replace(f"port: {project.sshd.port}", f"port: {proxy.port}"))


def test_a_link_that_falls_silent_is_noticed_and_made_again(project: Project) -> None:
    assert project.sshd is not None
    path = project.folder / "rawat.yml"
    path.write_text(path.read_text() + "keepalive: 500ms\n")
    with Proxy(project.sshd.address, project.sshd.port) as proxy:
        through(project, proxy)
        process = project.start("run", project.playbook(WAITING), "-e", f"folder={project.folder}")
        wait_for(project.folder / "begun", process)
        proxy.black_hole(True)
        until("it is noticed", lambda: told(project, "LinkDropped"))
        time.sleep(1.5)
        proxy.black_hole(False)
        (project.folder / "go").touch()
        out, err = process.communicate(timeout=600)
    assert process.returncode == 0, out + err
    record = project.record()
    assert record["hosts"]["h1"]["links_lost"] >= 1
    assert record["hosts"]["h1"]["waits"]["link"] > 2_500, "the silence in which it was noticed is part of it"
    assert (project.folder / "count").read_text() == "x"
    assert output_of(project, "slow") == LINES


def test_a_link_that_is_cut_at_any_byte_loses_and_repeats_nothing(
    tmp_path: Path, start_sshd: Callable[..., Any]
) -> None:
    sshd = start_sshd()
    project = Project(tmp_path / "project", sshd)
    script = "printf %d >>{{ folder }}/count; seq 1 2000; : " + "x" * 2000
    steps = "".join(f"    - {{id: s{n}, script: '{script % n}'}}\n" for n in range(4))
    with Proxy(sshd.address, sshd.port) as proxy:
        through(project, proxy)
        head = "vars: {folder: {required: true, type: string}}\nphases:\n  implement:\n"
        book = project.playbook(head + steps)
        words = ("run", book, "-e", f"folder={project.folder}")
        assert project.rawat(*words).code == 0
        whole, struck = proxy.counters(), 0
        for way, size in cuts(drawn(), whole, 6):
            (project.folder / "count").unlink()
            proxy.reset_counters()
            proxy.cut_after(size, direction=way)
            said = project.rawat(*words)
            proxy.cut_after(None, direction=way)
            struck += said.code == 4 or proxy.counters().connections > 1
            count = project.folder / "count"
            counted = count.read_text() if count.exists() else ""
            count.touch()
            if said.code == 4:  # cut before the first step: nothing was touched
                assert counted == "", (way, size)
                continue
            assert said.code == 0, (way, size, said)
            assert counted == "0123", (way, size)
            for number in range(4):
                assert len(output_of(project, f"s{number}")) == 2000, (way, size, number)
        assert struck >= 4, "the conversations are as long as the first one, but for a few bytes at their end"


def test_a_host_that_does_not_come_back_is_unknown_within_the_limit(project: Project) -> None:
    assert project.sshd is not None
    book = project.playbook(WAITING)
    process = project.start("run", book, "-e", f"folder={project.folder}", "--reconnect-timeout", "2s")
    wait_for(project.folder / "begun", process)
    project.sshd.stop()
    out, err = process.communicate(timeout=600)
    assert process.returncode == 5, out + err
    assert "is unknown" in out
    assert "not reached again in 2 s" in out
    assert project.record()["in_doubt"] == [["h1", "slow"]]


def test_a_jump_host_that_goes_and_comes_back_changes_nothing(
    project: Project, start_sshd: Callable[..., LoopbackSshd]
) -> None:
    """The link through it is made again once it is back; the step ran on behind it."""
    assert project.sshd is not None
    jump = start_sshd()
    with Proxy(jump.address, jump.port) as proxy:
        jump.trust(proxy.host, proxy.port)
        with project.sshd.known_hosts.open("a", encoding="utf-8") as known:
            known.write(jump.known_hosts.read_text(encoding="utf-8"))
        text = (project.folder / "inventory.yml").read_text().replace("h1: {", "h1: {jump: bastion, ")
        bastion = f"address: {proxy.host}, port: {proxy.port}, user: {jump.user}, identity_file: {jump.key}"
        project.write("inventory.yml", f"{text}  bastion: {{{bastion}}}\n")
        words = ("--hosts", "h1", "-e", f"folder={project.folder}")
        process = project.start("run", project.playbook(WAITING), *words)
        wait_for(project.folder / "begun", process)
        proxy.refuse(True)
        assert jump.kill_sessions() == 1
        time.sleep(1.5)
        proxy.refuse(False)
        (project.folder / "go").touch()
        out, err = process.communicate(timeout=600)
    assert process.returncode == 0, out + err
    assert project.record()["hosts"]["h1"]["links_lost"] == 1
    assert (project.folder / "count").read_text() == "x"
    assert output_of(project, "slow") == LINES


def test_hosts_that_are_dead_cost_their_time_limit_once_and_the_others_are_done(project: Project) -> None:
    """Twelve that take the connection and never say a word, beside one that lives."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        port = silent.getsockname()[1]
        dead = "".join(f"  dead{n}: {{address: 127.0.0.1, port: {port}, user: x}}\n" for n in range(12))
        project.write("inventory.yml", (project.folder / "inventory.yml").read_text() + dead)
        settings = (project.folder / "rawat.yml").read_text()
        head = "rollout: {parallel: 13, stop_when_failed: 100%}\n"
        book = project.playbook(f"{head}phases: {{implement: [{{id: one, command: 'true'}}]}}\n")
        for limit_s in (6, 30):  # within which the one that lives must answer, on a busy machine too
            project.write("rawat.yml", settings.replace(PATIENT, f"connect_timeout: {limit_s}s\n"))
            began = time.monotonic()
            said = project.rawat("run", book)
            took = time.monotonic() - began
            assert said.code == 4, said
            hosts = project.record()["hosts"]
            if hosts["h1"]["outcome"] == "ok" and took < 10 * limit_s:
                break
    assert [name for name, host in hosts.items() if host["outcome"] == "ok"] == ["h1"]
    assert sum(host["outcome"] == "unreachable" for host in hosts.values()) == 12
    assert said.out.count(f"no answer within {limit_s} s while connecting") >= 1
    assert limit_s <= took < 10 * limit_s, "one after another they would take twelve times as long"


def test_a_server_that_throttles_new_connections_is_asked_again(
    tmp_path: Path, start_sshd: Callable[..., LoopbackSshd]
) -> None:
    """MaxStartups: it drops what comes while another is still logging in."""
    sshd = start_sshd(options=("MaxStartups 3:100:3",))
    project = Project(tmp_path / "project", sshd, hosts=12)
    project.write("rawat.yml", (project.folder / "rawat.yml").read_text().replace(PATIENT, "connect_timeout: 2m\n"))
    book = project.playbook("rollout: {parallel: 12}\nphases:\n  implement:\n    - {id: a, command: 'true'}\n")
    said = project.rawat("run", book)
    assert said.code == 0, said
    assert "drop connection" in sshd.log.read_text(), "it did throttle"
