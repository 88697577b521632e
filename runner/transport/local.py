"""The machine rawat itself runs on: the same supervisor over pipes, without SSH."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from math import inf

from runner.cores import scattered
from runner.errors import LinkLost, Unreachable
from runner.model import Host, Peer
from runner.seams import Passwords, Session
from runner.transport import channel as channels
from runner.transport.channel import Channel
from runner.transport.session import SupervisedSession
from runner.transport.spools import Spools
from runner.transport.supervisors import Supervisors

CHUNK = 1 << 18
STDERR_BYTES = 4096
LOOK_S = 0.25
"""How soon it is noticed that the shell was killed: sshd would end its channel; pipes stay open in what it started."""


class PipeChannel:
    """A child process's standard streams."""

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str] | None = None) -> None:
        # a session of its own: Ctrl-C at rawat's terminal is ours to act on, not the shell's
        with scattered():
            self._process = subprocess.Popen(
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                bufsize=0,
                start_new_session=True,
                env=None if env is None else dict(env),
            )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        self._err = self._process.stderr.fileno()
        os.set_blocking(self._in, False)
        self._room = select.poll()
        self._room.register(self._in, select.POLLOUT)
        self._poll = select.poll()
        self._poll.register(self._out, select.POLLIN)
        self._poll.register(self._err, select.POLLIN)
        self._said = bytearray()

    def send(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                try:
                    view = view[os.write(self._in, view) :]
                except BlockingIOError:
                    if not self._room.poll(channels.TAKES_NOTHING_S * 1000):
                        words = f"the local shell has read nothing for {channels.TAKES_NOTHING_S:g} s"
                        raise LinkLost(words) from None
        except (OSError, ValueError) as error:
            raise LinkLost(f"the local shell is gone: {error}") from error

    def recv(self, timeout_s: float) -> bytes:
        until = time.monotonic() + timeout_s
        while True:
            ready = dict(self._poll.poll(max(0.0, min(LOOK_S, until - time.monotonic())) * 1000))
            if not ready:
                if self._process.poll() is not None and not self._poll.poll(0):
                    return b""
                if time.monotonic() >= until:
                    raise TimeoutError
                continue
            try:
                if self._err in ready:
                    self._listen()
                if self._out in ready:
                    return os.read(self._out, CHUNK)
            except OSError as error:  # it was closed here
                raise LinkLost(f"the local shell is gone: {error}") from error

    def _listen(self) -> None:
        said = os.read(self._err, 4096)
        if not said:
            self._poll.unregister(self._err)
        self._said += said[: STDERR_BYTES - len(self._said)]

    def why(self) -> str:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        while select.select([self._err], [], [], 0)[0]:
            said = os.read(self._err, 4096)
            if not said:
                break
            self._said += said[: STDERR_BYTES - len(self._said)]
        words = self._said.decode("utf-8", "replace").strip()
        code = self._process.poll()
        return words or ("" if code is None else f"exit {code}")

    def close(self) -> None:
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        try:
            self._process.wait(2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()


class LocalTransport:
    """
    A shell here answers or fails by itself; `within_s` is for hosts that may be away.

    `shell` is the command that reads the supervisor, `env` its environment (None: ours), `spool` a folder instead of
    the usual ones, `spool_days` how long a run's folder stays there when nothing happens in it. `resumed`: the run had
    earlier sittings, whose folders should be there.
    """

    def __init__(
        self,
        *,
        shell: Sequence[str] = ("sh",),
        env: Mapping[str, str] | None = None,
        spool: str = "",
        spool_days: int = 14,
        resumed: bool = False,
    ) -> None:
        self._env = env
        self._supervisors = Supervisors(shell=tuple(shell), spools=Spools(spool), days=spool_days, resumed=resumed)

    def connect(self, host: Host, *, run_id: str, passwords: Passwords, within_s: float = inf) -> Session:
        def pipe(words: Sequence[str]) -> Channel:
            try:
                return PipeChannel(words, env=self._env)
            except OSError as error:
                raise Unreachable(f"{host.name}: cannot start {words[0]}: {error}", host=host.name) from error

        opened = self._supervisors.of(host.name, run_id=run_id, pipe=pipe, passwords=passwords)
        return SupervisedSession(host.name, Peer(address=host.address), opened)

    def close(self) -> None:
        """Nothing is shared between sessions."""
