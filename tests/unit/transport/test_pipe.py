"""Bytes between paramiko's thread and ours: all of them, in order, however they are cut."""

from __future__ import annotations

import threading
import time
from random import Random

import pytest
from paramiko.buffered_pipe import PipeTimeout

from runner.transport.pipe import LightPipe


def test_nothing_is_lost_whatever_is_fed_and_asked_for() -> None:
    draw = Random(7)
    data = draw.randbytes(300_000)
    pipe = LightPipe()

    def feed() -> None:
        at = 0
        while at < len(data):
            step = draw.choice([0, 1, 100, 5000])
            pipe.feed(data[at : at + step])
            at += step
        pipe.close()

    thread = threading.Thread(target=feed)
    thread.start()
    got = bytearray()
    asks = Random(8)
    while piece := pipe.read(most := asks.choice([1, 7, 4096, 100_000]), 60.0):
        assert len(piece) <= most
        got += piece
    thread.join()
    assert bytes(got) == data
    assert len(pipe) == 0 and not pipe.read_ready()


def test_it_waits_no_longer_than_it_is_told() -> None:
    pipe = LightPipe()
    for limit in (0.0, 0.05):
        begun = time.monotonic()
        with pytest.raises(PipeTimeout):
            pipe.read(10, limit)
        assert limit <= time.monotonic() - begun < limit + 30
    pipe.feed("text")
    assert pipe.read_ready() and pipe.read(2) == b"te" and pipe.empty() == b"xt"
    pipe.close()
    assert pipe.read(10, 0.0) == b""
