"""`rawat sign`: a person's word on a run."""

from __future__ import annotations

import click

from runner.cli.console import context_of, run_argument, setting_options


@click.command(short_help="Record a person's word on a run.")
@run_argument(default="last")
@click.option("--plan", default="", metavar="PLAN", help="Instead of a run: a saved plan, by its file or digest.")
@click.option("--item", default="", metavar="ID", help="Of a checklist item: pass, fail, na or waive.")
@click.option("--review", is_flag=True, help="Of the run as a whole: pass or fail.")
@click.option(
    "--delay",
    type=click.Choice(["unexpected-problem", "coordination", "information", "resources", "other"]),
    help="Of what delayed it, with --minutes.",
)
@click.option("--minutes", type=click.IntRange(min=1), help="With --delay: for how long.")
@click.option(
    "--verdict", type=click.Choice(["pass", "fail", "na", "waive"]), default="pass", show_default=True, help="The word."
)
@click.option("--note", default="", help="What was seen, or why it does not apply.")
@setting_options
def sign(
    run: str,
    plan: str,
    item: str,
    review: bool,
    delay: str | None,
    minutes: int | None,
    verdict: str,
    note: str,
    config: str | None,
    records: str | None,
) -> int:
    """
    Record a person's word on a RUN: one of --item, --review and --delay; signed by the key where one is configured.

    With --plan the word stands before the run, and counts for every run of that very plan. Exit code 9 where something
    that is required is still open.
    """
    from runner.app import acts
    from runner.errors import InvalidInput
    from runner.record import checklist, completion, exit_code, open_items
    from runner.record import review as review_of

    context = context_of(config, records=records)
    if sum((bool(item), review, delay is not None)) != 1:
        raise InvalidInput("say one of --item ID, --review, --delay CAUSE")
    if plan:
        if not item:
            raise InvalidInput("of a plan an --item ID can be signed; `rawat approve` is for the plan as a whole")
        key = acts.sign_planned(context, plan, item=item, verdict=verdict, note=note)
        click.echo(f"recorded on the plan: {item}: {verdict} ({f'signed by {key}' if key else 'not signed by a key'})")
        return 0
    if item:
        said = acts.sign_item(context, run, item=item, verdict=verdict, note=note)
        what = f"{item}: {verdict}"
    elif review:
        said = acts.sign_review(context, run, verdict=verdict, note=note)
        what = f"review: {verdict}"
    else:
        said = acts.sign_delay(context, run, cause=delay or "", minutes=minutes, note=note)
        what = f"delayed {minutes} min by {delay}"
    how = f"signed by {said.signed_as}" if said.signed_as else "not signed by a key"
    click.echo(f"recorded on run {said.record.run}: {what} ({how})")
    items = checklist(said.record)
    done, required = completion(items)
    left = [entry.id for entry in open_items(items)]
    left += ["review"] if review_of(said.record).state == "open" else []
    click.echo(f"checklist {done} of {required}" + (f"; still open: {', '.join(left)}" if left else ""))
    return 9 if exit_code(said.record, items=items) == 9 else 0
