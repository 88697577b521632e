"""
Fabric and paramiko without what they import and nobody here uses.

invoke imports unittest.mock for a class that tests of others use, and with it come asyncio and ssl: 20 ms of every
start. Whoever wants the real module gets it, before or after.
"""

from __future__ import annotations

import sys
from types import ModuleType

_NAME = "unittest.mock"


def import_paramiko() -> None:
    """Import paramiko and invoke; to be called before anything else asks for them."""
    if "invoke.context" in sys.modules or _NAME in sys.modules:
        return
    stand_in = ModuleType(_NAME)
    stand_in.Mock = object  # type: ignore[attr-defined]
    sys.modules[_NAME] = stand_in
    try:
        import paramiko  # noqa: F401
    finally:
        del sys.modules[_NAME]
