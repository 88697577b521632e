"""A reboot as it must be judged: by a new boot id that a host which answers has told, never by a link that broke."""

from __future__ import annotations

from collections.abc import Callable

from runner.engine.link import Link
from runner.engine.recovery import moved, within_s
from runner.engine.result import StepResult
from runner.engine.surroundings import Surroundings
from runner.errors import LockBusy, TransportError
from runner.events import HostConnected, Waited
from runner.frozen import replace, shallow
from runner.model import Outcome
from runner.seams import Completed

PAUSE_S = 1.0


def booted(
    around: Surroundings,
    link: Link,
    result: StepResult,
    *,
    boot_id: str,
    instance: str,
    until: float,
    ready: Callable[[], Completed] | None,
) -> StepResult:
    """
    The end of a step that boots the host: first a new boot id, then `ready` ending well, both before `until`.

    `result` is how the step itself ended, `boot_id` the host's before it.
    """
    bad = {**result.values, "ok": False}
    new, why = come_back(around, link, boot_id=boot_id, instance=instance, until=until)
    if not new:
        problem = "the host did not come back with a new boot id in time" + (f" ({why})" if why else "")
        return replace(result, outcome=Outcome.UNREACHABLE, problem=problem, values=bad, repeatable=False)
    while ready is not None and not (done := ready()).exit.ok:
        if around.clock.monotonic() >= until:
            said = done.stderr.decode("utf-8", "replace").strip().removeprefix("rawat: ")
            problem = f"the host was booted again, but {said or done.exit}"
            return replace(result, outcome=Outcome.FAILED, problem=problem, values=bad, repeatable=False)
        around.clock.wait(around.stop.leave, PAUSE_S)
    values = {**result.values, "boot_id": new, "boot_id_before": boot_id}
    return replace(result, values=values, summary=f"booted again: boot id {boot_id[:8]} -> {new[:8]}")


def come_back(around: Surroundings, link: Link, *, boot_id: str, instance: str, until: float) -> tuple[str, str]:
    """
    Wait for the host to answer with another boot id than `boot_id`; the new one, or "" when `until` has passed, and
    then why it could not be asked the last time.

    `until` is of the clock's monotonic time. The time is on record as waiting for a reboot, and so is what the host
    says of itself then.
    """
    began = around.clock.monotonic()
    found = why = ""
    while not found and around.clock.monotonic() < until and not around.stop.leave.is_set():
        try:
            link.drop(local=False)
            session, why = link.connect(within_s=within_s(around, until)), ""
        except (TransportError, LockBusy) as error:
            session, why = None, error.message
        if session is not None and session.facts.boot_id != boot_id:
            found = session.facts.boot_id
            moved(around, link)
            around.bus.emit(
                HostConnected(host=link.host.name, peer=shallow(session.peer), facts=shallow(session.facts), took_ms=0)
            )
        else:
            around.clock.wait(around.stop.leave, PAUSE_S)
    took_ms = int((around.clock.monotonic() - began) * 1000)
    around.bus.emit(Waited(host=link.host.name, step=instance, cause="reboot", took_ms=took_ms))
    return found, why
