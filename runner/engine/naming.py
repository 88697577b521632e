"""What templates know, what a step's parameters come to, and what a result gives to later steps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from runner.document.schema import with_texts
from runner.model import Host, Playbook, Step
from runner.playbook.template import Incomplete, render, text_of
from runner.playbook.words import host_values
from runner.redact import Secret, cut
from runner.seams import Completed, Verdict

LONGEST = 65536
"""Characters of a registered text that the journal keeps; the output file has the whole."""


PLAIN = ("ok", "changed", "exit", "stdout", "stderr", "truncated")
"""What every registered result has; the rest is the kind's own."""


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
    """What `register` keeps: exit, stdout, stderr, truncated, changed, ok, and the kind's own values."""
    texts = {
        "stdout": _text("stdout", done.stdout, done.stdout_bytes),
        "stderr": _text("stderr", done.stderr, done.stderr_bytes),
    }
    return {
        "ok": verdict.ok,
        "changed": verdict.changed,
        "exit": done.exit.code,
        **texts,
        "truncated": any(isinstance(text, Incomplete) for text in texts.values()),
        **verdict.values,
    }


def _text(stream: str, kept: bytes, total: int) -> str:
    """Nobody can judge an output of which the middle is missing; what was saved to a file is not here at all."""
    text = kept.decode("utf-8", "replace").rstrip("\n")
    if not kept or total <= len(kept):
        return text
    return Incomplete(text, f"{stream} had {total} bytes, of which only the two ends were kept; {_JUDGE}")


_JUDGE = "judge it on the host (grep -c, tail), or ask first: not NAME.truncated"


def kept_values(values: Mapping[str, Any]) -> dict[str, Any]:
    """Registered values as the journal keeps them; `truncated` where it has not all of a text."""
    kept = {key: cut(value, LONGEST) if isinstance(value, str) else value for key, value in values.items()}
    return kept | {"truncated": True} if kept != values else kept


def recalled(values: Any) -> Any:
    """Registered values from the journal: of a text that it has not the whole of nothing can be said."""
    if isinstance(values, list):
        return [recalled(one) for one in values]
    if not isinstance(values, Mapping) or not values.get("truncated"):
        return values
    why = f"the record has only a part of it, and this run was resumed; {_JUDGE}"
    return {
        key: Incomplete(value, why) if isinstance(value, str) and len(value) >= LONGEST else value
        for key, value in values.items()
    }


def found_text(values: Mapping[str, Any]) -> str:
    """A result in a few words, for the message that something else was expected."""
    parts = [f"exit {values['exit']}"]
    if values.get("stdout"):
        parts.append(f"stdout {cut(str(values['stdout']), 80)!r}")
    own = [(key, value) for key, value in values.items() if key not in PLAIN]
    parts += [f"{key} {value!r}" for key, value in own if not isinstance(value, list | dict)]
    return cut(", ".join(parts), 300)
