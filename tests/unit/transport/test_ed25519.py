"""Keys of Ed25519 without PyNaCl, held against PyNaCl."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import nacl.exceptions
import nacl.signing
import paramiko
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from runner.transport import ed25519

SEED, MESSAGE = os.urandom(32), os.urandom(100)


def test_signatures_and_public_keys_are_those_of_pynacl() -> None:
    ours, theirs = ed25519.SigningKey(SEED), nacl.signing.SigningKey(SEED)
    assert ours.verify_key.encode() == theirs.verify_key.encode()
    assert ours.sign(MESSAGE).signature == theirs.sign(MESSAGE).signature
    assert ours.verify_key == ed25519.VerifyKey(theirs.verify_key.encode()) != ed25519.SigningKey(bytes(32)).verify_key


@pytest.mark.parametrize("spoil", [lambda s: s[:-1] + bytes((s[-1] ^ 1,)), lambda s: bytes(64), lambda s: s[:63]])
def test_a_signature_that_pynacl_refuses_is_refused(spoil: object) -> None:
    key = ed25519.SigningKey(SEED)
    signature = spoil(key.sign(MESSAGE).signature)  # type: ignore[operator]
    with pytest.raises((nacl.exceptions.BadSignatureError, nacl.exceptions.ValueError)):
        nacl.signing.VerifyKey(key.verify_key.encode()).verify(MESSAGE, signature)
    with pytest.raises(ed25519.BadSignatureError):
        key.verify_key.verify(MESSAGE, signature)
    with pytest.raises(ed25519.BadSignatureError):
        key.verify_key.verify(MESSAGE + b"x", key.sign(MESSAGE).signature)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_key_of_another_size_is_none(size: int) -> None:
    for kind in (ed25519.VerifyKey, ed25519.SigningKey):
        with pytest.raises(ValueError, match="32 bytes"):
            kind(bytes(size))


@pytest.mark.parametrize("passphrase", [None, "word"])
def test_paramiko_loads_signs_and_verifies_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passphrase: str | None
) -> None:
    monkeypatch.setattr("paramiko.ed25519key.nacl", SimpleNamespace(signing=ed25519, exceptions=ed25519))
    made = Ed25519PrivateKey.generate()
    sealing = serialization.BestAvailableEncryption(b"word") if passphrase else serialization.NoEncryption()
    file = tmp_path / "key"
    file.write_bytes(made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, sealing))
    key = paramiko.Ed25519Key.from_private_key_file(str(file), password=passphrase)
    assert type(key.verifying_key) is ed25519.VerifyKey
    public = paramiko.Ed25519Key(data=key.asbytes())
    assert public == key
    assert key.asbytes().endswith(made.public_key().public_bytes_raw())
    for message, good in ((MESSAGE, True), (MESSAGE + b"x", False)):
        signed = key.sign_ssh_data(MESSAGE)
        signed.rewind()
        assert public.verify_ssh_sig(message, signed) is good
