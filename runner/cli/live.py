"""Progress on a terminal: one quiet picture that is drawn again, a line per host at work."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from runner.cli.board import LINK_LOST, Board, Row, stopping
from runner.events import FULL_DISK, Event, StopAsked
from runner.hygiene import one_line
from runner.model import PHASES
from runner.report.words import clock_face
from runner.seams import Stream

if TYPE_CHECKING:
    from runner.app.signals import Becomes

MARKS = {
    "ok": ("✓", "green"),
    "running": ("▸", "cyan"),
    "failed": ("✗", "red"),
    "cancelled": ("■", "yellow"),
    "": ("·", "dim"),
}
BAD = frozenset({"failed", "unknown", "unreachable"})
MOST_ROWS = 12
AROUND = 9
"""Lines that are not of hosts, on a narrow terminal: what does not fit is cut off below."""


class LiveProgress:
    """
    A runner.seams.Watcher that draws on stderr; it leaves nothing behind but the record.

    It begins with the first event: until then questions may be asked, and errors told, on the same terminal.
    """

    def __init__(self, done: Collection[str] = ()) -> None:
        self._board = Board(done)
        self._console = Console(stderr=True, highlight=False)
        self._live = Live(
            console=self._console,
            get_renderable=self._draw,
            refresh_per_second=5,
            transient=True,
            redirect_stdout=False,
        )
        self._begun = self._closed = False

    def hear(self, event: Event) -> None:
        self._board.hear(event)
        if isinstance(event, StopAsked) and event.how == FULL_DISK:  # of signals it was told when they came
            self._board.stopping = stopping(event.how)
        if not self._begun and not self._closed:
            self._begun = True
            self._live.start()

    def output(self, host: str, step: str, stream: Stream, text: str) -> None:
        self._board.output(host, text)

    def rest(self) -> None:
        """The screen is drawn by a clock of its own."""

    def stopping(self, how: str, becomes: Becomes, again: Becomes | None) -> None:
        """A signal was heard: called on the thread of signals."""
        self._board.stopping = stopping(how, becomes, again)

    def pause(self) -> None:
        """Leave the screen to somebody who asks a question."""
        self._live.stop()

    def go_on(self) -> None:
        self._live.start()

    def close(self) -> None:
        self._closed = True
        self._live.stop()

    def _draw(self) -> Group:
        board = self._board
        with board.lock:
            took = clock_face(int((time.monotonic() - board.began) * 1000))
            ticket = f"   ticket {one_line(board.ticket)}" if board.ticket else ""
            batch = f"   batch {board.batch} of {board.batches}" if board.batches > 1 and board.batch else ""
            lines = [
                Text(f"{board.playbook}  run {board.run}{ticket}{batch}   {took}", style="bold"),
                self._phases(),
                Text(""),
                *self._rows(),
                *self._stopping(),
                Text(""),  # where the terminal echoes ^C: behind a full line it would begin a new one
            ]
        return Group(*lines)

    def _stopping(self) -> list[Text]:
        words = self._board.stopping
        return [Text(""), Text(f"  {words}", style="bold")] if words else []

    def _phases(self) -> Text:
        text = Text("  ")
        for phase in PHASES:
            if phase in self._board.declared:
                mark, style = MARKS[self._board.phase_state(phase)]
                text.append(f"{phase} ")
                text.append(mark, style=style)
                text.append("   ")
        return text

    def _rows(self) -> list[Text]:
        busy = [row for row in self._board.outstanding() if row.doing]
        idle = [row for row in self._board.rows.values() if not row.doing]
        rows = [*busy, *sorted(idle, key=lambda row: row.state not in BAD)]
        most = max(1, min(MOST_ROWS, self._console.height - AROUND))
        shown, hidden = rows[:most], rows[most:]
        width = max((len(row.host) for row in shown), default=0)
        lines = [self._row(row, width) for row in shown]
        if hidden:
            steps = sorted({f"{row.phase}/{row.doing}" for row in hidden if row.doing})
            ended = {"failed": sum(row.state in BAD for row in hidden), "ok": sum(row.state == "ok" for row in hidden)}
            told = f", in {', '.join(steps[:3])}" if steps else ""
            told += "".join(f"; {number} {how}" for how, number in ended.items() if number)
            lines.append(Text(f"  and {len(hidden)} more{told}"))
        return lines

    def _row(self, row: Row, width: int) -> Text:
        text = Text(f"  {one_line(row.host):<{width}}  ", no_wrap=True, overflow="ellipsis")
        if not row.doing:
            return text.append(row.state, style="red" if row.state in BAD else "green" if row.state == "ok" else "dim")
        took = clock_face(int((time.monotonic() - row.since) * 1000))
        text.append(f"{row.phase:<10} {row.doing:<14} {took:>7}   ")
        return text.append(one_line(row.asked or (LINK_LOST if row.lost else row.line)), style="dim")
