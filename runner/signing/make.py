"""Signatures made: by the system's `ssh-keygen`, since it knows agents, security keys and public-key-only files."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from runner.errors import InvalidInput, JournalError
from runner.signing.keys import PublicKey, parse_public_key
from runner.signing.sshsig import BadSignature, check_signature

PATIENCE_S = 60.0
"""How long a signature may take: a security key waits for a touch."""
_KEPT = ("PATH", "HOME", "USER", "LOGNAME", "SSH_AUTH_SOCK", "SSH_SK_PROVIDER", "XDG_RUNTIME_DIR")


class SigningFailed(JournalError):
    """A key that is to sign cannot; `message` says which and why."""


class KeySigner:
    """
    Signs as `principal` with the key in a file: private, or public where an agent or a security key has the rest.

    Never asks for a passphrase: a key that has one belongs in an agent.
    """

    def __init__(self, file: Path, *, principal: str, public: PublicKey, environment: Mapping[str, str]) -> None:
        self.file = file
        self.principal = principal
        self.public = public
        self._environment = environment

    def sign(self, data: bytes, namespace: str) -> bytes:
        """The armored signature, checked once before it is handed over. Raises SigningFailed."""
        made = _run(["-Y", "sign", "-f", str(self.file), "-n", namespace], data, self._environment, self.file)
        try:
            found = check_signature(made, data, namespace)
        except BadSignature as error:
            raise SigningFailed(f"the key {self.file} cannot sign: {error}") from error
        if found.key.blob != self.public.blob:
            raise SigningFailed(f"the key {self.file} is not the one that signed; are the two halves of one pair?")
        return made

    def to_json(self) -> dict[str, str]:
        """Who signs, for the record; nothing of the private half."""
        return {
            "principal": self.principal,
            "key_type": self.public.type,
            "fingerprint": self.public.fingerprint,
            "public_key": self.public.text,
        }


def public_key_of(file: Path, environment: Mapping[str, str]) -> PublicKey:
    """The public half of a key in a file: the file itself, the `.pub` beside it, or worked out of it."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InvalidInput(f"the key {file} cannot be read: {error.strerror}") from error
    if "PRIVATE KEY" not in text:
        return _named(text, file)
    beside = file.with_name(file.name + ".pub")
    if beside.is_file():
        return _named(beside.read_text(encoding="utf-8", errors="replace"), beside)
    try:
        return _named(_run(["-y", "-f", str(file)], b"", environment, file).decode(errors="replace"), file)
    except SigningFailed as error:
        raise InvalidInput(error.message, hint=error.hint) from error


def _named(text: str, file: Path) -> PublicKey:
    try:
        return parse_public_key(text)
    except InvalidInput as error:
        raise InvalidInput(f"{file}: {error.message}", hint=error.hint) from error


def _run(words: list[str], data: bytes, environment: Mapping[str, str], file: Path) -> bytes:
    program = shutil.which("ssh-keygen", path=environment.get("PATH", os.defpath))
    if program is None:
        raise SigningFailed(
            "ssh-keygen is not installed here, and it makes the signatures",
            hint="install OpenSSH's client (Debian: openssh-client), or sign without a key: RAWAT_SIGNING_KEY=none",
        )
    kept = {key: environment[key] for key in _KEPT if environment.get(key)}
    try:
        done = subprocess.run(
            [program, *words],
            input=data,
            capture_output=True,
            env={**kept, "LC_ALL": "C", "SSH_ASKPASS_REQUIRE": "never"},
            start_new_session=True,  # no terminal: nothing can ask there
            timeout=PATIENCE_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SigningFailed(f"the key {file} did not sign within {PATIENCE_S:.0f} seconds") from error
    if done.returncode != 0:
        raise SigningFailed(f"the key {file} cannot sign: {_why(done.stderr)}", hint=_hint(done.stderr, file))
    return done.stdout


def _why(said: bytes) -> str:
    lines = [line.strip() for line in said.decode(errors="replace").splitlines()]
    words = [line for line in lines if line and not line.startswith(("@", "Signing data"))]
    return "; ".join(words[-2:]) or "ssh-keygen gave no reason"


def _hint(said: bytes, file: Path) -> str:
    if b"are too open" in said:
        return f"others may read the file: chmod 600 {file}"
    if b"passphrase" in said:
        return f"its passphrase is not asked for here: ssh-add {file}, and name the .pub file or the key itself"
    if b"agent" in said or b"private" in said:
        return "is the agent running, and does it have the key? `ssh-add -l` shows it"
    return "`rawat key` tests it"
