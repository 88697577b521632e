"""Logging in with keys: identity files first, then what the agent holds. Nothing is ever asked for or forwarded."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import paramiko

from runner.errors import LoginRefused
from runner.transport.known_hosts import fingerprint
from runner.transport.target import Target


class KeyLogin:
    """What paramiko calls an auth strategy; `used` is the key that was accepted, `tried` what was offered."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self.tried: list[str] = []
        self.left_out: list[str] = []
        self.used = ""
        self._holder: paramiko.Agent | None = None

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
                raise self._refused(f"the server takes no keys for this user, only {ways}") from error
            except paramiko.AuthenticationException as error:
                if "timeout" in str(error):
                    raise self._refused("no answer in time; does the key wait for a touch?") from error
                if not transport.is_active():
                    raise self._refused("the server ended the connection") from error
                continue
            if more:
                raise self._refused(f"the key {label} was accepted, but the server asks for {', '.join(more)} too")
            self.used = label
            return
        raise self._refused("no key was accepted" if self.tried else "there is no key to log in with")

    def _refused(self, why: str) -> LoginRefused:
        user, name = self._target.user, self._target.name
        offered = f"; offered: {', '.join(self.tried)}" if self.tried else ""
        skipped = f"; not usable: {', '.join(self.left_out)}" if self.left_out else ""
        return LoginRefused(f"{self._target}: login as {user}: {why}{offered}{skipped}", host=name)

    def _keys(self) -> Iterator[tuple[str, Any]]:
        seen: set[bytes] = set()
        for file in self._target.identity_files:
            path = Path(file).expanduser()
            found = self._load(path)
            if found is not None:
                key, blob, print_ = found
                seen.add(blob)
                yield f"{path} ({print_})", key
        if self._target.identities_only:
            return
        for key in self._agent():
            if key.asbytes() not in seen:
                yield f"agent: {key.comment or key.get_name()} ({fingerprint(key.asbytes())})", key

    def _load(self, path: Path) -> tuple[paramiko.PKey, bytes, str] | None:
        try:
            return _loaded(str(path), path.stat().st_mtime_ns)
        except FileNotFoundError:
            self.left_out.append(f"{path} (not there)")
        except TypeError:
            self.left_out.append(f"{path} (has a passphrase; add it to the agent)")
        except (OSError, ValueError, paramiko.SSHException) as error:
            self.left_out.append(f"{path} ({error})")
        return None

    def _agent(self) -> tuple[Any, ...]:
        try:
            self._holder = paramiko.Agent()
            return tuple(self._holder.get_keys())
        except (OSError, paramiko.SSHException, EOFError) as error:
            self.left_out.append(f"agent ({error})")
            return ()


@lru_cache(maxsize=64)
def _loaded(path: str, _mtime_ns: int) -> tuple[paramiko.PKey, bytes, str]:
    """The key, its public part, its fingerprint. Fifty hosts share one: it is parsed once, with its certificate."""
    key: paramiko.PKey = paramiko.PKey.from_path(path)
    blob = key.asbytes()
    return key, blob, fingerprint(blob)
