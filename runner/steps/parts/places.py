"""Where a copy goes besides, and for whose eyes: the parameters `second` and `encrypt`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.steps.parts import schema as part
from runner.steps.parts.schema import as_list

_KEY = {"type": "string", "pattern": "^[A-Za-z0-9][^\\r\\n\\x00]*$"}

ENCRYPT: part.Schema = {
    "type": ["object", "null"],
    "additionalProperties": False,
    "minProperties": 1,
    "maxProperties": 1,
    "properties": {
        "age": part.one_or_more(_KEY, "Recipients of age: `age1...`, or a public key of SSH."),
        "gpg": part.one_or_more(_KEY, "Keys in the keyring of the user the step works as: fingerprint or address."),
    },
    "description": "For whom the copy is encrypted. The host needs public keys only; a restore needs the private one.",
}

SECOND: part.Schema = {
    "type": ["object", "null"],
    "additionalProperties": False,
    "required": ["path"],
    "properties": {
        "path": part.text(
            "The folder, which must be there; letters, digits and `._-/` only.",
            pattern="^(/[A-Za-z0-9._][A-Za-z0-9._-]*)+$",
        ),
        "host": part.text(
            "Another host, reached by SSH from this one; left out: the path is mounted here.",
            pattern="^[A-Za-z0-9][A-Za-z0-9.:-]*$",
        ),
        "user": part.text("The user there.", pattern="^[A-Za-z0-9_][A-Za-z0-9._-]*$"),
        "port": part.whole("Its port of SSH.", minimum=1, maximum=65535),
        "identity": part.host_path("The private key, on this host; left out: as ssh decides."),
        "known_hosts": part.host_path(
            "The file that must know that host's key; left out: as ssh decides. An unknown key is always refused."
        ),
    },
    "description": "A second place for the copy and its manifest. Its digest is made there, from what has arrived.",
}


def recipients(params: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    """The program that encrypts, `none` where nothing is; and for whom."""
    for tool, keys in (params.get("encrypt") or {}).items():
        return str(tool), tuple(str(key) for key in as_list(keys))
    return "none", ()


def second_place(params: Mapping[str, Any]) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """Assignments of plain values, and of paths."""
    asked = params.get("second") or {}
    plain = {f"second_{key}": str(asked.get(key) or "") for key in ("path", "host", "user", "port")}
    return plain, {f"second_{key}": str(asked.get(key) or "") for key in ("identity", "known_hosts")}


def second_shown(params: Mapping[str, Any]) -> str:
    asked = params.get("second") or {}
    return ":".join(str(asked[key]) for key in ("host", "path") if asked.get(key))
