"""Commands for what there is to work on: hosts, trust, settings."""

from __future__ import annotations

from pathlib import Path

import click

from runner.cli.console import context_of, setting_options, show_json
from runner.cli.screen import say


@click.command(short_help="The hosts, with every value and where it came from.")
@click.argument("pattern", default="all")
@click.option("-i", "--inventory", multiple=True, metavar="FILE", help="Inventory; may be given again.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@setting_options
def hosts(pattern: str, inventory: tuple[str, ...], as_json: bool, config: str | None, records: str | None) -> None:
    """The hosts of the inventory, with every value and where it came from."""
    from runner.app.prepare import inventory_of, looked_for, settings_of
    from runner.hygiene import one_line

    settings = settings_of(context_of(config, records=records))
    found = inventory_of(settings, inventory)
    with looked_for(settings, inventory):
        chosen = found.select(pattern)
    if as_json:
        show_json([host.to_json() for host in chosen.hosts])
        return
    for host in chosen.hosts:
        click.echo(host.name)
        for what, value, origin in found.describe(host):
            say(one_line(f"  {what:<16} {value}  ({origin})"))
    for note in chosen.notes:
        click.echo(f"note: {one_line(note)}", err=True)


@click.command(short_help="Add a host's key, if it is the one you name.")
@click.argument("host")
@click.option("--fingerprint", default="", metavar="SHA256:...", help="What the host's owner says its key is.")
@click.option("-i", "--inventory", multiple=True, metavar="FILE", help="Inventory; may be given again.")
@click.option("--replace", is_flag=True, help="Take the place of a key that is known for this host already.")
@click.option(
    "--known-hosts", "file", metavar="FILE", help="The file to add to; default: the first that holds for the host."
)
@setting_options
def trust(
    host: str,
    fingerprint: str,
    inventory: tuple[str, ...],
    replace: bool,
    file: str | None,
    config: str | None,
    records: str | None,
) -> int:
    """Add a host's key to known_hosts, if it is the one with the fingerprint given; the only way to add one."""
    from runner.app.trust import trust_host
    from runner.hygiene import visible

    outcome = trust_host(
        context_of(config, records=records), host, fingerprint, inventory, Path(file) if file else None, replace=replace
    )
    click.echo(visible(outcome.message))
    return 0 if outcome.added else 4


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@setting_options
def settings(as_json: bool, config: str | None, records: str | None) -> None:
    """Every setting, its value, and where it came from."""
    from runner.app.prepare import settings_of
    from runner.hygiene import one_line

    entries = settings_of(context_of(config, records=records)).entries()
    if as_json:
        show_json([{"key": entry.key, "value": entry.value, "origin": entry.origin} for entry in entries])
        return
    width = max(len(entry.key) for entry in entries)
    for entry in entries:
        say(f"{entry.key:<{width}}  {one_line(_word(entry.value))}  ({one_line(entry.origin)})")


def _word(value: object) -> str:
    """A setting as it would be written; numbers with a fraction are seconds."""
    from runner.units import written_duration

    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return written_duration(value) if isinstance(value, float) else str("none" if value in (None, "") else value)
