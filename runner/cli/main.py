"""argv to a request, the request to the app, and what comes back to an exit code. Nothing heavy is imported here."""

from __future__ import annotations

import atexit
import errno
import gc
import io
import os
import signal
import sys
from contextlib import suppress
from importlib import import_module
from keyword import iskeyword
from typing import Any, NoReturn

from runner.cli.lean import click  # before others import it

# isort: split
from runner import __version__
from runner.cli.console import fail, fail_as_json, silence, unread

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
    def invoke(self, ctx: click.Context) -> Any:
        """A reader of our output may close the pipe early (`| head`): that is no failure."""
        try:
            return super().invoke(ctx)
        except OSError as error:
            if not unread(error):
                raise
            silence()
            return 0

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
    _streams()
    _signals()
    gc.disable()  # no module becomes garbage; a run enables it again when all is loaded
    _leave(_main())


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP where no run heeds them: as after Ctrl-C what is open is closed. They may come together."""


def _signals() -> None:
    """A SIGHUP that is ignored stays so: that is how `nohup` asks to go on."""

    def terminate(number: int, frame: object) -> NoReturn:
        for heard in heeded:
            signal.signal(heard, lambda *_: None)
        raise Terminated

    heeded = [each for each in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(each) == signal.SIG_DFL]
    for each in heeded:
        signal.signal(each, terminate)


def _leave(code: int) -> NoReturn:
    """What is registered for the end is called; to take all modules apart takes 10 ms, and frees what goes anyway."""
    atexit._run_exitfuncs()
    try:
        silence()
    except OSError as error:  # what was said last finds no room where it should go
        told = _unsaid(error)
        code = code or told
    os._exit(code)


def _unsaid(error: OSError) -> int:
    with suppress(OSError):
        click.echo(f"error: what was to be said could not be written: {error.strerror}", err=True)
    return 6


def _streams() -> None:
    """
    A standard stream that was closed when we were started is None in Python: the null device takes its place. A
    character that the encoding of stdout lacks is written as its number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - for as long as we live
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def _utf8(word: str) -> bool:
    try:
        word.encode()
    except UnicodeEncodeError:
        return False
    return True


def _asked_for_json() -> bool:
    return "--json" in sys.argv[1:]


def _main() -> int:
    try:
        return _asked()
    except (click.Abort, KeyboardInterrupt) as ended:  # of the second Click makes the first
        return _stopped(143 if isinstance(ended.__cause__ or ended, Terminated) else 130)


def _stopped(code: int) -> int:
    try:
        click.echo("stopped", err=True)
        if _asked_for_json():
            fail_as_json("stopped", code)
    except OSError as error:
        if not unread(error):
            raise
        silence()
    return code


def _asked() -> int:
    from runner.errors import InvalidInput, RawatError

    for word in sys.argv[1:]:
        if not word.isascii() and not _utf8(word):  # records and digests are of UTF-8
            return fail(InvalidInput(f"{word!r} is not UTF-8 text; write it so"), as_json=_asked_for_json())
    try:
        return int(cli.main(standalone_mode=False, prog_name="rawat") or 0)
    except click.exceptions.Exit as ended:
        return int(ended.exit_code)
    except click.ClickException as error:
        error.show()
        return fail_as_json(error.format_message(), 2) if _asked_for_json() else 2
    except click.Abort:
        raise
    except RawatError as error:
        return fail(error, as_json=_asked_for_json())
    except Exception as error:  # noqa: BLE001 - the last line of defence: a bug of ours is exit code 70
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return _unsaid(error)
        import traceback

        traceback.print_exc()
        click.echo(
            f"rawat: this is a bug of ours ({type(error).__name__}); please report it with the lines above", err=True
        )
        return 70
