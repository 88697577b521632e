"""
What is done with templates and expressions: filled in, evaluated, checked. Jinja2 in a sandbox.

Undefined names are an error, and nothing is global but `range` and `dict`. Importing Jinja2 takes 15 ms of every start:
who needs this only for some playbooks imports it then.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, Undefined, meta, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from runner.document.source import likely
from runner.playbook.quoting import HOLE, holes
from runner.playbook.template import Incomplete, Raw, TemplateFailed, text_of
from runner.redact import Secret, cut
from runner.shell import quote

DEEPEST = 100
"""Operations within each other in one template: Python's own reader takes 200."""
LONGEST = 1 << 24
"""Characters or items that one `*` may make."""
NUMBER_BITS = 1 << 13
"""Bits of a number that one `*` or `**` may make: Python writes no number of more than 4,300 digits."""
_FAILS = (
    *(TemplateError, TypeError, ValueError, ArithmeticError, LookupError, AttributeError),
    *(RecursionError, MemoryError, SyntaxError),
)
"""What a template that is no good may raise: filters take whatever they are given, and raise what comes of it."""


class _Sandbox(ImmutableSandboxedEnvironment):
    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Nobody waits for a number of a million digits, or has room for a text of as many times another."""
        if _too_large(operator, left, right):
            raise OverflowError(f"the result of '{operator}' is too large")
        return super().call_binop(context, operator, left, right)

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        try:
            tree = super()._parse(source, name, filename)
        except RecursionError:
            raise TemplateSyntaxError("it is nested too deeply", 1) from None
        level: list[nodes.Node] = [tree]
        for _ in range(DEEPEST):
            level = [child for node in level for child in node.iter_child_nodes()]
        if level:
            raise TemplateSyntaxError("it is nested too deeply", 1)
        return tree

    def getattr(self, obj: Any, attribute: str) -> Any:
        """A key of a mapping comes before a method of the same name: `result.values`, `row.count`."""
        if isinstance(obj, Mapping):
            if attribute not in obj:
                return self.undefined(_not_given(obj, attribute), obj, attribute)
            return self._whole(obj[attribute])
        return super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        return self._whole(super().getitem(obj, argument))

    def _whole(self, value: Any) -> Any:
        return self.undefined(value.why) if isinstance(value, Incomplete) else value


def _not_given(obj: Mapping[str, Any], attribute: str) -> str:
    """Why a result, or another mapping, has no such value."""
    if obj.get("ok") is False and "exit" in obj:
        return f"the step that failed gave no '{attribute}'; ask first: when: NAME.ok"
    return f"there is no '{attribute}' in it"


class _ShellSandbox(_Sandbox):
    """Values are words; where something stands right beside one, it is to be one word."""

    def _parse(self, source: str, name: str | None, filename: str | None) -> nodes.Template:
        tree = super()._parse(source, name, filename)
        for output in tree.find_all(nodes.Output):
            sides = ["", *(node.data if isinstance(node, nodes.TemplateData) else HOLE for node in output.nodes), ""]
            for number, node in enumerate(output.nodes):
                before, after = sides[number][-1:], sides[number + 2][:1]
                if not isinstance(node, nodes.TemplateData) and not _APART.issuperset((before, after)):
                    output.nodes[number] = nodes.Filter(node, "one_word", [], [], None, None, lineno=node.lineno)
        return tree


_APART = frozenset({"", *" \t\n;&|()<>"})


def _one_word(value: Any) -> Any:
    if isinstance(value, list | tuple):
        raise TypeError(
            "a list is several words, and here something stands right beside it; write it apart, or join it"
        )
    return value


def _too_large(operator: str, left: Any, right: Any) -> bool:
    if isinstance(left, int) and isinstance(right, int):
        bits = left.bit_length() * right if operator == "**" else left.bit_length() + right.bit_length()
        return bits > NUMBER_BITS
    pairs = ((left, right), (right, left))
    return any(
        isinstance(one, str | list | tuple) and isinstance(other, int) and len(one) * other > LONGEST
        for one, other in pairs
    )


def _word(value: Any) -> Any:
    """A value as one shell word; a list as several."""
    if isinstance(value, Undefined | Raw):
        return value
    if isinstance(value, list | tuple):
        return " ".join(quote(text_of(item)) for item in value)
    return quote(text_of(value))


def _plain(value: Any) -> Any:
    return value if isinstance(value, Undefined) else text_of(value)


def _environment(
    sandbox: type[_Sandbox] = _Sandbox, *, finalize: Any, statements: bool
) -> ImmutableSandboxedEnvironment:
    marks: dict[str, Any] = {}
    if not statements:
        marks = {
            "block_start_string": "{%%%rawat",
            "block_end_string": "rawat%%%}",
            "comment_start_string": "{###rawat",
            "comment_end_string": "rawat###}",
        }
    environment = sandbox(undefined=StrictUndefined, finalize=finalize, keep_trailing_newline=True, **marks)
    environment.globals = {"range": environment.globals["range"], "dict": dict}
    environment.filters["raw"] = lambda value: Raw(text_of(value))
    environment.filters["quote"] = lambda value: Raw(_word(value))
    return environment


_INF = float("inf")
_PLAIN = _environment(finalize=_plain, statements=False)
_SHELL = _environment(_ShellSandbox, finalize=_word, statements=False)
_SHELL.filters["one_word"] = _one_word
_FILE = _environment(finalize=_plain, statements=True)


def evaluate(expression: str, names: Mapping[str, Any]) -> Any:
    """The value of a bare expression, as under `when`. Raises TemplateFailed."""
    try:
        value = _expression(expression)(**names)
    except _FAILS as error:
        raise TemplateFailed(f"{expression!r}: {_said(error)}") from error
    lost = _lost(value)
    if lost is not None:
        raise TemplateFailed(f"{expression!r}: {_undefined(lost)}")
    return value


def holds(expression: str, names: Mapping[str, Any]) -> bool:
    """Whether a condition does. Raises TemplateFailed, for a text too: as such "no" and "false" would be true."""
    value = evaluate(expression, names)
    if isinstance(value, str):
        words = f"{expression!r} is a text, {cut(value, 40)!r}, which is neither true nor false"
        raise TemplateFailed(f"{words}; compare it: {expression} != ''")
    return bool(value)


def taken_as_true(expression: str) -> frozenset[str]:
    """The names whose own value decides a condition, as `a` and `b` do in `a and not b and c == 1`."""
    try:
        (output,) = _PLAIN.parse("{{ " + expression + " }}").body
    except (TemplateError, ValueError):
        return frozenset()
    return frozenset(_deciding(output.nodes[0])) if isinstance(output, nodes.Output) else frozenset()


def _deciding(node: nodes.Node) -> Iterator[str]:
    if isinstance(node, nodes.Name):
        yield node.name
    elif isinstance(node, nodes.And | nodes.Or | nodes.Not | nodes.CondExpr):
        for inner in node.iter_child_nodes():
            yield from _deciding(inner)


def _said(error: BaseException) -> str:
    return str(error) or "there is no memory for it"


def _lost(value: Any) -> Undefined | None:
    """What has no value, itself or within."""
    if isinstance(value, Undefined):
        return value
    if isinstance(value, Mapping):
        value = value.values()
    elif not isinstance(value, list | tuple):
        return None
    return next(filter(lambda found: found is not None, map(_lost, value)), None)


def render_text(source: str, names: Mapping[str, Any], *, name: str) -> str:
    """A template file's text, with statements and loops; nothing is quoted. Raises TemplateFailed."""
    try:
        return _FILE.from_string(source).render(**names)
    except _FAILS as error:
        number = getattr(error, "lineno", None)
        line = f":{number}" if number else ""
        raise TemplateFailed(f"{name}{line}: {_said(error)}") from error


def file_problem(source: str) -> str:
    """What is wrong with a template file before any value is known, behind its line; or an empty text."""
    try:
        return next((f"{line}: {word}" for line, word in _unknown(_FILE.parse(source))), "")
    except TemplateSyntaxError as error:
        return f"{error.lineno}: {error.message}"


def file_needs(source: str) -> frozenset[str]:
    """The names that a template file takes from outside and cannot do without; empty where it cannot be parsed."""
    try:
        tree = _FILE.parse(source)
        asked = meta.find_undeclared_variables(tree)
    except TemplateError:
        return frozenset()
    made = {node.name for node in tree.find_all(nodes.Name) if node.ctx != "load"}
    return (_needed(tree, frozenset()) & asked) - made - _FILE.globals.keys()


def missing(why: str) -> Any:
    """Stands for a value that is gone: whatever uses it fails, and says why."""
    return StrictUndefined(hint=why)


def problems(value: str, *, shell: bool = False) -> list[str]:
    """What is wrong with a template before any value is known: bad syntax, and values inside quotes."""
    try:
        tree = _PLAIN.parse(value)
    except TemplateError as error:
        return [f"not a valid template: {error}"]
    return [*_unknown_words(tree), *_infinite(tree), *(_misplaced(value) if shell else ())]


def expression_problem(expression: str) -> str:
    """What is wrong with a bare expression, or an empty text."""
    if "{{" in expression:
        return "this is an expression already: write it without {{ }}"
    try:
        tree = _PLAIN.parse("{{ " + expression + " }}")
        unknown = [*_unknown_words(tree), *_infinite(tree)]
        if not unknown:
            _expression(expression)
    except TemplateError as error:
        return f"not a valid expression: {error}"
    return unknown[0] if unknown else ""


@lru_cache(maxsize=4096)
def names_in(text: str, *, expression: bool = False) -> frozenset[str]:
    """The names a template (or a bare expression) asks for; empty where it cannot be parsed."""
    try:
        tree = _PLAIN.parse("{{ " + text + " }}" if expression else text)
        return frozenset(meta.find_undeclared_variables(tree)) - {"range", "dict"}
    except TemplateError:
        return frozenset()


def paths_in(text: str, *, expression: bool = False) -> frozenset[str]:
    """The dotted names a template asks for, such as `size.row.bytes`: shown where a value is not known yet."""
    try:
        tree = _PLAIN.parse("{{ " + text + " }}" if expression else text)
    except TemplateError:
        return frozenset()
    return frozenset(filter(None, map(_dotted, _outermost(tree))))


def needed(text: str, *, expression: bool = False) -> frozenset[str]:
    """The names that a template cannot do without: not those that it asks for only where they are defined."""
    try:
        return _needed(_PLAIN.parse("{{ " + text + " }}" if expression else text), frozenset())
    except TemplateError:
        return frozenset()


def defined_where(expression: str) -> frozenset[str]:
    """The names that certainly have a value where a condition holds, since it asks: `a is defined and a.ok`."""
    try:
        (output,) = _PLAIN.parse("{{ " + expression + " }}").body
    except (TemplateError, ValueError):
        return frozenset()
    return _defined(output.nodes[0], True) if isinstance(output, nodes.Output) else frozenset()


def _needed(node: nodes.Node, safe: frozenset[str]) -> frozenset[str]:
    """`safe` are names that are known to be defined where the node is come to."""
    if isinstance(node, nodes.Name):
        return frozenset({node.name} if node.ctx == "load" else ()) - safe
    parts = [(child, safe) for child in node.iter_child_nodes()]
    if isinstance(node, nodes.CondExpr):
        parts = [(node.test, safe), (node.expr1, safe | _defined(node.test, True))]
        parts += [(node.expr2, safe | _defined(node.test, False))] if node.expr2 else []
    elif isinstance(node, nodes.If):
        parts = [(node.test, safe), *((child, safe | _defined(node.test, True)) for child in node.body)]
        parts += [(child, safe | _defined(node.test, False)) for child in (*node.elif_, *node.else_)]
    elif isinstance(node, nodes.And | nodes.Or):
        parts = [(node.left, safe), (node.right, safe | _defined(node.left, isinstance(node, nodes.And)))]
    elif _asks(node):
        parts = [(child, safe) for child in node.iter_child_nodes() if not isinstance(child, nodes.Name)]
    return frozenset().union(*(_needed(part, known) for part, known in parts))


def _asks(node: nodes.Node) -> bool:
    """`name is defined`, `name | default(...)`: what is no error where the name has no value."""
    if isinstance(node, nodes.Test):
        return node.name in ("defined", "undefined") and isinstance(node.node, nodes.Name)
    return isinstance(node, nodes.Filter) and node.name in ("default", "d") and isinstance(node.node, nodes.Name)


def _defined(node: nodes.Node, holds: bool) -> frozenset[str]:
    """The names that have a value where the condition does or does not hold."""
    if isinstance(node, nodes.Not):
        return _defined(node.node, not holds)
    if isinstance(node, nodes.And | nodes.Or):
        left, right = _defined(node.left, holds), _defined(node.right, holds)
        return left | right if isinstance(node, nodes.And) is holds else left & right
    if isinstance(node, nodes.Test) and isinstance(node.node, nodes.Name):
        return frozenset({node.node.name} if node.name == ("defined" if holds else "undefined") else ())
    return frozenset()


@lru_cache(maxsize=4096)
def below(text: str, *, expression: bool = False) -> frozenset[tuple[str, str]]:
    """Each name with what is asked of it: `facts.cpus` and `facts['cpus']` are ("facts", "cpus")."""
    try:
        tree = _PLAIN.parse("{{ " + text + " }}" if expression else text)
    except TemplateError:
        return frozenset()
    asked = set()
    node: Any
    for node in tree.find_all((nodes.Getattr, nodes.Getitem)):
        if not isinstance(node.node, nodes.Name):
            continue
        if isinstance(node, nodes.Getattr):
            asked.add((node.node.name, node.attr))
        elif isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            asked.add((node.node.name, node.arg.value))
    return frozenset(asked)


def raw_uses(text: str) -> int:
    """How often a template steps around the quoting with `| raw`."""
    try:
        return sum(1 for node in _PLAIN.parse(text).find_all(nodes.Filter) if node.name == "raw")
    except TemplateError:
        return 0


def _unknown_words(tree: nodes.Template) -> list[str]:
    return [word for _, word in _unknown(tree)]


def _unknown(tree: nodes.Template) -> Iterator[tuple[int, str]]:
    """Filters and tests that there are not, with their lines: Jinja2 itself would only say so when it is used."""
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        what, known = ("filter", _PLAIN.filters) if isinstance(node, nodes.Filter) else ("test", _PLAIN.tests)
        if node.name not in known:
            yield node.lineno, f"there is no {what} '{node.name}'{likely(node.name, known)}"


def _infinite(tree: nodes.Template) -> list[str]:
    """Jinja2 writes them into its code as the names `inf` and `nan`, which mean nothing there."""
    values = [node.value for node in tree.find_all(nodes.Const)]
    return ["a number that large is infinite"] if any(value in (_INF, -_INF) for value in values) else []


def _outermost(node: nodes.Node) -> Iterator[nodes.Node]:
    for child in node.iter_child_nodes():
        if isinstance(child, nodes.Getattr | nodes.Name):
            yield child
        else:
            yield from _outermost(child)


def _dotted(node: nodes.Node) -> str:
    if isinstance(node, nodes.Name):
        return node.name
    if isinstance(node, nodes.Getattr):
        inner = _dotted(node.node)
        return f"{inner}.{node.attr}" if inner else ""
    return ""


def filled(text: str, names: Mapping[str, Any], *, shell: bool = False) -> Any:
    """A text with its templates filled in; see `template.render`."""
    secrets = [name for name in names_in(text) if isinstance(names.get(name), Secret)]
    if secrets:
        names = {**names, **{name: names[name].reveal() for name in secrets}}
    try:
        whole = None if shell else _whole(text)
        if whole is not None:
            value = evaluate(whole, names)
        else:
            value = _compiled(text, shell).render(**names)
    except _FAILS as error:
        raise TemplateFailed(f"{text.strip()!r}: {_said(error)}") from error
    return Secret("+".join(sorted(secrets)), text_of(value)) if secrets else value


@lru_cache(maxsize=4096)
def _whole(text: str) -> str | None:
    """The expression, where the text is one `{{ expression }}` and nothing else."""
    if not re.fullmatch(r"\s*\{\{.*\}\}\s*", text, re.DOTALL):
        return None
    body = _PLAIN.parse(text.strip()).body
    if len(body) != 1 or not isinstance(body[0], nodes.Output) or len(body[0].nodes) != 1:
        return None
    inner = text.strip()[2:-2]
    inner = inner[1:] if inner[:1] in "-+" and inner[1:2].isspace() else inner
    return (inner[:-1] if inner[-1:] in "-+" else inner).strip()


@lru_cache(maxsize=4096)
def _compiled(text: str, shell: bool) -> Any:
    return (_SHELL if shell else _PLAIN).from_string(text)


@lru_cache(maxsize=4096)
def _expression(text: str) -> Any:
    return _PLAIN.compile_expression(text, undefined_to_none=False)


def _undefined(value: Undefined) -> str:
    try:
        value._fail_with_undefined_error()
    except TemplateError as error:
        return str(error)


def _misplaced(text: str) -> list[str]:
    """Values of a shell text that stand where quoting them as a word would be wrong or not enough."""
    template = _PLAIN.parse(text)
    raw: list[bool] = []
    joined = ""
    for output in template.find_all(nodes.Output):
        for node in output.nodes:
            if isinstance(node, nodes.TemplateData):
                joined += node.data
            else:
                joined += HOLE
                raw.append(isinstance(node, nodes.Filter) and node.name == "raw")
    found = []
    for where, is_raw in zip(holes(joined), raw, strict=False):
        if where.endswith(" quotes") and not is_raw:
            found.append(f"a {{{{ value }}}} {where}: it is quoted already; take the quotes away")
        elif where and not is_raw:
            found.append(f"a {{{{ value }}}} {where}: quoting cannot make it safe there; give it through 'env'")
    return found
