"""The test bed: loopback sshd, a proxy that spoils links, and real Debian hosts in network namespaces."""

from __future__ import annotations
