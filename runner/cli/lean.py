"""
Click without what it and the standard library import for rare cases: 20 ms of every start.

`inspect` brings the compiler's tree and Python's byte code along, for one function; `traceback` brings tokens and
patterns, for logging; `uuid` asks what system this is; `ipaddress` is for addresses in brackets; `gettext` would look
for translations that Click does not have.
"""

from __future__ import annotations

from runner.lazy import StandIn, at_hand, later, meanwhile, when_asked

_in_lines = later("inspect", "cleandoc")


def _cleandoc(doc: str) -> str:
    """That of `inspect`, which is asked where it has something to do."""
    return _in_lines(doc) if "\n" in doc else doc.expandtabs().lstrip()


when_asked("glob", "ipaddress", "locale", "random", "subprocess", "tempfile", "traceback", "unicodedata", "uuid")
when_asked("inspect", cleandoc=_cleandoc, isclass=lambda value: isinstance(value, type))
_gettext = StandIn("gettext", gettext=str, ngettext=lambda one, more, n: one if n == 1 else more)
with meanwhile({"gettext": _gettext}), at_hand("uuid", UUID=str):  # of which Click makes the name of a type
    import click

__all__ = ["click"]
