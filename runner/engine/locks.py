"""Waiting for what somebody else holds: a host that another run works on, a resource that steps share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TypeVar

from runner.engine.errand import DEFAULT_TIMEOUT_S, Task
from runner.engine.past import Past, base
from runner.engine.surroundings import Surroundings
from runner.errors import LockBusy
from runner.events import Waited
from runner.model import Playbook
from runner.redact import cut

T = TypeVar("T")
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0


def held(around: Surroundings, take: Callable[[], T], *, host: str, step: str, wait_s: float) -> T:
    """
    What `take` gives, asked again for as long as it is busy; the time is on record as waiting for a lock.

    Raises LockBusy, with its holder, when `wait_s` is over or the run was asked to stop.
    """
    began = around.clock.monotonic()
    pause_s = FIRST_PAUSE_S
    busy = ""
    try:
        while True:
            try:
                return take()
            except LockBusy as error:
                busy = error.message
                left = wait_s - (around.clock.monotonic() - began)
                if left <= 0 or around.clock.wait(around.stop.event, min(left, pause_s)):
                    raise
                pause_s = min(LONGEST_PAUSE_S, pause_s * 2)
    finally:
        if busy:
            took_ms = int((around.clock.monotonic() - began) * 1000)
            around.bus.emit(Waited(host=host, step=step, cause="lock", took_ms=took_ms, detail=cut(busy, 200)))


@contextmanager
def resource(around: Surroundings, task: Task) -> Iterator[None]:
    """
    What the step's `lock` names is this host's alone meanwhile; it is waited for as long as the step may take.

    Raises LockBusy.
    """
    name, resources = task.step.lock, around.resources
    if name is None or resources is None:
        yield
        return
    host = task.host.name
    owner = f"{around.owner} ({host}/{task.instance})"
    wait_s = min(task.step.timeout_s or DEFAULT_TIMEOUT_S, task.until - around.clock.monotonic())
    with ExitStack() as hold:

        def take() -> None:
            hold.enter_context(resources.hold(str(name), owner))

        held(around, take, host=host, step="", wait_s=wait_s)
        yield


def holders(playbook: Playbook, hosts: Mapping[str, Past]) -> frozenset[str]:
    """
    Hosts on which an earlier sitting began a step with a `lock`, and nobody saw its end: it may still run, though its
    resource is free since that sitting died.
    """
    locked = {step.id for step in playbook.walk() if step.lock}
    return frozenset(name for name, past in hosts.items() if any(base(doubt) in locked for doubt in past.in_doubt))
