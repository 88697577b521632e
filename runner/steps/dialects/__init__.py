"""What is different between databases and between package managers: one module each, chosen in one place."""

from __future__ import annotations
