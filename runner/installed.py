"""Which versions of which distributions are installed."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache


@cache
def installed() -> Mapping[str, str]:
    """
    Distributions and their versions, as pip names their folders on the path; the first of a name is what is imported.

    importlib.metadata reads every one of them, which takes longer than connecting to a host.
    """
    found: dict[str, str] = {}
    for folder in sys.path:
        with suppress(OSError):
            for info in os.scandir(folder or "."):
                if info.name.endswith((".dist-info", ".egg-info")):
                    name, _, version = info.name.rpartition(".")[0].partition("-")
                    found.setdefault(name.lower(), version.partition("-")[0])
    return found
