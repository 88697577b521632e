"""What the host's last words of a launch mean."""

from __future__ import annotations

from runner.errors import ProtocolError
from runner.model import Exit, Killed
from runner.seams import Completed, Launch
from runner.transport.sink import Sink

_KILLED: dict[str, Killed] = {"proven": "proven", "trace": "no trace left", "known": "not known"}
NO_ROOM = "it was ended because its output took a tenth of the room on the host's disk; output_limit alone is larger"


def completed(end: tuple[str, ...], launch: Launch, sink: Sink, *, boot: float) -> Completed:
    """
    `end` is END, start and end by the host's uptime; `boot` the Unix time at which that was zero.

    Raises ProtocolError where it cannot be read.
    """
    try:
        how, begun, ended = end[0], float(end[1]), float(end[2])
    except (IndexError, ValueError) as error:
        raise ProtocolError(f"the host told an end that cannot be read: {' '.join(end)}") from error
    out, err = sink.kept["stdout"], sink.kept["stderr"]
    exit_ = exit_of(how, launch, took_s=ended - begun, output=sink.total)
    if how.startswith("room:"):
        sink.notes.append(NO_ROOM)
    return Completed(
        exit=exit_,
        gone=how == "lost",
        stdout=out.value(),
        stderr=err.value(),
        stdout_bytes=out.total,
        stderr_bytes=err.total,
        started=boot + begun,
        duration_s=max(0.0, round(ended - begun, 2)),
        notes=tuple(sink.notes),
    )


def exit_of(how: str, launch: Launch, *, took_s: float, output: int) -> Exit:
    """
    `how` is a code, `lost`, `unsure`, or WHY:PROOF of a kill. More output than allowed is no success, however it ended.
    """
    why, _, proof = how.partition(":")
    killed = _KILLED.get(proof, "not known")
    if why == "timeout":
        return Exit(timeout_s=launch.deadline_s, killed=killed)
    if why == "cancelled":
        return Exit(cancelled_s=max(0.0, round(took_s, 2)), killed=killed)
    if why in ("limit", "room"):
        return Exit(output_limit=launch.output_limit if why == "limit" else output, killed=killed)
    if output > launch.output_limit:
        return Exit(output_limit=launch.output_limit)
    if how.isdigit():
        return Exit(code=int(how))
    if how == "unsure":
        return Exit(unknown="who would have written down how it ended is gone, and something of it may still live")
    return Exit(unknown="its processes are gone, and none of them wrote down how it ended")
