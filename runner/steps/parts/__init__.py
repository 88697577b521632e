"""What several families of step kinds share: defaults, answers of scripts, pieces of schemas, local files."""

from __future__ import annotations
