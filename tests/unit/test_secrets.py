"""Where the password for sudo comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.app.secrets import find_sudo_password
from runner.errors import InvalidInput


def test_a_password_for_sudo_is_one_line(tmp_path: Path) -> None:
    """The rest would be a command to root's shell."""
    file = tmp_path / "password"
    named = {"RAWAT_SUDO_PASSWORD_FILE": str(file)}
    for text in (b"one\n", b"one\r\n", b"one"):
        file.write_bytes(text)
        file.chmod(0o600)
        found = find_sudo_password(named, None)
        assert found is not None and found.reveal() == "one"
    file.write_text("one\ntwo\n")
    for environment in (named, {"RAWAT_SUDO_PASSWORD": "one\nid"}, {"RAWAT_SUDO_PASSWORD": "one\r"}):
        with pytest.raises(InvalidInput, match="more than one line"):
            find_sudo_password(environment, None)
    with pytest.raises(InvalidInput, match="more than one line"):
        find_sudo_password({}, lambda question: "one\0two")
