"""`rawat report`: a run's record as a page, a table, or for a pipeline."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from runner.cli.console import context_of, run_argument, setting_options


@click.command(short_help="Tell a run as one document: HTML, PDF, JSON and others.")
@run_argument(default="last")
@click.option(
    "--format",
    "form",
    metavar="FORMAT",
    help="html, json, csv, junit, markdown, pdf. Left out: what the FILE's ending says (.md, .xml: junit), or html.",
)
@click.option("--lang", default="en", show_default=True, metavar="CODE", help="Language of html and markdown: en, id.")
@click.option("-o", "--output", type=click.Path(dir_okay=False), metavar="FILE", help="Left out: standard output.")
@setting_options
def report(run: str, form: str | None, lang: str, output: str | None, config: str | None, records: str | None) -> None:
    """
    Tell a RUN (an id, its beginning or end, its folder, or `last`) in one document, on standard output or in a FILE.

    html is one page without scripts, for reading, printing and handing over: `rawat report -o report.html`. pdf is the
    same on paper, and needs the extra `rawat[pdf]`.
    """
    from runner.app.report import document, format_of, save

    form = form or format_of(output)
    data = document(context_of(config, records=records), run, form=form, language=lang)
    if output is None:
        sys.stdout.buffer.write(data)
        return
    save(Path(output), data)
    click.echo(f"{output}: run {run} as {form}", err=True)
