"""Text that people write, read strictly: where each value stands, and what is wrong with it."""

from __future__ import annotations
