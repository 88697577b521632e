"""
What the variables of a playbook come to for a host: where each value is from, and its templates filled in, once.

One rule for all of them, whether the playbook, the inventory or `-e` gives the value: a template in it may name other
variables and what is known of the host before anybody connects. What only a host or a step can tell is no variable.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from runner.document.schema import check_value, with_texts
from runner.document.source import At, Document, likely, parse
from runner.errors import InvalidInput, Problem
from runner.model import Host, Playbook, Variable
from runner.playbook.template import TemplateFailed, is_template, render, templated, templates_in, text_of
from runner.playbook.words import host_values, unknown_word

LITERAL = "what is to stay as it is: {{ '{{ ... }}' }}"
"""What to do where braces are meant as such."""
DEEPEST = 50
_OWN = "its default"
_LATER = {
    "facts": "a host tells its facts once it is connected",
    "run": "it is another one in every run",
    "item": "it is of a step with 'with'",
    "result": "it is of a step",
}


def given(words: Iterable[str], variables: Sequence[Variable]) -> Mapping[str, Any]:
    """
    `KEY=VALUE` of -e to values: the text as it is typed where a text is declared, else YAML, such as `KEY=[1, 2]`.

    What is quoted as a whole is what stands between the quotes. Raises InvalidInput.
    """
    declared = {variable.name: variable for variable in variables}
    found: dict[str, Any] = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise InvalidInput(f"-e {word}: expected KEY=VALUE")
        found[name] = _typed(name, text, as_text=_as_text(declared[name]) if name in declared else ("string",))
    return found


def _typed(name: str, text: str, *, as_text: Sequence[str]) -> Any:
    if not text:
        return ""
    try:
        value = parse(text, name=f"-e {name}").data
    except InvalidInput as error:
        if as_text or text.lstrip().startswith("{{"):
            return text
        error.hint = f"a text goes in quotes: -e '{name}=\"...\"'; or declare it: vars: {name}: {{type: string}}"
        raise
    if value is None and "null" in as_text:
        return None
    return value if not as_text or text.lstrip()[0] in "'\"" else text


def _as_text(variable: Variable) -> tuple[str, ...]:
    """The types where a value is to be a text, as its type says, or all that it may be, or its default; else none."""
    kinds = variable.schema.get("type")
    if kinds is not None:
        kinds = (kinds,) if isinstance(kinds, str) else tuple(kinds)
        return kinds if "string" in kinds and {"string", "null"}.issuperset(kinds) else ()
    words = variable.schema.get("enum", [variable.default])
    return ("string",) if all(isinstance(word, str) and not is_template(word) for word in words) else ()


def template_problems(document: Document, playbook: Playbook) -> Iterator[Problem]:
    """What is wrong in the templates of the playbook's own variables before any host is known."""
    for variable in playbook.variables:
        written = document.data["vars"][variable.name]
        at: At = ("vars", variable.name)
        if written is not variable.default:
            at = (*at, "default")
        for place, text in templates_in(variable.default, at):
            yield from (document.problem(place, message) for message in _wrong(text, playbook))
    asked = {variable.name: _asked(variable.default) for variable in playbook.variables}
    for name in asked:
        circle = _circle(name, asked)
        if circle and min(circle) == name:
            yield document.problem(("vars", name), f"variables in a circle: {' > '.join(circle)}", on_key=True)


def _wrong(text: str, playbook: Playbook) -> Iterator[str]:
    from runner.playbook.evaluation import below, names_in, problems

    found = problems(text)
    yield from (f"{message}; {LITERAL}" for message in found)
    declared = {variable.name for variable in playbook.variables}
    for name in () if found else sorted(names_in(text) - declared - {"host"}):
        yield _unknown(name, declared, playbook)
    for name, word in () if found else sorted(below(text)):
        if name == "host" and (message := unknown_word(name, word, declared)):
            yield message


def _unknown(name: str, declared: Set[str], playbook: Playbook) -> str:
    if name in (*playbook.secrets, *playbook.optional):
        return f"the secret '{name}' may not stand here: a plan shows what variables come to; name it in the step"
    why = _LATER.get(name, "")
    if not why and any(step.register == name for step in playbook.walk()):
        why = "a step registers it"
    if why:
        return f"'{name}' is not known here: {why}, and variables are made before that; name it in the step"
    likely_word = likely(name, declared | {"host"})
    return f"'{name}' is not declared" + (
        likely_word or f"; where the inventory or -e gives it, declare it: {name}: {{required: true}}"
    )


def values_of(playbook: Playbook, hosts: Sequence[Host], chosen: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """
    The values of the declared variables by host: those of the playbook, of the inventory, of -e, the last the
    strongest. Raises InvalidInput with every value that is missing, unknown or does not fit its declaration.
    """
    declared = {variable.name: variable for variable in playbook.variables}
    problems = [
        Problem(message=f"-e {name}: the playbook declares no such variable{likely(name, declared)}")
        for name in chosen
        if name not in declared
    ]
    found = {}
    plain = {  # most are so on most hosts: looked at once, and not for each of a thousand hosts
        name: variable.default
        for name, variable in declared.items()
        if not variable.required and name not in chosen and not templated(variable.default)
    }
    for host in hosts:
        values = _Values(host, declared, chosen, plain)
        found[host.name] = values.all()
        problems += values.problems
    if problems:
        raise InvalidInput(problems=tuple(dict.fromkeys(problems)))
    return found


class _NoWay(TemplateFailed):
    """Told at every variable that the way goes through, and at no other that is made of these."""

    def __init__(self, what: str, way: Sequence[str]) -> None:
        super().__init__(f"{what}: {' > '.join(way)}")
        self.way = way


class _Told(Exception):
    """What is wrong is told at another variable, of which this one is made."""


class _Values:
    """The variables of one host, each made when it is first asked for."""

    def __init__(
        self, host: Host, declared: Mapping[str, Variable], chosen: Mapping[str, Any], plain: Mapping[str, Any]
    ) -> None:
        self._host = host
        self._declared = declared
        self._chosen = chosen
        self._made = {name: value for name, value in plain.items() if name not in host.vars}
        self._way: list[str] = []
        self.problems: list[Problem] = []

    def all(self) -> dict[str, Any]:
        for name, variable in self._declared.items():
            try:
                self._value(name)
            except _Told:
                pass
            except TemplateFailed as error:
                message = f"'{name}' of {self._host.name} (from {self._said(name)[1]}): {error.message}"
                self.problems.append(Problem(message=message, where=variable.location))
            except LookupError:
                message = f"'{name}' has no value for {self._host.name}; give it in the inventory or with -e {name}=..."
                self.problems.append(Problem(message=message, where=variable.location))
        return {name: self._made[name] for name in self._declared if name in self._made}

    def _said(self, name: str) -> tuple[Any, str]:
        """A value as it is written, and where. Raises LookupError where there is none."""
        variable = self._declared.get(name)
        if variable is not None and name in self._chosen:
            return self._chosen[name], "-e"
        if name in self._host.vars:
            return self._host.vars[name], self._host.origins.get(name, "inventory")
        if variable is None or variable.required:
            raise LookupError(name)
        return variable.default, _OWN

    def _value(self, name: str) -> Any:
        """Raises TemplateFailed, and LookupError."""
        if name in self._made:
            return self._made[name]
        value, origin = self._said(name)
        variable = self._declared.get(name)
        schema = variable.schema if variable else {}
        if templated(value):
            value = with_texts(self._filled(name, value), schema, text=text_of)
        elif origin is _OWN:  # a default was checked where it is written
            schema = {}
        for wrong in check_value(value, schema):
            message = f"'{name}' of {self._host.name} (from {origin}): {wrong}"
            self.problems.append(Problem(message=message, where=variable.location if variable else None))
        self._made[name] = value
        return value

    def _filled(self, name: str, value: Any) -> Any:
        if name in self._way:
            raise _NoWay("variables in a circle", [*self._way[self._way.index(name) :], name])
        if len(self._way) == DEEPEST:
            raise _NoWay(f"more than {DEEPEST} variables, one made of the next", self._way)
        self._way.append(name)
        try:
            return render(value, self._names(value))
        finally:
            self._way.pop()

    def _names(self, value: Any) -> Mapping[str, Any]:
        names: dict[str, Any] = {"host": host_values(self._host)}
        for name in _asked(value) - {"host"}:
            try:
                names[name] = self._value(name)
            except _NoWay as error:
                if self._way[-1] in error.way:
                    raise
                raise _Told from None
            except (LookupError, TemplateFailed) as error:
                if name in self._declared:
                    raise _Told from None
                if isinstance(error, TemplateFailed):
                    raise
                why = _LATER.get(name, "no variable of the playbook or of this host has that name")
                raise TemplateFailed(f"'{name}' is not known here: {why}; {LITERAL}") from None
        return names


def _asked(value: Any) -> Set[str]:
    from runner.playbook.evaluation import names_in

    return frozenset().union(*(names_in(text) for _, text in templates_in(value)))


def _circle(start: str, asked: Mapping[str, Set[str]]) -> list[str]:
    """The way from a variable back to it by the names in templates, or an empty list."""
    ways = [[start]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        for name in asked[way[-1]] & asked.keys():
            if name == start:
                return [*way, name]
            if name not in seen:
                seen.add(name)
                ways.append([*way, name])
    return []
