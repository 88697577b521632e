"""Commands for who keeps records: prune."""

from __future__ import annotations

import click

from runner.cli.console import context_of, setting_options, show_json


@click.command()
@click.option("--older", required=True, metavar="AGE", help="Runs that began longer ago: 400d.")
@click.option("--kind", default="", metavar="KIND", help="Only of this kind.")
@click.option("--reason", default="", help="Why; it goes into the tombstones.")
@click.option("--yes", is_flag=True, help="Remove them; without it they are only listed.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@setting_options
def prune(
    older: str, kind: str, reason: str, yes: bool, as_json: bool, config: str | None, records: str | None
) -> None:
    """
    Remove old runs, each as a whole. A tombstone and a line of the ledger stay, so that the rest still verifies.

    Runs that are under way, interrupted, in doubt, or whose review is open stay whatever their age.
    """
    from runner.app.prune import old_runs
    from runner.app.prune import prune as remove
    from runner.report.words import short

    context = context_of(config, records=records)
    old = old_runs(context, older=older, kind=kind)
    gone = list(remove(context, old, reason=reason)) if yes else []
    if as_json:
        show_json({"before": old.before, "old": [row["run"] for row in old.rows], "kept": old.kept, "removed": gone})
        return
    for row in old.rows:
        click.echo(f"{short(str(row['run']))}  {row['started_at']}  {row['playbook']}  {row['outcome']}")
    for run, why in old.kept:
        click.echo(f"{short(run)}  stays: {why}")
    if yes:
        click.echo(f"{len(gone)} removed; their tombstones are in tombstones/")
    else:
        click.echo(f"{len(old.rows)} would go, begun before {old.before}; --yes removes them")
