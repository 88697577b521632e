"""What templates know, what a step's parameters come to, and what a result gives to later steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runner.document.schema import with_texts
from runner.model import Host, Playbook, Step
from runner.playbook.template import render, text_of
from runner.playbook.words import host_values
from runner.redact import Secret, cut
from runner.seams import Completed, Verdict

LONGEST = 65536
"""Characters of a registered text that the journal keeps; the output file has the whole."""


def render_params(kind: Any, params: Any, names: Mapping[str, Any]) -> Any:
    """
    A step's parameters with values in place; the very same object where there was no template.

    A number is as good as its text where the kind wants a text: a port in an argument or a variable of the environment.
    """
    expressions: Sequence[str] = getattr(kind, "expressions", ())
    if not isinstance(params, Mapping):
        rendered = render(params, names, shell=isinstance(params, str) and "" in kind.shell)
    else:
        rendered = {
            key: value
            if key in expressions
            else render(value, names, shell=key in kind.shell and isinstance(value, str))
            for key, value in params.items()
        }
    return params if rendered == params else with_texts(rendered, kind.schema, text=text_of)


def secrets_in(value: Any) -> Iterator[Secret]:
    if isinstance(value, Secret):
        yield value
    elif isinstance(value, Mapping | list | tuple):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from secrets_in(item)


def user_of(step: Step, playbook: Playbook, names: Mapping[str, Any]) -> str | None:
    """Whom a step works as; None is the login's own user. Steps on the controller work as who runs rawat."""
    wanted = step.become if step.become is not None else (None if step.local else playbook.become)
    rendered = render(wanted, names) if wanted else ""
    return str(rendered) if rendered else None


def host_names(
    host: Host, variables: Mapping[str, Any], secrets: Mapping[str, Secret], *, run_id: str
) -> dict[str, Any]:
    """The names a host's templates start with; facts come with the connection, registered results as they are made."""
    return {
        **variables,
        **secrets,
        "host": host_values(host),
        "run": {"id": run_id},
    }


def result_values(verdict: Verdict, done: Completed) -> dict[str, Any]:
    """What `register` keeps: exit, stdout, stderr, changed, ok, and the kind's own values."""
    return {
        "ok": verdict.ok,
        "changed": verdict.changed,
        "exit": done.exit.code,
        "stdout": done.stdout.decode("utf-8", "replace").rstrip("\n"),
        "stderr": done.stderr.decode("utf-8", "replace").rstrip("\n"),
        **verdict.values,
    }


def kept_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Registered values as the journal keeps them."""
    return {key: cut(value, LONGEST) if isinstance(value, str) else value for key, value in values.items()}


def found_text(values: Mapping[str, Any]) -> str:
    """A result in a few words, for the message that something else was expected."""
    parts = [f"exit {values['exit']}"]
    if values.get("stdout"):
        parts.append(f"stdout {cut(str(values['stdout']), 80)!r}")
    own = [(key, value) for key, value in values.items() if key not in ("ok", "changed", "exit", "stdout", "stderr")]
    parts += [f"{key} {value!r}" for key, value in own if not isinstance(value, list | dict)]
    return cut(", ".join(parts), 300)
