"""A step that went wrong because its host goes down: what it ends with then is no end of its own."""

from __future__ import annotations

from runner.errors import LinkLost, TransportError
from runner.model import Exit
from runner.seams import Completed, Launch, Script, Session, unheard

ASK_S = 10.0
DOWN = 75
GOING_DOWN = (
    f'if [ -e /run/nologin ] || [ "$(systemctl is-system-running 2>/dev/null)" = stopping ]; then exit {DOWN}; fi'
)


def went_down(session: Session, launch: Launch, done: Completed) -> Completed | None:
    """
    The end of a launch that went wrong, where the host is on its way down; else None. Raises LinkLost.

    A host that goes down kills what runs, or takes away what it needs. Costs a round trip, and only where something
    went wrong. Where the link is lost, only a host that answers again can tell whether it was booted meanwhile.
    """
    if launch.read_only or done.exit.code in (0, None):
        return None
    ask = Launch(
        run_id=launch.run_id,
        step=launch.step,
        attempt=launch.attempt,
        script=Script(text=GOING_DOWN),
        user=launch.user,
        deadline_s=ASK_S,
        read_only=True,
    )
    try:
        down = session.run(ask, unheard).exit.code == DOWN
    except LinkLost:
        raise
    except TransportError:  # it answers, and has no room for the question: a full disk is no shutdown
        return None
    return doubted(done) if down else None


def doubted(done: Completed) -> Completed:
    """An end that went wrong on a host that went down meanwhile; one that went well stands."""
    if done.exit.code in (0, None):
        return done
    return Completed(exit=Exit(unknown=f"the host went down while it ran (it ended with {done.exit})"), gone=True)
