"""Plain work: a command line or argv, and a script in any language that the host has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any, ClassVar

from runner import shell
from runner.errors import InvalidInput
from runner.redact import Secret
from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.parts import schema as part
from runner.steps.parts.answers import failure
from runner.steps.parts.kind import HostKind, Mistake, cannot_tell
from runner.steps.parts.local import project_file

_ENV: part.Schema = {
    "type": "object",
    "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
    "additionalProperties": {"type": "string"},
    "description": "Environment variables. They travel beside the command and never in an argument, so a secret "
    "may stand here.",
    "examples": [{"PGPASSWORD": "{{ db_password }}"}],
}
_STDIN = {
    "type": "string",
    "description": "Text that the command reads from its standard input. A secret may stand here.",
}
_SHELLS = ("sh", "dash", "bash", "ash", "busybox", "ksh", "mksh", "zsh")
_ARGV = {"type": "array", "items": {"type": "string"}, "minItems": 1}


class Command(HostKind):
    name: ClassVar[str] = "command"
    family: ClassVar[str] = "plain"
    gives: ClassVar[frozenset[str]] = frozenset()
    shell: ClassVar[tuple[str, ...]] = ("", "line")
    secret: ClassVar[tuple[str, ...]] = ("env", "stdin")
    schema: ClassVar[Mapping[str, Any]] = {
        "$schema": part.DIALECT,
        "title": "Run a command",
        "description": (
            "A text is one POSIX shell line, run by `sh`; a list is a program and its arguments, each item one "
            "word and no "
            "shell in between. Exit code 0 is success. Nothing is known of what a command changes: with `creates`, "
            "`removes` or the step's `check`, rawat can tell whether there is anything to do."
        ),
        "examples": [
            "systemctl list-units --failed --no-legend",
            ["pg_lsclusters", "--no-header"],
            {"line": "tar -xf release.tar", "cwd": "/srv/app", "creates": "/srv/app/VERSION"},
        ],
        "anyOf": [
            {"type": "string", "minLength": 1, "description": "A shell line."},
            {**_ARGV, "description": "A program and its arguments."},
            {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "line": part.text("A shell line. Values in `{{ }}` are quoted as one word each."),
                    "argv": {**_ARGV, "description": "A program and its arguments, instead of `line`."},
                    "cwd": part.host_path("The folder to run in."),
                    "env": _ENV,
                    "stdin": _STDIN,
                    "umask": part.mode("Which permissions new files do not get."),
                    "creates": part.host_path("Where this exists, there is nothing to do."),
                    "removes": part.host_path("Where this does not exist, there is nothing to do."),
                },
                "oneOf": [{"required": ["line"]}, {"required": ["argv"]}],
            },
        ],
    }

    def confirms(self, params: Any) -> bool:
        return True

    def look(self, wish: Wish) -> Script | None:
        params = _settings(wish.params)
        if not params.get("creates") and not params.get("removes"):
            return None
        tests = []
        if path := params.get("creates"):
            tests.append(f"[ -e {shell.path(path)} ] || [ -L {shell.path(path)} ] && echo rawat:there=creates")
        if path := params.get("removes"):
            tests.append(f"[ -e {shell.path(path)} ] || [ -L {shell.path(path)} ] || echo rawat:gone=removes")
        return Script(text="\n".join([*tests, ":"]) + "\n")

    def judge(self, wish: Wish, found: Completed) -> Check:
        if not found.exit.ok:
            return cannot_tell(found)
        params = _settings(wish.params)
        if b"rawat:there=creates" in found.stdout:
            return Check(needed=False, why=f"{params['creates']} is there")
        if b"rawat:gone=removes" in found.stdout:
            return Check(needed=False, why=f"{params['removes']} is not there")
        return Check(needed=True, why=f"{params.get('creates', params.get('removes'))} says that it was not done yet")

    def act(self, wish: Wish, found: Check | None) -> Script:
        params = _settings(wish.params)
        line = params["line"] if "line" in params else "exec " + shell.join(params["argv"])
        text = "\n".join([*_prelude(params), line.rstrip("\n")]) + "\n"
        return Script(text=text, env=_environment(params), stdin=_stdin(params))

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        return _verdict(done)

    def preview(self, wish: Wish) -> Sequence[str]:
        params = _settings(wish.params)
        line = params["line"].strip() if "line" in params else shell.join(params["argv"])
        return [*_prelude(params), *line.splitlines()]


class ScriptStep(HostKind):
    name: ClassVar[str] = "script"
    family: ClassVar[str] = "plain"
    gives: ClassVar[frozenset[str]] = frozenset()
    shell: ClassVar[tuple[str, ...]] = ("", "text")
    secret: ClassVar[tuple[str, ...]] = ("env", "stdin")
    schema: ClassVar[Mapping[str, Any]] = {
        "$schema": part.DIALECT,
        "title": "Run a script",
        "description": (
            "Several lines of POSIX shell as a text, or a text or file for another interpreter. Values in a "
            "shell text are "
            "quoted as one word each; a script for another interpreter gets its values through `env` or `args`. "
            "A shell script goes on after a line that failed unless it says `set -e`."
        ),
        "examples": [
            "set -e\ncd /srv/app\n./migrate --all\n",
            {"file": "scripts/report.py", "interpreter": "python3", "args": ["--month", "2026-11"]},
        ],
        "anyOf": [
            {"type": "string", "minLength": 1, "description": "Shell text, run by `sh`."},
            {
                "type": "object",
                "additionalProperties": False,
                "properties": {
                    "text": part.text("The script itself."),
                    "file": part.text(
                        "A file of the project, instead of `text`; relative to the playbook, else to the root."
                    ),
                    "interpreter": part.text(
                        "The program that reads the script: a name or path, with options if need be.",
                        pattern="^[A-Za-z0-9_./+-]+( [A-Za-z0-9_./+=-]+)*$",
                        default="sh",
                        examples=["bash", "python3", "perl -w"],
                    ),
                    "env": _ENV,
                    "args": {"type": "array", "items": {"type": "string"}, "description": "Arguments of the script."},
                    "stdin": _STDIN,
                    "cwd": part.host_path("The folder to run in."),
                },
                "oneOf": [{"required": ["text"]}, {"required": ["file"]}],
            },
        ],
    }

    def mistakes(self, params: Any) -> Sequence[Mistake]:
        """What a schema cannot see: a value in a text that is no shell's would be quoted as if it were."""
        if not isinstance(params, Mapping) or "{{" not in str(params.get("text", "")):
            return []
        interpreter = str(params.get("interpreter", "sh"))
        if PurePosixPath(interpreter.split()[0]).name in _SHELLS:
            return []
        message = (
            f"a {{{{ value }}}} in a script for {interpreter} would be quoted as for a shell: "
            "give it through 'env' or 'args', and read it there"
        )
        return [(("text",), message, "{{")]

    def act(self, wish: Wish, found: Check | None) -> Script:
        params: dict[str, Any] = {"text": wish.params} if isinstance(wish.params, str) else dict(wish.params)
        source = _source(wish, params)
        interpreter = str(params.get("interpreter", "sh"))
        args: list[str] = params.get("args", [])
        env = _environment(params)
        if interpreter == "sh":
            head = [*_prelude(params), *([f"set -- {shell.join(args)}"] if args else [])]
            return Script(text="\n".join([*head, source]), env=env, stdin=_stdin(params))
        if not args and "cwd" not in params:
            return Script(text=source, interpreter=interpreter, env=env, stdin=_stdin(params))
        return Script(text=_wrapped(source, interpreter, args, params), env=env, stdin=_stdin(params))

    def read(self, wish: Wish, done: Completed, found: Check | None) -> Verdict:
        return _verdict(done)

    def preview(self, wish: Wish) -> Sequence[str]:
        params = {"text": wish.params} if isinstance(wish.params, str) else wish.params
        interpreter = params.get("interpreter", "sh")
        if "file" in params:
            return [" ".join([interpreter, shell.quote(params["file"]), *map(shell.quote, params.get("args", []))])]
        lines = str(params["text"]).strip().splitlines()
        return lines if interpreter == "sh" else [f"{interpreter}:", *lines]


def _settings(params: Any) -> dict[str, Any]:
    if isinstance(params, str):
        return {"line": params}
    return {"argv": list(params)} if isinstance(params, list | tuple) else dict(params)


def _prelude(params: Mapping[str, Any]) -> list[str]:
    lines = []
    if "umask" in params:
        lines.append(f"umask {params['umask']}")
    if "cwd" in params:
        lines.append(f"cd {shell.path(params['cwd'])} || exit 1")
    return lines


def _environment(params: Mapping[str, Any]) -> dict[str, str | Secret]:
    return {name: value if isinstance(value, Secret) else str(value) for name, value in params.get("env", {}).items()}


def _stdin(params: Mapping[str, Any]) -> bytes | None:
    match params.get("stdin"):
        case None:
            return None
        case Secret() as secret:
            return secret.reveal().encode()
        case text:
            return str(text).encode()


def _source(wish: Wish, params: Mapping[str, Any]) -> str:
    if "text" in params:
        return str(params["text"])
    path = project_file(wish, params["file"], what="file")
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"file: {params['file']!r} cannot be read as UTF-8 text: {error}") from error


def _wrapped(source: str, interpreter: str, args: Sequence[str], params: Mapping[str, Any]) -> str:
    """A shell text that writes the script to a file of its own and runs it with arguments; the file does not stay."""
    mark = "RAWAT_END_OF_SCRIPT"
    while mark in source:
        mark += "_"
    return "\n".join(
        [
            'file=$(umask 077 && mktemp "${TMPDIR:-/tmp}/rawat.XXXXXX") || exit 1',
            "trap 'rm -f \"$file\"' EXIT",
            "trap 'exit 129' HUP INT TERM",
            f"cat >\"$file\" <<'{mark}'",
            source.removesuffix("\n"),
            mark,
            *_prelude(params),
            f'{interpreter} "$file" {shell.join(args)}'.rstrip(),
            "",
        ]
    )


def _verdict(done: Completed) -> Verdict:
    if done.exit.ok:
        return Verdict(ok=True, changed=True)
    return Verdict(ok=False, problem=failure(done))
