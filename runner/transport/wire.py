"""paramiko's transport and Fabric's connection, without what costs time at fifty hosts and serves nobody here."""

from __future__ import annotations

import logging
import socket
import threading
import time
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, cast

import paramiko
from fabric import config, connection
from paramiko.auth_handler import AuthHandler

from runner.sshwire import CERT_SUFFIX
from runner.transport.packets import LinkPacketizer
from runner.transport.pipe import LightPipe
from runner.transport.target import PromptSocket

_theirs: Any = paramiko.Transport
_FIRST_KEX = "curve25519-sha256@libssh.org"
_KEX = sorted(_theirs._preferred_kex, key=lambda name: name != _FIRST_KEX)
_CIPHERS = [
    name
    for name in ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
    if name in _theirs._preferred_ciphers
]
KEY_TYPES = (*_theirs._preferred_keys, *(name + CERT_SUFFIX for name in _theirs._preferred_keys))
"""Algorithms of host keys, with certificates behind them."""
GONE = (paramiko.SSHException, OSError, EOFError)
"""What asking or telling a server anything may raise once the link to it is lost: all that `LinkTransport` lets out."""
WAKE_S = 1.0
"""How often the thread of a silent link looks whether it was closed; it is woken when we close it ourselves."""

# it has no types that can be relied on
_connection: Any = connection.Connection
_config: Any = config.Config


class LightConnection(_connection):  # type: ignore[misc]
    """
    Fabric's connection, whose attributes are plain ones.

    Invoke's looks through all of its names at each assignment, to find out whether it changes the configuration.
    """

    authentication = SimpleNamespace(strategy_class=None)
    """Ours is an argument; this one would be searched in the configuration for each host."""

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)


class LightConfig(_config):  # type: ignore[misc]
    """Fabric's configuration, in which a value is searched once; none of ours changes. Nothing is read for it."""

    def __init__(self) -> None:
        super().__init__(lazy=True, ssh_config=_NoSshConfig())

    def __getattr__(self, name: str) -> Any:
        value = super().__getattr__(name)
        object.__setattr__(self, name, value)
        return value


class _NoSshConfig(paramiko.SSHConfig):
    """Knows no host; paramiko would expand the names of all of them, and ask who we are for that."""

    def lookup(self, hostname: str) -> Any:
        return paramiko.SSHConfigDict(hostname=hostname)


class _PromptLogin(AuthHandler):
    """
    Sends the login right behind the request for the service that takes it: a trip less to the server.

    Only by a key that we hold and that signs in one way: an agent may wait for a person, where paramiko's thread is the
    one to wait, and for an RSA key the server may not have told yet which signatures it takes.
    """

    def _request_auth(self) -> None:
        key = cast(Any, self).private_key
        # before the request: paramiko's thread may read the answer to it at once
        self._sent = not isinstance(key, paramiko.AgentKey) and "rsa" not in key.get_name()
        super()._request_auth()  # type: ignore[misc]
        if self._sent:
            accepted = paramiko.Message()
            accepted.add_string("ssh-userauth")
            accepted.rewind()
            super()._parse_service_accept(accepted)  # type: ignore[misc]

    def _parse_service_accept(self, m: paramiko.Message) -> None:
        if not self._sent:
            super()._parse_service_accept(m)  # type: ignore[misc]


class _NoHostKeys(paramiko.HostKeys):
    """Knows no host, and makes no class for each host that is asked about: the policy judges every key."""

    def get(self, key: str, default: Any = None) -> Any:
        return default


NO_HOST_KEYS = _NoHostKeys()


def _numbered(channel: int) -> bytes:
    return channel.to_bytes(4, "big")


class LinkTransport(paramiko.Transport):
    """
    `algorithms` are the host key algorithms to ask for, in order; paramiko would add to a list that is set.

    Not its ServiceRequestingTransport, which sleeps 0.1 s in every login.
    """

    algorithms: tuple[str, ...] = ()
    lost_because = ""
    silence_s = 15.0
    _preferred_kex = tuple(_KEX)
    _preferred_ciphers = tuple(_CIPHERS)

    def __init__(self, sock: Any) -> None:
        self._secret: tuple[Any, bytes] = object(), b""
        super().__init__(sock, packetizer_class=LinkPacketizer)
        if isinstance(sock, PromptSocket):
            sock.wake_every(WAKE_S)
        else:  # a channel of the hop before
            sock.settimeout(WAKE_S)

    def _filter_algorithm(self, kind: str) -> tuple[str, ...]:
        """None is taken out, so that none need be looked for each time."""
        return tuple(getattr(self, f"_preferred_{kind}"))

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        return self.algorithms

    @property
    def cipher(self) -> str:
        return str(cast(Any, self).remote_cipher)

    @property
    def strict_kex(self) -> bool:
        """Whether both sides agreed on it, against CVE-2023-48795."""
        return bool(cast(Any, self).agreed_on_strict_kex)

    @property
    def heard_at(self) -> float:
        return self._packets.heard_at

    @property
    def silent_s(self) -> float:
        """How long nothing came, where that is longer than a link that lives, and is asked, is ever silent; else 0."""
        silent_s = time.monotonic() - self.heard_at
        return silent_s if silent_s > self.silence_s * 2 / 3 else 0.0

    @property
    def _packets(self) -> LinkPacketizer:
        return cast(LinkPacketizer, self.packetizer)

    def give_data_to(self, pipe: LightPipe, channel: paramiko.Channel) -> None:
        """
        Data of a channel goes into this pipe straight from its packets, until the channel is unlinked.

        The server is told that there is room again by halves of the window, instead of by tenths.
        """
        raw: Any = channel
        raw.in_buffer = pipe
        raw.in_window_threshold = raw.in_window_size // 2
        self._packets.readers[_numbered(raw.chanid)] = pipe.feed

    def _unlink_channel(self, number: int) -> None:
        self._packets.readers.pop(_numbered(number), None)
        cast(Any, super())._unlink_channel(number)

    def defer_acknowledging(self) -> None:
        """From now on data of channels is acknowledged by `more_wanted`, or by the next that is sent."""
        self._packets.defers = True

    def more_wanted(self) -> None:
        """Somebody has read what came, and waits for more instead of answering."""
        self._packets.acknowledge()

    def _add_K(self, m: paramiko.Message) -> None:
        """The secret of an exchange; paramiko makes bytes of it anew for each of six keys."""
        secret = cast(Any, self).K
        if self._secret[0] is not secret:
            part = paramiko.Message()
            super()._add_K(part)  # type: ignore[misc]
            self._secret = secret, part.asbytes()
        m.add_bytes(self._secret[1])

    def start_client(self, event: threading.Event | None = None, timeout: float | None = None) -> None:
        """Raises TimeoutError where the server has not shown its key by then; paramiko's own returns all the same."""
        super().start_client(event, timeout)
        if event is None and not cast(Any, self).initial_kex_done:
            raise TimeoutError

    def auth_publickey(self, username: str, key: paramiko.PKey, event: threading.Event | None = None) -> list[str]:
        event = event or threading.Event()
        login: Any = _PromptLogin(self)
        self.auth_handler = login
        login.auth_publickey(username, key, event)
        allowed: list[str] = login.wait_for_response(event)
        return allowed

    def start_command(self, channel: paramiko.Channel, command: str, within_s: float) -> None:
        """As the channel's `exec_command`, which would wait for the server's word for ever. Raises GONE."""
        raw: Any = channel
        message = paramiko.Message()
        message.add_byte(paramiko.common.cMSG_CHANNEL_REQUEST)
        message.add_int(raw.remote_chanid)
        message.add_string("exec")
        message.add_boolean(True)
        message.add_string(command)
        raw._event_pending()
        cast(Any, self)._send_user_message(message)
        if not raw.event.wait(within_s):
            raise TimeoutError(f"no answer within {within_s:g} s")
        raw._wait_for_event()

    def ask_for_life(self) -> None:
        """A request that every server answers, if only with no. Never waits, for an answer or a key exchange."""
        if self.clear_to_send.is_set():
            message = paramiko.Message()
            message.add_byte(paramiko.common.cMSG_GLOBAL_REQUEST)
            message.add_string("keepalive@openssh.com")
            message.add_boolean(True)
            # paramiko's own global_request waits for the answer, or asks for none
            cast(Any, self)._send_user_message(message)

    def get_exception(self) -> Exception | None:
        """
        Why its thread ended, as one of GONE; whoever asks for a channel is raised it.

        Bytes that were changed on the way end it with whatever they are first mistaken for.
        """
        found = super().get_exception()
        if found is None or isinstance(found, GONE):
            return found
        words = f"what came is not what was sent ({type(found).__name__})"
        told = paramiko.SSHException(f"{words}: {found}" if str(found) else words)
        told.__cause__ = found
        return told

    def close(self) -> None:
        with suppress(OSError, EOFError):
            cast(Any, self).sock.shutdown(socket.SHUT_RDWR)
        super().close()

    def _log(self, level: int, message: str, *parts: Any) -> None:
        """Only what somebody could want to read: it would make a text of every message that comes or goes."""
        if level >= logging.WARNING:
            cast(Any, super())._log(level, message, *parts)

    def _parse_debug(self, message: Any) -> None:
        """sshd tells which line of authorized_keys it took; nobody reads it."""
