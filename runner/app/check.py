"""`rawat check`: a playbook alone, all its problems."""

from __future__ import annotations

from pathlib import Path

from runner.app.wiring import KINDS
from runner.model import Playbook
from runner.playbook.load import load


def check_playbook(path: Path) -> Playbook:
    """Raises InvalidInput with everything that is wrong."""
    return load(path, kinds=KINDS)
