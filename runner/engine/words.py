"""What a person says of steps in doubt, put on record before any host is asked: of hosts that cannot be, too."""

from __future__ import annotations

from runner.engine.past import Before, Past
from runner.engine.surroundings import Surroundings
from runner.events import HostFinished, StepFinished, StepRecalled
from runner.model import Outcome

ABSENT = "the host was taken out of the inventory"


def hear(around: Surroundings, host: str, past: Past, *, absent: bool) -> None:
    """Put it on record as the ends of those attempts; of a host that is `absent` from now on, its own end as well."""
    said = past.said
    for name, before in said.items():
        around.bus.emit(StepRecalled(host=host, step=name, phase=before.phase, attempt=before.attempts))
        around.bus.emit(_end(host, name, before))
    if said and absent:
        left = len(past.in_doubt) > len(said)
        outcome = str(Outcome.UNKNOWN if left else Outcome.CANCELLED)
        around.bus.emit(HostFinished(host=host, outcome=outcome, because=ABSENT))


def _end(host: str, name: str, before: Before) -> StepFinished:
    done = before.word == "done"
    return StepFinished(
        host=host,
        step=name,
        phase=before.phase,
        attempt=before.attempts,
        outcome=str(Outcome.OK if done else Outcome.UNREACHABLE),
        took_ms=0,
        summary="done, by a person's word" if done else "",
        problem="" if done else "not done, by a person's word",
    )
