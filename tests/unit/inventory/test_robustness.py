"""Whatever is written, it is read or refused in words; and a group inside another is always the stronger one."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runner.app.plan import describe
from runner.app.prepare import prepare
from runner.app.request import Context, Selection
from runner.document import source
from runner.errors import InvalidInput, Location
from runner.inventory.draft import Draft, Mark, Written
from runner.inventory.groups import Membership, check_groups
from runner.inventory.load import load
from runner.playbook import evaluation
from tests.users import ordinary_user

NAMES = st.sampled_from(["a", "b", "db1", "all", "x y", "-o", "d\u0430ta", "w[1:3]", "me@gate:22", "{{ x }}", ""])
KEYS = st.sampled_from(
    [
        "rawat",
        "hosts",
        "groups",
        "children",
        "vars",
        "port",
        "user",
        "address",
        "jump",
        "known_hosts",
        "identity_file",
        "transport",
        "ansible_host",
        "ansible_port",
        "ansible_user",
        "ansible_connection",
        "ansible_ssh_common_args",
        "x",
        "all",
        "a",
        "b",
        "plugin",
    ]
)
LEAVES = st.one_of(st.none(), st.booleans(), st.integers(-1, 70000), NAMES, st.just(1))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.one_of(KEYS, NAMES), inner, max_size=4)),
    max_leaves=15,
)
HOSTS = st.dictionaries(NAMES, st.one_of(st.none(), st.dictionaries(KEYS, VALUES, max_size=3)), max_size=4)
GROUPS = st.dictionaries(
    NAMES,
    st.fixed_dictionaries({}, optional={"hosts": st.lists(NAMES), "children": st.lists(NAMES), "vars": VALUES}),
    max_size=4,
)
RAWAT = st.fixed_dictionaries({"rawat": st.just(1)}, optional={"hosts": HOSTS, "groups": GROUPS, "vars": VALUES})
ANSIBLE = st.dictionaries(
    NAMES, st.fixed_dictionaries({}, optional={"hosts": HOSTS, "children": VALUES, "vars": VALUES})
)

ONE_FOLDER = settings(
    suppress_health_check=[*settings.default.suppress_health_check, HealthCheck.function_scoped_fixture]
)


@ONE_FOLDER
@given(data=st.one_of(VALUES, RAWAT, ANSIBLE))
def test_any_yaml_is_an_inventory_or_invalid_input(tmp_path: Path, data: Any) -> None:
    path = tmp_path / "inventory.yml"
    path.write_text(json.dumps(data), encoding="utf-8")
    try:
        inventory = load([path], ssh_config=None)
    except InvalidInput as error:
        assert error.problems
        assert all(str(problem) for problem in error.problems)
    else:
        for host in inventory.hosts:
            assert inventory.describe(host)
            assert set(host.vars) == set(host.origins)


@ONE_FOLDER
@given(
    lines=st.lists(
        st.sampled_from(
            ["[a]", "[a:children]", "[b:vars]", "[all:vars]", "x=1", "x = 2", "db1", "db1 x=1", "b", "w[1:2] x=[1", "]",
             "db1 ansible_port=x", "db1 ansible_ssh_common_args='-J a,b'", "db1 ansible_user='{{ u }}'", "a=b c", "'"]
        )
    )
)  # fmt: skip
def test_any_ini_is_an_inventory_or_invalid_input(tmp_path: Path, lines: list[str]) -> None:
    path = tmp_path / "hosts.ini"
    path.write_text("\n".join(lines), encoding="utf-8")
    try:
        load([path], ssh_config=None)
    except InvalidInput as error:
        assert all(problem.where is not None for problem in error.problems)


def somewhere(line: int) -> Mark:
    return Mark(where=Location(file="inventory.yml", line=line, column=1))


@given(
    edges=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), max_size=10),
    direct=st.sets(st.integers(0, 5), min_size=1),
    givers=st.sets(st.integers(0, 5)),
)
def test_a_group_inside_another_is_the_stronger_one(
    edges: list[tuple[int, int]], direct: set[int], givers: set[int]
) -> None:
    """Groups 0 to 5; an edge always leads to a higher number, so there is no circle."""
    draft = Draft()
    draft.host("db1", somewhere(1))
    for number in range(6):
        draft.group(str(number), somewhere(number))
    for one, other in edges:
        if one < other:
            draft.groups[str(one)].children[str(other)] = somewhere(1)
    for number in direct:
        draft.groups[str(number)].hosts["db1"] = somewhere(1)
    for number in givers:
        draft.groups[str(number)].vars["x"] = Written(value=number, mark=somewhere(number))
    assert check_groups(draft) == []
    membership = Membership(draft)
    found = membership.variables("db1").get("x")
    mine = {number for number in givers if str(number) in membership.groups("db1")}
    assert (found is not None) == bool(mine)
    if found is not None:
        winner = int(found[1])
        below = {winner}
        for number in range(6):
            if any(str(number) in draft.groups[str(up)].children for up in below):
                below.add(number)
        assert not (below - {winner}) & mine


@pytest.mark.parametrize("name", ["hosts", "hosts.yml", "hosts.ini"])
def test_an_empty_file(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("\n# nothing yet\n", encoding="utf-8")
    if name.endswith(".yml"):
        with pytest.raises(InvalidInput, match="an inventory is a mapping"):
            load([path], ssh_config=None)
    else:
        assert load([path], ssh_config=None).hosts == ()


def test_a_plan_for_many_hosts_reads_each_line_and_each_template_once(tmp_path: Path) -> None:
    """Both were done anew for every host: 10,000 of them took a minute."""
    hosts = "".join(f"  h{number}: {{vars: {{n: {number}}}}}\n" for number in range(300))
    (tmp_path / "inventory.yml").write_text(f"rawat: 1\nhosts:\n{hosts}")
    (tmp_path / "rawat.yml").write_text("rawat: 1\nssh_config: /dev/null\n")
    book = tmp_path / "p.yml"
    book.write_text(
        "rawat: 1\nname: t\nkind: other\nhosts: all\nvars: {n: {required: true}}\nphases:\n  implement:\n"
        "    - {id: a, command: 'echo {{ n }}'}\n    - {id: b, when: n >= 0, command: 'echo {{ host.name }}'}\n"
    )
    for cache in (source._lines, evaluation.names_in):
        cache.cache_clear()
    prepared = prepare(Selection(playbook=book), Context(folder=tmp_path, environment={}))
    described = describe(prepared)
    assert len(described["hosts"]) == 300
    assert source._lines.cache_info().misses <= 3
    assert evaluation.names_in.cache_info().misses < 30


def test_what_is_closed_to_us_is_told_and_not_passed_over() -> None:
    """A folder of variables that cannot be listed may hold some; and nothing of it is a traceback."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        closed = folder / "closed"
        (folder / "hosts").write_text("[db]\nh\n")
        assert load([folder / "hosts"], ssh_config=None).hosts  # what reads it is imported now
        for at, inner in ((closed, closed / "x"), (folder / "host_vars/h", folder / "host_vars/h/x")):
            at.mkdir(parents=True)
            inner.write_text("x: 1\n")
            at.chmod(0)
        tries: tuple[tuple[Path, Path | None], ...] = (
            (folder / "hosts", None), (closed / "x", None), (folder / "none", closed / "x"),
        )  # fmt: skip
        with ordinary_user():
            for hosts, config in tries:
                paths = [hosts] if hosts.name != "none" else []
                with pytest.raises(InvalidInput, match="cannot be read: Permission denied"):
                    load(paths, ssh_config=config)
        (folder / "host_vars/h").chmod(0o700)
        closed.chmod(0o700)
    with pytest.raises(InvalidInput, match="File name too long"):
        load([Path("x" * 5000)], ssh_config=None)
