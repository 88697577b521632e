"""What each signal does to a run, and what the next one would: signals to this process, as a run heeds them."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from runner.app import signals as module
from runner.app.signals import OnCancel, heeded
from runner.engine.surroundings import Stop

INT, CANCEL, KILL = signal.SIGINT, signal.SIGUSR2, signal.SIGUSR1


@pytest.fixture(autouse=True)
def _told_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is."""
    monkeypatch.setattr(module, "TOLD_WITHIN_S", 240.0)


@pytest.mark.parametrize(
    ("on_cancel", "signals", "told", "kills", "leaves"),
    [
        ("leave", [INT], ["SIGINT end leave"], False, False),
        ("leave", [INT, INT], ["SIGINT end leave", "SIGINT leave None"], False, True),
        ("kill", [INT], ["SIGINT end kill"], False, False),
        ("kill", [INT, INT], ["SIGINT end kill", "SIGINT kill leave"], True, False),
        ("kill", [INT, INT, INT], ["SIGINT end kill", "SIGINT kill leave", "SIGINT leave None"], True, True),
        ("leave", [CANCEL, CANCEL, CANCEL], ["rawat cancel end leave"] * 3, False, False),
        ("leave", [KILL, CANCEL], ["rawat cancel kill leave"] * 2, True, False),
        ("kill", [KILL, INT], ["rawat cancel kill leave", "SIGINT leave None"], True, True),
    ],
)
def test_what_signals_do(
    on_cancel: OnCancel, signals: list[signal.Signals], told: list[str], kills: bool, leaves: bool
) -> None:
    stop, killed = Stop(), threading.Event()
    heard: list[str] = []
    with heeded(stop, killed.set, on_cancel=on_cancel, heard=lambda *words: heard.append(" ".join(map(str, words)))):
        for number in signals:
            os.kill(os.getpid(), number)
    assert heard == told
    assert (stop.how, stop.leave.is_set()) == ("rawat cancel" if signals[0] in (CANCEL, KILL) else "SIGINT", leaves)
    assert killed.wait(60 if kills else 0.05) is kills


def test_a_second_signal_that_comes_while_the_first_is_told_is_the_second() -> None:
    """Who reads that once more means not to wait may be faster than we are; it counted as the first once more."""
    stop, told = Stop(), list[str]()

    def heard(how: str, becomes: str, again: str | None) -> None:
        told.append(becomes)
        if len(told) == 1:
            os.kill(os.getpid(), INT)
            time.sleep(0.1)

    with heeded(stop, lambda: None, heard=heard):
        os.kill(os.getpid(), INT)
        assert stop.leave.wait(60)
    assert told == ["end", "leave"]


def test_what_is_told_is_so_by_then() -> None:
    """Or a step that ends in this moment would be followed by another."""
    for number in (INT, CANCEL, signal.SIGTERM):
        stop, asked = Stop(), list[bool]()
        with heeded(stop, lambda: None, heard=lambda *words: asked.append(stop.asked)):  # noqa: B023
            os.kill(os.getpid(), number)
        assert asked == [True]


def test_what_a_run_does_after_a_signal_it_does_knowing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or one that comes at the end of its last step would be stopped by nobody."""
    monkeypatch.setattr(module, "HEEDED_WITHIN_S", 240.0)
    for _ in range(20):
        stop = Stop()
        with heeded(stop, lambda: None):
            os.kill(os.getpid(), INT)
            assert stop.asked


@pytest.mark.timeout(60)
def test_a_signal_is_heeded_wherever_the_main_thread_is() -> None:
    """As when it looks whether it was asked to stop, and holds the lock of that."""
    stop = Stop()
    with heeded(stop, lambda: None):
        with stop.event._cond:
            os.kill(os.getpid(), INT)
            time.sleep(0.1)
        assert stop.event.wait(60)


def test_under_nohup_a_terminal_that_closes_is_nothing() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        stop = Stop()
        with heeded(stop, lambda: None):
            os.kill(os.getpid(), signal.SIGHUP)
        assert not stop.asked and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        with heeded(stop, lambda: None):
            os.kill(os.getpid(), signal.SIGHUP)
        assert stop.how == "SIGHUP"
    finally:
        signal.signal(signal.SIGHUP, before)
