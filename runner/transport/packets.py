"""paramiko's packets, in and out: less copying of what comes, and a note of when it came."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from paramiko.common import MSG_CHANNEL_DATA
from paramiko.message import Message
from paramiko.packet import NeedRekeyException, Packetizer
from paramiko.ssh_exception import SSHException

from runner.transport.target import PromptSocket

LARGEST = 1 << 18
"""Bytes of a packet, as OpenSSH has it: whoever announces more is not believed, and nothing is waited for."""
_TAG = 16
"""Bytes that prove a packet of AES-GCM genuine."""


class LinkPacketizer(Packetizer):
    """
    Any message is a sign of life: `heard_at` is when the last came. The time limit of the handshake needs no thread.

    What comes by AES-GCM, which is what every server of today agrees to, is taken apart here: paramiko copies each
    packet five times. Before that, and for other ciphers, it is paramiko that reads.
    """

    heard_at = 0.0
    defers = False
    """Whether data of a channel is acknowledged by whoever reads it there, instead of here."""
    _until: float | None = None
    _engine: Any = None
    _iv = b""
    _received = 0
    _seqno = 0

    def __init__(self, sock: Any) -> None:
        super().__init__(sock)
        self.readers: dict[bytes, Callable[[bytes], None]] = {}
        """Who is given the data of a channel, by the channel's number in four bytes."""
        prompt = sock if isinstance(sock, PromptSocket) else None
        self.acknowledge: Callable[[], None] = prompt.acknowledge if prompt else lambda: None
        self._read_ahead: Callable[[int], bytes] = prompt.read_ahead if prompt else lambda size: b""

    def read_message(self) -> Any:
        """The next message that is not data of a channel in `readers`. Raises NeedRekeyException where keys are due."""
        while True:
            message = super().read_message() if self._engine is None else self._genuine()
            self._seqno = self._seqno + 1 & 0xFFFFFFFF
            self.heard_at = time.monotonic()
            if message is None:
                if not self.defers:
                    self.acknowledge()
                if self.need_rekey():
                    raise NeedRekeyException
                continue
            if not self.defers or message[0] != MSG_CHANNEL_DATA:
                self.acknowledge()
            return message

    def _genuine(self) -> tuple[int, Message] | None:
        """
        One packet: its size in four bytes, then sealed a byte for the padding's size, the message, the padding.

        None where it was data of a channel whose reader has it now. Raises SSHException, and InvalidTag of
        cryptography where anything of it was changed on the way.
        """
        head = self.read_all(4, check_rekey=True)
        size = int.from_bytes(head, "big")
        if not 2 <= size <= LARGEST:
            raise SSHException(f"a packet of {size} bytes was announced")
        packet = self._engine.decrypt(self._iv, self.read_all(size + _TAG), head)
        self._advance()
        self._received += size
        if self._received >= self.REKEY_BYTES:
            self._ask_for_keys()
        end = size - packet[0]
        if packet[1] == MSG_CHANNEL_DATA and (reader := self.readers.get(packet[2:6])):
            if int.from_bytes(packet[6:10], "big") != end - 10:
                raise SSHException("data of a channel is not as long as it says")
            reader(packet[10:end])
            return None
        message = Message(memoryview(packet)[2:end])
        message.seqno = self._seqno
        return packet[1], message

    def _advance(self) -> None:
        """The last eight bytes count packets (RFC 5647); they begin anywhere, and may run over."""
        count = int.from_bytes(self._iv[4:], "big") + 1 & 0xFFFFFFFFFFFFFFFF
        self._iv = self._iv[:4] + count.to_bytes(8, "big")

    def _ask_for_keys(self) -> None:
        """After so many bytes new keys are agreed upon; who ignores that is not listened to for ever."""
        if not self.need_rekey():
            self._trigger_rekey()  # type: ignore[attr-defined]
        elif self._received >= self.REKEY_BYTES + self.REKEY_BYTES_OVERFLOW_MAX:
            raise SSHException("the server ignores that new keys are due")

    def set_inbound_cipher(self, *given: Any, **named: Any) -> None:
        super().set_inbound_cipher(*given, **named)
        self._received = 0
        self._engine, self._iv = (named["block_engine"], named["iv_in"]) if named["aead"] else (None, b"")

    def reset_seqno_in(self) -> None:
        super().reset_seqno_in()
        self._seqno = 0

    def close(self) -> None:
        """Over a jump host this says goodbye to it, which may be gone by then."""
        with suppress(SSHException, OSError, EOFError):
            super().close()

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """paramiko keeps what it read too much of the greeting to itself, until the first message is complete."""
        found = b"" if self._until else self._read_ahead(n)
        return found or super().read_all(n, check_rekey)

    def set_outbound_cipher(self, *given: Any, **settings: Any) -> None:
        """All of ours are counter modes, GCM too, with which paramiko pads by zeros instead of asking the kernel."""
        super().set_outbound_cipher(*given, **{**settings, "sdctr": True})

    def start_handshake(self, timeout: float) -> None:
        self._until = time.monotonic() + timeout

    def handshake_timed_out(self) -> bool:
        return self._until is not None and time.monotonic() > self._until

    def complete_handshake(self) -> None:
        self._until = None
