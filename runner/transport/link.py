"""Fabric's connection, opened hop by hop: keys checked on each, old algorithms off, foreign errors translated."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from runner.errors import LinkLost, ProtocolError, TransportError, Unreachable
from runner.frozen import frozen
from runner.transport import channel as channels
from runner.transport.channel import NoMoreChannels
from runner.transport.host_keys import KnownKeysOnly
from runner.transport.keys import KeyLogin
from runner.transport.pipe import LightPipe
from runner.transport.target import Target
from runner.transport.wire import GONE, KEY_TYPES, NO_HOST_KEYS, LightConfig, LightConnection, LinkTransport

# without a handler of its own, what goes wrong in its threads would be printed beside our own message
logging.getLogger("paramiko").addHandler(logging.NullHandler())

_STDERR_BYTES = 4096
_LISTEN_S = 0.25
_ENDING_S = 0.3
_WINDOW_BYTES = 1 << 22
_PACKET_BYTES = 1 << 17
"""Twice and four times what paramiko asks for: outputs of many megabytes take a tenth less time."""
_NO_GREETING = "Error reading SSH protocol banner"
"""paramiko has no class of its own for it."""
_GREETING_S = 5.0
"""So much later than the time to connect is over, or a server that says nothing would pass for one that hangs up."""
_FABRIC_LOCK = threading.Lock()


@frozen
class Limits:
    """Seconds; `silence_s` is how long a link may be silent, though asked, before it counts as lost."""

    connect_s: float = 10.0
    login_s: float = 30.0
    channel_s: float = 15.0
    silence_s: float = 15.0


class Dropped(Unreachable):
    """the server ended the connection before it said that it is SSH; too many logins at once (MaxStartups)?"""


class Link:
    """A connection to one host through its hops; `policy` knows the last key, `login` the key we used."""

    def __init__(
        self, route: Sequence[Target], hops: Sequence[Any], policy: KnownKeysOnly, login: KeyLogin, limits: Limits
    ) -> None:
        self.route = tuple(route)
        self.target = route[-1]
        self._hops = list(hops)
        self.policy = policy
        self.login = login
        self._limits = limits

    @property
    def transport(self) -> LinkTransport:
        transport: LinkTransport = self._hops[-1].transport
        return transport

    def channel(self, command: str) -> SshChannel:
        """Start a command. Raises NoMoreChannels where the server has no room, LinkLost, ProtocolError."""
        name = self.target.name
        try:
            channel = self.transport.open_session(
                window_size=_WINDOW_BYTES, max_packet_size=_PACKET_BYTES, timeout=self._limits.channel_s
            )
        except paramiko.ChannelException as error:
            raise NoMoreChannels(f"{name}: the server opens no channel: {error.text}", host=name) from error
        except GONE as error:
            raise LinkLost(f"{name}: no channel: {_words(error)}", host=name) from error
        try:
            self.transport.give_data_to(LightPipe(), channel)
            self.transport.start_command(channel, command, self._limits.channel_s)
        except GONE as error:
            with suppress(*GONE):
                channel.close()
            if not self.transport.is_active() or isinstance(error, EOFError):
                raise LinkLost(f"{name}: the link was lost: {_words(error)}", host=name) from error
            raise ProtocolError(f"{name}: the server does not start a command: {error}", host=name) from error
        return SshChannel(channel, self.transport, name)

    def close(self) -> None:
        for hop in reversed(self._hops):
            with suppress(*GONE):
                hop.close()
        self._hops = self._hops[-1:]


class SshChannel:
    """A command's streams. stderr is read along and thrown away, up to its first words."""

    def __init__(self, channel: paramiko.Channel, transport: LinkTransport, host: str) -> None:
        self._channel = channel
        self._transport = transport
        self._host = host
        self._said = bytearray()
        self._heard = False
        transport.defer_acknowledging()

    def send(self, data: bytes) -> None:
        self._heard = False
        until = time.monotonic() + channels.TAKES_NOTHING_S
        while data:
            self._channel.settimeout(channels.TAKES_NOTHING_S)
            try:
                sent = self._channel.send(data)
            except TimeoutError as error:  # it may be that of a `recv` that goes on beside
                if time.monotonic() < until:
                    continue
                words = f"its shell has read nothing for {channels.TAKES_NOTHING_S:g} s"
                raise self._lost(words) from error
            except GONE as error:
                raise self._lost(str(error)) from error
            if not sent:
                raise self._lost("")
            data = data[sent:]
            until = time.monotonic() + channels.TAKES_NOTHING_S

    def recv(self, timeout_s: float) -> bytes:
        until = time.monotonic() + timeout_s
        if self._heard and not self._channel.recv_ready():
            self._transport.more_wanted()
        self._heard = True
        while True:
            self._channel.settimeout(max(0.0, min(_LISTEN_S, until - time.monotonic())))
            try:
                data = self._channel.recv(1 << 18)
            except TimeoutError:
                self._listen()
                if time.monotonic() >= until:
                    raise
                continue
            except GONE as error:
                raise self._lost(str(error)) from error
            self._listen()
            if not data and not self._ended_by_server():
                raise self._lost("")
            return bytes(data)

    def _ended_by_server(self) -> bool:
        """Channels end a moment before the thread that a lost link ends; a server says that it ends one."""
        if not self._channel.eof_received:
            self._transport.join(_ENDING_S)
        return self._transport.is_active()

    def _listen(self) -> None:
        """Unread bytes of stderr would use up the window of both, and nothing would come any more."""
        while self._channel.recv_stderr_ready():
            try:
                said = self._channel.recv_stderr(1 << 15)  # tells the server that there is room again
            except GONE as error:
                raise self._lost(str(error)) from error
            self._said += said[: max(0, _STDERR_BYTES - len(self._said))]

    def _lost(self, words: str) -> LinkLost:
        why = self._transport.lost_because or words or "the server is gone"
        lost = LinkLost(f"{self._host}: the link was lost: {why}", host=self._host)
        lost.silent_s = self._transport.silent_s
        return lost

    def why(self) -> str:
        with suppress(*GONE):
            self._channel.settimeout(1.0)
            while len(self._said) < _STDERR_BYTES and (said := self._channel.recv_stderr(_STDERR_BYTES)):
                self._said += said
        words = self._said.decode("utf-8", "replace").strip()
        # it may come a moment after the end of the streams
        self._channel.status_event.wait(1.0)
        code = self._channel.recv_exit_status() if self._channel.exit_status_ready() else -1
        return words or ("" if code < 0 else f"exit {code}")

    def close(self) -> None:
        with suppress(*GONE):  # it takes leave, of a server that may be gone
            self._channel.close()


def _words(error: BaseException) -> str:
    return str(error) or "the server is gone"


def connect(route: Sequence[Target], first: socket.socket, limits: Limits) -> Link:
    """Open all hops over the socket to the first one. Raises TransportError by its branches; all is closed then."""
    hops: list[Any] = []
    try:
        for target in route:
            policy, login = KnownKeysOnly(target), KeyLogin(target)
            hop = _connection(target, hops[-1] if hops else None, first, policy, login, limits)
            hops.append(hop)
            with translated(target, "connecting", limits.connect_s):
                hop.open()
    except BaseException:
        for hop in reversed(hops):
            with suppress(*GONE):
                hop.client.close()
        first.close()
        raise
    return Link(route, hops, policy, login, limits)


def _connection(
    target: Target,
    gateway: Any,
    first: socket.socket,
    policy: KnownKeysOnly,
    login: KeyLogin,
    limits: Limits,
) -> Any:
    """
    A connection that reads no configuration of Fabric or SSH: all of that was decided before.

    Its client gets our policy instead of the one that accepts and keeps every key.
    """
    options: dict[str, Any] = {
        "auth_strategy": login,
        "banner_timeout": limits.connect_s + _GREETING_S,
        "auth_timeout": limits.login_s,
        "channel_timeout": limits.channel_s,
        "transport_factory": lambda sock, **_: made(sock, policy, limits),
    }
    if gateway is None:
        options["sock"] = first
    with _FABRIC_LOCK:
        opened = LightConnection(
            target.address,
            user=target.user,
            port=target.port,
            gateway=gateway or False,
            forward_agent=False,
            connect_timeout=max(1, int(limits.connect_s)),
            connect_kwargs=options,
            config=_configuration(),
        )
    opened.client.set_missing_host_key_policy(policy)
    opened.client._system_host_keys = opened.client._host_keys = NO_HOST_KEYS
    return opened


@cache
def _configuration() -> LightConfig:
    """One for all connections: building it costs a millisecond, and none of them changes it."""
    return LightConfig()


def made(sock: Any, policy: KnownKeysOnly, limits: Limits) -> LinkTransport:
    """A transport that asks for the keys we know; used for scanning too."""
    transport = LinkTransport(sock)
    transport.handshake_timeout = limits.connect_s
    transport.silence_s = limits.silence_s
    transport.algorithms = policy.known.preferred(KEY_TYPES)
    return transport


@contextmanager
def translated(target: Target, doing: str, timeout_s: float) -> Iterator[None]:
    """What paramiko and sockets raise, in our tree, with the cause kept."""
    name = target.name
    try:
        yield
    except TransportError:
        raise
    except paramiko.ChannelException as error:
        message = f"{target}: the jump host cannot reach it: {error.text or error}"
        raise Unreachable(message, host=name) from error
    except TimeoutError as error:
        message = f"{target}: no answer within {timeout_s:g} s while {doing}; is that an SSH server?"
        raise Unreachable(message, host=name) from error
    except IncompatiblePeer as error:
        message = f"{target}: no common algorithm: {error}; SHA-1 and older ciphers are off"
        raise ProtocolError(message, host=name) from error
    except GONE as error:
        words = str(error) or type(error).__name__
        if words.startswith(_NO_GREETING):
            raise Dropped(f"{target}: {Dropped.__doc__}", host=name) from error
        raise Unreachable(f"{target}: the server ended the connection while {doing}: {words}", host=name) from error
