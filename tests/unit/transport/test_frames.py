from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import ProtocolError
from runner.transport.frames import Content, Header, Parser

MARK = "aabaabaaab"
"""Overlaps itself, as badly as a mark can."""

PIECES = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.sampled_from([b"a", b"aab", b"aabaabaaa", b"aabaabaabaaab", b"\n", b"\0"]),
        st.sampled_from([f"{MARK} {kind} 7 x\n".encode() for kind in "oehxrnH"]),
    ),
    max_size=12,
)


def read(chunks: list[bytes]) -> list[tuple[str, tuple[str, ...] | bytes]]:
    """What a parser makes of it; neighbouring contents are one."""
    parser = Parser(MARK)
    found: list[tuple[str, tuple[str, ...] | bytes]] = []
    for chunk in chunks:
        for item in parser.feed(chunk):
            match item:
                case Header(kind=kind, words=words):
                    found.append((f"header {kind}", words))
                case Content(kind=kind, data=data):
                    label = f"content {kind}"
                    last = found[-1] if found else ("", b"")
                    if last[0] == label and isinstance(last[1], bytes):
                        found[-1] = (label, last[1] + data)
                    else:
                        found.append((label, data))
    return found


@given(PIECES, st.data())
def test_any_chunking_gives_the_same(pieces: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(pieces) + f"{MARK} x 1 end\n".encode()
    whole = read([stream])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=10)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert read(chunks) == whole
    assert read([bytes([byte]) for byte in stream]) == whole


def test_noise_before_and_between_is_no_content() -> None:
    stream = f"Welcome!\n{MARK} o 1\ndata\0{MARK} x 1 0\nnoise{MARK} o 2\nmore{MARK} n 2\n"
    assert read([stream.encode()]) == [
        ("content ", b"Welcome!\n"),
        ("header o", ("1",)),
        ("content o", b"data\0"),
        ("header x", ("1", "0")),
        ("content ", b"noise"),
        ("header o", ("2",)),
        ("content o", b"more"),
        ("header n", ("2",)),
    ]


def test_content_comes_before_its_end_does() -> None:
    parser = Parser(MARK)
    list(parser.feed(f"{MARK} o 1\n".encode()))
    assert list(parser.feed(b"first line\n")) == [Content(kind="o", data=b"first line\n")]


def test_a_header_that_does_not_end_is_an_error() -> None:
    parser = Parser(MARK)
    with pytest.raises(ProtocolError):
        for _ in range(100):
            list(parser.feed(MARK.encode() + b"x" * 100))
