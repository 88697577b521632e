"""What comes from a server, packet by packet; sealed here as a server seals it."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from paramiko.packet import NeedRekeyException
from paramiko.ssh_exception import SSHException

from runner.transport.packets import LARGEST, LinkPacketizer

KEY, IV = os.urandom(16), os.urandom(12)


class Server:
    """The other end of a link on which keys have been agreed upon."""

    def __init__(self, plug: socket.socket) -> None:
        self._plug = plug
        self._aes = AESGCM(KEY)
        self._sent = 0

    def sealed(self, payload: bytes) -> bytes:
        padding = 4 + -(1 + len(payload) + 4) % 16
        packet = bytes((padding,)) + payload + bytes(padding)
        head = len(packet).to_bytes(4, "big")
        number = (int.from_bytes(IV[4:], "big") + self._sent) % (1 << 64)
        self._sent += 1
        return head + self._aes.encrypt(IV[:4] + number.to_bytes(8, "big"), packet, head)

    def send(self, data: bytes) -> None:
        self._plug.sendall(data)


@pytest.fixture
def link() -> Iterator[tuple[LinkPacketizer, Server]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(60)
        theirs.settimeout(60)
        packets = LinkPacketizer(ours)
        keyed(packets)
        yield packets, Server(theirs)


def keyed(packets: LinkPacketizer) -> None:
    packets.set_inbound_cipher(
        block_engine=AESGCM(KEY), block_size=16, mac_engine=None, mac_size=16, mac_key=None, aead=True, iv_in=IV
    )


def test_messages_come_as_they_were_sealed(link: tuple[LinkPacketizer, Server]) -> None:
    packets, server = link
    for number, body in enumerate((b"", b"x", b"y" * 11, b"z" * 70_000)):
        server.send(server.sealed(b"\x5e" + body))
        kind, message = packets.read_message()
        assert (kind, message.asbytes(), message.seqno) == (0x5E, body, number)
    packets.reset_seqno_in()
    server.send(server.sealed(b"\x5e"))
    assert packets.read_message()[1].seqno == 0


def test_the_counter_of_the_initialisation_vector_wraps_as_openssh_has_it(link: tuple[LinkPacketizer, Server]) -> None:
    packets, _ = link
    packets._iv = IV[:4] + bytes.fromhex("ffffffffffffffff")
    packets._advance()
    assert packets._iv == IV[:4] + bytes(8)


def data_for(channel: int, data: bytes, *, said: int | None = None) -> bytes:
    size = len(data) if said is None else said
    return b"\x5e" + channel.to_bytes(4, "big") + size.to_bytes(4, "big") + data


def test_data_goes_straight_to_the_reader_of_its_channel(link: tuple[LinkPacketizer, Server]) -> None:
    packets, server = link
    seen: list[bytes] = []
    packets.readers[bytes(4)] = seen.append
    for payload in (
        data_for(0, b"one"),
        data_for(0, b""),
        data_for(0, b"z" * 30_000),
        data_for(1, b"not its"),
        b"\x60",
    ):
        server.send(server.sealed(payload))
    kind, message = packets.read_message()
    assert seen == [b"one", b"", b"z" * 30_000]
    assert (kind, message.asbytes(), message.seqno) == (0x5E, data_for(1, b"not its")[1:], 3)
    assert packets.read_message()[1].seqno == 4


@pytest.mark.parametrize("said", [0, 2, 4, 1 << 31])
def test_data_that_lies_about_its_size_ends_the_link(link: tuple[LinkPacketizer, Server], said: int) -> None:
    packets, server = link
    packets.readers[bytes(4)] = lambda data: None
    server.send(server.sealed(data_for(0, b"abc", said=said)))
    with pytest.raises(SSHException, match="not as long"):
        packets.read_message()


def test_new_keys_are_asked_for_while_data_comes(link: tuple[LinkPacketizer, Server]) -> None:
    packets, server = link
    seen: list[bytes] = []
    packets.readers[bytes(4)] = seen.append
    packets.REKEY_BYTES = 100
    for _ in range(2):
        server.send(server.sealed(data_for(0, b"x" * 200)))
        with pytest.raises(NeedRekeyException):
            packets.read_message()
    assert seen == [b"x" * 200] * 2


@pytest.mark.parametrize("at", [3, 4, 20, -1])
def test_a_changed_packet_is_not_genuine(link: tuple[LinkPacketizer, Server], at: int) -> None:
    packets, server = link
    data = bytearray(server.sealed(b"\x5e" + b"words" * 10))
    data[at] ^= 1
    server.send(bytes(data) + bytes(64))
    with pytest.raises(InvalidTag):
        packets.read_message()


def test_a_packet_that_was_sent_before_is_not_genuine(link: tuple[LinkPacketizer, Server]) -> None:
    packets, server = link
    data = server.sealed(b"\x5e")
    server.send(data + data)
    packets.read_message()
    with pytest.raises(InvalidTag):
        packets.read_message()


@pytest.mark.parametrize("size", [0, 1, LARGEST + 1, 0xFFFFFFFF])
def test_an_impossible_size_is_not_waited_for(link: tuple[LinkPacketizer, Server], size: int) -> None:
    packets, server = link
    server.send(size.to_bytes(4, "big"))
    with pytest.raises(SSHException, match=str(size)):
        packets.read_message()


def test_new_keys_are_asked_for_and_must_come(
    link: tuple[LinkPacketizer, Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    packets, server = link
    monkeypatch.setattr(packets, "REKEY_BYTES", 3000)
    monkeypatch.setattr(packets, "REKEY_BYTES_OVERFLOW_MAX", 3000)
    asked = []
    for _ in range(5):
        server.send(server.sealed(b"\x5e" + b"x" * 1000))
        packets.read_message()
        asked.append(packets.need_rekey())
    assert asked == [False, False, True, True, True]
    server.send(server.sealed(b"\x5e" + b"x" * 1000))
    with pytest.raises(SSHException, match="new keys"):
        packets.read_message()


def test_a_link_through_a_jump_host_that_is_gone_is_closed_without_a_word() -> None:
    """In paramiko's own thread nobody would catch it: it was a traceback beside the end of a run."""

    class Gone:
        closed = False

        def close(self) -> None:
            self.closed = True
            raise EOFError

    hop = Gone()
    LinkPacketizer(hop).close()
    assert hop.closed
