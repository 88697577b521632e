"""The JSON Schema of the rawat form of an inventory; the docs are made from its descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

WORD = r"^[^\s\x00-\x1f\x7f-\x9f-][^\s\x00-\x1f\x7f-\x9f]*$"
_TEXTS: Mapping[str, Any] = {
    "type": ["string", "array"],
    "minLength": 1,
    "items": {"type": "string", "minLength": 1},
}
_VARS: Mapping[str, Any] = {"type": ["object", "null"]}

HOST_KEYS: Mapping[str, Any] = {
    "address": {
        "type": "string",
        "pattern": WORD,
        "description": "a DNS name or an IP address; by default HostName of ssh_config, else the host's name",
    },
    "port": {"type": "integer", "minimum": 1, "maximum": 65535, "description": "The port of its sshd."},
    "user": {"type": "string", "pattern": WORD, "description": "the user to log in as, without spaces"},
    "identity_file": {**_TEXTS, "description": "The private key to log in with, or several, in order."},
    "jump": {
        **_TEXTS,
        "description": "A host of this inventory or of ssh_config, or user@host:port; a list names the first hop "
        "first. An empty list means: connect directly, whatever ssh_config says.",
    },
    "transport": {"enum": ["ssh", "local"], "description": "How commands get there: over ssh, or on this machine."},
    "host_key_alias": {
        "type": "string",
        "pattern": WORD,
        "description": "the name its key stands under in known_hosts",
    },
    "known_hosts": {**_TEXTS, "description": "Files that list its key, besides those of the settings."},
    "vars": {**_VARS, "description": "Values for playbooks, of this host only."},
}

GROUP_KEYS: Mapping[str, Any] = {
    "hosts": {"type": ["array", "null"], "items": {"type": "string"}, "description": "Names of hosts."},
    "children": {"type": ["array", "null"], "items": {"type": "string"}, "description": "Names of groups in it."},
    "vars": {**_VARS, "description": "Values for playbooks, of all hosts of this group."},
    "limit": {
        "type": "integer",
        "minimum": 1,
        "description": "How many of its hosts may be at work at a time, whatever the playbook's rollout says.",
    },
}

SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "An inventory of rawat, version 1",
    "type": "object",
    "required": ["rawat"],
    "additionalProperties": False,
    "properties": {
        "rawat": {"const": 1, "description": "The version of the inventory language."},
        "vars": {**_VARS, "description": "Values for playbooks, of all hosts; the weakest."},
        "hosts": {
            "type": ["object", "null"],
            "description": "The hosts by name.",
            "additionalProperties": {
                "type": ["object", "null"],
                "additionalProperties": False,
                "properties": HOST_KEYS,
            },
        },
        "groups": {
            "type": ["object", "null"],
            "description": "The groups by name; `all` is always there.",
            "additionalProperties": {
                "type": ["object", "null"],
                "additionalProperties": False,
                "properties": GROUP_KEYS,
            },
        },
    },
}
