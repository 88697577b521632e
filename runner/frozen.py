"""
What `@dataclass(frozen=True, slots=True, kw_only=True)` makes, in a twentieth of the time.

dataclass writes and compiles six functions for every class: half a millisecond, and a run knows a hundred classes.
Here all classes share theirs. `replace`, `fields`, `asdict` and `match` work as with any dataclass, which is asked
for its description of a class when somebody wants that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field
from operator import attrgetter
from typing import Any, TypeVar, dataclass_transform

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(field,))
def frozen(cls: type[T]) -> type[T]:
    """Class decorator: an immutable value with slots, made by naming its fields, equal where all of them are."""
    own = vars(cls).get("__annotations__", {})
    inherited = next((base.__parts__ for base in cls.__mro__[1:] if hasattr(base, "__parts__")), ())
    parts = {name: (name, default, make) for name, default, make in inherited}
    parts |= {name: (name, *_default(vars(cls).get(name, MISSING))) for name in own}
    body = {name: value for name, value in vars(cls).items() if name not in ("__dict__", "__weakref__", *own)}
    for name, function in vars(_Shared).items():
        if callable(function):
            body.setdefault(name, function)
    body |= {
        "__slots__": tuple(own),
        "__match_args__": (),
        "__parts__": tuple(parts.values()),
        "__names__": tuple(parts),
        "__fixed__": {name: default for name, default, _ in parts.values() if default is not MISSING},
        "__makers__": tuple((name, make) for name, _, make in parts.values() if make is not MISSING),
        "__dataclass_fields__": _Described(),
    }
    made: Any = type(cls)
    found: Any = made(cls.__name__, cls.__bases__, body)
    found.__puts__ = {name: getattr(found, name).__set__ for name in parts}
    found.__values__ = attrgetter(*parts) if len(parts) > 1 else _few
    return found  # type: ignore[no-any-return]


def _default(given: Any) -> tuple[Any, Any]:
    return (given.default, given.default_factory) if isinstance(given, Field) else (given, MISSING)


def _few(value: Any) -> tuple[Any, ...]:
    """What attrgetter gives for two names and more."""
    return tuple([getattr(value, name) for name in value.__names__])


class _Described:
    """`__dataclass_fields__` of a class, as dataclass makes it, once it is asked for."""

    def __get__(self, value: object, cls: Any) -> dict[str, Any]:
        kinds: dict[str, Any] = {}
        for base in reversed(cls.__mro__):
            kinds |= vars(base).get("__annotations__", {})
        # without a text dataclass makes one of the signature, for which it imports half a compiler
        body: dict[str, Any] = {"__doc__": cls.__name__}
        body["__annotations__"] = {name: kinds[name] for name in cls.__names__}
        for name, default, make in cls.__parts__:
            if make is not MISSING:
                body[name] = field(default_factory=make)
            elif default is not MISSING:
                body[name] = default
        made: Any = dataclass(init=False, repr=False, eq=False, kw_only=True)(type(cls.__name__, (), body))
        cls.__dataclass_fields__ = made.__dataclass_fields__
        return cls.__dataclass_fields__  # type: ignore[no-any-return]


def names(kind: Any) -> tuple[str, ...]:
    """The names of the fields of such a class, in order."""
    found: tuple[str, ...] = kind.__names__
    return found


def shallow(value: Any) -> dict[str, Any]:
    """`dataclasses.asdict` of a value that holds no other such values, without copying what it holds."""
    return {name: getattr(value, name) for name in value.__names__}


def replace(value: T, /, **changes: Any) -> T:
    """`dataclasses.replace` of such a value, in half of the time."""
    kind: Any = type(value)
    made: T = object.__new__(kind)
    puts = kind.__puts__
    for put, old in zip(puts.values(), kind.__values__(value), strict=True):
        put(made, old)
    for name, new in changes.items():
        if name not in puts:
            raise TypeError(f"{kind.__name__} has no {name}")
        puts[name](made, new)
    return made


class _Shared:
    __parts__: tuple[tuple[str, Any, Any], ...]
    __names__: tuple[str, ...]
    __fixed__: dict[str, Any]
    __makers__: tuple[tuple[str, Callable[[], Any]], ...]
    __puts__: Mapping[str, Callable[[Any, Any], None]]

    def __init__(self, /, **given: Any) -> None:
        """By the descriptors of the slots, in one go: a run makes some ten thousand of these."""
        values = self.__fixed__ | given
        for name, make in self.__makers__:
            if name not in given:
                values[name] = make()
        try:
            for name, put in self.__puts__.items():
                put(self, values[name])
        except KeyError as error:
            raise TypeError(f"{type(self).__name__}: {error} is missing") from None
        if len(values) != len(self.__names__):
            raise TypeError(f"{type(self).__name__} has no {', '.join(values.keys() - self.__puts__.keys())}")

    def __eq__(self, other: object) -> bool:
        if other.__class__ is not self.__class__:
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name, _, _ in self.__parts__)

    def __hash__(self) -> int:
        return hash(tuple([getattr(self, name) for name, _, _ in self.__parts__]))

    def __repr__(self) -> str:
        parts = ", ".join(f"{name}={getattr(self, name)!r}" for name, _, _ in self.__parts__)
        return f"{type(self).__qualname__}({parts})"

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __getstate__(self) -> list[Any]:
        return [getattr(self, name) for name, _, _ in self.__parts__]

    def __setstate__(self, state: list[Any]) -> None:
        for put, part in zip(self.__puts__.values(), state, strict=True):
            put(self, part)
