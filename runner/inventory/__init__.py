"""Which hosts there are, how each is reached, and its variables: inventories of rawat and Ansible, ssh_config."""

from __future__ import annotations
