"""The supervisors of a transport, each behind a shell that it starts on a host."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from runner.errors import TransportError
from runner.frozen import frozen
from runner.seams import Passwords
from runner.transport import sudo
from runner.transport.channel import Channel
from runner.transport.spools import Spool, Spools
from runner.transport.supervisor import Supervisor


@frozen
class Supervisors:
    """
    `shell` reads a supervisor; `spools` says where its folder is; `days` how long a run's folder stays there when
    nothing happens in it; `resumed`: the run had earlier sittings; `hello_s`: how long a shell may take to answer.
    """

    shell: Sequence[str]
    spools: Spools
    days: int
    resumed: bool
    hello_s: float = 20.0

    def of(
        self, host: str, *, run_id: str, pipe: Callable[[Sequence[str]], Channel], passwords: Passwords
    ) -> Callable[[str | None], Supervisor]:
        """What opens the supervisor of a user, None being the login's own. `pipe` starts plain words on the host."""

        def started(spool: Spool, channel: Channel, prelude: bytes = b"") -> Supervisor:
            try:
                return Supervisor(
                    channel,
                    host=host,
                    run_id=run_id,
                    spool=spool,
                    days=self.days,
                    resumed=self.resumed,
                    hello_s=self.hello_s,
                    prelude=prelude,
                )
            except BaseException:
                with suppress(TransportError):
                    channel.close()
                raise

        def opened(user: str | None) -> Supervisor:
            here = partial(started, self.spools.of(run_id, host, user))
            if user is None:
                made = here(pipe(self.shell))
            else:
                made = sudo.become(user, host=host, pipe=pipe, supervisor=here, passwords=passwords)
            self.spools.found(run_id, host, user, made.spool)
            return made

        return opened
