"""What steps share by its name, on one host or on many: one of them has it at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from runner.engine.errand import DEFAULT_TIMEOUT_S, Task
from runner.engine.hold import held
from runner.engine.past import Past, base
from runner.engine.surroundings import Surroundings
from runner.model import Playbook


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
