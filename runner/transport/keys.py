"""
Logging in with keys: identity files first, then what else the agent holds. Nothing is ever asked for or forwarded.

As for ssh an identity file may be one that only the agent can use: it has a passphrase, or is the public key.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import suppress
from copy import copy
from functools import lru_cache
from pathlib import Path
from typing import Any

import paramiko
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from paramiko.pkey import UnknownKeyType

from runner.errors import LoginRefused
from runner.sshwire import Malformed, Wire
from runner.transport.known_hosts import fingerprint
from runner.transport.target import Target

_BEGINS = "-----BEGIN OPENSSH PRIVATE KEY-----"
_MAGIC = b"openssh-key-v1\0"


class KeyLogin:
    """What paramiko calls an auth strategy; `used` is the key that was accepted, `tried` what was offered."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.tried: list[str] = []
        self.left_out: list[str] = []
        self.used = ""
        self._holder: paramiko.Agent | None = None
        self._in_agent: dict[bytes, Any] | None = None

    def authenticate(self, transport: paramiko.Transport) -> None:
        """Raises LoginRefused, and says which keys were offered and which could not be."""
        try:
            self._offer(transport)
        finally:
            if self._holder is not None:
                self._holder.close()

    def _offer(self, transport: paramiko.Transport) -> None:
        for label, key in self._keys():
            self.tried.append(label)
            try:
                more = transport.auth_publickey(self._target.user, key)
            except paramiko.BadAuthenticationType as error:
                ways = ", ".join(error.allowed_types)
                hint = "rawat logs in by key alone; let the server take one for this user (PubkeyAuthentication)"
                raise self._refused(f"the server takes no keys for this user, only {ways}", hint) from error
            except paramiko.AuthenticationException as error:
                if "timeout" in str(error):
                    raise self._refused("no answer in time; does the key wait for a touch?") from error
                if not transport.is_active():
                    hint = (
                        "it may take fewer keys than were offered (MaxAuthTries): name the right one with "
                        "identity_file, or say IdentitiesOnly yes in ssh_config"
                    )
                    raise self._refused("the server ended the connection", hint) from error
                continue
            if more:
                raise self._refused(f"the key {label} was accepted, but the server asks for {', '.join(more)} too")
            self.used = label
            return
        hint = "put a public key there with ssh-copy-id, or name another user, or another key with identity_file"
        raise self._refused("no key was accepted" if self.tried else "there is no key to log in with", hint)

    def _refused(self, why: str, hint: str = "") -> LoginRefused:
        user, name = self._target.user, self._target.name
        offered = f"; offered: {', '.join(self.tried)}" if self.tried else ""
        skipped = f"; not usable: {', '.join(self.left_out)}" if self.left_out else ""
        return LoginRefused(f"{self._target}: login as {user}: {why}{offered}{skipped}", host=name, hint=hint)

    def _keys(self) -> Iterator[tuple[str, Any]]:
        seen: set[bytes] = set()
        for file in self._target.identity_files:
            path = Path(file).expanduser()
            found = self._load(path)
            if isinstance(found, str):
                blob = _public(path)
                if blob is None or blob not in self._agent():
                    self.left_out.append(f"{path} ({found})")
                    continue
                key, print_ = self._agent()[blob], f"{fingerprint(blob)}, in the agent"
            else:
                key, blob, print_ = found
            seen.add(blob)
            if key.public_blob is not None:
                yield f"{path} ({print_}, with its certificate)", key
                key = copy(key)  # the server may take the key alone, as where the certificate has expired
                key.public_blob = None
            yield f"{path} ({print_})", key
        if self._target.identities_only:
            return
        for blob, key in self._agent().items():
            if blob not in seen:
                yield f"agent: {key.comment or key.get_name()} ({fingerprint(blob)})", key

    def _load(self, path: Path) -> tuple[Any, bytes, str] | str:
        """The key with its public part and its fingerprint, or why the file does not give one."""
        try:
            return _loaded(str(path), path.stat().st_mtime_ns)
        except FileNotFoundError:
            return "not there"
        except TypeError:
            return "has a passphrase; ssh-add gives it to the agent"
        except OSError as error:
            return error.strerror or str(error)
        except (ValueError, paramiko.SSHException) as error:
            return f"no private key that can be read: {str(error).partition('. See ')[0]}"
        except (UnsupportedAlgorithm, UnknownKeyType):
            return "a kind of key that rawat does not use by itself; add it to the agent"

    def _agent(self) -> dict[bytes, Any]:
        """What the agent holds, by the public part; it is asked once."""
        if self._in_agent is None:
            self._in_agent = {}
            try:
                self._holder = paramiko.Agent()
                self._in_agent = {key.asbytes(): key for key in self._holder.get_keys()}
            except (OSError, paramiko.SSHException, EOFError) as error:
                self.left_out.append(f"agent ({error})")
        return self._in_agent


@lru_cache(maxsize=64)
def _loaded(path: str, _mtime_ns: int) -> tuple[paramiko.PKey, bytes, str]:
    """The key, its public part, its fingerprint. Fifty hosts share one: it is parsed once, with its certificate."""
    key: paramiko.PKey
    try:
        key = paramiko.PKey.from_path(path)
    except paramiko.SSHException:
        key = _pkcs8(Path(path).read_bytes())
    blob = key.asbytes()
    return key, blob, fingerprint(blob)


def _pkcs8(data: bytes) -> paramiko.PKey:
    """A key as OpenSSL writes it, which ssh reads and paramiko's classes do not. Raises as they do."""
    found = load_pem_private_key(data, None)
    if isinstance(found, RSAPrivateKey):
        return paramiko.RSAKey(key=found)
    if isinstance(found, EllipticCurvePrivateKey):
        return paramiko.ECDSAKey(vals=(found, found.public_key()))
    raise UnknownKeyType(type(found).__name__)


def _public(path: Path) -> bytes | None:
    """The public part of an identity file that is no private key we can read: it is in the clear there, or beside."""
    for file in (path, path.with_name(f"{path.name}.pub")):
        with suppress(OSError, ValueError, Malformed):
            lines = file.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            if lines and lines[0] == _BEGINS:
                return _in_the_clear(base64.b64decode("".join(lines[1:-1])))
            words = lines[0].split() if lines else []
            if len(words) > 1:
                return base64.b64decode(words[1], validate=True)
    return None


def _in_the_clear(data: bytes) -> bytes:
    """Of a private key in OpenSSH's own form (PROTOCOL.key): behind cipher, kdf, its options and a count of one."""
    wire = Wire(data.removeprefix(_MAGIC))
    for _ in range(3):
        wire.string()
    wire.uint32()
    return wire.string()
