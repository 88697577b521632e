"""A plan carried out: preflight, batches over a capped pool, the failure limit, the end."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from runner.engine.crowd import room
from runner.engine.here import first, turns
from runner.engine.limits import Limits
from runner.engine.link import Link
from runner.engine.locks import holders
from runner.engine.naming import host_names
from runner.engine.once import once_before
from runner.engine.past import Past
from runner.engine.plan import Plan
from runner.engine.pool import Abandoned, for_each
from runner.engine.preflight import look, preflight, users_of
from runner.engine.surroundings import Surroundings
from runner.engine.words import hear
from runner.events import FAILURE_LIMIT, BatchFinished, BatchStarted, Event, HostStarted, SittingEnded, StopAsked
from runner.frozen import replace
from runner.model import Host, Outcome
from runner.redact import Secret

if TYPE_CHECKING:
    from runner.record import Folding, RunRecord


PRESS_S = 0.5
"""How often a host is asked again to end what runs on it."""
LEAVING = 4
"""Hosts that are done and still connected, at most."""


class Run:
    """One sitting of a run. `execute` returns the exit code; the last event is on disk by then."""

    def __init__(
        self,
        plan: Plan,
        around: Surroundings,
        *,
        link: Callable[[Host], Link],
        secrets: Mapping[str, Secret],
        words: Callable[[str], Sequence[Mapping[str, Any]]] = lambda began: (),
        same_machine: bool = False,
        meanwhile: Callable[[], None] = lambda: None,
        earlier: Sequence[Sequence[Event]] = (),
        past: Mapping[str, Past] | None = None,
    ) -> None:
        """
        `meanwhile` is called once, while the hosts are being connected to.

        `words` are what people have said of the run so far, and of items of its plan before it began (at that moment).

        `earlier` are the events of earlier sittings, `past` what they left on each host: hosts that finished well
        then are not touched again.
        """
        self.plan = plan
        self.around = around
        self._links = {host.name: link(host) for host in plan.hosts}
        self._secrets = secrets
        self._words = words
        self._same_machine = same_machine
        self._meanwhile = meanwhile
        self._earlier = earlier
        self._before = past or {}
        self._past = {name: before.at_word() for name, before in self._before.items()}
        for name, link_of in self._links.items():
            link_of.machine = self._past.get(name, Past()).machine
        self._once = once_before(plan.playbook, self._past)
        self._hosts_left = tuple(host for host in plan.hosts if not self._past.get(host.name, Past()).finished)
        self._room = room(len(self._hosts_left))
        self._lock = threading.Lock()
        self._failed: list[str] = []
        self._limited = False
        self._begun: set[str] = set()
        self._leaving: deque[Link] = deque()
        self._folding: Folding | None = None
        self._folded = 0
        self._told = False
        self._over = threading.Event()

    def execute(self) -> int:
        from runner.record import exit_code

        try:
            with suppress(Abandoned):
                self._hosts()
        finally:
            self._over.set()
        self._heard()
        left = tuple(host.name for host in self._hosts_left if host.name not in self._begun)
        refused = set(self._failed)
        not_started = tuple(name for name in left if name not in refused)
        code = exit_code(replace(self.record(), not_started=not_started, sealed=True), stopped_by=self.around.stop.how)
        self.around.bus.emit(SittingEnded(exit_code=code, stopped_by=self.around.stop.how, not_started=not_started))
        return code

    def record(self) -> RunRecord:
        """What the run came to so far, this sitting and those before it. Each event is folded once."""
        if self._folding is None:
            from runner.record import Folding

            self._folding = Folding()
            for sitting in self._earlier:
                self._folding.begin()
                self._folding.feed(sitting)
            self._folding.begin()
        fresh = self.around.bus.events[self._folded :]
        self._folded += len(fresh)
        self._folding.feed(fresh)
        return self._folding.record(self._said())

    def _said(self) -> Sequence[Mapping[str, Any]]:
        first = next((event for events in (*self._earlier, self.around.bus.events) for event in events), None)
        return self._words(first.at) if first else ()

    def _signed(self, item: str) -> bool:
        """Whether somebody has spoken for an item already, so that what waits for it may go on."""
        return any(word.get("item") == item and word.get("verdict") in ("pass", "waive") for word in self._said())

    def kill(self) -> None:
        """From a thread of its own: end what runs on the hosts now, as at a deadline; goes on until nothing does."""
        for link in self._links.values():
            link.cancel()
        while not self._over.wait(PRESS_S):
            for link in self._links.values():
                link.press()

    def close(self) -> None:
        """End what is still connected. Hosts that were never begun forget the run, too, unless a step is in doubt."""
        for name, link in self._links.items():
            if name not in self._begun and not self._past.get(name, Past()).in_doubt:
                link.forget()
        for link in self._links.values():
            link.close()

    def _hosts(self) -> None:
        for name, before in self._before.items():
            hear(self.around, name, before, absent=name not in self._links)
        refused, facts = preflight(
            self.around,
            self._hosts_left,
            self._links,
            self._names,
            self.plan.skip,
            room=self._room,
            same_machine=self._same_machine,
            meanwhile=self._meanwhile,
            heard=self._heard,
        )
        self._fail(*refused)
        if self._over_limit():
            return
        ahead = self._once.first | holders(self.plan.playbook, self._past)
        batches = first(turns(self.around, self.plan.batches, facts), ahead)
        for number, batch in enumerate(batches, 1):
            if self.around.stop.asked:
                return
            hosts = [host for host in self._hosts_left if host.name in batch and host.name not in refused]
            if hosts:
                self._batch(number, hosts)
            if self._over_limit() or self.around.late:
                return

    def _batch(self, number: int, hosts: list[Host]) -> None:
        bus = self.around.bus
        bus.emit(BatchStarted(batch=number, hosts=tuple(host.name for host in hosts)), later=True)
        before = len(self._failed)

        def work(host: Host) -> None:
            if not self._over_limit() and not self.around.late:
                self._host(number, host)

        limits = Limits(self.plan.limits)
        parallel = min(self.plan.playbook.rollout.parallel, self._room)
        for_each(
            hosts, work, at_once=parallel, stop=self.around.stop, heard=self._heard, take=limits.take, give=limits.give
        )  # fmt: skip
        failed = tuple(self._failed[before:])
        stopped = self._limit_words() if self._limited else self.around.late
        bus.emit(BatchFinished(batch=number, failed=failed, stopped=stopped), later=True)

    def _host(self, batch: int, host: Host) -> None:
        from runner.engine.host import HostRun

        with self._lock:
            self._begun.add(host.name)
        self.around.bus.emit(HostStarted(host=host.name, batch=batch), later=True)
        link, names = self._links[host.name], self._names(host)
        if len(self._hosts_left) > self._room and not self._connected_anew(host, link, names):
            return
        steps = HostRun(
            host,
            link,
            self.around,
            names=names,
            skip=self.plan.skip,
            once=self._once,
            signed=self._signed,
            past=self._past.get(host.name, Past()),
        )
        outcome = steps.run()
        self._leave(link, forget=steps.settled)
        if outcome not in (Outcome.OK, Outcome.CANCELLED):
            self._fail(host.name)

    def _connected_anew(self, host: Host, link: Link, names: Mapping[str, Any]) -> bool:
        """Whether a host of a fleet that does not stay connected lets us work now that its turn has come."""
        if look(self.around, host, link, users_of(self.around, names, self.plan.skip)) is not None:
            return True
        self._fail(host.name)
        return False

    def _leave(self, link: Link, *, forget: bool) -> None:
        """The host is done. It forgets the run while others work or the record is sealed: nobody waits."""
        if forget:
            link.forget()
        with self._lock:
            self._leaving.append(link)
            gone = self._leaving.popleft() if len(self._leaving) > LEAVING else None
        if gone is not None:
            gone.close()

    def _names(self, host: Host) -> dict[str, Any]:
        return host_names(host, self.plan.variables[host.name], self._secrets, run_id=self.around.run_id)

    def _heard(self) -> None:
        """On record when the thread that waits for the hosts hears of it: a signal's handler may write nothing."""
        if self.around.stop.asked and not self._told:
            self._told = True
            self.around.bus.emit(StopAsked(how=self.around.stop.how))

    def _fail(self, *hosts: str) -> None:
        """
        These hosts count against the failure limit; that it is reached is told once, with what reached it. Where a
        person stops the run and ends what runs on many hosts, it was not the limit.
        """
        with self._lock:
            self._failed += hosts
            reached = bool(hosts) and not self._limited and not self.around.stop.asked and self._over_limit()
            self._limited = self._limited or reached
            words = self._limit_words() if reached else ""
        if words:
            self.around.bus.emit(StopAsked(how=FAILURE_LIMIT, detail=words))

    def _over_limit(self) -> bool:
        """Whether the rollout stops: at N failed hosts, not only beyond N."""
        return len(self._failed) >= self.plan.playbook.rollout.stop_when_failed.of(len(self.plan.hosts))

    def _limit_words(self) -> str:
        limit = self.plan.playbook.rollout.stop_when_failed
        failed = len(self._failed)
        return f"{failed} host{'' if failed == 1 else 's'} failed; the rollout stops at {limit}"
