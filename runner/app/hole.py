"""A value that is not known yet: its own name in braces, whatever is done with it."""

from __future__ import annotations

from typing import Any

from runner.playbook.template import Raw


class Hole(Raw):
    """Stands for a value that only a step or a host can tell: `{size.row.bytes}`, whatever is done with it."""

    __slots__ = ()

    def __new__(cls, path: str) -> Hole:
        return super().__new__(cls, "{" + path + "}")

    def _with(self, more: str) -> Hole:
        return Hole(str(self)[1:-1] + more)

    def __getattr__(self, name: str) -> Hole:
        if name.startswith("_"):
            raise AttributeError(name)
        return self._with(f".{name}")

    def __getitem__(self, key: Any) -> Any:
        return self._with(f".{key}" if isinstance(key, str) else f"[{key}]")

    def _arithmetic(self, other: Any) -> Hole:
        return self

    __add__ = __radd__ = __mul__ = __rmul__ = __sub__ = __rsub__ = __truediv__ = __rtruediv__ = _arithmetic
    __floordiv__ = __rfloordiv__ = __mod__ = __rmod__ = __pow__ = __rpow__ = _arithmetic
