"""Ansible's static inventories mean here what they mean there, and what is dynamic is refused in so many words."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import InvalidInput
from runner.inventory.ansible.ini import read_ini
from runner.inventory.ansible.ranges import expand
from runner.inventory.ansible.values import literal
from runner.inventory.load import Inventory, load
from runner.model import Host


def write(folder: Path, text: str, name: str) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return path


def read(folder: Path, text: str, name: str = "hosts") -> Inventory:
    return load([write(folder, text, name)], ssh_config=None)


def problems(folder: Path, text: str, name: str = "hosts") -> list[str]:
    with pytest.raises(InvalidInput) as raised:
        read(folder, text, name)
    return [str(problem).split("\n")[0].replace(f"{folder}/", "") for problem in raised.value.problems]


def test_ini(tmp_path: Path) -> None:
    text = """
    # as their documentation has it
    mail.example.com

    [webservers]
    web[01:03].example.com http_port=80 max=808
    alias ansible_host=192.0.2.50 ansible_port=5555 ansible_user=maint

    [dbservers]
    db-[a:c].example.com:5309 note="two words"  # trailing

    [webservers:vars]
    ntp = ntp.example.com

    [south:children]
    webservers
    dbservers

    [all:vars]
    zone=Asia/Jakarta
    """
    inventory = read(tmp_path, text)
    assert inventory.groups["webservers"] == ("web01.example.com", "web02.example.com", "web03.example.com", "alias")
    assert inventory.groups["south"][-1] == "db-c.example.com"
    hosts = {host.name: host for host in inventory.hosts}
    assert hosts["mail.example.com"].groups == ()
    assert hosts["mail.example.com"].vars == {"zone": "Asia/Jakarta"}
    assert hosts["web02.example.com"].vars == {
        "zone": "Asia/Jakarta", "ntp": "ntp.example.com", "http_port": 80, "max": 808,
    }  # fmt: skip
    alias = hosts["alias"]
    assert (alias.address, alias.port, alias.user) == ("192.0.2.50", 5555, "maint")
    assert "ansible_user" not in alias.vars
    assert hosts["db-b.example.com"].port == 5309
    assert hosts["db-b.example.com"].vars["note"] == "two words"
    assert hosts["web02.example.com"].origins["ntp"].endswith("hosts:12 (group webservers)")


YAML = """
all:
  vars: {zone: Asia/Jakarta}
  hosts:
    mail.example.com:
  children:
    webservers:
      hosts:
        web[01:02].example.com: {http_port: 80}
        alias:
          ansible_host: 192.0.2.50
          ansible_port: "5555"
          ansible_connection: ssh
    south:
      children:
        webservers:
        here: {hosts: {laptop: {ansible_connection: local}}}
      vars: {ntp: ntp.example.com}
"""


@pytest.mark.parametrize("name", ["hosts.yml", "hosts.yaml", "hosts"])
def test_yaml(tmp_path: Path, name: str) -> None:
    inventory = read(tmp_path, YAML, name)
    assert inventory.groups["south"] == ("web01.example.com", "web02.example.com", "alias", "laptop")
    hosts = {host.name: host for host in inventory.hosts}
    assert hosts["alias"].vars == {"zone": "Asia/Jakarta", "ntp": "ntp.example.com"}
    assert (hosts["alias"].address, hosts["alias"].port) == ("192.0.2.50", 5555)
    assert hosts["web02.example.com"].vars["http_port"] == 80
    assert hosts["laptop"].transport == "local"
    assert hosts["laptop"].groups == ("here", "south")


def test_folders_of_variables(tmp_path: Path) -> None:
    write(tmp_path, "x: folder\ny: folder\nz: folder\nw: folder", "group_vars/all.yml")
    write(tmp_path, "y: group\nz: group", "group_vars/db/main.yml")
    write(tmp_path, "more: [1]", "group_vars/db/more.yaml")
    write(tmp_path, "z: host", "host_vars/db1")
    write(tmp_path, "a: 1", "host_vars/gone.yml")
    write(tmp_path, "not yaml: [", "host_vars/.hidden.yml")
    inventory = read(tmp_path, "[db]\ndb1 w=line\n[db:vars]\ny=file\n[all:vars]\nx=file\n")
    (host,) = inventory.hosts
    assert host.vars == {"x": "folder", "y": "group", "z": "host", "w": "line", "more": [1]}
    assert host.origins["y"] == f"{tmp_path}/group_vars/db/main.yml:1 (group db)"
    assert inventory.notes == (f"{tmp_path}/host_vars/gone.yml: not read; there is no host 'gone'",)


LEVELS = "[a]\nh\n[b]\nh\n[mid:children]\nb\n[top:children]\nmid\n"


@pytest.mark.parametrize(
    ("text", "beside", "wanted"),
    [
        (LEVELS + "[a:vars]\nx=1\n[mid:vars]\nx=2", {}, "x is 2 by mid:12, 1 by a:10"),  # Ansible goes by depth
        (LEVELS + "[a:vars]\nx=1\n[mid:vars]\nx=1", {}, 1),
        (LEVELS + "[b:vars]\nx=1\n[top:vars]\nx=2", {}, 1),
        (LEVELS + "[b:vars]\nx=1", {"all": 2}, "x is 2 by all:1, 1 by b:10"),
        (LEVELS + "[b:vars]\nx=1", {"top": 2}, "x is 2 by top:1, 1 by b:10"),
        (LEVELS + "[all:vars]\nx=1", {"top": 2, "b": 3}, 3),
        (LEVELS.replace("h", "h x=5", 1) + "[b:vars]\nx=1", {"all": 2, "a": 3}, 5),
    ],
)
def test_where_ansible_would_take_another_groups_value(
    tmp_path: Path, text: str, beside: dict[str, int], wanted: int | str
) -> None:
    for group, value in beside.items():
        write(tmp_path, f"x: {value}\n", f"group_vars/{group}")
    if isinstance(wanted, int):
        assert read(tmp_path, text).hosts[0].vars == {"x": wanted}
        return
    with pytest.raises(InvalidInput, match="Ansible takes the former; say it for the host itself") as raised:
        read(tmp_path, text)
    (problem,) = raised.value.problems
    assert problem.where is not None
    found = re.findall(r"(\d) by group '(\w+)'", problem.message)
    at = (problem.where.line, problem.message.partition("hosts:")[2].partition(";")[0])
    told = ", ".join(f"{value} by {group}:{line}" for (value, group), line in zip(found, at, strict=True))
    assert f"x is {told}" == wanted


def test_folders_do_not_belong_to_a_rawat_inventory(tmp_path: Path) -> None:
    write(tmp_path, "x: folder", "group_vars/all.yml")
    assert read(tmp_path, "rawat: 1\nhosts: {db1: {}}", "inventory.yml").hosts[0].vars == {}


def test_a_rawat_and_an_ansible_inventory_unite(tmp_path: Path) -> None:
    one = write(tmp_path, "rawat: 1\nhosts: {db1: {user: me}}\ngroups: {eu: {hosts: [db1]}}", "inventory.yml")
    two = write(tmp_path, "[db]\ndb1\ndb2\n[db:vars]\nansible_user=root\nansible_port=2222", "hosts")
    db1, db2 = load([one, two], ssh_config=None).hosts
    assert (db1.user, db1.port, db1.groups) == ("me", 2222, ("eu", "db"))
    assert db2.user == "root"
    write(tmp_path, "db1 ansible_user=you", "hosts")
    with pytest.raises(InvalidInput, match=r"'user' is .you. here, and .me. at .*inventory.yml:2"):
        load([one, two], ssh_config=None)


def one(folder: Path, values: str) -> Host:
    return read(folder, f"db1 {values}\n").hosts[0]


@pytest.mark.parametrize(
    ("values", "hops"),
    [
        ("ansible_ssh_common_args='-J bastion'", [("bastion", None, None)]),
        ("ansible_ssh_common_args='-Jme@bastion:2200'", [("bastion", "me", 2200)]),
        ("ansible_ssh_common_args='-o ProxyJump=a,b'", [("a", None, None), ("b", None, None)]),
        ("ansible_ssh_common_args='-oProxyJump=a'", [("a", None, None)]),
        ("ansible_ssh_common_args='-o \"ProxyJump a\"'", [("a", None, None)]),
        ("ansible_ssh_extra_args='-J none'", []),
    ],
)
def test_jumps(tmp_path: Path, values: str, hops: list[Any]) -> None:
    assert [(hop.name, hop.user, hop.port) for hop in one(tmp_path, values).jump] == hops


def test_connection_fields(tmp_path: Path) -> None:
    host = one(tmp_path, "ansible_ssh_private_key_file=/k ansible_become_user=root ansible_connection=smart")
    assert (host.identity_files, host.transport, host.vars) == (("/k",), "ssh", {"ansible_become_user": "root"})


def test_what_is_none_was_not_said(tmp_path: Path) -> None:
    host = one(tmp_path, "ansible_host=None ansible_port=None ansible_user=None")
    assert (host.address, host.port, host.user) == ("db1", None, None)


@pytest.mark.parametrize(
    "text",
    [
        "[g]\ndb1 ansible_password=hunter2\ndb1 ansible_password=hunter3",
        "[g]\ndb1 ansible_become_pass='hunter2",
        "[g]\ndb1 ansible_ssh_pass=hunter2 junk",
        "[g]\ndb1\n[h]\ndb1\n[g:vars]\nansible_paramiko_pass=hunter2\n[h:vars]\nansible_paramiko_pass=hunter3",
    ],
)
def test_a_mistake_shows_no_secret(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        read(tmp_path, text)
    assert "hunter" not in str(raised.value)
    assert "hosts:" in str(raised.value)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("ansible_ssh_common_args='-p 2222 -l maint -i /k'",
         {"port": 2222, "user": "maint", "identity_files": ("/k",)}),
        ("ansible_ssh_extra_args='-C4p2222 -lmaint'", {"port": 2222, "user": "maint"}),
        ("ansible_ssh_common_args='-o Port=2222 -oUser=maint -o \"IdentityFile /k\"'",
         {"port": 2222, "user": "maint", "identity_files": ("/k",)}),
        ("ansible_ssh_common_args='-o hostkeyalias=real -o \"UserKnownHostsFile /a /b\"'",
         {"host_key_alias": "real", "known_hosts": ("/a", "/b")}),
        # of two values ssh takes the first, and so does Ansible: ssh_args, the variables, common, extra
        ("ansible_ssh_extra_args='-p 4' ansible_port=2 ansible_ssh_common_args='-p 3' ansible_ssh_args='-p 1 -p 9'",
         {"port": 1}),
        ("ansible_ssh_common_args='-p 3' ansible_port=2", {"port": 2}),
        ("ansible_ssh_common_args='-i /b -i /c' ansible_ssh_private_key_file=/a",
         {"identity_files": ("/a", "/b", "/c")}),
        ("ansible_ssh_common_args='-b 10.0.0.1 -p 2222'", {"port": 2222}),
    ],
)  # fmt: skip
def test_ssh_arguments_that_say_how_a_host_is_reached(tmp_path: Path, said: str, wanted: dict[str, Any]) -> None:
    host = read(tmp_path, f"db1 {said}\n").hosts[0]
    assert {name: getattr(host, name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("values", "note"),
    [
        ("ansible_password=hunter2", "'ansible_password' is left out; secrets do not belong in an inventory"),
        ("ansible_become_pass=x", "'ansible_become_pass' is left out; secrets do not belong in an inventory"),
        ("ansible_winrm_password=hunter2",
         "'ansible_winrm_password' is left out; secrets do not belong in an inventory"),
        ("ansible_host_key_checking=False", "'ansible_host_key_checking' is ignored; host keys are always checked"),
        ("ansible_ssh_common_args='-o StrictHostKeyChecking=no'",
         "the ssh argument '-o StrictHostKeyChecking=no' is ignored"),
        ("ansible_ssh_common_args='-o UserKnownHostsFile=/dev/null'",
         "the ssh argument '-o UserKnownHostsFile=/dev/null' is ignored: UserKnownHostsFile /dev/null would forget the "
         "host keys; they are always checked"),
        ("ansible_ssh_common_args='-b 10.0.0.1'", "the ssh argument '-b 10.0.0.1' is ignored"),
        ("ansible_ssh_common_args='-o IdentityFile=%x'",
         "the ssh argument '-o IdentityFile=%x' is ignored: '%x' has a token that rawat does not know"),
        ("ansible_ssh_common_args='-i /k/%h'",
         "the ssh argument '-i /k/%h' is ignored: '/k/%h' has a token, which is filled in for ssh_config only"),
        ("ansible_become_user=postgres ansible_become=False",
         "'ansible_become_user' says nothing here; whom steps work as stands in the playbook: become"),
        ("x=1,2", "'x' is the text '1,2'; to Ansible it is [1, 2]"),
        ("x=0x10", "'x' is the text '0x10'; to Ansible it is 16"),
        ("x='{% if y %}'", "'x' holds a statement, {% %}; it is taken as text, as only {{ }} is filled in"),
    ],
)  # fmt: skip
def test_notes(tmp_path: Path, values: str, note: str) -> None:
    inventory = read(tmp_path, f"db1 {values}\n")
    assert inventory.notes == (f"{tmp_path}/hosts:1: {note}",)
    assert "hunter2" not in str(inventory.hosts)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("db1 ansible_host='{{ x }}'",
         ["hosts:1:5: error: 'ansible_host' is a template, which rawat does not render here"]),
        ("db1 ansible_connection=docker",
         ["hosts:1:5: error: 'ansible_connection': \"docker\" is no connection that rawat has: ssh, local"]),
        ("db1 ansible_port=many", ["hosts:1:5: error: 'ansible_port': \"many\" is no port"]),
        ("db1 ansible_ssh_common_args='-p many'",
         ["hosts:1:5: error: 'ansible_ssh_common_args': \"many\" is no port"]),
        ("db1 ansible_user=-oX", ["hosts:1:5: error: 'ansible_user': \"-oX\" cannot be"]),
        (f"db1 ansible_port={'1' * 5000}", [f"hosts:1:5: error: 'ansible_port': \"{'1' * 58}\u2026 is no port"]),
        (f"db1:{'1' * 5000}", ["hosts:1:1: error: a name has at most 253 characters"]),
        ("db1 ansible_user=True", ["hosts:1:5: error: 'ansible_user': \"True\" cannot be"]),
        ("db1 ansible_host=[]", ["hosts:1:5: error: 'ansible_host': \"[]\" cannot be"]),
        ("db1 ansible_ssh_common_args='-o ProxyCommand=\"ssh -W %h:%p b\"'",
         ["hosts:1:5: error: ProxyCommand would run a local command; name the jump host: -J user@host"]),
        ("db1 x", ["hosts:1:5: error: 'x' is no name=value"]),
        ("db1 'x", ["hosts:1:1: error: a quote is not closed"]),
        ("db[3:1]", ["hosts:1:1: error: '[3:1]' is an empty range"]),
        ("db1 x=1\ndb1 x=2", ["hosts:2:5: error: 'x' is 2 here, and 1 at hosts:1"]),
        ("[db:childs]\nx",
         ["hosts:1:1: error: 'childs' is no part of a group: children, vars; did you mean 'children'?"]),
        ("[db]\ndb1\n[dbs:vars]\nx=1", ["hosts:3:2: error: there is no group 'dbs'; did you mean 'db'?"]),
        ("[eu:children]\ndb", ["hosts:2:1: error: there is no group 'db'"]),
        ("[db:vars]\nx", ["hosts:2:1: error: expected name=value", "hosts:1:2: error: there is no group 'db'"]),
        ("2001:db8::1 x=1",
         ["hosts:1:1: error: a name has no ':'; give a port or an IPv6 address as a value of its own"]),
        ("#!/bin/sh\necho {}",
         ["error: hosts: a program; inventories are only read, never run: keep its output in a file"]),
    ],
)  # fmt: skip
def test_mistakes_in_ini(tmp_path: Path, text: str, wanted: list[str]) -> None:
    assert sorted(problems(tmp_path, text)) == sorted(wanted)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("plugin: aws_ec2\nregions: [x]",
         "hosts.yml:1:1: error: the settings of an inventory plugin; rawat asks no plugin: keep its output in a file"),
        ("all: {hosts: {db1: {pw: !vault 'x'}}}",
         "hosts.yml:1:25: error: this is encrypted with ansible-vault, which rawat does not read; name it under "
         "`secrets` of the playbook instead"),
        ("$ANSIBLE_VAULT;1.1;AES256\n6231", "hosts.yml:1:1: error: this is encrypted with ansible-vault, which rawat "
         "does not read; name it under `secrets` of the playbook instead"),
        ("all: {host: {}}", "hosts.yml:1:7: error: 'host' is not a key of a group; did you mean 'hosts'?"),
        ("all: {hosts: [db1]}", "hosts.yml:1:14: error: 'hosts' is a mapping here, name by name"),
        ("all: {hosts: {'db[': {}}}", "hosts.yml:1:15: error: '[' cannot stand in a name"),
        ("db: {hosts: {db1: 5}}", "hosts.yml:1:19: error: 'db1' is a mapping here, name by name"),
    ],
)  # fmt: skip
def test_mistakes_in_yaml(tmp_path: Path, text: str, wanted: str) -> None:
    assert problems(tmp_path, text, "hosts.yml") == [wanted]


def test_a_vault_among_group_vars_is_refused(tmp_path: Path) -> None:
    write(tmp_path, "$ANSIBLE_VAULT;1.1;AES256\n6231", "group_vars/all/vault.yml")
    (found,) = problems(tmp_path, "db1\n")
    assert found.startswith("group_vars/all/vault.yml:1:1: error: this is encrypted with ansible-vault")


def test_a_folder_is_no_inventory(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="is a folder; name each inventory in it with -i"):
        load([tmp_path], ssh_config=None)


def test_old_booleans_are_noted(tmp_path: Path) -> None:
    inventory = read(tmp_path, "all: {hosts: {db1: {x: yes}}}", "hosts.yml")
    assert inventory.hosts[0].vars == {"x": "yes"}
    assert "is the text 'yes'; write true or false" in inventory.notes[0]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("5432 # main", 5432), ("True #", True), ("a # b", "a # b"), ("5 6 # x", "5 6 # x"), ("0644 # x", "0644 # x"),
        ("5", 5), ("-3", -3), ("1.5", 1.5), ("True", True), ("False", False), ("None", None),
        ("true", "true"), ("yes", "yes"), ("0644", "0644"), ("1_000", "1_000"), ("0x10", "0x10"), ("1e3", "1e3"),
        ("3.10", "3.10"), ("", ""), ("a b", "a b"), ("'5'", "5"), ("[1, 'a', (2,)]", [1, "a", [2]]),
        ("{'a': None}", {"a": None}), ("{1, 2}", [1, 2]), ("[1", "[1"), ("[x]", "[x]"), ("(1+2j)", "(1+2j)"),
        ("[__import__('os')]", "[__import__('os')]"), ("[" * 5000, "[" * 5000),
        ("'\\d+'", "\\d+"), ("[1or 2]", "[1or 2]"),
    ],
)  # fmt: skip
def test_literals(text: str, wanted: object) -> None:
    found = literal(text)
    assert found == wanted
    assert type(found) is type(wanted)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("db", "db"),
        ("w[1:3]", "w1 w2 w3"),
        ("w[01:03].x", "w01.x w02.x w03.x"),
        ("w[8:11]", "w8 w9 w10 w11"),
        ("w[0:10:5]", "w0 w5 w10"),
        ("[a:c]", "a b c"),
        ("[a:b][1:2]", "a1 a2 b1 b2"),
    ],
)
def test_ranges(text: str, wanted: str) -> None:
    assert " ".join(expand(text)) == wanted


@pytest.mark.parametrize(
    "text", ["[1]", "[1:]", "[b:a]", "[1:a]", "[01:100]", "[1:3:0]", "[a:C]", "[1:99999999999]", "[1:999][1:999]"]
)
def test_ranges_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"range|more than|leading 0"):
        expand(text)


@given(first=st.integers(0, 300), count=st.integers(0, 50), width=st.integers(1, 5))
def test_a_padded_range_counts_as_python_does(first: int, count: int, width: int) -> None:
    names = [f"w{number:0{width}d}" for number in range(first, first + count + 1)]
    low, high = names[0][1:], names[-1][1:]
    if low.startswith("0") and len(low) != len(high) and len(low) > 1:
        return
    assert expand(f"w[{low}:{high}]") == names


@given(text=st.text(alphabet="[]:=#;'\"\\ \n\tab1{}-", max_size=80))
def test_any_ini_text_is_read_without_a_crash(text: str) -> None:
    read_ini(text, "hosts")
