"""
Fabric and paramiko without what they import and nobody here uses: 40 ms of every start.

invoke imports unittest.mock for a class that tests of others use, and with it come asyncio and ssl; and its own copy of
PyYAML, beside the one that has been loaded. paramiko imports importlib.metadata, and with it email and zipfile, to ask
for its own version; and PyNaCl, for what runner.transport.ed25519 does. Whoever wants a real module gets it: before,
after, and meanwhile.
"""

from __future__ import annotations

import sys
from functools import cache
from importlib import import_module
from types import ModuleType
from typing import Any

from runner.installed import installed


class _StandIn(ModuleType):
    """A module that has a few attributes at hand; the others are those of the module it stands in for."""

    def __init__(self, name: str, **attributes: Any) -> None:
        super().__init__(name)
        self.__dict__.update(attributes)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(_real(self.__name__), name)


@cache
def import_paramiko() -> None:
    """Import paramiko and invoke; to be called before anything else asks for them."""
    import yaml

    from runner.transport import ed25519

    keys = _StandIn("nacl.signing", SigningKey=ed25519.SigningKey, VerifyKey=ed25519.VerifyKey)
    faults = _StandIn("nacl.exceptions", BadSignatureError=ed25519.BadSignatureError)
    instead: dict[str, ModuleType] = {
        "unittest.mock": _StandIn("unittest.mock", Mock=object),
        "importlib.metadata": _StandIn("importlib.metadata", version=_version),
        "invoke.vendor.yaml": yaml,
        "nacl": _StandIn("nacl", signing=keys, exceptions=faults),
        "nacl.signing": keys,
        "nacl.exceptions": faults,
    }
    ours = {name: module for name, module in instead.items() if name not in sys.modules}
    if "invoke.context" not in sys.modules:
        sys.modules.update(ours)
    try:
        import paramiko  # noqa: F401
    finally:
        for name, module in ours.items():
            if sys.modules.get(name) is module:
                del sys.modules[name]


def _version(name: str) -> str:
    return installed().get(name) or str(_real("importlib.metadata").version(name))


def _real(name: str) -> Any:
    """The module itself, for whoever has got what stands in for it."""
    if isinstance(sys.modules.get(name), _StandIn):
        del sys.modules[name]
    return import_module(name)
