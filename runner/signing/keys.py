"""SSH public keys: as text, as bytes, and what a signature by one must look like."""

from __future__ import annotations

import base64
import binascii
import hashlib
from typing import Any

from runner.errors import InvalidInput
from runner.frozen import frozen
from runner.sshwire import Malformed, Wire

_CURVES = {
    "nistp256": ("SECP256R1", "SHA256"),
    "nistp384": ("SECP384R1", "SHA384"),
    "nistp521": ("SECP521R1", "SHA512"),
}
_ECDSA = {f"ecdsa-sha2-{curve}": curve for curve in _CURVES}
_SECURITY = {"sk-ssh-ed25519@openssh.com": "", "sk-ecdsa-sha2-nistp256@openssh.com": "nistp256"}
KEY_TYPES = ("ssh-ed25519", "ssh-rsa", *_ECDSA, *_SECURITY)
SHORTEST_RSA = 2048
_TOUCHED = 0x01


@frozen
class PublicKey:
    """A key of one of KEY_TYPES; `blob` is its wire form. Two keys are the same where their blobs are."""

    type: str
    blob: bytes
    comment: str = ""

    @property
    def fingerprint(self) -> str:
        return "SHA256:" + base64.b64encode(hashlib.sha256(self.blob).digest()).decode().rstrip("=")

    @property
    def text(self) -> str:
        """`type base64`, as in `.pub` files and allowed_signers."""
        return f"{self.type} {base64.b64encode(self.blob).decode()}"


def parse_public_key(text: str) -> PublicKey:
    """A line of a `.pub` file. Raises InvalidInput."""
    words = text.split(None, 2)
    if len(words) < 2 or words[0] not in KEY_TYPES:
        kind = f"'{words[0]}' is no type of key that can sign" if words else "there is no key in it"
        raise InvalidInput(f"not a public SSH key: {kind}", hint=f"known are: {', '.join(KEY_TYPES)}")
    try:
        blob = base64.b64decode(words[1], validate=True)
        if Wire(blob).text() != words[0]:
            raise Malformed("its two types differ")
        _load(blob)
    except (Malformed, ValueError, binascii.Error) as error:
        raise InvalidInput(f"not a public SSH key: {error}") from error
    return PublicKey(type=words[0], blob=blob, comment=words[2].strip() if len(words) > 2 else "")


def signed_by(blob: bytes, signature: bytes, data: bytes) -> bool:
    """Whether a raw SSH signature over `data` was made by the key with this wire form. Raises Malformed."""
    from cryptography.exceptions import InvalidSignature

    wire = Wire(signature)
    name, raw = wire.text(), wire.string()
    kind, key, application = _load(blob)
    if application is not None:
        rest = wire.take(5)
        if not rest[0] & _TOUCHED:
            raise Malformed("the security key was not touched for it")
        data = hashlib.sha256(application).digest() + rest + hashlib.sha256(data).digest()
    wire.end()
    try:
        _verify(kind, key, name, raw, data)
    except InvalidSignature:
        return False
    return True


def _load(blob: bytes) -> tuple[str, Any, bytes | None]:
    """(type, key of cryptography, application of a security key)."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

    wire = Wire(blob)
    kind = wire.text()
    key: Any
    if kind in ("ssh-ed25519", "sk-ssh-ed25519@openssh.com"):
        key = ed25519.Ed25519PublicKey.from_public_bytes(wire.string())
    elif kind in _ECDSA or kind in _SECURITY:
        curve = _ECDSA.get(kind) or _SECURITY[kind]
        if wire.text() != curve:
            raise Malformed("its curve is not that of its type")
        key = ec.EllipticCurvePublicKey.from_encoded_point(getattr(ec, _CURVES[curve][0])(), wire.string())
    elif kind == "ssh-rsa":
        exponent, modulus = wire.number(), wire.number()
        if modulus.bit_length() < SHORTEST_RSA:
            raise Malformed(f"an RSA key of {modulus.bit_length()} bits; at least {SHORTEST_RSA} are needed")
        key = rsa.RSAPublicNumbers(exponent, modulus).public_key()
    else:
        raise Malformed(f"keys of the type '{kind}' cannot be checked here")
    application = wire.string() if kind in _SECURITY else None
    wire.end()
    return kind, key, application


def _verify(kind: str, key: Any, name: str, raw: bytes, data: bytes) -> None:
    """Raises cryptography's InvalidSignature, or Malformed."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, padding
    from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

    if kind == "ssh-rsa":
        digests = {"rsa-sha2-256": hashes.SHA256, "rsa-sha2-512": hashes.SHA512}
        if name not in digests:
            raise Malformed(f"a signature of the kind '{name}'")
        key.verify(raw.rjust(key.key_size // 8, b"\0"), data, padding.PKCS1v15(), digests[name]())
        return
    if name != kind:
        raise Malformed(f"a signature of the kind '{name}' by a key of the type '{kind}'")
    if "ed25519" in kind:
        key.verify(raw, data)
        return
    parts = Wire(raw)
    r, s = parts.number(), parts.number()
    parts.end()
    if r <= 0 or s <= 0:
        raise Malformed("its numbers are out of range")
    digest = getattr(hashes, _CURVES[_ECDSA.get(kind) or _SECURITY[kind]][1])()
    key.verify(encode_dss_signature(r, s), data, ec.ECDSA(digest))
