"""The composition root: settings become wired objects here, and nowhere else. One function per request of a user."""

from __future__ import annotations
