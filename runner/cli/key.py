"""`rawat key`: which key signs, and who may."""

from __future__ import annotations

from typing import Any

import click

from runner.cli.console import context_of, setting_options, show_json


@click.group(invoke_without_command=True, short_help="Which key signs, and who may.")
@setting_options
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def key(ctx: click.Context, as_json: bool, config: str | None, records: str | None) -> int:
    """Which key signs records and sign-offs, and whether it can; `use`, `add`, `list` and `revoke` change it."""
    ctx.obj = {"config": config, "records": records}
    if ctx.invoked_subcommand is not None:
        return 0
    from dataclasses import asdict

    from runner.app.signing import key_state

    state = key_state(_context(ctx))
    if as_json:
        show_json(asdict(state) if state else None)
    elif state is None:
        click.echo("no key signs: records are sealed, and marked as not signed\n  rawat key use FILE")
    else:
        click.echo(f"{state.fingerprint}  {state.key_type}  {state.file}")
        click.echo(
            f"  signs as {state.principal}" + ("" if state.listed_as else ", whom allowed_signers does not list")
        )
        if not state.listed_as:
            click.echo(f"  rawat key add {state.principal} {state.file}")
        click.echo(f"  {state.trouble or 'it can sign'}")
    return 6 if state and state.trouble else 0


@key.command(short_help="Name the key that signs, in rawat.yml.")
@click.argument("file", type=click.Path(dir_okay=False))
@click.option("--principal", default="", metavar="NAME", help="As whom it signs; left out: as allowed_signers says.")
@click.pass_context
def use(ctx: click.Context, file: str, principal: str) -> None:
    """Name the key FILE that signs in rawat.yml: a private key, or a public one with an agent; `none` for no key."""
    from runner.app.signing import use_key

    click.echo(f"{use_key(_context(ctx), file, principal)}: signing.key is {file}")


@key.command(short_help="Let a person sign with a key.")
@click.argument("principal")
@click.argument("public")
@click.option("--from", "since", default="", metavar="TIME", help="Valid from: 2026-11-24 or 2026-11-24T08:00Z.")
@click.option("--until", default="", metavar="TIME", help="Valid until.")
@click.option(
    "--for",
    "namespaces",
    multiple=True,
    metavar="NAMESPACE",
    help="Only for rawat-run@v1 (records), rawat-signoff@v1 (words of people) or rawat-checkpoint@v1 (the ledger); "
    "may be given again.",
)
@click.pass_context
def add(ctx: click.Context, principal: str, public: str, since: str, until: str, namespaces: tuple[str, ...]) -> None:
    """Let PRINCIPAL sign with the PUBLIC key: a file, or the line itself in quotes."""
    from runner.app.signing import add_signer

    signer = add_signer(_context(ctx), principal, public, since=since, until=until, namespaces=namespaces)
    click.echo(f"{principal} may sign with {signer.key.fingerprint}")


@key.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
@click.pass_context
def show(ctx: click.Context, as_json: bool) -> None:
    """Who may sign, for what, from when to when."""
    from runner.app.signing import allowed

    path, known = allowed(_context(ctx))
    rows: list[dict[str, Any]] = [
        {
            "principals": list(signer.principals),
            "fingerprint": signer.key.fingerprint,
            "key_type": signer.key.type,
            "namespaces": list(signer.namespaces),
            "valid_after": str(signer.valid_after or ""),
            "valid_before": str(signer.valid_before or ""),
        }
        for signer in known.signers
    ]
    if as_json:
        show_json(rows)
        return
    if not rows:
        click.echo(f"{path}: nobody may sign yet")
    for row in rows:
        times = " ".join(f"{word} {row[name]}" for word, name in _TIMES if row[name])
        click.echo(
            f"{','.join(row['principals'])}  {row['fingerprint']}  {' '.join(row['namespaces'])}  {times}".rstrip()
        )


@key.command(short_help="End what a person or a key may sign.")
@click.argument("name")
@click.option("--at", default="", metavar="TIME", help="From when on; left out: from now on.")
@click.pass_context
def revoke(ctx: click.Context, name: str, at: str) -> None:
    """End what NAME (a principal, or SHA256:...) may sign; what was signed before stays valid."""
    from runner.app.signing import revoke_signer

    for signer in revoke_signer(_context(ctx), name, at):
        click.echo(f"{','.join(signer.principals)}  {signer.key.fingerprint}: until {signer.valid_before}")


_TIMES = (("from", "valid_after"), ("until", "valid_before"))


def _context(ctx: click.Context) -> Any:
    return context_of(ctx.obj["config"], records=ctx.obj["records"])
