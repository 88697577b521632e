"""A TCP proxy that spoils a link on purpose: delay, cut, silence, refusal, a wrong bit; and that counts what passed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, Self

from tests.bed.process import BedError

CHUNK = 65536
LIMIT_S = 60.0

Direction = Literal["up", "down"]
"""`up` is from the client to the server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """
    What passed since the proxy's start or its last reset.

    round_trips: how often the client spoke again after it had heard something (the first words count too): what
    a delay costs is round_trips x the delay, plus one for each TCP connection.
    """

    connections: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    round_trips: int = 0


class _Link:
    """One connection through the proxy; lives on the proxy's loop."""

    def __init__(self) -> None:
        self.writers: dict[Direction, asyncio.StreamWriter] = {}
        self.tasks: list[asyncio.Task[None]] = []
        self.last: Direction = "down"

    def reset(self) -> None:
        """End both sides with a TCP reset, as a broken path would show itself."""
        for writer in self.writers.values():
            plug = writer.get_extra_info("socket")
            with contextlib.suppress(OSError):
                plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


class Proxy:
    """
    Forwards connections to address:port; listens on `host`:`port` of its own from the constructor's return to stop().

    Runs in a thread of its own, in the network namespace of the thread that made it. Every setting acts at once,
    also on open connections. rtt_ms is the round-trip delay added (half of it each way); bandwidth is not limited.
    """

    def __init__(self, address: str, port: int, *, rtt_ms: float = 0.0, listen: str = "127.0.0.1") -> None:
        self.target = (address, port)
        self.rtt_ms = rtt_ms
        self.host = listen
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="bed-proxy", daemon=True)
        self._server: asyncio.Server | None = None
        self._held = socket.socket()
        """Bound, and never listening: while new connections are refused, nobody else gets the port."""
        self._links: set[_Link] = set()
        self._flow = asyncio.Event()
        self._cut_after: dict[Direction, int | None] = {"up": None, "down": None}
        self._wrong_after: int | None = None
        self._counts = Counters()
        self._thread.start()
        try:
            self._do(self._listen)
        except BaseException:
            self.stop()
            raise

    # -- settings ------------------------------------------------------------------------------------------------

    def cut_after(self, count: int | None, *, direction: Direction = "down") -> None:
        """Reset the connection after count more bytes in this direction, exactly; None takes it back."""
        self._call(lambda: self._cut_after.update({direction: count}))

    def garble_after(self, count: int) -> None:
        """Change one bit on its way down, once, behind count more bytes."""
        self._call(lambda: setattr(self, "_wrong_after", count))

    def cut(self) -> None:
        """Reset all connections now; new ones are served."""
        self._call(self._reset_links)

    def black_hole(self, on: bool = True) -> None:
        """Forward nothing more while connections stay open and new ones are accepted; off: what was held goes on."""
        self._call(self._flow.clear if on else self._flow.set)

    def refuse(self, on: bool = True) -> None:
        """Refuse new connections; open ones go on."""
        self._do(self._close_server if on else self._listen)

    def counters(self) -> Counters:
        """What passed so far."""
        return self._counts

    def reset_counters(self) -> None:
        """Count from zero again."""
        self._call(lambda: setattr(self, "_counts", Counters()))

    def stop(self) -> None:
        """End all connections and the thread; may be called twice."""
        if self._loop.is_closed():
            return
        with contextlib.suppress(BedError):
            self._do(self._shut)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(LIMIT_S)
        self._loop.close()
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # -- on the loop ---------------------------------------------------------------------------------------------

    def _call(self, act: Callable[[], object]) -> None:
        async def once() -> None:
            act()

        self._do(once)

    def _do(self, act: Callable[[], object]) -> None:
        """Run an async function without arguments on the loop, to its end."""
        done: Future[object] = asyncio.run_coroutine_threadsafe(act(), self._loop)  # type: ignore[arg-type]
        try:
            done.result(LIMIT_S)
        except (TimeoutError, OSError) as error:
            raise BedError(f"proxy on {self.host}:{self.port}: {error!r}") from error

    async def _listen(self) -> None:
        if self._server is None:
            if self.port == 0:
                self._flow.set()
                self._held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                self._held.bind((self.host, 0))
                self.port = self._held.getsockname()[1]
            self._server = await asyncio.start_server(self._serve, self.host, self.port, reuse_address=True)

    def _reset_links(self) -> None:
        for link in list(self._links):
            link.reset()

    async def _close_server(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()

    async def _shut(self) -> None:
        await self._close_server()
        tasks = [task for link in self._links for task in link.tasks]
        self._reset_links()
        for task in tasks:
            task.cancel()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        link = _Link()
        link.writers["down"] = writer
        self._links.add(link)
        self._count(connections=1)
        try:
            await self._flow.wait()
            await asyncio.sleep(self.rtt_ms / 1000)  # the handshake's own round trip
            far_reader, far_writer = await asyncio.open_connection(*self.target)
            link.writers["up"] = far_writer
            both: tuple[tuple[Direction, asyncio.StreamReader], ...] = (("up", reader), ("down", far_reader))
            link.tasks = [asyncio.create_task(self._pump(link, way, source)) for way, source in both]
            await asyncio.gather(*link.tasks)
        except (OSError, asyncio.CancelledError):
            link.reset()
        finally:
            self._links.discard(link)
            for end in link.writers.values():
                end.close()

    async def _pump(self, link: _Link, way: Direction, source: asyncio.StreamReader) -> None:
        """Read as fast as it comes, deliver each piece half a round trip later, in order."""
        waiting: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        delivery = asyncio.create_task(self._deliver(link, way, waiting))
        link.tasks.append(delivery)
        try:
            while not delivery.done():
                data = await source.read(CHUNK)
                waiting.put_nowait((self._loop.time() + self.rtt_ms / 2000, data))
                if not data:
                    break
            await delivery
        finally:
            delivery.cancel()

    async def _deliver(self, link: _Link, way: Direction, waiting: asyncio.Queue[tuple[float, bytes]]) -> None:
        sink = link.writers[way]
        while True:
            due, data = await waiting.get()
            await asyncio.sleep(max(0.0, due - self._loop.time()))
            await self._flow.wait()
            if not data:
                with contextlib.suppress(OSError):
                    sink.write_eof()
                return
            if way == "down":
                data = self._garbled(data)
            budget = self._cut_after[way]
            whole = budget is None or len(data) < budget
            piece = data if whole else data[:budget]
            if budget is not None:
                self._cut_after[way] = budget - len(piece) if whole else None
            self._note(link, way, len(piece))
            sink.write(piece)
            await sink.drain()
            if not whole:
                await asyncio.sleep(0.05)  # let the last piece leave before the reset throws it away
                link.reset()
                return

    def _garbled(self, data: bytes) -> bytes:
        at, self._wrong_after = self._wrong_after, None
        if at is not None and at >= len(data):
            self._wrong_after = at - len(data)
        elif at is not None:
            return data[:at] + bytes((data[at] ^ 1,)) + data[at + 1 :]
        return data

    def _note(self, link: _Link, way: Direction, count: int) -> None:
        turned = way == "up" and link.last == "down"
        link.last = way
        self._count(round_trips=int(turned), **{f"bytes_{way}": count})

    def _count(self, **more: int) -> None:
        now = self._counts
        values = {name: getattr(now, name) + more.get(name, 0) for name in Counters.__slots__}
        self._counts = Counters(**values)
