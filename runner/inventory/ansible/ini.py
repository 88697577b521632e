"""Ansible's INI form of an inventory, read into a draft."""

from __future__ import annotations

import re
import shlex

from runner.document.source import likely
from runner.errors import Location
from runner.inventory.ansible.connection import is_connection
from runner.inventory.ansible.ranges import expand
from runner.inventory.ansible.values import group, host, literal, otherwise, put
from runner.inventory.draft import ALL, Draft, HostEntry, Mark, Values
from runner.inventory.names import normal

_SECTION = re.compile(r"\[(?P<name>[^:\]\s]+)(?::(?P<part>[^\]\s]*))?\]\s*(?:[#;].*)?\Z")
_PORT = re.compile(r"(?P<name>.*[^:\[]):(?P<port>[0-9]{1,10})\Z")
_PARTS = ("children", "vars")


def read_ini(text: str, name: str) -> Draft:
    """Sections of hosts, `[group:children]` and `[group:vars]`; hosts before the first section are in no group."""
    return _Reader(text, name).read()


class _Reader:
    def __init__(self, text: str, file: str) -> None:
        self._text = text
        self._file = file
        self._draft = Draft()
        self._section, self._part = ALL, ""
        self._place = Mark(where=Location(file=file, line=1, column=1))
        self._declared: set[str] = {ALL, "ungrouped"}
        self._given: dict[str, Mark] = {}

    def read(self) -> Draft:
        for number, line in enumerate(self._text.splitlines(), start=1):
            text = line.strip()
            if not text or text[0] in "#;":
                continue
            self._whole = line
            self._number = number
            if found := _SECTION.match(text):
                self._begin(found["name"], found["part"] or "", text)
            elif self._part == "vars":
                self._variable(text)
            elif self._part == "children":
                self._child(text)
            elif self._part == "":
                self._host(text)
        children = {child for entry in self._draft.groups.values() for child in entry.children}
        for name, place in self._given.items():
            if name not in self._declared | children:
                self._draft.problems.append(place.problem(f"there is no group '{name}'{likely(name, self._declared)}"))
        return self._draft

    def _at(self, word: str) -> Mark:
        column = max(0, self._whole.find(word))
        where = Location(file=self._file, line=self._number, column=column + 1)
        return Mark(where=where, line=self._whole, width=max(1, len(word)))

    def _wrong(self, word: str, message: str) -> None:
        self._draft.problems.append(self._at(word).problem(message))

    def _begin(self, name: str, part: str, text: str) -> None:
        self._section, self._part = normal(name), part
        place = self._at(name)
        if part and part not in _PARTS:
            self._wrong(text, f"'{part}' is no part of a group: children, vars{likely(part, _PARTS)}")
        elif part == "vars":
            self._given.setdefault(self._section, place)
        else:
            self._declared.add(self._section)
            group(self._draft, name, place)

    def _variable(self, text: str) -> None:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not equals:
            self._wrong(text, "expected name=value")
            return
        entry = group(self._draft, self._section, self._given[self._section])
        values: Values = self._draft.vars if entry is None else entry.vars
        self._put(values, name, value)

    def _put(self, values: Values, name: str, text: str) -> None:
        value, place = literal(text), self._at(name)
        if isinstance(value, str) and not is_connection(name) and (words := otherwise(text)):
            self._draft.notes.append(f"{place}: '{name}' is the text '{text}'; {words}")
        put(self._draft, values, name, value, place)

    def _child(self, text: str) -> None:
        words = text.split("#")[0].split()
        if len(words) != 1:
            self._wrong(text, "one name of a group in each line")
            return
        entry = group(self._draft, self._section, self._place)
        if entry is not None:
            entry.children.setdefault(normal(words[0]), self._at(words[0]))

    def _host(self, text: str) -> None:
        try:
            words = shlex.split(text, comments=True)
        except ValueError:
            self._wrong(text, "a quote is not closed")
            return
        found = _PORT.match(words[0])
        pattern = found["name"] if found else words[0]
        try:
            names = expand(pattern)
        except ValueError as error:
            self._wrong(words[0], str(error))
            return
        for name in names:
            entry = host(self._draft, name, self._at(words[0]))
            belongs = group(self._draft, self._section, self._place)
            if belongs is not None:
                belongs.hosts.setdefault(entry.name, entry.mark)
            if found:
                put(self._draft, entry.vars, "ansible_port", int(found["port"]), self._at(found["port"]))
            self._values(entry, words[1:])

    def _values(self, entry: HostEntry, words: list[str]) -> None:
        for word in words:
            name, equals, value = word.partition("=")
            if not equals:
                self._wrong(word, f"'{word}' is no name=value")
                continue
            self._put(entry.vars, name, value)
