"""The JSON Schema of `rawat.yml`; the docs are made from its descriptions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.units import DURATION, LONGEST_S

_DURATION = {"type": ["string", "number"], "pattern": DURATION, "exclusiveMinimum": 0, "maximum": LONGEST_S}
_PATHS = {"type": ["string", "array"], "minLength": 1, "items": {"type": "string", "minLength": 1}}

SCHEMA: Mapping[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "title": "The settings of a project, rawat.yml",
    "type": "object",
    "required": ["rawat"],
    "additionalProperties": False,
    "properties": {
        "rawat": {"const": 1, "description": "The version of the settings."},
        "records": {"type": "string", "minLength": 1, "description": "The folder of the records. Default: records."},
        "index": {
            "type": "string",
            "pattern": "^sqlite:.+$",
            "description": "sqlite:PATH; other databases are not built yet. Default: index.db in the records.",
        },
        "inventory": {
            **_PATHS,
            "description": "The inventory, or several. Default: inventory.yml, where there is one.",
        },
        "known_hosts": {
            **_PATHS,
            "description": "Files of host keys. Default: ~/.ssh/known_hosts, /etc/ssh/ssh_known_hosts, and each with "
            "a 2 behind, as for ssh. The user's own give way to those that ssh_config names for a host.",
        },
        "ssh_config": {
            "type": "string",
            "minLength": 1,
            "description": "How hosts are reached beyond the inventory. Default: ~/.ssh/config.",
        },
        "timezone": {
            "type": "string",
            "description": "The IANA name of the zone in which times are shown. Default: the system's.",
        },
        "signing": {
            "type": "object",
            "description": "Which key signs records and sign-offs.",
            "additionalProperties": False,
            "properties": {
                "key": {
                    "type": "string",
                    "minLength": 1,
                    "description": "The key that signs: a private key, or a public one where an agent or a security "
                    "key has the rest. none: nothing is signed. Default: none.",
                },
                "principal": {
                    "type": "string",
                    "pattern": "^[A-Za-z0-9][A-Za-z0-9._+-]*(@[A-Za-z0-9][A-Za-z0-9.-]*)?$",
                    "description": "As whom the key signs. Default: the name it has in allowed_signers, else its "
                    "comment, else the user.",
                },
            },
        },
        "anchor": {
            "type": "object",
            "description": "Where the state of the ledger is told to, outside the records.",
            "additionalProperties": False,
            "properties": {
                "places": {
                    **_PATHS,
                    "description": "Files, git repositories and URLs of time-stamping authorities (RFC 3161) that "
                    "`rawat anchor` tells, and `rawat verify` asks.",
                },
                "authority": {
                    "type": "string",
                    "minLength": 1,
                    "description": "The certificates of the time-stamping authority, PEM.",
                },
            },
        },
        "policy": {
            "type": "object",
            "description": "What every run has to keep to.",
            "additionalProperties": False,
            "properties": {
                "ticket": {
                    "enum": ["required", "optional"],
                    "description": "Whether a run needs a ticket. Default: optional.",
                },
                "same_machine": {
                    "enum": ["refuse", "allow"],
                    "description": "What two names that turn out to be one machine mean. Default: refuse.",
                },
                "signature": {
                    "enum": ["required", "optional"],
                    "description": "Whether a run needs a key that signs its record. Default: optional.",
                },
                "approvals": {
                    "type": ["integer", "string"],
                    "pattern": "^[0-9]+$",
                    "minimum": 0,
                    "description": "How many people have to approve a normal change, the executor not counted. "
                    "Default: 0.",
                },
                "approvers": {
                    **_PATHS,
                    "description": "Whose approvals count, as named in allowed_signers. Default: everybody's there.",
                },
                "standard": {
                    **_PATHS,
                    "description": "Playbooks that may run as standard changes: approved once and for all. "
                    "Default: none.",
                },
                "review": {
                    "enum": ["required", "optional"],
                    "description": "Whether a run stays open until somebody reviewed it; an emergency always does. "
                    "Default: optional.",
                },
                "self_review": {
                    "enum": ["refuse", "allow"],
                    "description": "Whether whoever ran it may review it. Default: refuse.",
                },
                "emergency_review": {
                    **_DURATION,
                    "description": "Within what time an emergency change has to be reviewed. Default: 3d.",
                },
                "retention": {
                    **_DURATION,
                    "description": "How long `rawat prune` keeps every run, whatever it is asked for. Default: 0s.",
                },
                "anchor": {
                    "enum": ["required", "optional"],
                    "description": "Whether `rawat verify` asks for an anchor outside the records. Default: optional.",
                },
            },
        },
        "connect_timeout": {**_DURATION, "description": "The longest wait for a connection. Default: 10s."},
        "lock_timeout": {
            **_DURATION,
            "description": "How long to wait for a host that another run holds, at most. Default: 5s.",
        },
        "reconnect_timeout": {
            **_DURATION,
            "description": "How long a host whose link was lost is tried again, at most. Default: 5m.",
        },
        "keepalive": {**_DURATION, "description": "How often a silent connection is asked for life. Default: 5s."},
    },
}
