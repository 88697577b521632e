"""`rawat demo`: the main job from beginning to end, on a machine that has nothing."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import click

from runner.app.demo import LOANS, make_world, ssh_server, write_project
from runner.app.prepare import prepare
from runner.app.request import Context, Reason, Selection
from runner.cli.carrying import carry_out_live
from runner.playbook.shipped import NAMES

STOPPED = (130, 143)
"""Exit codes of a run that a signal stopped: whoever sent it wants no other one to begin."""


def show_demo(folder: str, *, local: bool) -> int:
    """Runs the four playbooks, or as far as nobody stops it; the exit code is that of the worst."""
    home = Path(folder)
    make_world(home)
    click.echo(f"A credit database of {LOANS} loans is in {home}/.")
    worst = 0
    with ssh_server(home / "sshd", wanted=not local) as server:
        if server.port:
            click.echo(f"A throw-away SSH server listens on 127.0.0.1:{server.port} until the demo ends.")
        else:
            click.echo(f"Without SSH, by the local transport: {server.why}.")
        write_project(home, server)
        environment = {**os.environ, "RAWAT_SPOOL": str(home.resolve() / "spool")}
        os.environ["RAWAT_SPOOL"] = environment["RAWAT_SPOOL"]
        context = Context(folder=home.resolve(), environment=environment, settings_file=home.resolve() / "rawat.yml")
        for number, name in enumerate(NAMES, 1):
            click.echo(f"\n{number} of {len(NAMES)}: {name}\n")
            prepared = prepare(Selection(playbook=home / "playbooks" / f"{name}.yml"), context)
            reason = Reason(ticket=f"DEMO-{number}", reason="to see how rawat works")
            code = carry_out_live(prepared, context, reason, {"yes": True})
            worst = max(worst, code)
            if code in STOPPED:
                break
    click.echo(_farewell(home))
    return worst


def _farewell(home: Path) -> str:
    rawat = "rawat" if shutil.which("rawat") else str(Path(sys.argv[0]).resolve())
    return f"""
The records are in {home}/records: one folder per run, and the ledger that chains them.

  cd {home}
  {rawat} runs                       the runs, newest first
  {rawat} show last                  the last one again; --json for all of it
  {rawat} logs last                  what its steps printed
  {rawat} verify                     is every byte as it was written?
  {rawat} plan playbooks/backup.yml  what would be done, line by line
  {rawat} init ../my-project         begin with your own hosts
"""
