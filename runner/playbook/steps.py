"""The steps of a document to Step values: shorthand spelled out, groups and includes followed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from runner.document.source import At, Document, likely
from runner.errors import InvalidInput, Location, Problem
from runner.frozen import replace
from runner.model import UNDO, OnFailure, Requirement, Retry, Step, Watch
from runner.playbook.schema import STEP_KEYS
from runner.playbook.template import is_template
from runner.registry import Registry
from runner.units import duration_s, size_bytes

GROUP_KEYS = frozenset({"id", "title", "when", "on_failure", "undo", "steps"})


class Files(Protocol):
    kinds: Registry[type[Any]]

    def include(self, document: Document, at: At, wanted: str, chain: tuple[str, ...]) -> Document | None: ...


class StepReader:
    """
    Reads lists of steps; `origins` maps the place of each step's id to its document and the path of the step in it.

    `unread` are the names that steps register which cannot be read.
    """

    def __init__(self, files: Files) -> None:
        self.files = files
        self.problems: list[Problem] = []
        self.origins: dict[Location, tuple[Document, At]] = {}
        self._taken: dict[str, Location] = {}
        self.unread: set[str] = set()

    def list(self, document: Document, at: At, phase: str, chain: tuple[str, ...] = ()) -> tuple[Step, ...]:
        """The steps of the list at `at`; what cannot be read is a problem and left out."""
        items: Any = document.data
        for key in at:
            items = items[key]
        steps: list[Step] = []
        for number, item in enumerate(items or ()):
            if isinstance(item, dict):
                read = self._step(document, (*at, number), item, phase, chain)
                if not read and isinstance(item.get("register"), str):
                    self.unread.add(item["register"])
                steps += read
        return tuple(steps)

    def _step(
        self, document: Document, at: At, item: dict[str, Any], phase: str, chain: tuple[str, ...]
    ) -> tuple[Step, ...]:
        if "include" in item:
            return self._include(document, at, item, phase, chain)
        kind = self._kind(document, at, item)
        name = item.get("id")
        if not isinstance(name, str):
            self.problems.append(document.problem(at, "a step needs an 'id'"))
            return ()
        where = document.location((*at, "id"))
        if name in self._taken:
            message = f"the id '{name}' is taken already, at {self._taken[name]}"
            self.problems.append(document.problem((*at, "id"), message))
        self._taken.setdefault(name, where)
        if kind is None or where in self.origins:  # what an alias or an include brings once more was read already
            return ()
        self.origins[where] = (document, at)
        self._of_the_kind(document, at, item, kind)
        step = Step(
            id=name,
            title=str(item.get("title", name)),
            kind=kind,
            phase=phase,
            location=where,
            params=item.get(kind),
            steps=self.list(document, (*at, "steps"), phase, chain) if kind == "group" else (),
            undo=self.list(document, (*at, "undo"), UNDO, chain) if "undo" in item else (),
        )
        return (self._keys(step, item),)

    def _kind(self, document: Document, at: At, item: dict[str, Any]) -> str | None:
        kinds = self.files.kinds
        found = [key for key in item if key not in STEP_KEYS and key in kinds]
        if "steps" in item:
            found.append("group")
        if len(found) == 1:
            return found[0]
        if found:
            message = f"a step has one kind; this has {', '.join(found)}"
            self.problems.append(
                document.problem((*at, found[1] if found[1] in item else "steps"), message, on_key=True)
            )
            return None
        strange = [key for key in item if key not in STEP_KEYS]
        if not strange:
            message = f"this step says nothing to do; it needs one of: {', '.join(kinds.names())}"
            self.problems.append(document.problem((*at, "id"), message, on_key=True))
        return None

    def _of_the_kind(self, document: Document, at: At, item: dict[str, Any], kind: str) -> None:
        """What a group does not have is not left unheeded; what `with` may be is not only a matter of its type."""
        for key in sorted(item.keys() & (STEP_KEYS.keys() - GROUP_KEYS) if kind == "group" else ()):
            message = f"'{key}' is not for a group: say it at each of its steps"
            self.problems.append(document.problem((*at, key), message, on_key=True))
        loop = item.get("with")
        if isinstance(loop, str) and not is_template(loop):
            message = f"'with' is a list, or a {{{{ template }}}} that gives one; found {loop!r}"
            self.problems.append(document.problem((*at, "with"), message))

    def _include(
        self, document: Document, at: At, item: dict[str, Any], phase: str, chain: tuple[str, ...]
    ) -> tuple[Step, ...]:
        for key in item.keys() - {"include", "title", "when"}:
            message = f"'{key}' does not go with 'include'{likely(key, ('title', 'when'))}"
            self.problems.append(document.problem((*at, key), message, on_key=True))
        wanted = str(item["include"])
        included = self.files.include(document, (*at, "include"), wanted, chain)
        if included is None:
            return ()
        steps = self.list(included, (), phase, (*chain, included.name))
        when = item.get("when")
        if when is None:
            return steps
        return tuple(replace(step, when=f"({when}) and ({step.when})" if step.when else str(when)) for step in steps)

    def _keys(self, step: Step, item: Mapping[str, Any]) -> Step:
        """The keys that every kind of step may have."""
        loop = item.get("with")
        return replace(
            step,
            when=_expression(item.get("when")),
            loop=tuple(loop) if isinstance(loop, list) else loop,
            become=item.get("become"),
            timeout_s=_seconds(item["timeout"], None) if "timeout" in item else None,
            retry=_retry(item.get("retries"), until="until" in item),
            until=_expression(item.get("until")),
            register=item.get("register"),
            expect=_expression(item.get("expect")),
            watch=_watch(item.get("watch")),
            on_failure=OnFailure(item["on_failure"]) if item.get("on_failure") in list(OnFailure) else OnFailure.STOP,
            expects_reboot=item.get("expects_reboot") is True,
            lock=item.get("lock"),
            output_limit=_bytes(item.get("output_limit")),
            requires=tuple(_requirement(name) for name in item.get("requires", ())),
            idempotent=item.get("idempotent") is True,
            check=item.get("check"),
            no_output=item.get("no_output") is True,
            once=item.get("once") is True,
            local=item.get("local") is True,
        )


def _requirement(asked: Any) -> Requirement:
    if not isinstance(asked, Mapping):
        return Requirement(item=str(asked))
    within = _seconds(asked.get("within"), 0.0)
    return Requirement(item=str(asked.get("item")), within_s=within, database=str(asked.get("database") or ""))


def _seconds(value: Any, standard: Any) -> Any:
    """A duration in seconds; what the schema has refused already is the standard here."""
    try:
        return duration_s(value)
    except (InvalidInput, ValueError, TypeError):
        return standard


def _bytes(value: Any) -> int | None:
    try:
        return None if value is None else size_bytes(value)
    except (InvalidInput, ValueError, TypeError):
        return None


def _expression(value: Any) -> str | None:
    """An expression as text; `when: true` is YAML's word for the same."""
    if value is None or isinstance(value, str):
        return value
    return "true" if value else "false"


def _retry(value: Any, *, until: bool) -> Retry:
    standard = Retry(attempts=10) if until else Retry()
    if isinstance(value, int) and not isinstance(value, bool):
        return replace(standard, attempts=value)
    if not isinstance(value, Mapping):
        return standard
    attempts, delay = value.get("attempts"), value.get("delay", standard.delay_s)
    return Retry(
        attempts=attempts if isinstance(attempts, int) else standard.attempts, delay_s=_seconds(delay, standard.delay_s)
    )


def _watch(value: Any) -> Watch | None:
    if not isinstance(value, Mapping) or "for" not in value:
        return None
    length, pause = value["for"], value.get("every", 10)
    return Watch(
        for_s=str(length) if is_template(length) else _seconds(length, 0.0),
        every_s=str(pause) if is_template(pause) else _seconds(pause, 10.0),
    )
