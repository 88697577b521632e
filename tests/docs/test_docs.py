"""The docs say what the code does: pages that are made are up to date, and nothing goes without mention."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
import yaml

from docs.make import pages, record_fields
from runner import errors
from runner.app.kinds import kind_page, whole_schema
from runner.app.wiring import KINDS
from runner.cli.main import cli
from runner.playbook.evaluation import holds
from runner.playbook.template import render
from runner.record.schema import schema as record_schema

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


def test_made_pages_are_up_to_date() -> None:
    stale = [
        str(path.relative_to(ROOT)) for path, text in pages().items() if not path.exists() or path.read_text() != text
    ]
    assert stale == [], "run `inv docs`"


def test_every_command_is_in_the_readme_and_has_help() -> None:
    text = README.read_text()
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command and command.name == name
        assert f"`rawat {name}" in text, name
        inner = {f"{name} {key}": value for key, value in getattr(command, "commands", {}).items()}
        for full, one in {name: command, **inner}.items():
            assert one.help, full
            assert not one.get_short_help_str(66).endswith("..."), f"{full}: its line in the list of commands is cut"
            for parameter in one.params:
                if parameter.param_type_name == "option":
                    assert getattr(parameter, "help", None), f"{full} {parameter.name}"


def test_every_exit_code_of_the_code_is_documented() -> None:
    page = (ROOT / "docs" / "exit-codes.md").read_text()
    readme = README.read_text()
    branches = [
        value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.RawatError)
    ]
    for code in {0, 1, 3, 5, 9, 130, *(branch.exit_code for branch in branches)}:
        assert re.search(rf"^\| {code}\b", page, re.MULTILINE), code
        assert re.search(rf"^\| {code}\b", readme, re.MULTILINE), code


@pytest.mark.parametrize("name", KINDS.names())
def test_every_kind_describes_every_parameter(name: str) -> None:
    schema = KINDS.get(name).schema
    assert schema.get("title") and schema.get("examples")
    for variant in (schema, *schema.get("anyOf", ()), *schema.get("oneOf", ())):
        for key, inner in variant.get("properties", {}).items():
            assert inner.get("description"), f"{name}.{key}"


def test_a_page_says_with_what_a_kind_that_reads_changes_the_host_and_which_keys_go_with_it() -> None:
    said = "Only reads as it stands; with `apply: security | all | back` or `refresh: true` it changes the host."
    assert said in kind_page("patch")
    assert "with `change: true` it changes" in kind_page("sql")
    beside = {name: kind_page(name).rpartition("a step may have: ")[2] for name in KINDS.names()}
    assert not any(f"`{key}`" in keys for keys in beside.values() for key in ("steps", "include"))
    watched = {name for name, keys in beside.items() if "`watch`" in keys}
    assert {"disk", "sql", "patch"} <= watched and not {"command", "service", "note"} & watched
    assert "`become`" in beside["command"] and "`become`" not in beside["note"]


def test_the_schemas_of_playbooks_and_of_records_are_schemas() -> None:
    from jsonschema import Draft202012Validator

    for schema in (whole_schema(), record_schema()):
        Draft202012Validator.check_schema(schema)


def test_links_between_pages_lead_somewhere() -> None:
    for page in (README, *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_yaml_in_the_docs_is_what_rawat_reads(tmp_path: Path) -> None:
    from runner.app.check import check_playbook

    page = (ROOT / "docs" / "playbooks.md").read_text()
    blocks = [block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if block.startswith("rawat: 1")]
    assert blocks
    for number, block in enumerate(blocks):
        path = tmp_path / f"{number}.yml"
        path.write_text(block)
        check_playbook(path)
        assert all(block.count(name) > 1 for name in yaml.safe_load(block).get("secrets", ()))


def test_the_inventory_in_the_docs_is_what_rawat_reads(tmp_path: Path) -> None:
    from runner.inventory.load import load

    (block,) = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "inventory.md").read_text(), re.DOTALL)
    path = tmp_path / "inventory.yml"
    path.write_text(block)
    assert {"db1", "db2", "laptop"} <= {host.name for host in load([path], ssh_config=None).hosts}


def test_every_default_of_a_setting_is_told_as_one() -> None:
    """Without the word a reader takes it for a part of the sentence before."""
    rows = re.findall(r"^\| `(.+?)` \| (.+) \|$", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE)
    without = {"rawat", "anchor.places", "anchor.authority"}
    assert {key for key, said in rows if "Default: " not in said} == without


@pytest.mark.parametrize("name", KINDS.names())
def test_every_example_of_a_kind_is_a_step_that_rawat_takes(name: str, tmp_path: Path) -> None:
    """Names that a playbook around it would have are declared for it."""
    from runner.app.check import check_playbook

    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / "kinds" / f"{name}.md").read_text(), re.DOTALL)
    assert blocks
    secret = set(KINDS.get(name).secret)
    for block in blocks:
        step = yaml.safe_load(block)
        said = step[name] if isinstance(step[name], dict) else {"": step[name]}
        names = {key: set(re.findall(r"\{\{ *(\w+)", str(value))) for key, value in said.items()}
        names["that"] = set(re.findall(r"\b([a-z_]+)\.", str(said.get("that", ""))))
        secrets = {found for key in secret for found in names.get(key, ())}
        playbook = {
            "rawat": 1, "name": "x", "title": "x", "hosts": "all", "kind": "other", "secrets": sorted(secrets),
            "vars": {found: {"required": True} for found in sorted(set().union(*names.values()) - secrets)},
            "phases": {"implement": [{"id": "s", **step}]},
        }  # fmt: skip
        path = tmp_path / "p.yml"
        path.write_text(yaml.safe_dump(playbook))
        check_playbook(path)


def test_the_end_of_the_reference_playbook_waits_for_no_dump_that_failed() -> None:
    page = (ROOT / "docs" / "playbooks.md").read_text()
    (block,) = [block for block in re.findall(r"```yaml\n(.*?)```", page, re.DOTALL) if "finally:" in block]
    (last,) = yaml.safe_load(block)["finally"]
    assert not holds(last["when"], {}) and not holds(last["when"], {"dump": {"ok": False, "exit": 1}})
    assert render(last["note"], {"dump": {"ok": True, "path": "/b"}}) == "Dump was /b"


def test_shipped_playbooks_are_checked() -> None:
    from runner.app.check import check_playbook
    from runner.model import PHASES
    from runner.playbook.shipped import incident_playbooks, shipped_playbooks

    paths = [*shipped_playbooks(), *incident_playbooks()]
    assert {path.name for path in (ROOT / "playbooks").iterdir()} == {path.name for path in paths}
    for path in paths:
        playbook = check_playbook(path)
        assert tuple(playbook.phases) == PHASES, path.name


@pytest.mark.parametrize("page", ["reliability.md", "maintenance-jobs.md", "audit.md"])
def test_every_test_that_a_page_names_exists(page: str) -> None:
    """`file.py::test_name`, or `::test_name` for another one of the file before; files without a name too."""
    path = ROOT / "docs" / page
    text = path.read_text() if path.exists() else ""
    file, missing = "", []
    for found in re.finditer(r"`((?:tests/)?[\w/]+\.py)?(?:::(test_\w+))?`", text):
        if not found[1] and not found[2]:
            continue
        file = f"tests/{found[1].removeprefix('tests/')}" if found[1] else file
        source = ROOT / file
        if not source.is_file() or (found[2] and not re.search(rf"^ *def {found[2]}\(", source.read_text(), re.M)):
            missing.append(found[0])
    assert missing == []


def test_the_traceability_table_names_fields_that_there_are_and_leaves_none_out() -> None:
    """Clause, field, test: whether the tests exist is asked above."""
    text = (ROOT / "docs" / "audit.md").read_text()
    table = text.partition("## Which clause asks for which field")[2].partition("\n## ")[0]
    rows = [row.split(" | ") for row in table.splitlines() if row.startswith("| ") and "`" in row]
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row[1])}
    known = dict(record_fields())
    assert named - known.keys() == set()
    assert {name for name in known if "." not in name and "[" not in name} - {name.split(".")[0] for name in named} - {
        name.partition("[")[0] for name in named
    } == set()
    assert all("::test_" in row[2] for row in rows), "each clause has a test"
