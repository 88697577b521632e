"""
Libraries without what they import at their beginning and nobody here asks for.

A stand-in takes the place of a module, has at hand what is asked for anyway, and whoever asks it for anything else is
given it by the module itself. Used by the rooms that know what their library does.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module, reload
from importlib.util import find_spec, module_from_spec
from threading import Lock
from types import ModuleType
from typing import Any

_REMOVING = Lock()


class StandIn(ModuleType):
    """A module that has a few attributes at hand; the others are those of the module it stands in for."""

    def __init__(self, name: str, **at_hand: Any) -> None:
        super().__init__(name)
        self.__dict__.update(at_hand)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(real(self.__name__), name)


def real(name: str) -> Any:
    """The module itself, for whoever has got what stands in for it."""
    module = sys.modules.get(name)
    if isinstance(module, StandIn):
        _removed(name, module)
    return import_module(name)


def when_asked(*names: str, **attributes: Any) -> None:
    """From now on these modules are imported when they are asked for what is not at hand; those that are there stay."""
    for name in names:
        sys.modules.setdefault(name, StandIn(name, **attributes))


def later(module: str, name: str) -> Callable[..., Any]:
    """The function of this name, whose module is imported when it is called."""
    return lambda *args, **named: getattr(real(module), name)(*args, **named)


@contextmanager
def meanwhile(instead: Mapping[str, ModuleType]) -> Iterator[None]:
    """These take the places of modules that nobody has loaded yet, and leave them afterwards."""
    ours = {name: module for name, module in instead.items() if name not in sys.modules}
    sys.modules.update(ours)
    try:
        yield
    finally:
        for name, module in ours.items():
            _removed(name, module)


@contextmanager
def at_hand(name: str, **attributes: Any) -> Iterator[None]:
    """What stands in for the module has these at hand meanwhile, where libraries ask for more than they use."""
    module = sys.modules.get(name)
    if isinstance(module, StandIn):
        vars(module).update(attributes)
    try:
        yield
    finally:
        if isinstance(module, StandIn):
            for attribute in attributes:
                vars(module).pop(attribute, None)


def _removed(name: str, module: ModuleType) -> None:
    """Not what another thread has put there meanwhile."""
    with _REMOVING:
        if sys.modules.get(name) is module:
            del sys.modules[name]


class _Package(ModuleType):
    """A package whose own code has not run yet."""

    homes: Mapping[str, str]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__version__":
            raise AttributeError(name)
        if home := self.homes.get(name):
            return getattr(import_module(f"{self.__name__}.{home}"), name)
        reload(self)
        self.__class__ = ModuleType  # type: ignore[assignment]
        return getattr(self, name)


def without_its_own_code(package: str, **homes: str) -> None:
    """
    Modules of the package can be imported from now on, and its own code runs when it is asked for something.

    `homes`: in which module a name of the package is that libraries ask it for at their beginning.
    """
    if package in sys.modules:
        return
    spec = find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(package, name=package)
    module = module_from_spec(spec)
    module.__dict__["homes"] = homes
    module.__class__ = _Package
    sys.modules[package] = module
