"""argv to a request, the request to the app, and what comes back to an exit code. Nothing heavy is imported here."""

from __future__ import annotations

import gc
import sys
from importlib import import_module
from keyword import iskeyword

import click

from runner import __version__
from runner.cli.console import fail

COMMANDS = {
    "init": "author", "check": "author", "plan": "author", "approve": "approve",
    "run": "execute", "resume": "execute", "cancel": "execute", "answer": "execute",
    "runs": "inspect", "show": "inspect", "logs": "inspect", "diff": "inspect", "report": "report",
    "sign": "sign", "verify": "verify", "anchor": "verify", "key": "key", "reindex": "inspect",
    "export": "keep", "import": "keep", "prune": "keep",
    "hosts": "targets", "trust": "targets", "settings": "targets",
    "kinds": "author", "schema": "author", "demo": "execute",
}  # fmt: skip
"""Commands in the order in which a person needs them, and the module of each: only what is asked for is loaded."""


class Commands(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        module = COMMANDS.get(cmd_name)
        if module is None:
            return None
        function = f"{cmd_name}_" if iskeyword(cmd_name) else cmd_name
        command: click.Command = getattr(import_module(f"runner.cli.{module}"), function)
        return command


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="rawat", message="%(prog)s %(version)s")
def cli() -> None:
    """
    rawat runs maintenance playbooks over SSH and leaves a record that an auditor can verify.

    Begin with `rawat demo`, or with `rawat init` in an empty folder.
    """


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
