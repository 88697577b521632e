"""Commands for who reads records: runs, show, logs, reindex."""

from __future__ import annotations

import sys

import click

from runner.cli.console import context_of, run_argument, setting_options, show_json, shown
from runner.cli.screen import columns, say

_OUTCOMES = ("ok", "failed", "in doubt", "cancelled", "refused", "interrupted", "running")


@click.command()
@setting_options
@click.option(
    "-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many, newest first."
)
@click.option("--host", default="", metavar="NAME", help="Only runs on this host; names may have *.")
@click.option("--playbook", default="", metavar="NAME", help="Only of this playbook.")
@click.option("--kind", default="", metavar="KIND", help="Only of this kind: backup, patching, ...")
@click.option("--ticket", default="", metavar="ID", help="Only for this ticket.")
@click.option("--person", default="", metavar="NAME", help="Only those in which this person had a part.")
@click.option("--outcome", type=click.Choice(_OUTCOMES), help="Only those that came to this.")
@click.option("--since", default="", metavar="WHEN", help="Begun at or after: 2026-11-24, a moment, or 7d ago.")
@click.option("--until", default="", metavar="WHEN", help="Begun before.")
@click.option("--open", "only_open", is_flag=True, help="Only what waits for somebody, item by item, and for whom.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.option("--csv", "as_csv", is_flag=True, help="A table for spreadsheets on stdout.")
def runs(limit: int, only_open: bool, as_json: bool, as_csv: bool, config: str | None, records: str | None,
         outcome: str | None, **given: str) -> None:  # fmt: skip
    """The runs, newest first."""
    from runner.app.history import wanted_of
    from runner.app.prepare import settings_of
    from runner.app.read import runs as read_runs
    from runner.report.runs import open_table, runs_csv, runs_table
    from runner.report.words import zone_of, zone_word

    context = context_of(config, records=records)
    zone = zone_of(settings_of(context).timezone)
    given |= {"outcome": outcome or ""}
    listed = read_runs(context, limit=limit, wanted=wanted_of(zone, only_open=only_open, **given))
    if as_json:
        show_json(listed.rows)
    elif as_csv:
        click.echo(runs_csv(listed.rows), nl=False)
    elif not listed.rows:
        none = "nothing waits for anybody" if only_open else "no runs yet; `rawat run` makes one"
        click.echo("none that fit" if any(given.values()) else none)
    elif only_open:
        click.echo(open_table(listed.rows, zone, width=columns()))
    else:
        click.echo(runs_table(listed.rows, zone, zone_name=zone_word(zone), width=columns()))
    for message in listed.damaged:
        click.echo(f"damaged: {message}", err=True)


@click.command(short_help="A run's record.")
@run_argument(default="last")
@setting_options
@click.option("--json", "as_json", is_flag=True, help="The whole record, as JSON.")
def show(run: str, as_json: bool, config: str | None, records: str | None) -> None:
    """A run's record: RUN is an id, its beginning or end, its folder, or `last`."""
    from runner.app.read import record_of
    from runner.app.seals import seals
    from runner.record import to_json
    from runner.report.text import summary

    folder, record, running = record_of(context_of(config, records=records), run)
    sealed = tuple(seals(folder.path / record.run))
    if as_json:
        show_json(to_json(record) | {"seals": sealed, "running": running})
        return
    say(summary(record, records=shown(folder.path), seals=sealed, running=running))


@click.command(short_help="What the steps of a run printed.")
@run_argument(default="last")
@click.argument("host", default="")
@click.argument("step", default="")
@setting_options
@click.option("--raw", is_flag=True, help="The bytes as they were kept, control characters included.")
def logs(run: str, host: str, step: str, raw: bool, config: str | None, records: str | None) -> None:
    """What the steps of a RUN printed, on all hosts or one HOST, of all steps or one STEP."""
    from runner.app.read import outputs
    from runner.hygiene import visible

    context = context_of(config, records=records)
    for name, done, attempt, path in outputs(context, run, host, step):
        if raw:
            with path.open("rb") as file:
                while chunk := file.read(1 << 16):
                    sys.stdout.buffer.write(chunk)
            continue
        binary = "  binary, shown as \\x..; --raw has the bytes" if attempt.output.get("encoding") == "binary" else ""
        click.echo(f"--- {name}  {done}  attempt {attempt.number}  {attempt.outcome}{binary}")
        with path.open(encoding="utf-8", errors="backslashreplace", newline="\n") as lines:
            for line in lines:
                click.echo(f"{name} | {visible(line.rstrip(chr(10)))}")


@click.command()
@setting_options
def reindex(config: str | None, records: str | None) -> int:
    """Make the index anew from the records."""
    from runner.app.read import reindex as rebuild
    from runner.report.words import amount

    number, damaged = rebuild(context_of(config, records=records))
    click.echo(f"{amount(number, 'run')} indexed")
    for message in damaged:
        click.echo(f"damaged: {message}", err=True)
    return 6 if damaged else 0


@click.command(short_help="In what two runs differ.")
@run_argument("before")
@run_argument("after")
@setting_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
def diff(before: str, after: str, as_json: bool, config: str | None, records: str | None) -> None:
    """In what two runs differ: playbook, hosts, versions, steps, durations, outputs, checklist."""
    from dataclasses import asdict

    from runner.app.diff import diff as compare_runs
    from runner.report.runs import diff_text

    found = compare_runs(context_of(config, records=records), before, after)
    if as_json:
        show_json(asdict(found))
    else:
        click.echo(diff_text(found.before, found.after, found.text, found.differences))
