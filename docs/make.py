"""Makes the pages that follow from the code: step kinds, events, settings, the inventory, the keys of steps."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from runner import events
from runner.app.kinds import kind_page
from runner.app.wiring import KINDS
from runner.inventory.schema import GROUP_KEYS, HOST_KEYS
from runner.playbook.schema import STEP_KEYS
from runner.record.schema import schema as record_schema
from runner.settings import SCHEMA

HERE = Path(__file__).parent
MADE = "<!-- Made by `inv docs` from the code; change it there. -->\n\n"


INVENTORY = """# Inventory

```yaml
rawat: 1
vars: {timezone: Asia/Jakarta}
hosts:
  bastion: {address: 203.0.113.4}
  db1: {address: 10.0.0.5, port: 2222, user: maint, identity_file: ~/.ssh/maint, jump: bastion}
  db2: {}                     # its name is its address; the rest comes from ssh_config
  laptop: {transport: local}
groups:
  db: {hosts: [db1, db2], vars: {port: 5432}, limit: 1}
  credit: {children: [db]}
```

`-i FILE`, several times if need be; else [rawat.yml](settings.md). `rawat hosts [PATTERN]` shows what came out and
where each value was written. Ansible inventories, INI and YAML, are read as well, `group_vars` and `host_vars` with
them; so are the names in `~/.ssh/config`, `Match` by hosts and users included. Of Ansible's ssh arguments port, user,
keys, jump hosts, alias and files of known hosts are taken; what would weaken the check of host keys is noted and
never heeded.

## A host
"""

INVENTORY_RULES = """## Which value holds

The host's own, then its nearest group's, a farther group's, `vars`, the playbook's; `-e` is above them all. Two groups
equally near that differ are a mistake that names both places, where the host itself does not say. Ansible lets the
deepest group win, and all of `group_vars` over what the inventory itself says of groups: where that is another value,
it is a mistake, too.

## Patterns

`db`, `db1,db2`, `app*`, `credit:!db` (without), `credit:&eu` (only those also in).
"""


def pages() -> dict[Path, str]:
    """Every page that is made, by its path."""
    made = {HERE / "kinds" / f"{name}.md": MADE + kind_page(name) for name in KINDS.names()}
    made[HERE / "kinds" / "README.md"] = MADE + _kinds()
    made[HERE / "events.md"] = MADE + _events()
    made[HERE / "record.md"] = MADE + _record()
    made[HERE / "settings.md"] = MADE + _settings()
    made[HERE / "inventory.md"] = MADE + _inventory()
    made[HERE / "step-keys.md"] = MADE + _step_keys()
    return made


def _kinds() -> str:
    lines = ["# Step kinds", "", "| kind | family | what it does |", "| --- | --- | --- |"]
    for name in KINDS.names():
        kind = KINDS.get(name)
        lines.append(f"| [`{name}`]({name}.md) | {kind.family} | {kind.schema.get('title', '')} |")
    return "\n".join(lines) + "\n"


def _events() -> str:
    lines = ["# Events", "", "A run is its events; every line of `events.jsonl` is one of these.", ""]
    for name in events.types():
        cls = getattr(events, name)
        lines += [f"## {name}", ""]
        own = cls.__doc__ or ""
        if own and not own.startswith(f"{name}("):
            lines += [inspect.cleandoc(own), ""]
        lines += [
            f"- `{field.name}`: `{field.type}`" for field in fields(cls) if field.name not in ("seq", "at", "mono_ms")
        ]
        lines.append("")
    return "\n".join(lines)


def _record() -> str:
    lines = [
        "# The record",
        "",
        "What `rawat show RUN --json` gives, field by field: one run over all its sittings and acts.",
        "Its JSON Schema is `rawat schema record`; nothing else is let in. `[]` is an item of a list, `*` a name.",
        "",
        "| field | meaning |",
        "| --- | --- |",
    ]
    lines += [f"| `{path}` | {_cell(inner.get('description', ''))} |" for path, inner in record_fields()]
    return "\n".join(lines) + "\n"


def record_fields() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(path, its schema) of every field of a record, each once."""
    yield from dict(_inside(record_schema(), "")).items()


def _inside(schema: Mapping[str, Any], path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for name, inner in schema.get("properties", {}).items():
        at = f"{path}.{name}" if path else name
        yield at, inner
        yield from _inside(inner, at)
    for inner in schema.get("anyOf", ()):
        yield from _inside(inner, path)
    if isinstance(schema.get("items"), dict):
        yield from _inside(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from _inside(schema["additionalProperties"], f"{path}.*")


def _settings() -> str:
    lines = [
        "# Settings",
        "",
        "`rawat.yml`, the nearest above the folder you are in. Stronger: `RAWAT_<KEY>` in the environment, then flags.",
        "`rawat settings` shows every value and where it came from.",
        "",
        "| key | meaning |",
        "| --- | --- |",
    ]
    lines += _setting_rows(SCHEMA, "")
    return "\n".join(lines) + "\n"


def _setting_rows(schema: Mapping[str, Any], prefix: str) -> Iterator[str]:
    for key, inner in schema.get("properties", {}).items():
        if "properties" in inner:
            yield from _setting_rows(inner, f"{prefix}{key}.")
        else:
            yield f"| `{prefix}{key}` | {_cell(inner.get('description', ''))} |"


def _step_keys() -> str:
    lines = ["# Step keys", "", "Beside its kind, every step may have these.", "", *_keys(STEP_KEYS)]
    return "\n".join(lines) + "\n"


def _inventory() -> str:
    lines = [INVENTORY, *_keys(HOST_KEYS), "", "## A group", "", *_keys(GROUP_KEYS), "", INVENTORY_RULES]
    return "\n".join(lines)


def _keys(properties: Mapping[str, Any]) -> list[str]:
    rows = [f"| `{key}` | {_cell(schema.get('description', ''))} |" for key, schema in properties.items()]
    return ["| key | meaning |", "| --- | --- |", *rows]


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def main() -> None:
    made = pages()
    for path in (HERE / "kinds").glob("*.md"):
        if path not in made:
            path.unlink()
    for path, text in made.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
