"""Before the first step on any host: each is connected to, and asked who it is and whether it lets us work."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from runner.engine.hold import held
from runner.engine.link import Link
from runner.engine.naming import user_of
from runner.engine.pool import for_each
from runner.engine.surroundings import Surroundings
from runner.errors import LockBusy, TransportError
from runner.events import HostConnected, HostRefused
from runner.frozen import shallow
from runner.model import Facts, Host, Step
from runner.playbook.template import TemplateFailed
from runner.seams import Session

AT_ONCE = 16
"""Hosts that are asked at once; more only keep each other waiting, unless most of them are silent or locked."""
MOST = 64
"""At once where they are."""


def preflight(
    around: Surroundings,
    hosts: Sequence[Host],
    links: Mapping[str, Link],
    names: Callable[[Host], Mapping[str, Any]],
    skip: Mapping[str, str],
    *,
    room: int,
    same_machine: bool = False,
    meanwhile: Callable[[], None] = lambda: None,
    heard: Callable[[], None] = lambda: None,
) -> tuple[tuple[str, ...], Mapping[str, Facts]]:
    """
    Names of the hosts that cannot be worked on, each on record with its reason in HostRefused; and what all that
    answered say of themselves. They stay connected where no more than `room` are there.
    """
    facts: dict[str, Facts] = {}
    refused: list[str] = []

    def ask(host: Host) -> None:
        found = look(around, host, links[host.name], users_of(around, names(host), skip))
        if found is None:
            refused.append(host.name)
        else:
            facts[host.name] = found
        if len(hosts) > room:
            links[host.name].close()

    for_each(
        hosts, ask, at_once=min(AT_ONCE, room), most=min(MOST, room), stop=around.stop, meanwhile=meanwhile, heard=heard
    )
    if not same_machine:
        refused += _twice(around, facts)
    return tuple(name for name in (host.name for host in hosts) if name in refused), facts


def look(around: Surroundings, host: Host, link: Link, users: Sequence[str]) -> Facts | None:
    """What a host says of itself, once it is locked and lets us become all `users`; None where it is refused."""
    began = around.clock.monotonic()
    met: Facts | None = None
    offset = 0.0

    def refuse(reason: str, message: str, code: int) -> None:
        took_ms = _since(around, began)
        around.bus.emit(HostRefused(host=host.name, reason=reason, message=message, took_ms=took_ms, exit_code=code))

    def ready() -> Session:
        nonlocal met, offset
        try:
            session = link.connect()
        finally:  # its clock was read now, and not when its lock was free and all users were become
            if link.facts is not met and link.facts is not None:
                met = link.facts
                offset = (met.clock - around.clock.now().timestamp()) * 1000 if met.clock else 0.0
        for user in sorted(users):  # in one order: each has a lock of his, and two runs could wait for each other
            session.become(user)
        return session

    try:
        session = held(around, ready, host=host.name, step="", wait_s=around.lock_s)
    except TransportError as error:
        refuse(error.reason, _told(error), error.exit_code)
        return None
    except LockBusy as error:
        refuse("lock", error.message, error.exit_code)
        return None
    facts = session.facts
    around.bus.emit(
        HostConnected(
            host=host.name,
            peer=shallow(session.peer),
            facts=shallow(facts),
            took_ms=_since(around, began),
            clock_offset_ms=round(offset),
        ),
        later=True,
    )
    return facts


def users_of(around: Surroundings, names: Mapping[str, Any], skip: Mapping[str, str]) -> tuple[str, ...]:
    """The users that the steps of a host will work as, as far as that is known before they run."""
    users: list[str] = []
    for step in around.playbook.walk():
        if step.kind == "group" or step.local or step.id in skip or not _on_host(around, step):
            continue
        try:
            user = user_of(step, around.playbook, names)
        except TemplateFailed:
            continue
        if user is not None and user not in users:
            users.append(user)
    return tuple(users)


def _on_host(around: Surroundings, step: Step) -> bool:
    return hasattr(around.kinds.get(step.kind), "act")


def _twice(around: Surroundings, facts: Mapping[str, Facts]) -> list[str]:
    """Hosts that are one machine under several names."""
    machines: dict[str, list[str]] = {}
    for name, known in sorted(facts.items()):
        if known.machine_id:
            machines.setdefault(known.machine_id, []).append(name)
    refused = []
    for same in machines.values():
        for name in same if len(same) > 1 else ():
            message = (
                f"{', '.join(same)} are one machine under several names (same machine id); two of them at work at once "
                "could spoil each other's steps. Where they are clones, set policy: {same_machine: allow} in rawat.yml"
            )
            around.bus.emit(HostRefused(host=name, reason="machine", message=message))
            refused.append(name)
    return refused


def _told(error: TransportError) -> str:
    """What happened, and what to do next."""
    return f"{error.message}\n{error.hint}" if error.hint else error.message


def _since(around: Surroundings, began: float) -> int:
    return int((around.clock.monotonic() - began) * 1000)
