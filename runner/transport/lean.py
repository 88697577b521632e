"""
Fabric and paramiko without what they import and nobody here uses: 50 ms of every start.

invoke imports unittest.mock for a class that tests of others use, and with it come asyncio and ssl; and its own copy of
PyYAML, beside the one that has been loaded. It and Fabric import their command lines, which are not ours. paramiko
imports importlib.metadata, and with it email and zipfile, to ask for its own version; and PyNaCl, for what
runner.transport.ed25519 does. Whoever wants a real module gets it: before, after, and meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cache, wraps
from importlib import import_module
from threading import Lock
from types import ModuleType
from typing import Any

from runner.installed import installed
from runner.lazy import StandIn, at_hand, later, meanwhile, real, when_asked, without_its_own_code

_IMPORTING = Lock()


@cache
def import_paramiko() -> None:
    """Import paramiko, invoke and Fabric; to be called before anything else asks for them."""
    with _IMPORTING:
        when_asked("bcrypt", "pprint")
        without_its_own_code("invoke", Context="context", Runner="runners", Result="runners", pty_size="terminals")
        without_its_own_code("fabric")
        with meanwhile(_instead()), ExitStack() as asked:
            # by dataclasses, for the text of one, and since Python 3.12 for its fields
            asked.enter_context(at_hand("inspect", signature=repr, get_annotations=_annotations))
            asked.enter_context(at_hand("subprocess", Popen=later("subprocess", "Popen"), PIPE=-1))
            for module, function in (("bcrypt", "kdf"), ("pprint", "pformat"), ("traceback", "format_exception")):
                asked.enter_context(at_hand(module, **{function: later(module, function)}))
            import_module("fabric.connection")
            import_module("paramiko")


def _instead() -> Mapping[str, ModuleType]:
    import yaml

    from runner.transport import ed25519

    keys = StandIn("nacl.signing", SigningKey=ed25519.SigningKey, VerifyKey=ed25519.VerifyKey)
    faults = StandIn("nacl.exceptions", BadSignatureError=ed25519.BadSignatureError)
    return {
        "unittest.mock": StandIn("unittest.mock", Mock=object),
        "importlib.metadata": StandIn("importlib.metadata", version=_version),
        "decorator": StandIn("decorator", decorator=_decorator),
        "invoke.vendor.yaml": yaml,
        "nacl": StandIn("nacl", signing=keys, exceptions=faults),
        "nacl.signing": keys,
        "nacl.exceptions": faults,
    }


def _annotations(cls: type) -> Mapping[str, Any]:
    """Those of the class itself, as in `inspect`."""
    return dict(vars(cls).get("__annotations__", {}))


def _version(name: str) -> str:
    return installed().get(name) or str(real("importlib.metadata").version(name))


def _decorator(caller: Callable[..., Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """As in the package of this name, whose functions also have the signature of the one that is decorated."""

    def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def called(*args: Any, **named: Any) -> Any:
            return caller(function, *args, **named)

        return called

    return decorated
