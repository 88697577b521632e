"""apt of this machine, with a cache of its lists: in a container it has none, and reads all of them at every call."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.bed.process import run


@pytest.fixture(scope="session")
def apt(space: Path) -> Mapping[str, str]:
    """What a script of a step has in its environment for that; nothing where there is no apt."""
    if shutil.which("apt-cache") is None:
        return {}
    folder = space / "apt"
    (folder / "parts").mkdir(parents=True)
    config = folder / "apt.conf"
    caches = "".join(f'Dir::Cache::{name} "{folder / name}.bin";\n' for name in ("pkgcache", "srcpkgcache"))
    config.write_text(f'Dir::Etc::parts "{folder / "parts"}";\n{caches}')
    run(["apt-cache", "gencaches"], env={**os.environ, "APT_CONFIG": str(config)})
    return {"APT_CONFIG": str(config)}
