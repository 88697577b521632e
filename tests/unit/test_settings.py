"""Settings: which source holds, where each value came from, and every mistake in every source."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from runner.errors import InvalidInput
from runner.settings import SCHEMA, Settings, load
from runner.units import written_duration


def write(folder: Path, text: str, name: str = "rawat.yml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(text).lstrip("\n"), encoding="utf-8")
    return path


def read(
    folder: Path, environment: Mapping[str, str] | None = None, file: Path | None = None, **flags: Any
) -> Settings:
    return load(folder=folder, environment=environment or {}, flags=flags, file=file)


def origins(settings: Settings) -> dict[str, str]:
    return {entry.key: entry.origin.rpartition("/")[2] for entry in settings.entries()}


def problems(folder: Path, environment: Mapping[str, str] | None = None, **flags: Any) -> list[str]:
    with pytest.raises(InvalidInput) as raised:
        read(folder, environment, **flags)
    return [str(problem).split("\n")[0].replace(f"{folder}/", "") for problem in raised.value.problems]


def test_defaults(tmp_path: Path) -> None:
    settings = read(tmp_path, {"TZ": "Asia/Jakarta"})
    assert (settings.root, settings.file) == (tmp_path, None)
    assert settings.records == tmp_path / "records"
    assert settings.index == f"sqlite:{tmp_path}/records/index.db"
    assert settings.inventory == ()
    own = [str(Path.home() / ".ssh" / name) for name in ("known_hosts", "known_hosts2")]
    assert settings.known_hosts == (*own, "/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
    assert settings.ssh_config == Path.home() / ".ssh/config"
    assert settings.timezone == "Asia/Jakarta"
    assert not settings.ticket_required
    assert not settings.same_machine_allowed
    assert (settings.connect_timeout_s, settings.keepalive_s) == (10.0, 5.0)
    assert set(origins(settings).values()) == {"default"}


FILE = """
rawat: 1
records: journals/
inventory: [a.yml, /etc/b.yml]
known_hosts: ~/.ssh/other
timezone: Asia/Jakarta
policy:
  ticket: required
  same_machine: allow
connect_timeout: 1m
keepalive: 2.5
"""


def test_the_file_is_found_upwards_and_its_paths_are_its_own(tmp_path: Path) -> None:
    write(tmp_path, FILE)
    below = tmp_path / "deep" / "er"
    below.mkdir(parents=True)
    settings = read(below)
    assert (settings.root, settings.file) == (tmp_path, tmp_path / "rawat.yml")
    assert settings.records == tmp_path / "journals"
    assert settings.index == f"sqlite:{tmp_path}/journals/index.db"
    assert settings.inventory == (tmp_path / "a.yml", Path("/etc/b.yml"))
    assert settings.known_hosts == (str(Path.home() / ".ssh/other"),)
    assert settings.ticket_required
    assert settings.same_machine_allowed
    assert (settings.connect_timeout_s, settings.keepalive_s) == (60.0, 2.5)
    assert origins(settings)["policy.ticket"] == "rawat.yml:7"
    assert origins(settings)["keepalive"] == "rawat.yml:10"
    assert origins(settings)["index"] == "default"


@pytest.mark.parametrize(
    ("file", "environment", "flag", "wanted"),
    [
        ("", {}, None, (5.0, "default")),
        ("keepalive: 6s", {}, None, (6.0, "rawat.yml:2")),
        ("keepalive: 6s", {"RAWAT_KEEPALIVE": "7s"}, None, (7.0, "environment RAWAT_KEEPALIVE")),
        ("keepalive: 6s", {"RAWAT_KEEPALIVE": "7"}, "8s", (8.0, "flag")),
        ("keepalive: 6s", {"RAWAT_KEEPALIVE": ""}, None, (6.0, "rawat.yml:2")),
        ("", {}, 9, (9.0, "flag")),
    ],
)
def test_who_holds(
    tmp_path: Path, file: str, environment: dict[str, str], flag: Any, wanted: tuple[float, str]
) -> None:
    write(tmp_path, f"rawat: 1\n{file}\n")
    settings = read(tmp_path, environment, keepalive=flag)
    assert (settings.keepalive_s, origins(settings)["keepalive"]) == wanted


def test_paths_of_environment_and_flags_are_relative_to_the_current_folder(tmp_path: Path) -> None:
    write(tmp_path, "rawat: 1\nindex: sqlite:x/index.db\n")
    below = tmp_path / "below"
    below.mkdir()
    settings = read(
        below, {"RAWAT_KNOWN_HOSTS": "kh1:~/kh2,/kh3"}, records=Path("rec"), inventory=("../i.yml", "j.yml")
    )
    assert settings.index == f"sqlite:{tmp_path}/x/index.db"
    assert settings.known_hosts == (str(below / "kh1"), str(Path.home() / "kh2"), "/kh3")
    assert settings.records == below / "rec"
    assert settings.inventory == (tmp_path / "i.yml", below / "j.yml")


def test_nested_keys_in_environment_and_flags(tmp_path: Path) -> None:
    assert read(tmp_path, {"RAWAT_POLICY_SAME_MACHINE": "allow"}).same_machine_allowed
    assert read(tmp_path, policy_ticket="required").ticket_required
    assert load(folder=tmp_path, environment={}, flags={"policy.ticket": "required"}).ticket_required


def test_the_inventory_beside_the_settings_or_in_the_folder_is_taken(tmp_path: Path) -> None:
    below = tmp_path / "below"
    write(below, "rawat: 1", "inventory.yml")
    write(tmp_path, "rawat: 1")
    assert read(below).inventory == (below / "inventory.yml",)
    write(tmp_path, "rawat: 1", "inventory.yml")
    assert read(below).inventory == (tmp_path / "inventory.yml",)


def test_a_file_that_is_named_holds_instead_of_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, FILE)
    other = write(tmp_path, "rawat: 1\nrecords: r", "conf/team.yml")
    settings = read(tmp_path, file=Path("conf/team.yml"))
    assert (settings.file, settings.records, settings.ticket_required) == (other, tmp_path / "conf/r", False)
    with pytest.raises(InvalidInput, match="cannot be read"):
        read(tmp_path, file=Path("none.yml"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("rawat: 1\nrecrods: x", "rawat.yml:2:1: error: 'recrods' is not a key here; did you mean 'records'?"),
        ("records: x", "rawat.yml:1:1: error: 'rawat' is missing here"),
        ("- x", "rawat.yml:1:1: error: the settings are a mapping that begins with 'rawat: 1'"),
        ("rawat: 1\npolicy: {tiket: required}",
         "rawat.yml:2:10: error: 'tiket' is not a key of 'policy'; did you mean 'ticket'?"),
        ("rawat: 1\npolicy: {ticket: requird}",
         'rawat.yml:2:18: error: "requird" is not one of required, optional; did you mean \'required\'?'),
        ("rawat: 1\nkeepalive: 5 parsecs",
         'rawat.yml:2:12: error: "5 parsecs" does not have the form that is wanted here: a number of seconds, '),
        ("rawat: 1\nrecords: ~nobody-of-that-name/r",
         "rawat.yml:2:10: error: ~nobody-of-that-name/r: there is no user 'nobody-of-that-name' here"),
        ("rawat: 1\nkeepalive: 0s", "rawat.yml:2:12: error: '0s' is no time at all; it must be longer than 0"),
        ("rawat: 1\ntimezone: Asia/Jakata",
         "rawat.yml:2:11: error: 'Asia/Jakata' is no time zone; did you mean 'Asia/Jakarta'?"),
        ("rawat: 1\nindex: postgresql://x/y",
         'rawat.yml:2:8: error: "postgresql://x/y" does not have the form that is wanted here: sqlite:PATH'),
        ("rawat: 1\npolicy: {approvals: two}",
         'rawat.yml:2:21: error: "two" does not have the form that is wanted here: a whole number'),
        ("rawat: 1\nssh_config: nowhere", "rawat.yml:2:13: error: there is no file nowhere"),
        ("rawat: 1\nlanguage: id", "rawat.yml:2:1: error: 'language' is not a key here"),
        ("rawat: 1\nrecords:", "rawat.yml:2:9: error: expected a text, found null"),
    ],
)  # fmt: skip
def test_mistakes_in_the_file(tmp_path: Path, text: str, wanted: str) -> None:
    write(tmp_path, text)
    (found,) = problems(tmp_path)
    assert found.startswith(wanted)


def test_mistakes_of_all_sources_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, "rawat: 1\nrecrods: x\nkeepalive: [1]\n")
    environment = {"RAWAT_RECRODS": "x", "RAWAT_KEEPALIVE": "0", "RAWAT_POLICY_TICKET": "maybe", "HOME": "/"}
    found = problems(tmp_path, environment, index="postgresql://x", recods="x")
    assert [line.split(": ")[1] if line.startswith("error") else line.split(": ")[0] for line in found] == [
        "rawat.yml:2:1", "rawat.yml:3:12", "environment RAWAT_RECRODS", "environment RAWAT_POLICY_TICKET",
        "--index", "flag recods", "environment RAWAT_KEEPALIVE",
    ]  # fmt: skip
    assert "did you mean 'RAWAT_RECORDS'?" in found[2]


@pytest.mark.parametrize(
    "name", ["RAWAT_SPOOL", "RAWAT_SECRET_DB_PASSWORD", "RAWAT_BED", "RAWAT_BED_CACHE", "RAWAT_SUDO_PASSWORD_FILE"]
)
def test_names_that_others_read_are_let_pass(tmp_path: Path, name: str) -> None:
    assert read(tmp_path, {name: "x"})


def test_every_setting_is_described_and_listed(tmp_path: Path) -> None:
    keys = []
    for key, schema in SCHEMA["properties"].items():
        assert schema["description"]
        keys += [f"{key}.{inner}" for inner in schema.get("properties", {})] or [key]
        assert all(inner["description"] for inner in schema.get("properties", {}).values())
    listed = [entry.key for entry in read(tmp_path).entries()]
    assert sorted(listed) == sorted(set(keys) - {"rawat"})


def test_every_default_of_a_time_may_be_written_as_it_is_shown(tmp_path: Path) -> None:
    """`rawat settings` told 400 days as 3.456e+07s, and nobody could write the 0s that holds for policy.retention."""
    times = {entry.key: entry.value for entry in read(tmp_path).entries() if isinstance(entry.value, float)}
    assert {key: written_duration(value) for key, value in times.items()} == {
        "policy.emergency_review": "3d",
        "policy.retention": "0s",
        "connect_timeout": "10s",
        "keepalive": "5s",
        "reconnect_timeout": "5m",
        "lock_timeout": "5s",
    }
    for key, value in times.items():
        name = f"RAWAT_{key.replace('.', '_').upper()}"
        for more in (value, value + 400 * 86400, value + 0.25, value + 3601):
            again = read(tmp_path, {name: written_duration(more)}).entries()
            assert next(entry.value for entry in again if entry.key == key) == more
