"""A copy that goes to another host by SSH and is proven there; what a deadline leaves behind, on real hosts."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.bed.lab import Lab
from tests.bed.seeds import seed_postgresql
from tests.integration.lab_project import LabProject, step_of

pytestmark = pytest.mark.lab


def play(hosts: str, become: str, *steps: Mapping[str, Any]) -> str:
    head = {"rawat": 1, "name": "copy", "kind": "backup", "hosts": hosts, "become": become}
    named = [{"register": str(step["id"]), **step} for step in steps]
    return json.dumps({**head, "phases": {"implement": named}})


def names(lab: Lab, host: str, folder: str) -> list[str]:
    return lab.host(host).exec(["ls", "-A", folder]).stdout.split()


def test_a_copy_is_proven_on_another_host_and_an_unknown_one_gets_nothing(tmp_path: Path, lab3: Lab) -> None:
    source, vault = lab3.host("pg"), lab3.host("plain")
    seed_postgresql(source, loans=5_000)
    source.exec(
        "install -d -o postgres -m 700 /var/lib/postgresql/.ssh; cd /var/lib/postgresql/.ssh; rm -f *;"
        " runuser -u postgres -- ssh-keygen -q -t ed25519 -N '' -f /var/lib/postgresql/.ssh/copy"
    )
    public = source.exec("cat /var/lib/postgresql/.ssh/copy.pub").stdout
    vault.exec("rm -rf /srv/copies; install -d -o postgres -m 700 /srv/copies /var/lib/postgresql/.ssh")
    vault.write("/var/lib/postgresql/.ssh/authorized_keys", public)
    vault.exec("chown postgres /var/lib/postgresql/.ssh/authorized_keys; chmod 600 /var/lib/postgresql/.ssh/*")
    known = vault.exec("cat /etc/ssh/ssh_host_ed25519_key.pub").stdout.split()
    source.write("/etc/ssh/copies_known", f"{vault.address} {known[0]} {known[1]}\n")
    source.write("/etc/ssh/others_known", f"10.1.2.3 {known[0]} {known[1]}\n")

    second = {"host": vault.address, "user": "postgres", "path": "/srv/copies", "identity": "~/.ssh/copy"}
    backup = {"engine": "postgresql", "to": "~/copies", "format": "base", "keep": 1}
    project = LabProject(tmp_path / "project", lab3)
    known_there = {**backup, "second": {**second, "known_hosts": "/etc/ssh/copies_known"}}
    project.write("copy.yml", play("pg", "postgres", {"id": "dump", "backup": known_there}))
    assert (said := project.rawat("run", "copy.yml")).code == 0, said.all
    made = step_of(project.record(), "pg", "dump")["values"]
    name = Path(made["path"]).name
    assert made["second"] == {
        "place": f"{vault.address}:/srv/copies/{name}",
        "sha256": made["sha256"],
        "same_disk": False,
    }

    proof = {"id": "restore", "restore_test": {"engine": "postgresql", "artefact": f"/srv/copies/{name}"}}
    project.write("prove.yml", play("plain", "postgres", proof))
    assert (said := project.rawat("run", "prove.yml")).code == 0, said.all
    values = step_of(project.record(), "plain", "restore")["values"]
    assert values["source"]["host"] == "pg"
    assert values["tables"]["shopintar: public.loans"] == 5_000
    assert names(lab3, "plain", "/srv/copies") == [name, f"{name}.json", f"{name}.proven"]
    assert "postgres" not in vault.exec("ps -eo user,args | grep '[p]ostgres -D' || true").stdout

    stranger = {**backup, "second": {**second, "known_hosts": "/etc/ssh/others_known"}}
    project.write("strange.yml", play("pg", "postgres", {"id": "dump", "backup": stranger}))
    said = project.rawat("run", "strange.yml")
    assert said.code == 1, said.all
    assert "nothing was started" in said.out
    assert name in names(lab3, "pg", "/var/lib/postgresql/copies")
    assert len(names(lab3, "plain", "/srv/copies")) == 3


def test_a_deadline_leaves_nothing_that_the_next_attempt_does_not_remove(tmp_path: Path, lab3: Lab) -> None:
    seed_postgresql(lab3.host("pg"), loans=5_000)
    slow = (
        "create function public.slowly(n int) returns bool language plpgsql as "
        "'begin perform pg_sleep(0.1); return true; end'; "
        "create table public.slow (n int check (public.slowly(n))); "
        "insert into public.slow select generate_series(1, 30)"
    )
    lab3.host("pg").exec(["runuser", "-u", "postgres", "--", "psql", "-q", "-d", "shopintar", "-c", slow])
    project = LabProject(tmp_path / "project", lab3)
    backup = {"engine": "postgresql", "database": "shopintar", "to": "~/late", "keep": 1}
    restore = {"engine": "postgresql", "artefact": "{{ dump.path }}"}
    steps = ({"id": "dump", "backup": backup}, {"id": "restore", "restore_test": restore})
    project.write("copy.yml", play("pg", "postgres", *steps))
    project.write("late.yml", play("pg", "postgres", steps[0], {**steps[1], "timeout": "600ms"}))
    late = project.rawat("run", "late.yml")
    assert late.code != 0, late.all
    assert (said := project.rawat("run", "copy.yml")).code == 0, said.all
    ask = ["runuser", "-u", "postgres", "--", "psql", "-Atc", "select datname from pg_database where datname ~ 'rawat'"]
    assert lab3.host("pg").exec(ask).stdout == ""
    assert [name for name in names(lab3, "pg", "/var/lib/postgresql/late") if name.startswith(".")] == []
    assert step_of(project.record(), "pg", "restore")["values"]["equal"] is True
