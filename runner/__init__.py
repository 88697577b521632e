"""
rawat: a maintenance runner.

Importing this package costs nothing: public names are loaded when they are first asked for (PEP 562).
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "RawatError": "runner.errors",
    "Playbook": "runner.model",
    "RunRecord": "runner.record",
    "StepKind": "runner.seams",
    "fold": "runner.record",
}

__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return getattr(import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'runner' has no attribute {name!r}")
