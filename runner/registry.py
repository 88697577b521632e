"""Names to things that are loaded when they are first asked for: built-ins and plug-ins alike."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Generic, TypeVar, cast

from runner.errors import InvalidInput, RawatError

T = TypeVar("T")


class Registry(Generic[T]):
    """
    A table of `name -> "module:attribute"`, completed by the entry points of `group`.

    A name that is taken twice is an error: no plug-in can quietly replace a built-in.
    """

    def __init__(self, group: str, built_in: Mapping[str, str]) -> None:
        self.group = group
        self._targets: dict[str, str] = dict(built_in)
        self._loaded: dict[str, T] = {}
        self._searched = False

    def names(self, *, plug_ins: bool = True) -> tuple[str, ...]:
        """All of them, or only those that are known without a search of everything that is installed (30 ms)."""
        if plug_ins:
            self._search()
        return tuple(sorted(self._targets))

    def __contains__(self, name: object) -> bool:
        if name in self._targets:
            return True
        self._search()
        return name in self._targets

    def get(self, name: str) -> T:
        """The thing itself; raises InvalidInput for a name that nobody offers."""
        if name not in self._loaded:
            if name not in self:
                raise InvalidInput(f"'{name}' is not known in {self.group}; known are: {', '.join(self.names())}")
            module, _, attribute = self._targets[name].partition(":")
            self._loaded[name] = cast(T, getattr(import_module(module), attribute))
        return self._loaded[name]

    def _search(self) -> None:
        if self._searched:
            return
        self._searched = True
        from importlib.metadata import entry_points  # 15 ms

        for point in entry_points(group=self.group):
            if point.name in self._targets:
                raise RawatError(
                    f"{self.group}: '{point.name}' is offered twice: {self._targets[point.name]}, {point.value}"
                )
            self._targets[point.name] = point.value


def instances(registry: Registry[type[Any]]) -> Mapping[str, Any]:
    """Every entry, made: for pages and listings, never on the way of a run."""
    return {name: registry.get(name)() for name in registry.names()}
