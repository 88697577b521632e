"""The probes of a `verify`: kinds that can say how things are, each with its parameters, without changing anything."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from typing import Any

from runner.document.schema import nested
from runner.errors import InvalidInput, RawatError
from runner.frozen import frozen, replace
from runner.seams import Check, Completed, Script, Verdict, Wish
from runner.steps.parts import schema as part
from runner.steps.parts.kind import Mistake

PROBES: Mapping[str, str] = {
    "service": "runner.steps.service:Service",
    "wait": "runner.steps.probe:Wait",
    "http": "runner.steps.http:Http",
    "sql": "runner.steps.sql:Sql",
    "replication": "runner.steps.replication:Replication",
    "disk": "runner.steps.probe:Disk",
    "load": "runner.steps.load:Load",
    "system": "runner.steps.system:System",
    "logs": "runner.steps.logs:Logs",
    "security": "runner.steps.security:Security",
    "file": "runner.steps.file:File",
    "package": "runner.steps.package:Package",
    "patch": "runner.steps.patch:Patch",
}
"""By name; none is imported before it is asked for."""

LOOKING = ("service", "file", "package")


def kind_of(name: str) -> Any:
    module, _, attribute = PROBES[name].partition(":")
    return getattr(import_module(module), attribute)()


PROBE: part.Schema = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "title": part.text("What it is for, in a person's words."),
        "expect": part.text("An expression over `result` that must be true: `result.value == 0`."),
        **{name: nested(kind_of(name).schema) for name in PROBES},
    },
    "oneOf": [{"required": [name]} for name in PROBES],
}


@frozen
class Probing:
    """One thing to find out: by the kind `name`, which gets `wish`."""

    name: str
    wish: Wish
    title: str = ""
    expect: str = ""

    def script(self) -> Script:
        kind = kind_of(self.name)
        found: Script | None = kind.look(self.wish) if self.name in LOOKING else kind.act(self.wish, None)
        if found is None or not (self.name in LOOKING or kind.reads_only(self.wish.params)):
            raise InvalidInput(f"{self.name}: this would change the host; a probe only looks")
        return found

    def preview(self) -> Sequence[str]:
        if self.name in LOOKING:
            wanted = (f"{key} {value}" for key, value in self.wish.params.items())
            return [f"look at the {self.name}: {', '.join(wanted)}"]
        lines: Sequence[str] = kind_of(self.name).preview(self.wish)
        return lines

    def read(self, done: Completed) -> Verdict:
        kind = kind_of(self.name)
        if self.name in LOOKING:
            check: Check = getattr(kind, "stands", kind.judge)(self.wish, done)
            problem = "" if check.needed is False else check.why
            return Verdict(ok=not problem, changed=False, problem=problem, values=check.values, summary=check.why)
        verdict: Verdict = kind.read(self.wish, done, None)
        if verdict.ok and self.expect and (problem := _unmet(self.expect, self.wish.names, verdict.values)):
            return replace(verdict, ok=False, problem=f"{self.title or self.name}: {problem}")
        return verdict


def listed(value: Any) -> Sequence[Any]:
    """A list; none while a name in braces stands for it."""
    return value if isinstance(value, list | tuple) else ()


def probes_of(wish: Wish) -> Iterator[Probing]:
    """All of them: the short ones first, then those of the list, then the queries whose values are compared."""
    params = wish.params

    def one(name: str, given: Any, **more: str) -> Probing:
        return Probing(name=name, wish=replace(wish, params=given), **more)

    for service in listed(params.get("services")):
        yield one("service", {"name": service, "state": "started"})
    for port in listed(params.get("ports")):
        yield one("wait", {"port": port, "timeout": 0})
    for page in listed(params.get("pages")):
        yield one("http", {"url": page})
    for probe in listed(params.get("probes")):
        name = next(key for key in probe if key in PROBES)
        yield one(name, probe[name], title=probe.get("title", ""), expect=probe.get("expect", ""))
    rows = params.get("rows")
    for title, given in rows.items() if isinstance(rows, Mapping) else ():
        yield one("sql", given["sql"], title=f"rows {title}")


def mistakes(given: Any) -> Iterator[Mistake]:
    """What is wrong with a list of probes that is not rendered yet, those above all that would change the host."""
    for number, probe in enumerate(listed(given)):
        for name in probe.keys() & PROBES.keys() if isinstance(probe, Mapping) else ():
            params, kind = probe[name], kind_of(name)
            for where, message, word in kind.mistakes(params):
                yield (number, name, *where), message, word
            acts = isinstance(params, Mapping) and params.get("state") in ("restarted", "reloaded")
            if acts if name in LOOKING else not kind.reads_only(params):
                yield (number, name), "this would change the host; a probe of 'verify' only looks", ""


def watched(given: Any) -> Iterator[tuple[str | int, ...]]:
    """Where in a list of probes something stands that only a `watch` gives a meaning."""
    for number, probe in enumerate(listed(given)):
        for name in probe.keys() & PROBES.keys() if isinstance(probe, Mapping) else ():
            for where in kind_of(name).watched(probe[name]):
                yield (number, name, *where)


def _unmet(claim: str, names: Mapping[str, Any], values: Mapping[str, Any]) -> str:
    """Why an expression over the result does not hold; an empty text where it does."""
    from runner.playbook.evaluation import holds

    try:
        if holds(claim, {**names, "result": values}):
            return ""
    except RawatError as error:
        return error.message
    asked = dict.fromkeys(re.findall(r"\bresult\.([A-Za-z_]\w*)", claim))
    found = ", ".join(f"{name} {values.get(name)!r}" for name in asked)
    return f"expected {claim}, found {found}"
