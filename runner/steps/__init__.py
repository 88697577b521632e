"""The step kinds that are shipped, by name. Nothing is imported until a kind is asked for."""

from __future__ import annotations

from collections.abc import Mapping

BUILT_IN: Mapping[str, str] = {
    "command": "runner.steps.command:Command",
    "script": "runner.steps.command:ScriptStep",
    "copy": "runner.steps.files:Copy",
    "template": "runner.steps.files:Template",
    "fetch": "runner.steps.fetch:Fetch",
    "file": "runner.steps.file:File",
    "assert": "runner.steps.people:Assert",
    "note": "runner.steps.people:Note",
    "confirm": "runner.steps.people:Confirm",
    "package": "runner.steps.package:Package",
    "patch": "runner.steps.patch:Patch",
    "service": "runner.steps.service:Service",
    "reboot": "runner.steps.reboot:Reboot",
    "wait": "runner.steps.probe:Wait",
    "http": "runner.steps.http:Http",
    "disk": "runner.steps.probe:Disk",
    "load": "runner.steps.load:Load",
    "system": "runner.steps.system:System",
    "logs": "runner.steps.logs:Logs",
    "security": "runner.steps.security:Security",
    "verify": "runner.steps.verify:Verify",
    "replication": "runner.steps.replication:Replication",
    "sql": "runner.steps.sql:Sql",
    "backup": "runner.steps.backup:Backup",
    "restore_test": "runner.steps.restore:RestoreTest",
    "optimize": "runner.steps.optimize:Optimize",
}
