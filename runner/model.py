"""Plain frozen values that every room speaks in. Nothing here does any work beyond arithmetic on itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal

from runner.errors import Location
from runner.frozen import frozen, shallow

PHASES = ("identify", "analyse", "plan", "implement", "test", "document", "monitor")
FINALLY = "finally"
UNDO = "undo"

KINDS_OF_PLAYBOOK = (
    "backup", "patching", "database-optimization", "verification", "incident", "migration", "other",
)  # fmt: skip


class Outcome(StrEnum):
    """How a step, a host or a run ended. `UNKNOWN` means that nobody can know; it is never guessed."""

    OK = "ok"
    FAILED = "failed"
    SKIPPED = "skipped"
    UNREACHABLE = "unreachable"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    REFUSED = "refused"

    @property
    def good(self) -> bool:
        return self in (Outcome.OK, Outcome.SKIPPED)


class OnFailure(StrEnum):
    STOP = "stop"
    CONTINUE = "continue"
    ROLLBACK = "rollback"


@frozen
class Retry:
    """How often to try, and how long to wait before the next attempt; the wait doubles up to ten times `delay_s`."""

    attempts: int = 1
    delay_s: float = 5.0

    def wait_s(self, failed: int) -> float:
        """Seconds to wait after `failed` attempts that failed (1 or more)."""
        return float(min(self.delay_s * 2.0 ** (failed - 1), self.delay_s * 10.0))


@frozen
class Watch:
    """Repeat a probe every `every_s` for `for_s` seconds, or as a template says; each time must be good."""

    for_s: float | str
    every_s: float | str = 10.0


@frozen
class Requirement:
    """
    A checklist item that must be proven on this host first.

    With `within_s` an earlier run counts that proved it so many seconds ago at most, by restoring a copy of the
    `database` (a template; empty: the one that the step works on).
    """

    item: str
    within_s: float | None = None
    database: str = ""


@frozen
class Step:
    """
    One line of work as the playbook says it; templates in `params` are not rendered yet.

    `kind` is "group" where the step holds `steps` of its own. `loop` is the text or list under `with`.
    `location` is where its `id` stands.
    """

    id: str
    title: str
    kind: str
    phase: str
    location: Location
    params: Any = None
    when: str | None = None
    loop: str | tuple[Any, ...] | None = None
    become: str | None = None
    timeout_s: float | None = None
    retry: Retry = Retry()
    until: str | None = None
    register: str | None = None
    expect: str | None = None
    watch: Watch | None = None
    on_failure: OnFailure = OnFailure.STOP
    output_limit: int | None = None
    expects_reboot: bool = False
    lock: str | None = None
    requires: tuple[Requirement, ...] = ()
    idempotent: bool = False
    check: str | None = None
    no_output: bool = False
    once: bool = False
    local: bool = False
    undo: tuple[Step, ...] = ()
    steps: tuple[Step, ...] = ()

    def walk(self) -> Iterator[Step]:
        """This step, the steps of its group, and what undoes them."""
        yield self
        for step in (*self.steps, *self.undo):
            yield from step.walk()


@frozen
class ChecklistItem:
    """A promise to an auditor: ticked by the steps in `proof`, or `by_hand` by a named person."""

    id: str
    text: str
    phase: str
    location: Location
    proof: tuple[str, ...] = ()
    by_hand: bool = False
    required: bool = True

    def to_json(self) -> dict[str, Any]:
        """All but where it stands."""
        return {
            "id": self.id,
            "phase": self.phase,
            "text": self.text,
            "proof": list(self.proof),
            "by_hand": self.by_hand,
            "required": self.required,
        }


@frozen
class Variable:
    """A declared variable; `schema` is a JSON Schema its value must meet, `required` where there is no default."""

    name: str
    location: Location
    default: Any = None
    required: bool = False
    schema: Mapping[str, Any] = field(default_factory=dict)
    help: str = ""


@frozen
class Share:
    """A count, or a percentage of all hosts."""

    value: int
    percent: bool = False

    def of(self, total: int) -> int:
        """How many of `total`, rounded up, at least one."""
        return max(1, -(-self.value * total // 100)) if self.percent else max(1, self.value)

    def __str__(self) -> str:
        return f"{self.value}%" if self.percent else str(self.value)


@frozen
class Rollout:
    """
    Sizes of batches, hosts at work at once, the number of failed hosts that stops the run (at least), and how long a
    sitting of the run may take in seconds: what has not begun by then does not, except `finally` and a rollback.
    """

    batches: tuple[Share, ...] = (Share(value=100, percent=True),)
    parallel: int = 10
    stop_when_failed: Share = Share(value=1)
    timeout_s: float = 86400.0


@frozen
class SourceFile:
    """
    A file the playbook was read from; `path` is relative to the project's root where it lies under it.

    `text` is that of its bytes: line ends and a mark at the beginning are what they were, as the digest is theirs.
    """

    path: str
    text: str
    sha256: str


@frozen
class Playbook:
    """
    A checked playbook. `sources[0]` is the file itself, the others are its includes.

    `secrets` must have a value; those of `optional` are empty where nobody gives them.
    """

    name: str
    title: str
    kind: str
    hosts: str
    location: Location
    root: Path
    sources: tuple[SourceFile, ...]
    owner: str = ""
    become: str | None = None
    variables: tuple[Variable, ...] = ()
    secrets: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    rollout: Rollout = Rollout()
    checklist: tuple[ChecklistItem, ...] = ()
    phases: Mapping[str, tuple[Step, ...]] = field(default_factory=dict)
    finally_: tuple[Step, ...] = ()
    all_phases: bool = False

    def folder_of(self, step: Step) -> Path:
        """That of the file in which the step stands; what it names is looked for there before it is under the root."""
        name = self.sources[0].path if step.location.file == self.location.file else step.location.file
        return (self.root / name).parent

    def walk(self) -> Iterator[Step]:
        """Every step, undo and finally included, in the order of the text."""
        for steps in (*self.phases.values(), self.finally_):
            for step in steps:
                yield from step.walk()


@frozen
class Host:
    """
    A target with its variables resolved, and what ssh_config says of it. What is None is left to the defaults of SSH.

    `origins` says for each variable which file and place it came from. `jump` names the hops, first hop first.
    `identities_only`: keys of an agent are not tried after the identity files.
    """

    name: str
    address: str
    transport: str = "ssh"
    port: int | None = None
    user: str | None = None
    identity_files: tuple[str, ...] = ()
    identities_only: bool = False
    jump: tuple[Host, ...] = ()
    known_hosts: tuple[str, ...] = ()
    host_key_alias: str | None = None
    groups: tuple[str, ...] = ()
    vars: Mapping[str, Any] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {**shallow(self), "jump": [hop.to_json() for hop in self.jump]}


Killed = Literal["proven", "no trace left", "not known"]


@frozen
class Exit:
    """
    How a command ended, as the host wrote it down: exactly one of `code`, `signal`, `timeout_s`, `cancelled_s`,
    `output_limit` and `unknown`.

    `killed` goes with `timeout_s` (the limit) and `cancelled_s` (how long it had run until a person ended it), and with
    `output_limit` (bytes) unless it ended by itself before it was killed.
    `unknown` says why nobody knows. A code over 128 may be a signal: sh cannot tell.
    """

    code: int | None = None
    signal: str | None = None
    timeout_s: float | None = None
    cancelled_s: float | None = None
    output_limit: int | None = None
    killed: Killed | None = None
    unknown: str | None = None

    @property
    def ok(self) -> bool:
        return self.code == 0

    def __str__(self) -> str:
        if self.unknown is not None:
            return f"unknown: {self.unknown}"
        if self.timeout_s is not None:
            return f"timed out after {round(self.timeout_s, 1):g} s, killed: {self.killed}"
        if self.cancelled_s is not None:
            return f"cancelled after {self.cancelled_s:g} s, killed: {self.killed}"
        if self.output_limit is not None:
            killed = f", killed: {self.killed}" if self.killed else ""
            return f"more than {self.output_limit} bytes of output{killed}"
        if self.signal is not None:
            return f"signal {self.signal}"
        if self.code is not None and 128 < self.code < 193:
            return f"exit {self.code}, perhaps signal {self.code - 128}"
        return f"exit {self.code}"

    def to_json(self) -> dict[str, Any]:
        if self.unknown is not None:
            return {"unknown": self.unknown}
        if self.timeout_s is not None:
            return {"timeout_s": self.timeout_s, "killed": self.killed}
        if self.cancelled_s is not None:
            return {"cancelled_s": self.cancelled_s, "killed": self.killed}
        if self.output_limit is not None:
            return {"output_limit": self.output_limit, "killed": self.killed}
        if self.signal is not None:
            return {"signal": self.signal}
        return {"code": self.code}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Exit:
        return cls(**data)


def ended_as(outcome: str, exit: Mapping[str, Any] | None) -> str:
    """How a step ended, in a word for people: its outcome; what a person ended is `cancelled`, and has not failed."""
    by_hand = outcome == Outcome.FAILED and (exit or {}).get("cancelled_s") is not None
    return Outcome.CANCELLED if by_hand else outcome


@frozen
class Facts:
    """What a host says of itself in the first answer. Sizes in bytes, times in seconds, `clock` as Unix time."""

    hostname: str = ""
    os_id: str = ""
    os_version: str = ""
    os_like: tuple[str, ...] = ()
    kernel: str = ""
    architecture: str = ""
    machine_id: str = ""
    boot_id: str = ""
    uptime_s: float = 0.0
    clock: float = 0.0
    cpus: int = 0
    memory_bytes: int = 0
    init: str = ""
    package_manager: str = ""
    user: str = ""
    uid: int = -1
    home: str = ""
    spool: str = ""
    shell: str = ""
    tools: tuple[str, ...] = ()

    @property
    def root(self) -> bool:
        return self.uid == 0


@frozen
class Peer:
    """
    How a host was reached and by what it was known: key type and SHA256 fingerprint, and which line trusted it.

    `login` is the key that let us in; `strict_kex` whether both sides kept to it (what closes CVE-2023-48795).
    """

    address: str = ""
    port: int = 0
    user: str = ""
    jump: tuple[str, ...] = ()
    key_type: str = ""
    fingerprint: str = ""
    trusted_by: str = ""
    cipher: str = ""
    strict_kex: bool = False
    login: str = ""
    notes: tuple[str, ...] = ()
