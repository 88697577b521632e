"""`rawat approve`: a signed word on a plan."""

from __future__ import annotations

import click

from runner.cli.console import context_of, setting_options


@click.command(short_help="Sign a plan that was kept, by its digest.")
@click.argument("plan")
@click.option("--reject", is_flag=True, help="Say no, with a --note that says why.")
@click.option("--note", default="", help="On what grounds.")
@setting_options
def approve(plan: str, reject: bool, note: str, config: str | None, records: str | None) -> None:
    """
    Sign the digest of a PLAN that `rawat plan --save` kept: its file, or a beginning of its digest.

    It is good for that digest alone: a changed playbook, host or variable makes another.
    """
    from runner.app.approve import approve as sign_plan
    from runner.hygiene import one_line
    from runner.report.words import amount

    context = context_of(config, records=records)
    saved, name, path = sign_plan(context, plan, decision="reject" if reject else "approve", note=note)
    hosts = saved.content["hosts"]
    click.echo(f"plan {saved.digest}")
    click.echo(f"  playbook {one_line(str(saved.content['playbook']))} on {amount(len(hosts), 'host')}")
    for source, digest in saved.content["sources"].items():
        click.echo(f"  {one_line(str(source))} sha256 {digest}")
    click.echo(f"{'rejected' if reject else 'approved'} by {name}: {path}")
