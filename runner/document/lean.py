"""
PyYAML, whose patterns are compiled when they are first used: 6 ms of every start.

They are those of its scanner in Python and of its resolver; here the scanner in C reads files, and we resolve.
"""

from __future__ import annotations

import base64  # noqa: F401  # yaml imports these two, and they shall have the real module
import datetime  # noqa: F401
import re
import sys
from types import ModuleType
from typing import Any


class _Later:
    """What `re.compile` gives, as soon as anything is asked of it."""

    def __init__(self, pattern: str, flags: int = 0) -> None:
        self._asked = pattern, flags

    def __getattr__(self, name: str) -> Any:
        return getattr(re.compile(*self._asked), name)


_lazy = ModuleType("re")
_lazy.__dict__.update({**vars(re), "compile": _Later})
sys.modules["re"] = _lazy
try:
    import yaml
finally:
    sys.modules["re"] = re

__all__ = ["yaml"]
