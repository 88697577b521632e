"""The static part of Ansible's inventories: INI, YAML, host_vars and group_vars. What is dynamic is refused."""

from __future__ import annotations
