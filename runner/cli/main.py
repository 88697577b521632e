"""argv to a request, the request to the app, and what comes back to an exit code. Nothing heavy is imported here."""

from __future__ import annotations

import gc
import sys

import click

from runner import __version__
from runner.cli import approve, author, execute, inspect, keep, key, report, sign, targets, verify
from runner.cli.console import fail


class InOrder(click.Group):
    """Commands in the order in which a person needs them."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


@click.group(cls=InOrder, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="rawat", message="%(prog)s %(version)s")
def cli() -> None:
    """
    rawat runs maintenance playbooks over SSH and leaves a record that an auditor can verify.

    Begin with `rawat demo`, or with `rawat init` in an empty folder.
    """


for command in (
    *(author.init, author.check, author.plan, approve.approve),
    *(execute.run, execute.resume, execute.cancel, execute.answer),
    *(inspect.runs, inspect.show, inspect.logs, inspect.diff, report.report),
    *(sign.sign, verify.verify, verify.anchor, key.key, inspect.reindex),
    *(keep.export, keep.import_, keep.prune),
    *(targets.hosts, targets.trust, targets.settings, author.kinds, author.schema, execute.demo),
):
    cli.add_command(command)


def main() -> None:
    """The entry point of `rawat` and of `python -m runner`."""
    gc.disable()  # no module becomes garbage; a run enables it again when all is loaded
    code = _main()
    gc.freeze()  # to look for cycles in all that is left takes 15 ms, and frees what goes with the process
    sys.exit(code)


def _main() -> int:
    from runner.errors import RawatError

    try:
        return int(cli.main(standalone_mode=False, prog_name="rawat") or 0)
    except click.exceptions.Exit as ended:
        return int(ended.exit_code)
    except click.ClickException as error:
        error.show()
        return 2
    except (click.Abort, KeyboardInterrupt):
        click.echo("stopped", err=True)
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except RawatError as error:
        return fail(error)
    except Exception as error:  # noqa: BLE001 - the last line of defence: a bug of ours is exit code 70
        import traceback

        traceback.print_exc()
        click.echo(
            f"rawat: this is a bug of ours ({type(error).__name__}); please report it with the lines above", err=True
        )
        return 70
