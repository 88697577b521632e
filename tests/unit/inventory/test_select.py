"""Which hosts a run gets, and which it leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import InvalidInput
from runner.inventory.load import Inventory, load


@pytest.fixture
def inventory(tmp_path: Path) -> Inventory:
    path = tmp_path / "inventory.yml"
    path.write_text("rawat: 1\nhosts: {b: {}, a: {}, c: {}}\ngroups: {db: {hosts: [a, b]}, none: {}}\n")
    return load([path], ssh_config=None)


def test_hosts_come_in_the_order_of_the_inventory(inventory: Inventory) -> None:
    assert [host.name for host in inventory.select("c,a,b").hosts] == ["b", "a", "c"]
    assert [host.name for host in inventory.select("db").hosts] == ["b", "a"]


def test_hosts_that_the_overriding_pattern_leaves_out_are_named(inventory: Inventory) -> None:
    selected = inventory.select("a,c", instead_of="db")
    assert [host.name for host in selected.hosts] == ["a", "c"]
    assert selected.left_out == ({"host": "b", "why": "not among the hosts asked for: a,c"},)
    assert inventory.select("a").left_out == ()


def test_a_pattern_that_is_overridden_need_not_mean_anything(inventory: Inventory) -> None:
    assert inventory.select("a", instead_of="nowhere").left_out == ()


@pytest.mark.parametrize("pattern", ["none", "db:!a:!b", "db:&c"])
def test_a_pattern_that_leaves_no_host_is_refused(inventory: Inventory, pattern: str) -> None:
    with pytest.raises(InvalidInput, match="leaves no host"):
        inventory.select(pattern)


def test_likely_names(inventory: Inventory) -> None:
    with pytest.raises(InvalidInput, match=r"'nome' is no host and no group; did you mean 'none'\?"):
        inventory.select("nome")
