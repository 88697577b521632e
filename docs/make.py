"""Makes the pages that follow from the code: a page per step kind, the events, the settings, the step keys."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from runner import events
from runner.app.kinds import kind_page
from runner.app.wiring import KINDS
from runner.playbook.schema import STEP_KEYS
from runner.settings import SCHEMA

HERE = Path(__file__).parent
MADE = "<!-- Made by `inv docs` from the code; change it there. -->\n\n"


def pages() -> dict[Path, str]:
    """Every page that is made, by its path."""
    made = {HERE / "kinds" / f"{name}.md": MADE + kind_page(name) for name in KINDS.names()}
    made[HERE / "kinds" / "README.md"] = MADE + _kinds()
    made[HERE / "events.md"] = MADE + _events()
    made[HERE / "settings.md"] = MADE + _settings()
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
    lines = ["# Step keys", "", "Beside its kind, every step may have these.", "", "| key | meaning |", "| --- | --- |"]
    lines += [f"| `{key}` | {_cell(schema.get('description', ''))} |" for key, schema in STEP_KEYS.items()]
    return "\n".join(lines) + "\n"


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
