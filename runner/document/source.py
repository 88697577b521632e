"""YAML text to plain data, and for every value the place where it was written. Strict: see docs/playbooks.md."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from runner.document.lean import yaml
from runner.document.paths import read_bytes
from runner.errors import InvalidInput, Location, Problem
from runner.frozen import frozen, replace

MAX_BYTES = 1 << 20
MAX_DEPTH = 50
MAX_NODES = 100_000

Key = str | int
At = tuple[Key, ...]

_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,17})\Z")
_FLOAT = re.compile(r"-?[0-9]+\.[0-9]+\Z")
_WORDS = {
    "null": None, "Null": None, "NULL": None, "~": None, "": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip


@frozen
class Place:
    """Where a value stands, and its key where it has one; `width` in characters, of the key or of the value."""

    line: int
    column: int
    width: int
    key_line: int = 0
    key_column: int = 0
    key_width: int = 0


@lru_cache(maxsize=4)
def _lines(text: str) -> Sequence[str]:
    """Every value of a long inventory asks for its line."""
    return text.splitlines()


@frozen
class Document:
    """
    A file's data and the place of each value by its path, e.g. ("phases", "test", 0, "id"); () is the whole.

    `raw` are the bytes of the file as they were read, once: it may be a pipe, and `text` has other line ends.
    """

    name: str
    text: str
    data: Any
    places: Mapping[At, Place]
    raw: bytes = b""

    def line(self, number: int) -> str:
        lines = _lines(self.text)
        return lines[number - 1] if 0 < number <= len(lines) else ""

    def location(self, at: At) -> Location:
        """Where the key of `at` stands, or the value itself in a list; the nearest known parent otherwise."""
        return self.spot(at, on_key=True)[0]

    def problem(self, at: At, message: str, *, on_key: bool = False) -> Problem:
        """A mistake in the value at `at` (or in its key)."""
        where, width = self.spot(at, on_key=on_key)
        return Problem(message=message, where=where, line=self.line(where.line), width=width)

    def spot(self, at: At, *, on_key: bool) -> tuple[Location, int]:
        """Where the value at `at` stands (or its key, where it has one), and how wide it is."""
        place = self._nearest(at)
        if on_key and place.key_line:
            return Location(file=self.name, line=place.key_line, column=place.key_column), place.key_width
        return Location(file=self.name, line=place.line, column=place.column), place.width

    def _nearest(self, at: At) -> Place:
        while at and at not in self.places:
            at = at[:-1]
        return self.places.get(at) or Place(line=1, column=1, width=1)


def likely(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` for the nearest known word, or an empty text."""
    import difflib

    near = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean '{near[0]}'?" if near else ""


def read_file(path: Path, *, name: str = "", told: list[Problem] | None = None) -> Document:
    """Read and parse one file; `told` as in `parse`. Raises InvalidInput with all that is wrong."""
    shown = name or str(path)
    try:
        raw = read_bytes(path, MAX_BYTES + 1)
    except OSError as error:
        raise InvalidInput(f"{shown}: cannot be read: {error.strerror or error}") from error
    if len(raw) > MAX_BYTES:
        raise InvalidInput(f"{shown}: larger than {MAX_BYTES >> 20} MiB; a playbook that long should be several files")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
        where = Location(file=shown, line=line, column=column)
        raise InvalidInput(problems=(Problem(message="this is not UTF-8 text", where=where),)) from error
    return replace(parse(text.replace("\r\n", "\n"), name=shown, told=told), raw=raw)


def parse(text: str, *, name: str, told: list[Problem] | None = None) -> Document:
    """
    Parse YAML text; raises InvalidInput with all that is wrong.

    What is wrong in a text that can be read all the same, such as a key that is there twice, goes to `told` where that
    is given: whoever looks for more mistakes tells it with them.
    """
    builder = _Builder(name, text)
    try:
        data = builder.document(yaml.parse(text, Loader=yaml.CSafeLoader))
    except yaml.YAMLError as error:
        raise InvalidInput(problems=(*builder.problems, _yaml_problem(name, text, error))) from error
    if told is not None:
        told += builder.problems
    elif builder.problems:
        raise InvalidInput(problems=tuple(builder.problems))
    return Document(name=name, text=text, data=data, places=builder.places)


def _yaml_problem(name: str, text: str, error: yaml.YAMLError) -> Problem:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    said = getattr(error, "problem", None) or str(error).splitlines()[0]
    context = getattr(error, "context", None)
    message = f"not valid YAML: {said}" + (f" ({context})" if context else "")
    if "\t" in text and "token" in str(said) and mark is not None and _has_tab(text, mark.line):
        message = "not valid YAML: a tab where YAML wants spaces"
    if mark is None:
        position = getattr(error, "position", 0)
        line = text.count("\n", 0, position) + 1
        return Problem(message=message, where=Location(file=name, line=line, column=1))
    lines = text.splitlines()
    shown = lines[mark.line] if mark.line < len(lines) else ""
    return Problem(message=message, where=Location(file=name, line=mark.line + 1, column=mark.column + 1), line=shown)


def _has_tab(text: str, line: int) -> bool:
    lines = text.splitlines()
    return line < len(lines) and "\t" in lines[line]


def scalar(text: str) -> Any:
    """
    The value of a plain scalar: a number only where the number writes back as the very same text.

    So `7` and `2.5` are numbers, and `0644`, `12:30`, `3.10`, `1e3`, `no` stay text.
    """
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.match(text):
        return int(text) if text != "-0" else text
    if _FLOAT.match(text) and repr(float(text)) == text:
        return float(text)
    return text


class _Builder:
    """Builds data and places from YAML events in one pass, and stops at the first excess of size or depth."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.lines = text.splitlines()
        self.problems: list[Problem] = []
        self.places: dict[At, Place] = {}
        self._order: list[At] = []
        """The paths in the order of the text: what stands under an anchor is one part of it."""
        self._anchors: dict[str, tuple[Any, At, Sequence[At], int]] = {}
        self._nodes = 0

    def document(self, events: Iterator[Any]) -> Any:
        data: Any = None
        seen = False
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if seen:
                    self._wrong(event, "a second document; one file holds one")
                    break
                seen = True
                data = self._node(next(events), events, (), 0, None)
        return data

    def _wrong(self, event: Any, message: str, width: int = 1) -> None:
        line, column = event.start_mark.line + 1, event.start_mark.column + 1
        shown = self.lines[line - 1] if line <= len(self.lines) else ""
        where = Location(file=self.name, line=line, column=column)
        self.problems.append(Problem(message=message, where=where, line=shown, width=width))

    def _count(self, event: Any, nodes: int, depth: int) -> None:
        self._nodes += nodes
        if depth > MAX_DEPTH:
            self._wrong(event, f"nested deeper than {MAX_DEPTH} levels")
            raise InvalidInput(problems=tuple(self.problems))
        if self._nodes > MAX_NODES:
            self._wrong(event, f"more than {MAX_NODES} values, aliases counted as often as they are used")
            raise InvalidInput(problems=tuple(self.problems))

    def _node(self, event: Any, events: Iterator[Any], at: At, depth: int, key: Any, first: Any = None) -> Any:
        """`first` is the value of the same key further up: the mistakes of both are looked for."""
        before = self._nodes
        self._count(event, 1, depth)
        if getattr(event, "tag", None):
            self._wrong(event, f"the tag {event.tag} is not part of the language")
        self._put(at, self._place(event, key))
        under = len(self._order)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event, at)
        if isinstance(event, yaml.ScalarEvent):
            if "\0" in event.value:
                self._wrong(event, "a NUL character, which no command line can carry")
            data = scalar(event.value) if event.implicit[0] else event.value
        elif isinstance(event, yaml.SequenceStartEvent):
            data = self._sequence(events, at, depth, first)
        else:
            data = self._mapping(events, at, depth, first)
        if getattr(event, "anchor", None):
            self._anchors[event.anchor] = (data, at, tuple(self._order[under:]), self._nodes - before)
        return data

    def _alias(self, event: Any, at: At) -> Any:
        if event.anchor not in self._anchors:
            self._wrong(event, f"the anchor '{event.anchor}' is not defined above")
            return None
        data, origin, under, nodes = self._anchors[event.anchor]
        self._count(event, nodes, len(at) + max((len(path) - len(origin) for path in under), default=0))
        for path in under:
            self._put(at + path[len(origin) :], self.places[path])
        return data

    def _put(self, at: At, place: Place) -> None:
        self.places[at] = place
        self._order.append(at)

    def _sequence(self, events: Iterator[Any], at: At, depth: int, first: Any) -> list[Any]:
        items: list[Any] = [*first] if isinstance(first, list) else []
        for event in events:
            if isinstance(event, yaml.SequenceEndEvent):
                break
            items.append(self._node(event, events, (*at, len(items)), depth + 1, None))
        return items

    def _mapping(self, events: Iterator[Any], at: At, depth: int, first: Any) -> dict[str, Any]:
        items: dict[str, Any] = {**first} if isinstance(first, dict) else {}
        for key in events:
            if isinstance(key, yaml.MappingEndEvent):
                break
            if not isinstance(key, yaml.ScalarEvent):
                self._wrong(key, "a key must be a plain word")
                self._node(key, events, (*at, "?"), depth + 1, None)
                self._node(next(events), events, (*at, "?"), depth + 1, None)
                continue
            name = key.value
            if name in items:
                place = self.places[(*at, name)]
                self._wrong(
                    key, f"'{name}' is here twice; the first is at {place.key_line}:{place.key_column}", len(name)
                )
            items[name] = self._node(next(events), events, (*at, name), depth + 1, key, items.get(name))
        return items

    @staticmethod
    def _place(event: Any, key: Any) -> Place:
        start, end = event.start_mark, event.end_mark
        width = max(1, end.column - start.column) if end.line == start.line else 1
        if key is None:
            return Place(line=start.line + 1, column=start.column + 1, width=width)
        return Place(
            line=start.line + 1,
            column=start.column + 1,
            width=width,
            key_line=key.start_mark.line + 1,
            key_column=key.start_mark.column + 1,
            key_width=max(1, len(key.value)),
        )
