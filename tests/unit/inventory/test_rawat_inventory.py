"""The rawat form of an inventory: the design's example, who gives a value, and every mistake at its place."""

from __future__ import annotations

import textwrap
from pathlib import Path

import pytest

from runner.errors import InvalidInput
from runner.inventory.load import Inventory, load

EXAMPLE = """
rawat: 1
vars: {timezone: Asia/Jakarta}
hosts:
  db1: {address: 10.0.0.5, port: 2222, user: maint, identity_file: keys/maint, jump: bastion, vars: {kind: pg}}
  db2: {}
  app1:
  bastion: {address: 192.0.2.1}
  laptop: {transport: local}
groups:
  db: {hosts: [db1, db2], vars: {port: 5432}, limit: 1}
  credit: {children: [db], hosts: [app1], vars: {port: 1, cost: 2}}
"""


def write(folder: Path, text: str, name: str = "inventory.yml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return path


def read(folder: Path, text: str) -> Inventory:
    return load([write(folder, text)], ssh_config=None)


def problems(folder: Path, *texts: str) -> list[str]:
    """`file:line:column: message` of each problem."""
    paths = [write(folder, text, f"{'abc'[number]}.yml") for number, text in enumerate(texts)]
    with pytest.raises(InvalidInput) as raised:
        load(paths, ssh_config=None)
    found = []
    for problem in raised.value.problems:
        assert problem.where is not None
        found.append(f"{problem.where}: {problem.message}".replace(f"{folder}/", ""))
    return found


def test_the_example_of_the_design(tmp_path: Path) -> None:
    inventory = read(tmp_path, EXAMPLE)
    db1, db2, app1, _, laptop = inventory.hosts
    assert (db1.address, db1.port, db1.user) == ("10.0.0.5", 2222, "maint")
    assert db1.identity_files == (str(tmp_path / "keys/maint"),)
    assert [(hop.name, hop.address, hop.jump) for hop in db1.jump] == [("bastion", "192.0.2.1", ())]
    assert db1.groups == ("db", "credit")
    assert db1.vars == {"timezone": "Asia/Jakarta", "port": 5432, "cost": 2, "kind": "pg"}
    assert (db2.address, db2.port, db2.user, db2.jump) == ("db2", None, None, ())
    assert app1.vars == {"timezone": "Asia/Jakarta", "port": 1, "cost": 2}
    assert (laptop.transport, laptop.vars) == ("local", {"timezone": "Asia/Jakarta"})
    assert inventory.groups["credit"] == ("db1", "db2", "app1")
    assert inventory.groups["all"] == ("db1", "db2", "app1", "bastion", "laptop")


def test_the_limit_of_a_group_goes_with_its_hosts(tmp_path: Path) -> None:
    inventory = read(tmp_path, EXAMPLE)
    assert inventory.select("all").limits == {"db": 1}
    assert inventory.select("app1").limits == {}
    wrong = problems(tmp_path, "rawat: 1\nhosts: {a: }\ngroups: {g: {hosts: [a], limit: 0}}\n")
    assert len(wrong) == 1 and wrong[0].startswith("a.yml:3:33: ")
    wrong = problems(
        tmp_path,
        "rawat: 1\nhosts: {a: }\ngroups: {g: {hosts: [a], limit: 1}}\n",
        "rawat: 1\ngroups: {g: {limit: 2}}\n",
    )
    assert len(wrong) == 1 and "'limit' of group 'g' is 2 here, and 1 at" in wrong[0]


def test_origins_name_file_line_and_group(tmp_path: Path) -> None:
    origins = read(tmp_path, EXAMPLE).hosts[0].origins
    file = tmp_path / "inventory.yml"
    assert origins == {
        "timezone": f"{file}:2 (group all)",
        "port": f"{file}:10 (group db)",
        "cost": f"{file}:11 (group credit)",
        "kind": f"{file}:4",
    }


def test_describe_says_what_came_out_and_from_where(tmp_path: Path) -> None:
    inventory = read(tmp_path, EXAMPLE)
    rows = {what: (value, origin.rpartition("/")[2]) for what, value, origin in inventory.describe("db1")}
    assert rows["address"] == ("10.0.0.5", "inventory.yml:4")
    assert rows["jump"] == ("bastion", "inventory.yml:4")
    assert rows["groups"] == ("db, credit", "inventory")
    assert rows["vars.port"] == (5432, "inventory.yml:10 (group db)")
    assert inventory.describe("db2")[1] == ("address", "db2", "default")


def groups(**vars_of: str) -> str:
    """top > mid > low with db1 in low, and beside with db1 in it; each with the vars given."""
    members = {"top": "children: [mid], hosts: [db1]", "mid": "children: [low]", "low": "hosts: [db1]"}
    lines = [
        "rawat: 1",
        f"hosts: {{db1: {{vars: {{{vars_of.get('host', '')}}}}}}}",
        f"vars: {{{vars_of.get('all', '')}}}",
        "groups:",
        *(
            f"  {name}: {{{content}, vars: {{{vars_of.get(name, '')}}}}}"
            for name, content in {**members, "beside": "hosts: [db1]"}.items()
        ),
    ]
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ({"all": "x: 1"}, 1),
        ({"all": "x: 1", "top": "x: 2"}, 2),
        ({"top": "x: 2", "low": "x: 3"}, 3),
        ({"top": "x: 2", "mid": "x: 3"}, 3),  # inside is stronger than near
        ({"mid": "x: 2", "beside": "x: 3"}, 3),
        ({"low": "x: 2", "beside": "x: 3", "host": "x: 4"}, 4),
        ({"low": "x: 2", "beside": "x: 3"}, "both"),
        ({"low": "x: 2", "beside": "x: 2"}, 2),
        ({"low": "x: 1", "beside": "x: true"}, "both"),
        ({"all": "x: [1]", "host": "x: {a: b}"}, {"a": "b"}),
    ],
)
def test_strength_of_values(tmp_path: Path, said: dict[str, str], wanted: object) -> None:
    if wanted == "both":
        (found,) = problems(tmp_path, groups(**said))
        assert "'x' of host 'db1' is" in found
        assert "by group 'beside' here" in found
        assert "by group 'low' at a.yml:7; both are equally near" in found
    else:
        assert read(tmp_path, groups(**said)).hosts[0].vars == {"x": wanted}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("rawat: 2", ["a.yml:1:8: expected 1, found 2"]),
        ("- db1",
         ["a.yml:1:1: an inventory is a mapping that begins with 'rawat: 1', or with 'all:' for an Ansible one"]),
        ("rawat: 1\nhost: {}", ["a.yml:2:1: 'host' is not a key here; did you mean 'hosts'?"]),
        ("hosts: {db1: {}}", ["a.yml:1:1: 'rawat: 1' is missing here; an Ansible inventory begins with 'all:'"]),
        ("rawat: 1\nhosts: {db1: {prot: 22}}", ["a.yml:2:15: 'prot' is not a key of 'db1'; did you mean 'port'?"]),
        ("rawat: 1\nhosts: {db1: {port: 0}}", ["a.yml:2:21: 0 is less than the minimum of 1"]),
        ("rawat: 1\nhosts: {db1: {port: '22'}}",
         ['a.yml:2:21: expected a whole number, found "22". The port of its sshd.']),
        ("rawat: 1\nhosts: {db1: {port: 22.0}}",
         ["a.yml:2:21: expected a whole number, found 22.0. The port of its sshd."]),
        ("rawat: 1\nhosts: {db1: {transport: sssh}}",
         ['a.yml:2:26: "sssh" is not one of ssh, local; did you mean \'ssh\'?']),
        ("rawat: 1\nhosts: {db1: {user: -oProxyCommand=x}}",
         ['a.yml:2:21: "-oProxyCommand=x" does not have the form that is wanted here: '
          "the user to log in as, without spaces"]),
        ("rawat: 1\nhosts: {db1: {address: '{{ x }}'}}",
         ['a.yml:2:24: "{{ x }}" does not have the form that is wanted here: a DNS name or an IP address; by default '
          "HostName of ssh_config, else the host's name",
          "a.yml:2:24: 'address' is not a template; write the value itself"]),
        ("rawat: 1\ngroups: {db: {colour: 1}}",
         ["a.yml:2:15: 'colour' is not a key of 'db'; known are: children, hosts, limit, vars"]),
        ("rawat: 1\nhosts: {db1: {}}\ngroups: {db: {hosts: [bd1]}}",
         ["a.yml:3:23: there is no host 'bd1'; did you mean 'db1'?"]),
        ("rawat: 1\ngroups: {db: {}, eu: {hosts: [db]}}",
         ["a.yml:2:31: there is no host 'db'; it is a group: list it under 'children'"]),
        ("rawat: 1\nhosts: {db1: {}}\ngroups: {db: {children: [db1, dbb]}}",
         ["a.yml:3:26: there is no group 'db1'; it is a host: list it under 'hosts'",
          "a.yml:3:31: there is no group 'dbb'; did you mean 'db'?"]),
        ("rawat: 1\ngroups: {a: {children: [b]}, b: {children: [c]}, c: {children: [a]}}",
         ["a.yml:2:65: groups in a circle: a > b > c > a"]),
        ("rawat: 1\ngroups: {a: {children: [a]}}", ["a.yml:2:25: groups in a circle: a > a"]),
        ("rawat: 1\ngroups: {all: {vars: {x: 1}}}",
         ["a.yml:2:10: 'all' is always there; what all hosts have goes under 'vars'"]),
        ("rawat: 1\nhosts: {db: {}, db2: {}}\ngroups: {db: {hosts: [db2]}}",
         ["a.yml:3:10: 'db' is a host too (a.yml:2); a pattern could mean either"]),
        ("rawat: 1\nvars: {a-b: 1}",
         ["a.yml:2:8: a variable's name has letters, digits and '_' only, and begins with no digit"]),
        ("rawat: 1\nhosts: {a: {jump: b}, b: {jump: a}}",
         ["a.yml:2:19: jump hosts go round in a circle: b > a > b",
          "a.yml:2:33: jump hosts go round in a circle: a > b > a"]),
        ("rawat: 1\nhosts: {a: {jump: bastoin}, bastion: {}}",
         ["a.yml:2:19: there is no host 'bastoin' to jump over; did you mean 'bastion'?"]),
        ("rawat: 1\nhosts: {a: {jump: zz}}",
         ["a.yml:2:19: there is no host 'zz' to jump over; for another one write user@host or host:port"]),
        ("rawat: 1\nhosts: {a: {jump: 'me@b:99999'}}",
         ["a.yml:2:19: 'me@b:99999' is no jump host: write a host's name, or user@host:port"]),
        ("rawat: 1\nhosts: {a: {jump: b}, b: {transport: local}}",
         ["a.yml:2:19: 'b' is this machine; it is no hop on the way to another"]),
        ("rawat: 1\nhosts: {a: {identity_file: ~nobody-of-that-name/k}}",
         ["a.yml:2:28: ~nobody-of-that-name/k: there is no user 'nobody-of-that-name' here"]),
    ],
)  # fmt: skip
def test_mistakes(tmp_path: Path, text: str, wanted: list[str]) -> None:
    assert problems(tmp_path, text) == wanted


def test_all_mistakes_of_all_files_are_told_at_once_in_order(tmp_path: Path) -> None:
    first = "rawat: 1\nhosts:\n  db 1: {}\n  db2: {prot: 1}\n"
    second = "rawat: 1\nhosts: {db2: {user: [x]}}\ngroups: {eu: {hosts: [nobody]}}\n"
    assert [found.split(": ")[0] for found in problems(tmp_path, first, second)] == [
        "a.yml:3:3", "a.yml:4:9", "b.yml:2:21", "b.yml:3:23",
    ]  # fmt: skip


def test_a_key_that_is_there_twice_keeps_no_other_mistake_back(tmp_path: Path) -> None:
    text = "rawat: 1\nhosts: {a: {prot: 1}}\nhosts: {b: {user: {}}}\n"
    assert [line.partition(";")[0] for line in problems(tmp_path, text)] == [
        "a.yml:2:13: 'prot' is not a key of 'a'",
        "a.yml:3:1: 'hosts' is here twice",
        "a.yml:3:19: expected a text, found {}. the user to log in as, without spaces.",
    ]


def test_two_files_unite(tmp_path: Path) -> None:
    one = write(tmp_path, "rawat: 1\nhosts: {db1: {port: 22}}\ngroups: {db: {hosts: [db1]}}", "one.yml")
    two = write(tmp_path, "rawat: 1\nhosts: {db1: {user: me}, db2: {}}\ngroups: {db: {hosts: [db2, db1]}}", "two.yml")
    inventory = load([one, two, one], ssh_config=None)
    assert inventory.groups["db"] == ("db1", "db2")
    assert (inventory.hosts[0].port, inventory.hosts[0].user) == (22, "me")


def test_two_files_that_differ(tmp_path: Path) -> None:
    one = "rawat: 1\nvars: {x: 1}\nhosts: {db1: {port: 22}}\ngroups: {db: {vars: {y: 1}}}"
    two = "rawat: 1\nvars: {x: 2}\nhosts: {db1: {port: 23}}\ngroups: {db: {vars: {y: 2}}}"
    assert problems(tmp_path, one, two) == [
        "b.yml:2:8: 'x' of 'all' is 2 here, and 1 at a.yml:2",
        "b.yml:3:21: 'port' of host 'db1' is 23 here, and 22 at a.yml:3",
        "b.yml:4:22: 'y' of group 'db' is 2 here, and 1 at a.yml:4",
    ]


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("db_1.example", ""),
        ("пример.com", ""),
        ("東京-db", ""),
        ("bücher", ""),
        ("-db", "'-' cannot stand at the beginning of a name"),
        ("db:1", "a name has no ':'"),
        ("db\\u202e1", "the character U+202E cannot stand in a name"),
        ("db\\x07", "the character U+0007 cannot stand in a name"),
        ("dаta", "'dаta' mixes cyrillic and latin letters, which look alike"),
        ("x" * 254, "a name has at most 253 characters"),
        ("", "a name must not be empty"),
    ],
)
def test_names(tmp_path: Path, name: str, wanted: str) -> None:
    text = f'rawat: 1\nhosts: {{"{name}": {{}}}}'
    if wanted:
        assert wanted in problems(tmp_path, text)[0]
    else:
        assert read(tmp_path, text).hosts[0].name == name


def test_names_that_only_look_alike_are_named_with_both_places(tmp_path: Path) -> None:
    names = ("coc.example", "db1", "сос.example", "DB1", "сос.EXAMPLE", "ｃｏｃ.example", "pa", "ΡΑ", "東京", "пример")
    found = read(tmp_path, "rawat: 1\nhosts:\n" + "".join(f"  {name}: {{}}\n" for name in names))
    assert len(found.hosts) == len(names)
    assert [note.replace(f"{tmp_path}/inventory.yml:", "") for note in found.notes] == [
        "5: host 'сос.example' looks like 'coc.example' at 3; it has cyrillic and latin letters, that one latin",
        "6: host 'DB1' looks like 'db1' at 4; only case tells them apart",
        "7: host 'сос.EXAMPLE' looks like 'coc.example' at 3; it has cyrillic and latin letters, that one latin",
        "8: host 'ｃｏｃ.example' looks like 'coc.example' at 3; it has fullwidth and latin letters, that one latin",
        "10: host 'ΡΑ' looks like 'pa' at 9; it has greek letters, that one latin",
    ]


def test_names_have_one_spelling(tmp_path: Path) -> None:
    text = 'rawat: 1\nhosts: {"b\\u00fccher": {}}\ngroups: {de: {hosts: ["bu\\u0308cher"]}}'
    inventory = read(tmp_path, text)
    assert inventory.select("bu\u0308cher").hosts[0].name == "b\u00fccher"
    twice = 'rawat: 1\nhosts: {"b\\u00fccher": {}, "bu\\u0308cher": {}}'
    assert "in two spellings" in problems(tmp_path, twice)[0]


def test_jump_hosts_are_followed_first_hop_first(tmp_path: Path) -> None:
    text = """
    rawat: 1
    hosts:
      deep: {jump: [inner, "me@last:2200"]}
      inner: {jump: outer, address: 10.1.1.1}
      outer: {port: 2022}
      other: {jump: [outer, inner]}
    """
    inventory = read(tmp_path, text)
    hops = {host.name: [(hop.name, hop.user, hop.port) for hop in host.jump] for host in inventory.hosts}
    assert hops["deep"] == [("outer", None, 2022), ("inner", None, None), ("last", "me", 2200)]
    assert hops["other"] == [("outer", None, 2022), ("inner", None, None)]


def test_a_long_chain_of_jumps_is_refused(tmp_path: Path) -> None:
    hosts = "".join(f"  h{n}: {{jump: h{n + 1}}}\n" for n in range(9)) + "  h9: {}\n"
    found = problems(tmp_path, "rawat: 1\nhosts:\n" + hosts)
    assert any("more than 8 jump hosts" in line for line in found)


def test_without_a_file_this_machine_can_be_named() -> None:
    inventory = load([], ssh_config=None)
    assert inventory.hosts == ()
    (host,) = inventory.select("localhost").hosts
    assert (host.name, host.transport) == ("localhost", "local")
    with pytest.raises(InvalidInput, match="leaves no host"):
        inventory.select("all")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="cannot be read: No such file"):
        load([tmp_path / "none.yml"], ssh_config=None)


def test_golden_output(tmp_path: Path) -> None:
    path = write(tmp_path, "rawat: 1\nhosts:\n  db1: {adress: x}\ngroups:\n  db: {hosts: [bd1]}\n")
    with pytest.raises(InvalidInput) as raised:
        load([path], ssh_config=None)
    assert str(raised.value).replace(f"{tmp_path}/", "") == textwrap.dedent(
        """\
        inventory.yml:3:9: error: 'adress' is not a key of 'db1'; did you mean 'address'?
            3 |   db1: {adress: x}
              |         ^^^^^^
        inventory.yml:5:16: error: there is no host 'bd1'; did you mean 'db1'?
            5 |   db: {hosts: [bd1]}
              |                ^^^"""
    )
