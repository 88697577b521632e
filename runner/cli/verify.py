"""`rawat verify`: what an auditor asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from runner.cli.console import context_of, setting_options, show_json

SHOWN = 10
"""Of findings that say the same of many places, so many are told."""


@click.command()
@click.argument("what", default="")
@click.option("--expect-head", default="", metavar="SHA256", help="A ledger head that was kept elsewhere.")
@click.option(
    "--signers",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Your own allowed_signers, instead of the one in the folder.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@setting_options
def verify(
    what: str, expect_head: str, signers: Path | None, as_json: bool, config: str | None, records: str | None
) -> int:
    """
    Check that records are what was written, and who vouches: WHAT is a run, a folder of records, or nothing for all.

    Of a folder no settings are read, and nothing is written. Exit codes: 0 intact, signed and trusted; 1 altered;
    2 usage; 3 intact, not sealed; 4 not signed by somebody who is trusted; 5 no anchor outside.
    """
    from dataclasses import asdict

    from runner.app.verify import verify as verify_records
    from runner.hygiene import visible

    verdict = verify_records(context_of(config, records=records), what, expect_head=expect_head, signers=signers)
    if as_json:
        show_json(asdict(verdict) | {"code": verdict.code, "verdict": verdict.word})
        return verdict.code
    grouped: dict[tuple[int, str], list[Any]] = {}
    for finding in verdict.findings:
        grouped.setdefault((finding.code, finding.message), []).append(finding)
    for (_, message), findings in sorted(grouped.items(), key=lambda pair: pair[0][0]):
        for finding in findings[:SHOWN]:
            click.echo(visible(f"{finding.where}: {message}"))
        if len(findings) > SHOWN:
            click.echo(f"  and {len(findings) - SHOWN} more like it")
    lines = f"{len(verdict.runs)} runs, {verdict.lines} ledger lines, head {verdict.head}"
    click.echo(f"{verdict.word}: {lines}")
    if verdict.signers:
        click.echo(f"signed by {', '.join(verdict.signers)}")
    return verdict.code
