"""Which class serves which seam."""

from __future__ import annotations

import os
import threading
import time
import warnings
from pathlib import Path

import pytest

from runner.app.wiring import Transports, readable
from runner.errors import InvalidInput
from runner.journal.folder import Records
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


def test_the_records_of_somebody_else_are_refused_in_words(tmp_path: Path) -> None:
    """Root may read everything: so a child looks, as nobody."""
    folder = tmp_path / "records"
    folder.mkdir(mode=0o000)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of threads that the child would lack, and does
        child = os.fork()
    if child == 0:
        code = 1
        try:
            if os.getuid() == 0:
                os.setuid(65534)
            readable(Records(folder))
        except InvalidInput as error:
            code = 0 if "for their owner alone" in error.message else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    folder.chmod(0o700)
    assert readable(Records(folder)).path == folder
