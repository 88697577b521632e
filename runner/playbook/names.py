"""Templates and expressions of a whole playbook, checked before any value is known: syntax, quoting, names, secrets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from typing import Any

from runner.document.quick import certainly_valid
from runner.document.source import At, Document, likely
from runner.errors import Location, Problem
from runner.frozen import frozen
from runner.model import FINALLY, UNDO, Playbook, Step
from runner.playbook.idle import idle
from runner.playbook.template import is_template
from runner.playbook.words import unknown_in_result, unknown_word
from runner.registry import Registry

ALWAYS = frozenset({"facts", "host", "run"})
RESERVED = ALWAYS | {"item", "result"}


@frozen
class Text:
    """One template or expression of a step: where it stands, and what may stand in it."""

    at: At
    text: str
    shell: bool = False
    expression: bool = False
    secrets: bool = False
    result: bool = False


def check_names(
    playbook: Playbook,
    origins: Mapping[Location, tuple[Document, At]],
    kinds: Registry[type[Any]],
    *,
    doubtful: bool = False,
    unread: Set[str] = frozenset(),
) -> list[Problem]:
    """
    Every wrong template, and every name that nothing declares, in the order of the steps.

    `doubtful`: something is wrong already, so that a kind may be asked only about parameters of the right shape.
    `unread`: names that steps register which could not be read.
    """
    return list(_Names(playbook, origins, kinds, doubtful, unread).check())


class _Names:
    def __init__(
        self,
        playbook: Playbook,
        origins: Mapping[Location, tuple[Document, At]],
        kinds: Registry[type[Any]],
        doubtful: bool,
        unread: Set[str],
    ) -> None:
        self.playbook = playbook
        self.doubtful = doubtful
        self.origins = origins
        self.kinds = kinds
        self.variables = {variable.name for variable in playbook.variables}
        self.secrets = {*playbook.secrets, *playbook.optional}
        self.steps = {step.id for step in playbook.walk()}
        self.registered = set(unread)
        self.gives: dict[str, frozenset[str] | None] = dict.fromkeys(unread)
        """What the result under a name has beside RESULT, where that is known before it is made."""
        self.all_registered = {step.register for step in playbook.walk() if step.register} | unread

    def check(self) -> Iterator[Problem]:
        for variable in self.playbook.variables:
            if variable.name in RESERVED | self.secrets:
                yield Problem(message=f"'{variable.name}' is a name with a meaning already", where=variable.location)
        for steps in (*self.playbook.phases.values(), self.playbook.finally_):
            for step in steps:
                yield from self._tree(step, item=False)

    def _tree(self, step: Step, *, item: bool) -> Iterator[Problem]:
        """A step, its group, and what undoes it: an undo knows the `item` of what it undoes."""
        outer, item = item, item or step.loop is not None
        yield from self._step(step, item, outer)
        if step.register:
            self.registered.add(step.register)
            gives = self._gives(step) if step.loop is None else None
            self.gives[step.register] = gives if self.gives.get(step.register, gives) == gives else None
        for inner in step.steps:
            yield from self._tree(inner, item=item)
        for inner in step.undo:
            yield from self._tree(inner, item=item)

    def _step(self, step: Step, item: bool, outer: bool) -> Iterator[Problem]:
        document, at = self.origins[step.location]
        if step.register in RESERVED | self.variables | self.secrets:
            message = f"'{step.register}' is a name with a meaning already; register under another"
            yield document.problem((*at, "register"), message)
        if step.watch is not None and not self._may_watch(step):
            message = "'watch' repeats a step that only reads; this kind changes something"
            yield document.problem((*at, "watch"), message, on_key=True)
        said = _said(document, at)
        yield from _fixed(document, at, said)
        kind: Any = None if step.kind == "group" else self.kinds.get(step.kind)
        for key, message in idle(step, said, kind):
            yield document.problem((*at, key), message, on_key=True)
        if hasattr(kind, "mistakes") and self._sound(step, kind):
            for inner, message, word in kind().mistakes(step.params):
                yield self._at(document, (*at, step.kind, *inner), message, word)
            for inner in kind().watched(step.params) if step.watch is None and hasattr(kind, "watched") else ():
                message = f"'{inner[-1]}' is judged over all answers of a 'watch', and this step has none"
                yield document.problem((*at, step.kind, *inner), message, on_key=True)
        for text in texts_of(step, self.kinds):
            for message in self._problems(text):
                yield self._at(document, (*at, *text.at), message)
            for name in sorted(self._names(text)):
                message = self._unknown(step, text, name, outer if text.at[0] == "with" else item)
                if message:
                    yield self._at(document, (*at, *text.at), message, name)
            for name, word in sorted(self._below(text)):
                if message := unknown_word(name, word, self.variables) or self._not_given(step, text, name, word):
                    yield self._at(document, (*at, *text.at), message, word)

    def _gives(self, step: Step) -> frozenset[str] | None:
        return None if step.kind == "group" else getattr(self.kinds.get(step.kind), "gives", None)

    def _not_given(self, step: Step, text: Text, name: str, word: str) -> str:
        """A step would be done, and perhaps done again and again, before anybody saw that its claim makes no sense."""
        own = text.result and text.at[0] != step.kind and name in ("result", step.register)
        gives = self._gives(step) if own else self.gives.get(name)
        return unknown_in_result(name, word, gives) if gives is not None else ""

    def _sound(self, step: Step, kind: Any) -> bool:
        return not self.doubtful or certainly_valid(step.params, kind.schema, excuse=is_template)

    def _may_watch(self, step: Step) -> bool:
        if step.kind == "group" or not self._sound(step, self.kinds.get(step.kind)):
            return step.kind != "group"
        return step.idempotent or bool(self.kinds.get(step.kind)().reads_only(step.params))

    @staticmethod
    def _problems(text: Text) -> list[str]:
        from runner.playbook.evaluation import expression_problem, problems

        if not text.expression:
            return problems(text.text, shell=text.shell)
        message = expression_problem(text.text)
        return [message] if message else []

    @staticmethod
    def _names(text: Text) -> frozenset[str]:
        from runner.playbook.evaluation import names_in

        return names_in(text.text, expression=text.expression)

    @staticmethod
    def _below(text: Text) -> frozenset[tuple[str, str]]:
        from runner.playbook.evaluation import below

        return below(text.text, expression=text.expression)

    def _unknown(self, step: Step, text: Text, name: str, item: bool) -> str:
        if name in self.secrets:
            if text.secrets:
                return ""
            return (
                f"the secret '{name}' may not stand here, where others could read it; give it through 'env' or 'stdin'"
            )
        if name in ALWAYS or name in self.variables or (name == "item" and item):
            return ""
        if name == "result" and text.result:
            return ""
        late = step.phase in (FINALLY, UNDO)
        own = {step.register} if text.result and step.register else set()
        known = self.all_registered if late else self.registered | own
        if name in known:
            return ""
        if name in self.all_registered:
            return f"'{name}' is registered by a later step; it has no value here"
        if name == "item":
            return "'item' has a value only in a step with 'with', and not in its list"
        if name == "result":
            return "'result' has a value only under 'until' and 'expect'"
        if name in self.steps:
            return f"'{name}' is a step; its result has a name where the step says so: register: {name}"
        return f"'{name}' is not declared" + (
            likely(name, self.variables | known | self.secrets | ALWAYS)
            or f"; where the inventory or -e gives it, declare it under vars: {name}: {{required: true}}"
        )

    @staticmethod
    def _at(document: Document, at: At, message: str, word: str = "") -> Problem:
        """The problem at the value, or at the word in it where that can be found in the text."""
        problem = document.problem(at, message)
        if not word or problem.where is None:
            return problem
        for number in range(problem.where.line, min(problem.where.line + 200, len(document.text.splitlines()) + 1)):
            line = document.line(number)
            start = problem.where.column - 1 if number == problem.where.line else 0
            column = line.find(word, start)
            if column >= 0:
                where = Location(file=document.name, line=number, column=column + 1)
                return Problem(message=message, where=where, line=line, width=len(word))
        return problem


def texts_of(step: Step, kinds: Registry[type[Any]]) -> Iterator[Text]:
    """Every template and expression of a step."""
    for key, value in (("when", step.when), ("until", step.until), ("expect", step.expect)):
        if value is not None and value not in ("true", "false"):
            yield Text(at=(key,), text=value, expression=True, result=key != "when")
    for key, value in (("become", step.become), ("check", step.check)):
        if is_template(value):
            yield Text(at=(key,), text=str(value), shell=key == "check")
    if step.watch is not None:
        for key, length in (("for", step.watch.for_s), ("every", step.watch.every_s)):
            if isinstance(length, str):
                yield Text(at=("watch", key), text=length)
    yield from _walk(("with",), list(step.loop) if isinstance(step.loop, tuple) else step.loop, None, kinds)
    if step.kind != "group":
        yield from _walk((step.kind,), step.params, kinds.get(step.kind), kinds)


def _walk(at: At, value: Any, kind: Any, kinds: Registry[type[Any]], base: int = 1) -> Iterator[Text]:
    """`kind` takes the value at `at[:base]`: a step's, or one that stands within another's."""
    within = getattr(kind, "within", ())
    if isinstance(value, dict):
        for key, item in value.items():
            if key in within and len(at) > base:
                yield from _walk((*at, key), item, kinds.get(key), kinds, len(at) + 1)
            else:
                yield from _walk((*at, key), item, kind, kinds, base)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _walk((*at, number), item, kind, kinds, base)
    elif isinstance(value, str):
        name = next((key for key in at[base:] if isinstance(key, str)), "")
        claim = bool(within) and at[-1] == "expect"
        expression = claim or name in getattr(kind, "expressions", ())
        if expression or "{{" in value:
            yield Text(
                at=at,
                text=value,
                expression=expression,
                shell=name in getattr(kind, "shell", ()) and len(at) <= base + 1,
                secrets=name in getattr(kind, "secret", ()),
                result=claim,
            )


_FIXED = (
    *("timeout", "retries", "output_limit", "on_failure", "requires", "idempotent", "once", "local", "no_output"),
    *("expects_reboot", "lock"),
)
"""Keys of a step that are read before any host is known: a template in them would never be filled in."""


def _said(document: Document, at: At) -> Mapping[str, Any]:
    """A step as it is written."""
    found: Any = document.data
    for part in at:
        found = found[part]
    step: Mapping[str, Any] = found
    return step


def _fixed(document: Document, at: At, said: Mapping[str, Any]) -> Iterator[Problem]:
    for key in _FIXED:
        if "{{" in str(said.get(key, "")):
            yield document.problem((*at, key), f"'{key}' takes no {{{{ }}}}: it is read before any host is known")
