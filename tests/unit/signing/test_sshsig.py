"""Signatures made by ssh-keygen are checked here, and both say the same of every one that was spoilt."""

from __future__ import annotations

import base64
import hashlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from runner.errors import InvalidInput
from runner.signing import BadSignature, check_signature, parse_public_key
from runner.signing.allowed import parse_allowed
from runner.signing.make import KeySigner, SigningFailed, public_key_of
from runner.sshwire import string
from tests.bed.process import until

DATA = b"what was done\n"
SPACE = "rawat-run@v1"
KINDS = (("ed25519", ""), ("rsa", "3072"), ("ecdsa", "256"), ("ecdsa", "384"), ("ecdsa", "521"))


def make_key(folder: Path, kind: str = "ed25519", bits: str = "", *, name: str = "key", phrase: str = "") -> Path:
    size = ["-b", bits] if bits else []
    words = ["ssh-keygen", "-q", "-t", kind, *size, "-N", phrase, "-C", "alice@example.com", "-f", str(folder / name)]
    subprocess.run(words, check=True)
    return folder / name


def signer_with(file: Path) -> KeySigner:
    public = public_key_of(file, os.environ)
    return KeySigner(file, principal="alice@example.com", public=public, environment=dict(os.environ))


def ssh_says(folder: Path, signature: bytes, data: bytes, allowed: str, *options: str) -> bool:
    """The verdict of ssh-keygen -Y verify."""
    (folder / "sig").write_bytes(signature)
    (folder / "allowed").write_text(allowed)
    words = ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", "alice@example.com", "-n", SPACE, "-s", "sig"]
    return subprocess.run([*words, *options], cwd=folder, input=data, capture_output=True, check=False).returncode == 0


def we_say(signature: bytes, data: bytes) -> bool:
    try:
        check_signature(signature, data, SPACE)
    except BadSignature:
        return False
    return True


@pytest.mark.parametrize(("kind", "bits"), KINDS)
def test_every_kind_of_key(tmp_path: Path, kind: str, bits: str) -> None:
    signer = signer_with(make_key(tmp_path, kind, bits))
    signature = signer.sign(DATA, SPACE)
    found = check_signature(signature, DATA, SPACE)
    assert found.key.blob == signer.public.blob
    shown = subprocess.run(["ssh-keygen", "-lf", tmp_path / "key"], capture_output=True, text=True, check=True).stdout
    assert shown.split()[1] == found.key.fingerprint
    assert ssh_says(tmp_path, signature, DATA, f"alice@example.com {signer.public.text}\n")
    for spoilt in (DATA + b"\n", DATA[:-1], b""):
        assert not we_say(signature, spoilt)
    with pytest.raises(BadSignature, match="another purpose: 'rawat-run@v1'"):
        check_signature(signature, DATA, "rawat-signoff@v1")


def test_every_flipped_bit_of_a_signature_counts(tmp_path: Path) -> None:
    signature = signer_with(make_key(tmp_path)).sign(DATA, SPACE)
    raw = base64.b64decode(b"".join(signature.splitlines()[1:-1]))
    for bit in range(len(raw) * 8):
        spoilt = bytearray(raw)
        spoilt[bit // 8] ^= 1 << (bit % 8)
        assert not we_say(armored(bytes(spoilt)), DATA), bit
    for size in range(len(raw)):
        assert not we_say(armored(raw[:size]), DATA), size
    assert not we_say(armored(raw + b"\0"), DATA)


@pytest.mark.parametrize("kind", ["sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"])
@pytest.mark.parametrize("touched", [True, False])
def test_security_keys(tmp_path: Path, kind: str, touched: bool) -> None:
    """Made by hand as a security key does it, since there is none here; ssh-keygen agrees."""
    signed = b"SSHSIG" + b"".join(map(string, (SPACE.encode(), b"", b"sha512", hashlib.sha512(DATA).digest())))
    rest = (b"\x01" if touched else b"\x00") + (7).to_bytes(4, "big")
    data = hashlib.sha256(b"ssh:").digest() + rest + hashlib.sha256(signed).digest()
    if "ed25519" in kind:
        key = ed25519.Ed25519PrivateKey.generate()
        public = string(key.public_key().public_bytes_raw())
        raw = key.sign(data)
    else:
        curve = ec.generate_private_key(ec.SECP256R1())
        form = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        public = string(b"nistp256") + string(curve.public_key().public_bytes(*form))
        numbers = decode_dss_signature(curve.sign(data, ec.ECDSA(hashes.SHA256())))
        raw = b"".join(string(n.to_bytes(n.bit_length() // 8 + 1, "big")) for n in numbers)
    blob = string(kind.encode()) + public + string(b"ssh:")
    signature = armored(
        b"SSHSIG"
        + (1).to_bytes(4, "big")
        + b"".join(map(string, (blob, SPACE.encode(), b"", b"sha512", string(kind.encode()) + string(raw) + rest)))
    )
    allowed = f"alice@example.com {kind} {base64.b64encode(blob).decode()}\n"
    assert we_say(signature, DATA) is touched
    assert not we_say(signature, DATA + b"x")
    if touched:
        assert ssh_says(tmp_path, signature, DATA, allowed)
    assert parse_public_key(allowed.split(None, 1)[1]).type == kind


def armored(raw: bytes) -> bytes:
    return b"-----BEGIN SSH SIGNATURE-----\n" + base64.encodebytes(raw) + b"-----END SSH SIGNATURE-----\n"


ALLOWED = (
    ("alice@example.com {key}", True),
    ("alice@example.com {key} a comment", True),
    ("bob@example.com,alice@* {key}", True),
    ("bob@example.com {key}", False),
    ("*,!alice@example.com {key}", False),
    ('alice@example.com namespaces="rawat-run@v1,other" {key}', True),
    ('alice@example.com namespaces="rawat-*" {key}', True),
    ('alice@example.com namespaces="rawat-signoff@v1" {key}', False),
    ('alice@example.com NAMESPACES="rawat-run@v1",valid-after="20200101Z",valid-before="20900101Z" {key}', True),
    ('alice@example.com valid-before="20200101Z" {key}', False),
    ('alice@example.com valid-after="209001011200Z" {key}', False),
    ("# alice@example.com {key}", False),
    ("alice@example.com cert-authority {key}", False),
)


@pytest.mark.parametrize(("line", "good"), ALLOWED)
def test_who_may_sign_is_read_as_ssh_reads_it(tmp_path: Path, line: str, good: bool) -> None:
    from datetime import UTC, datetime

    signer = signer_with(make_key(tmp_path))
    allowed = line.format(key=signer.public.text) + "\n"
    judged, why = parse_allowed(allowed, "a").judge(signer.public, "alice@example.com", SPACE, datetime.now(UTC))
    assert (judged == "alice@example.com", why == "") == (good, good)
    assert ssh_says(tmp_path, signer.sign(DATA, SPACE), DATA, allowed) is good


def test_what_is_written_is_what_is_read() -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHxwFf3hpj2rXbuZ+YRRCs1wp9I0Xr74oWi4otIlMtTC"
    times = 'valid-after="20200101000000Z",valid-before="20210101000000Z"'
    line = f'alice@example.com,al namespaces="a,b",{times} {key} x y\n'
    assert parse_allowed(line, "a").text == line


@pytest.mark.parametrize(
    "line",
    ["alice", "alice ssh-ed25519 AAAA", "alice ssh-dss AAAA", 'alice valid-after="x" {key}', 'alice odd="x" {key}'],
)
def test_a_line_that_cannot_be_read_is_named(line: str) -> None:
    key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHxwFf3hpj2rXbuZ+YRRCs1wp9I0Xr74oWi4otIlMtTC"
    with pytest.raises(InvalidInput, match="file:2: "):
        parse_allowed("# one\n" + line.format(key=key), "file")


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An ssh-agent of our own, and the environment that leads to it."""
    socket = tmp_path / "agent.sock"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(socket)], stdout=subprocess.DEVNULL)
    environment = {**os.environ, "SSH_AUTH_SOCK": str(socket)}
    keys = ["ssh-add", "-l"]  # 1: it has none; 2: nobody answers
    until("it answers", lambda: subprocess.run(keys, env=environment, capture_output=True).returncode == 1)
    yield environment
    process.kill()
    process.wait()


def test_an_agent_signs_with_the_public_half_alone(tmp_path: Path, agent: dict[str, str]) -> None:
    key = make_key(tmp_path)
    subprocess.run(["ssh-add", "-q", str(key)], env=agent, check=True)
    key.unlink()
    public = tmp_path / "key.pub"
    signer = KeySigner(public, principal="a", public=public_key_of(public, agent), environment=agent)
    assert we_say(signer.sign(DATA, SPACE), DATA)
    subprocess.run(["ssh-add", "-q", "-D"], env=agent, check=True)
    with pytest.raises(SigningFailed, match="cannot sign") as failed:
        signer.sign(DATA, SPACE)
    assert "ssh-add -l" in failed.value.hint


def test_a_passphrase_is_never_asked_for(tmp_path: Path) -> None:
    key = make_key(tmp_path, phrase="open sesame")
    with pytest.raises(SigningFailed, match="passphrase") as failed:
        signer_with(key).sign(DATA, SPACE)
    assert "ssh-add" in failed.value.hint


def test_without_ssh_keygen_signing_says_so_and_checking_works(tmp_path: Path) -> None:
    signer = signer_with(make_key(tmp_path))
    signature = signer.sign(DATA, SPACE)
    (tmp_path / "empty").mkdir()
    bare = KeySigner(signer.file, principal="a", public=signer.public, environment={"PATH": str(tmp_path / "empty")})
    with pytest.raises(SigningFailed, match="ssh-keygen is not installed here"):
        bare.sign(DATA, SPACE)
    assert we_say(signature, DATA)


def test_a_file_that_is_no_key(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("hello world")
    with pytest.raises(InvalidInput, match="'hello' is no type of key"):
        public_key_of(tmp_path / "x", os.environ)
    with pytest.raises(InvalidInput, match="cannot be read"):
        public_key_of(tmp_path / "missing", os.environ)
    make_key(tmp_path, name="one")
    make_key(tmp_path, name="two")
    (tmp_path / "one.pub").write_bytes((tmp_path / "two.pub").read_bytes())
    with pytest.raises(SigningFailed):
        signer_with(tmp_path / "one").sign(DATA, SPACE)
