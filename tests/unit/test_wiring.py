"""Which class serves which seam."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from runner.app.wiring import Transports
from runner.settings import load
from runner.transport.ssh import SshTransport


def test_all_hosts_share_one_transport_though_they_ask_for_it_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one for each there would be as many watchdogs, and limits of logins at once that hold for a part only."""
    made = SshTransport.__init__

    def slow(*given: object, **named: object) -> None:
        time.sleep(0.02)
        made(*given, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(SshTransport, "__init__", slow)
    transports = Transports(load(folder=tmp_path, environment={}, flags={}))
    found: list[object] = []
    threads = [threading.Thread(target=lambda: found.append(transports.named("ssh"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1
