"""What each signal does to a run, and what the next one would: signals to this process, under its own handlers."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from runner.app.signals import OnCancel, heeded
from runner.engine.surroundings import Stop

INT, CANCEL, KILL = signal.SIGINT, signal.SIGUSR2, signal.SIGUSR1


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
