"""
What paramiko asks of PyNaCl for keys of Ed25519, done by `cryptography`, which does all the rest for it.

PyNaCl takes 5 ms to be imported, and each of its calls lets other threads have their turn and waits for its own again.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from runner.frozen import frozen


class BadSignatureError(Exception):
    """The signature is not that of this key for this message."""


class VerifyKey:
    """A public key of 32 bytes. Raises ValueError for any other number of them."""

    def __init__(self, key: bytes) -> None:
        self._raw = bytes(key)
        self._key = Ed25519PublicKey.from_public_bytes(self._raw)

    def encode(self) -> bytes:
        return self._raw

    def verify(self, smessage: bytes, signature: bytes) -> bytes:
        """The message. Raises BadSignatureError."""
        try:
            self._key.verify(signature, smessage)
        except InvalidSignature as error:
            raise BadSignatureError("Signature was forged or corrupt") from error
        return smessage

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VerifyKey) and self._raw == other._raw

    def __hash__(self) -> int:
        return hash(self._raw)


@frozen
class Signed:
    signature: bytes


class SigningKey:
    """A private key, from its seed of 32 bytes. Raises ValueError for any other number of them."""

    def __init__(self, seed: bytes) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verify_key = VerifyKey(self._key.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> Signed:
        return Signed(signature=self._key.sign(message))
