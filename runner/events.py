"""
What can happen in a run, as small facts in the past tense, and their form as JSON.

An event's fields are plain JSON values. `seq` and `at` are given by the bus, the moment it is made durable.
Names and fields are for ever: a later version may add a field with a default, never rename or remove one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from runner.frozen import frozen, names

VERSION = 1
FAILURE_LIMIT = "failure-limit"
CANCEL = "rawat cancel"
FULL_DISK = "a full disk"


@frozen
class Event:
    """`at` is UTC in RFC 3339 with milliseconds; `mono_ms` the controller's monotonic clock since the sitting began."""

    seq: int = 0
    at: str = ""
    mono_ms: int = 0

    def to_json(self) -> dict[str, Any]:
        """`{"v", "seq", "at", "mono_ms", "type", ...}`, in the order of the fields."""
        order = {"v": VERSION, "seq": 0, "at": "", "mono_ms": 0, "type": type(self).__name__}
        return order | vars(self)


PIPELINE_JOB = (
    *("github_server_url", "github_repository", "github_run_id", "github_ref", "github_sha"),
    *("ci_pipeline_url", "ci_job_id", "ci_commit_ref_name", "ci_commit_sha"),
    *("build_url", "git_branch", "git_commit"),
)
"""What GitHub, GitLab and Jenkins say of a job, as `controller` has it; in the environment with capitals."""


@frozen
class SittingStarted(Event):
    """A person or a pipeline began to work on a run; the first event of every sitting."""

    run: str
    sitting: int
    playbook: str
    title: str
    kind: str
    plan: str
    hosts: tuple[str, ...]
    left_out: tuple[Mapping[str, Any], ...] = ()
    who: Mapping[str, Any] = field(default_factory=dict)
    controller: Mapping[str, Any] = field(default_factory=dict)
    why: Mapping[str, Any] = field(default_factory=dict)
    tool: Mapping[str, Any] = field(default_factory=dict)
    checklist: tuple[Mapping[str, Any], ...] = ()
    steps: tuple[Mapping[str, Any], ...] = ()
    batches: tuple[tuple[str, ...], ...] = ()
    policy: Mapping[str, Any] = field(default_factory=dict)
    request: Mapping[str, Any] = field(default_factory=dict)
    approvals: tuple[Mapping[str, Any], ...] = ()
    source: Mapping[str, Any] = field(default_factory=dict)


@frozen
class HostConnected(Event):
    host: str
    peer: Mapping[str, Any]
    facts: Mapping[str, Any]
    took_ms: int
    clock_offset_ms: int = 0


@frozen
class HostRefused(Event):
    """A host could not be worked on: `reason` is a branch of TransportError, or "lock" or "machine"."""

    host: str
    reason: str
    message: str
    took_ms: int = 0
    exit_code: int = 4


@frozen
class HostPutLast(Event):
    """A host's turn comes after that of all others, whatever its batch was in the plan."""

    host: str
    why: str


@frozen
class LinkDropped(Event):
    host: str
    message: str


@frozen
class BatchStarted(Event):
    batch: int
    hosts: tuple[str, ...]


@frozen
class BatchFinished(Event):
    batch: int
    failed: tuple[str, ...] = ()
    stopped: str = ""


@frozen
class HostStarted(Event):
    host: str
    batch: int


@frozen
class StepSkipped(Event):
    host: str
    step: str
    phase: str
    why: str


@frozen
class StepStarted(Event):
    """
    Durable before the first byte of the step goes out.

    `command` is what is about to run, and `sha256` the digest of the script that does it, kept as
    `scripts/<sha256>.txt`; both redacted, and empty where a look comes first.
    """

    host: str
    step: str
    phase: str
    kind: str
    title: str
    attempt: int = 1
    user: str = ""
    read_only: bool = False
    command: str = ""
    sha256: str = ""


@frozen
class StepRecalled(Event):
    """The host is asked how an attempt stands whose end an earlier sitting did not see."""

    host: str
    step: str
    phase: str
    attempt: int


@frozen
class CommandSent(Event):
    """What is about to run after a look, and the digest of its script, both redacted; durable before it is sent."""

    host: str
    step: str
    attempt: int
    command: str
    sha256: str


@frozen
class StepFinished(Event):
    """
    One attempt's end. `exit` is a form of model.Exit; times in milliseconds, `host_ms` by the host's own clock.

    `output` is `{"file", "stdout_bytes", "stderr_bytes", "lines", "sha256", "truncated", "redactions", "encoding"}`;
    `tail` the last lines of it. `notes` say what a person should know of how it was carried out.
    """

    host: str
    step: str
    phase: str
    attempt: int
    outcome: str
    took_ms: int
    host_ms: int | None = None
    exit: Mapping[str, Any] | None = None
    changed: bool | None = None
    problem: str = ""
    summary: str = ""
    notes: tuple[str, ...] = ()
    tail: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    register: str = ""
    output: Mapping[str, Any] = field(default_factory=dict)
    last: bool = True


@frozen
class Waited(Event):
    """Time that was no work: `cause` is retry, watch, lock, package-lock, once, person, reboot, link."""

    host: str
    step: str
    cause: str
    took_ms: int
    detail: str = ""


@frozen
class RollbackStarted(Event):
    host: str
    because: str


@frozen
class PersonAsked(Event):
    host: str
    step: str
    question: str


@frozen
class PersonAnswered(Event):
    host: str
    step: str
    answer: str
    by: str
    how: str


@frozen
class GateRefused(Event):
    host: str
    step: str
    gate: str
    message: str


@frozen
class GateOpened(Event):
    """A gate that an earlier run opened: `run` restored the copy `sha256`, made at `copied_at`, of `database`."""

    host: str
    step: str
    gate: str
    database: str
    run: str
    copied_at: str
    sha256: str = ""


@frozen
class Deviated(Event):
    """Every skip, override, force: `what` names it."""

    what: str
    detail: str
    reason: str = ""


@frozen
class HostFinished(Event):
    """`rolled_back`: a rollback of it came to its end in this sitting, and every step of that ended well."""

    host: str
    outcome: str
    because: str = ""
    rolled_back: bool = False


@frozen
class WatcherFailed(Event):
    watcher: str
    message: str


@frozen
class ClockJumped(Event):
    """Somebody set the controller's clock by more than two seconds. Durations go by another clock, and stay right."""

    by_ms: int


@frozen
class StopAsked(Event):
    """
    Nothing new is begun, rollbacks excepted: `how` is SIGINT, SIGTERM or SIGHUP, rawat cancel, or failure-limit: as
    many hosts failed as the rollout allows, which `detail` tells. No rollback either after a full disk.
    """

    how: str
    detail: str = ""


@frozen
class SittingEnded(Event):
    """The last event of a sealed sitting."""

    exit_code: int
    stopped_by: str = ""
    not_started: tuple[str, ...] = ()


@frozen
class UnknownEvent(Event):
    """An event of a later version: kept whole, understood not at all."""

    type: str
    data: Mapping[str, Any]


_TYPES: Mapping[str, type[Event]] = {
    cls.__name__: cls
    for cls in (
        SittingStarted, HostConnected, HostRefused, HostPutLast, LinkDropped, BatchStarted, BatchFinished, HostStarted,
        StepSkipped, StepStarted, StepRecalled, CommandSent, StepFinished, Waited, RollbackStarted, PersonAsked,
        PersonAnswered, GateRefused, GateOpened, Deviated, HostFinished, WatcherFailed, ClockJumped,
        StopAsked, SittingEnded,
    )
}  # fmt: skip
_NAMES = {name: frozenset(names(cls)) for name, cls in _TYPES.items()}


def from_json(data: Mapping[str, Any]) -> Event:
    """The event of one journal line; fields that this version does not know are left aside, lists become tuples."""
    name = str(data.get("type"))
    if name not in _TYPES:
        return UnknownEvent(
            seq=int(data.get("seq", 0)),
            at=str(data.get("at", "")),
            mono_ms=int(data.get("mono_ms", 0)),
            type=name,
            data=dict(data),
        )
    known: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in data.items() if key in _NAMES[name]
    }
    return _TYPES[name](**known)


def types() -> tuple[str, ...]:
    """The names of all events, for the docs and their test."""
    return tuple(_TYPES)
