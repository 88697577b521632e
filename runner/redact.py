"""Secret values, and the filter that takes them out of everything that is shown or kept."""

from __future__ import annotations


class Secret:
    """A value that never shows itself: repr and str are masked, and it is no str, so nothing joins it by mistake."""

    __slots__ = ("_value", "name")

    def __init__(self, name: str, value: str) -> None:
        self.name = name
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return f"<secret {self.name}>"

    __str__ = __repr__
