"""Commands for who keeps records: export, import, prune."""

from __future__ import annotations

from pathlib import Path

import click

from runner.cli.console import context_of, run_argument, setting_options, show_json


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
    from runner.hygiene import one_line
    from runner.report.words import short

    context = context_of(config, records=records)
    old = old_runs(context, older=older, kind=kind)
    gone = list(remove(context, old, reason=reason)) if yes else []
    if as_json:
        show_json({"before": old.before, "old": [row["run"] for row in old.rows], "kept": old.kept, "removed": gone})
        return
    for row in old.rows:
        words = (short(str(row["run"])), row["started_at"], row["playbook"], row["outcome"])
        click.echo("  ".join(one_line(str(word)) for word in words))
    for run, why in old.kept:
        click.echo(f"{short(run)}  stays: {why}")
    if yes:
        click.echo(f"{len(gone)} removed; their tombstones are in tombstones/")
    else:
        click.echo(f"{len(old.rows)} would go, begun before {old.before}; --yes removes them")


@click.command(short_help="Pack runs as evidence for somebody else.")
@run_argument(nargs=-1)
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), metavar="PACK", help="pack.tar.zst")
@click.option("--since", default="", metavar="WHEN", help="Begun at or after: 2026-11-24, a moment, or 90d ago.")
@click.option("--until", default="", metavar="WHEN", help="Begun before.")
@click.option("--kind", default="", metavar="KIND", help="Only of this kind.")
@click.option("--playbook", default="", metavar="NAME", help="Only of this playbook.")
@click.option("--host", default="", metavar="NAME", help="Only runs on this host.")
@click.option("--ticket", default="", metavar="ID", help="Only for this ticket.")
@click.option("--pseudonyms", is_flag=True, help="Reports alone, without people's names: to be read, not verified.")
@setting_options
def export(
    run: tuple[str, ...], output: Path, pseudonyms: bool, config: str | None, records: str | None, **given: str
) -> None:
    """
    Pack RUNs, or those that fit, as evidence: with the ledger, the signers and a report of each run.

    `rawat verify PACK` checks it anywhere; `rawat import PACK` brings it into another folder of records.
    """
    from runner.app.history import wanted_of
    from runner.app.packs import export as pack
    from runner.app.prepare import settings_of
    from runner.report.words import amount, zone_of

    context = context_of(config, records=records)
    zone = zone_of(settings_of(context).timezone)
    wanted = wanted_of(zone, only_open=False, **given)
    packed = pack(context, output, wanted, run, pseudonyms=pseudonyms)
    click.echo(f"{output}: {amount(len(packed), 'run')}")
    if not pseudonyms:
        click.echo(f"to check it: rawat verify {output}")


@click.command(name="import")
@click.argument("pack", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--signers", type=click.Path(exists=True, path_type=Path), help="Who may sign; else our allowed_signers.")
@click.option("--unsigned", is_flag=True, help="Take it though it is not sealed, or not signed by somebody trusted.")
@setting_options
def import_(pack: Path, signers: Path | None, unsigned: bool, config: str | None, records: str | None) -> int:
    """
    Verify a PACK and bring it in beside our own records. Exit code of `rawat verify` where it is refused.
    """
    from runner.app.packs import import_pack
    from runner.hygiene import visible
    from runner.report.words import amount

    done = import_pack(context_of(config, records=records), pack, signers=signers, unsigned=unsigned)
    for finding in done.verdict.findings[:10]:
        click.echo(visible(f"{finding.where}: {finding.message}"))
    if done.home is None:
        more = "" if done.verdict.code == 1 else "; --unsigned takes it all the same"
        click.echo(f"refused: {done.verdict.word}{more}", err=True)
        return done.verdict.code
    click.echo(f"{amount(len(done.runs), 'run')} in {done.home}: {done.verdict.word}")
    return 0
