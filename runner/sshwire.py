"""The wire format of SSH (RFC 4251), in which keys, signatures and certificates are written."""

from __future__ import annotations

CERT_SUFFIX = "-cert-v01@openssh.com"
_KEY_FIELDS = {
    "ssh-ed25519": 1, "ssh-rsa": 2, "rsa-sha2-256": 2, "rsa-sha2-512": 2, "ssh-dss": 4,
    "ecdsa-sha2-nistp256": 2, "ecdsa-sha2-nistp384": 2, "ecdsa-sha2-nistp521": 2,
}  # fmt: skip
"""How many strings a public key has behind its type."""


class Malformed(Exception):
    """Bytes that are not what they claim to be."""


class Wire:
    """Reads SSH's wire format; every method raises Malformed where the bytes end too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def take(self, length: int) -> bytes:
        if length > len(self._data) - self._at:
            raise Malformed("it ends in the middle")
        self._at += length
        return self._data[self._at - length : self._at]

    @property
    def read(self) -> bytes:
        """All up to here."""
        return self._data[: self._at]

    @property
    def ended(self) -> bool:
        return self._at == len(self._data)

    def uint32(self) -> int:
        return int.from_bytes(self.take(4), "big")

    def uint64(self) -> int:
        return int.from_bytes(self.take(8), "big")

    def string(self) -> bytes:
        return self.take(self.uint32())

    def text(self) -> str:
        try:
            return self.string().decode("ascii")
        except UnicodeDecodeError as error:
            raise Malformed("a name in it is not plain text") from error

    def strings(self) -> list[bytes]:
        """Of a string that holds strings: these."""
        inner, found = Wire(self.string()), []
        while not inner.ended:
            found.append(inner.string())
        return found

    def number(self) -> int:
        return int.from_bytes(self.string(), "big", signed=True)

    def end(self) -> None:
        if not self.ended:
            raise Malformed("something follows its end")


def string(data: bytes) -> bytes:
    """A string on the wire: its length and its bytes."""
    return len(data).to_bytes(4, "big") + data


def key_in(wire: Wire) -> tuple[str, bytes]:
    """Of a certificate's beginning: its type, and the public key it is for. Raises Malformed."""
    key_type = wire.text()
    plain = key_type.removesuffix(CERT_SUFFIX)
    if plain == key_type or plain not in _KEY_FIELDS:
        raise Malformed(f"unknown type {key_type}")
    wire.string()  # nonce
    fields = [string(wire.string()) for _ in range(_KEY_FIELDS[plain])]
    return key_type, string(plain.encode()) + b"".join(fields)


def certified(blob: bytes) -> bytes:
    """The public key that a certificate is for. Raises Malformed."""
    return key_in(Wire(blob))[1]
