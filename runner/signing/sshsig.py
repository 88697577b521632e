"""SSHSIG, the format of `ssh-keygen -Y sign`: taken apart and checked."""

from __future__ import annotations

import base64
import binascii
import hashlib

from runner.frozen import frozen
from runner.signing.keys import PublicKey, signed_by
from runner.sshwire import Malformed, Wire, string

MAGIC = b"SSHSIG"
_BEGIN = b"-----BEGIN SSH SIGNATURE-----"
_END = b"-----END SSH SIGNATURE-----"
_HASHES = {"sha256": hashlib.sha256, "sha512": hashlib.sha512}


class BadSignature(Exception):
    """Why something is no signature of these bytes, for this purpose."""


@frozen
class Signature:
    """Who signed by which key, and for what. That the key is one to be trusted is another question."""

    key: PublicKey
    namespace: str


def check_signature(armored: bytes, data: bytes, namespace: str) -> Signature:
    """The signature of `data` that an armored file holds. Raises BadSignature, in words for a reader."""
    try:
        found, hashed, raw = _take_apart(armored)
    except (Malformed, ValueError, binascii.Error) as error:
        raise BadSignature(f"this is no SSH signature: {error}") from error
    if found.namespace != namespace:
        raise BadSignature(f"it was signed for another purpose: '{found.namespace}', not '{namespace}'")
    digest = _HASHES[hashed](data).digest()
    signed = MAGIC + b"".join(map(string, (namespace.encode(), b"", hashed.encode(), digest)))
    try:
        good = signed_by(found.key.blob, raw, signed)
    except (Malformed, ValueError) as error:
        raise BadSignature(f"this is no SSH signature: {error}") from error
    if not good:
        raise BadSignature("the signature is not one of these bytes: they, or it, were changed")
    return found


def _take_apart(armored: bytes) -> tuple[Signature, str, bytes]:
    lines = armored.strip().splitlines()
    if len(lines) < 3 or lines[0] != _BEGIN or lines[-1] != _END:
        raise Malformed("its first or last line is not there")
    wire = Wire(base64.b64decode(b"".join(lines[1:-1]), validate=True))
    if wire.take(len(MAGIC)) != MAGIC or wire.uint32() != 1:
        raise Malformed("it is of another format or version")
    blob, namespace, _, hashed, raw = wire.string(), wire.text(), wire.string(), wire.text(), wire.string()
    wire.end()
    if hashed not in _HASHES:
        raise Malformed(f"the hash '{hashed}' is not known")
    return Signature(key=PublicKey(type=Wire(blob).text(), blob=blob), namespace=namespace), hashed, raw
