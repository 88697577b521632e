"""`rawat verify` and `rawat anchor`: what an auditor asks, and what makes the answer stronger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from runner.cli.console import context_of, run_argument, setting_options, show_json

if TYPE_CHECKING:
    from runner.journal.verify import Verdict

SHOWN = 10
"""Of findings that say the same of many places, so many are told."""


@click.command(short_help="Tell a place outside where the ledger stands.")
@click.argument("places", nargs=-1)
@click.option("--push", is_flag=True, help="Push the commit of a git repository.")
@setting_options
def anchor(places: tuple[str, ...], push: bool, config: str | None, records: str | None) -> None:
    """
    Tell where the ledger stands to PLACES outside; left out: those of the settings.

    A file gets a line, a git repository a commit, a URL is that of a time-stamping authority (RFC 3161).
    """
    from runner.app.anchor import anchor as tell

    for line in tell(context_of(config, records=records), places, push=push):
        click.echo(line)


@click.command(short_help="Check that records are what was written, and by whom.")
@run_argument("what", default="")
@click.option("--expect-head", default="", metavar="SHA256", help="A ledger head that was kept elsewhere.")
@click.option(
    "--signers",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Your own allowed_signers, instead of the one in the folder.",
)
@click.option(
    "--anchor",
    "anchors",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PLACE",
    help="A file or a git repository outside that keeps heads of the ledger; may be given again.",
)
@click.option(
    "--authority",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="PEM",
    help="Certificates of the time-stamping authority that you trust.",
)
@click.option("--require-anchor", is_flag=True, help="Exit 5 where a seal is not covered by an anchor outside.")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@setting_options
def verify(
    what: str,
    expect_head: str,
    signers: Path | None,
    anchors: tuple[Path, ...],
    authority: Path | None,
    require_anchor: bool,
    as_json: bool,
    config: str | None,
    records: str | None,
) -> int:
    """
    Check that records are what was written, and who vouches: WHAT is a run, a folder of records, or nothing for all.

    WHAT may be a pack of `rawat export` too. Of a folder no settings are read, and nothing is written. Exit codes:
    0 intact, signed and trusted; 1 altered; 2 usage; 3 intact, not sealed; 4 not signed by somebody who is trusted;
    5 no anchor outside.
    """
    from dataclasses import asdict

    from runner.app.verify import verify as verify_records
    from runner.hygiene import visible
    from runner.journal.verify import Outside

    outside = Outside(places=anchors, authority=authority, required=require_anchor)
    context = context_of(config, records=records)
    verdict = verify_records(context, what, expect_head=expect_head, signers=signers, outside=outside)
    if as_json:
        show_json(asdict(verdict) | {"code": verdict.code, "verdict": verdict.word})
        return verdict.code
    from runner.report.words import amount

    grouped: dict[tuple[int, str], list[Any]] = {}
    for finding in verdict.findings:
        grouped.setdefault((finding.code, finding.message), []).append(finding)
    for (_, message), findings in sorted(grouped.items(), key=lambda pair: pair[0][0]):
        for finding in findings[:SHOWN]:
            click.echo(visible(f"{finding.where}: {message}"))
        if len(findings) > SHOWN:
            click.echo(f"  and {len(findings) - SHOWN} more like it")
    lines = f"{amount(len(verdict.runs), 'run')}, {amount(verdict.lines, 'ledger line')}, head {verdict.head}"
    click.echo(f"{verdict.word}: {lines}")
    if verdict.left_out:
        more = amount(verdict.left_out, "other run")
        click.echo(f"a pack: {more} of this ledger left out, of which nothing can be said here")
    if verdict.signers:
        click.echo(f"signed by {', '.join(verdict.signers)}")
    click.echo(_anchored(verdict))
    return verdict.code


def _anchored(verdict: Verdict) -> str:
    """The newest anchor that was looked at, else the newest claim, else what it means that there is none."""
    if not verdict.anchors:
        return "no anchor outside: that nothing was rewritten and signed again rests on the signer alone"
    anchor = verdict.anchors[-1]
    how = "" if anchor.checked else f" ({anchor.note})"
    rest = verdict.lines - anchor.lines
    more = f"; {rest} lines since rest on the signer alone" if rest else ""
    where = f"{anchor.kind} {anchor.where} {anchor.at}" if anchor.at else "the head that you named"
    return f"newest anchor: {where}, {anchor.lines} lines{how}{more}"
