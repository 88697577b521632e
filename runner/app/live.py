"""`rawat plan --live`: connect, look, change nothing; and say per step what a run would find to do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from runner.app.looker import NOTHING, Looker, Nobody
from runner.app.prepare import Prepared
from runner.app.request import Context
from runner.app.secrets import Ask, SudoPasswords, find_secrets, find_sudo_password, no_values
from runner.app.wiring import KINDS, Transports
from runner.engine.bus import Bus
from runner.engine.clock import SystemClock
from runner.engine.crowd import room
from runner.engine.link import Link
from runner.engine.naming import host_names
from runner.engine.pool import for_each
from runner.engine.preflight import AT_ONCE, preflight
from runner.engine.surroundings import Stop, Surroundings
from runner.errors import TransportError
from runner.events import HostRefused
from runner.frozen import frozen
from runner.journal.folder import new_run_id
from runner.model import Host
from runner.redact import Redactor


@frozen
class Looks:
    """`said[host][step]` is one of the answers of a Looker, with the reason; `refused` says why a host has none."""

    said: Mapping[str, Mapping[str, str]]
    refused: Mapping[str, str]

    def exit_code(self, *, detailed: bool) -> int:
        """4 where a host was refused; 3 where there is work and `detailed` was asked for."""
        if self.refused:
            return 4
        work = any(not said.startswith(NOTHING) for looks in self.said.values() for said in looks.values())
        return 3 if detailed and work else 0


def look(prepared: Prepared, context: Context, *, ask: Ask | None = None) -> Looks:
    """Connects to every host of the plan, as a run would. Raises InvalidInput where a secret is missing."""
    plan = prepared.plan
    secrets = find_secrets(plan.playbook.secrets, context.environment, ask)
    password = find_sudo_password(context.environment, ask)
    passwords = SudoPasswords(password)
    redactor = Redactor([*secrets.values(), *([password] if password else [])])
    transports = Transports(prepared.settings, inventories=prepared.selection.inventories)
    around = _surroundings(prepared, new_run_id(), redactor)
    links = {
        host.name: Link(host, transports, transports.late("local"), run_id=around.run_id, passwords=passwords)
        for host in plan.hosts
    }

    def names(host: Host) -> dict[str, Any]:
        given = secrets | no_values(plan.playbook)
        return host_names(host, plan.variables[host.name], given, run_id=around.run_id)

    most = room(len(plan.hosts))
    said: dict[str, dict[str, str]] = {}
    broken: dict[str, str] = {}

    def one(host: Host) -> None:
        link = links[host.name]
        try:
            looks = Looker(plan, host, names(host), link, around.run_id).all()
            said[host.name] = {step: redactor.text(text) for step, text in looks.items()}
        except TransportError as error:
            broken[host.name] = redactor.text(error.message)
        finally:
            _leave(link)

    try:
        refused, _ = preflight(
            around, plan.hosts, links, names, plan.skip, room=most, same_machine=prepared.settings.same_machine_allowed
        )
        for_each(
            [host for host in plan.hosts if host.name not in refused], one, at_once=min(AT_ONCE, most), stop=around.stop
        )
    finally:
        for link in links.values():
            _leave(link)
        transports.close()
        around.bus.close()
    told = {event.host: event.message for event in around.bus.events if isinstance(event, HostRefused)}
    return Looks(said=said, refused=dict(sorted({**told, **broken}.items())))


def _leave(link: Link) -> None:
    """The host keeps nothing of a look. Nothing is done the second time."""
    link.forget()
    link.close()


def _surroundings(prepared: Prepared, run_id: str, redactor: Redactor) -> Surroundings:
    clock = SystemClock()
    return Surroundings(
        playbook=prepared.plan.playbook,
        kinds=KINDS,
        bus=Bus(_Unkept(), redactor, clock),
        journal=_Unkept(),
        clock=clock,
        people=Nobody(),
        stop=Stop(),
        run_id=run_id,
    )


class _Unkept:
    """A runner.seams.Journal of which nothing stays."""

    def write(self, line: Mapping[str, Any]) -> int:
        return 1

    def sync(self, number: int) -> None:
        """There is no disk to wait for."""

    def script(self, text: str) -> str:
        return ""

    def output(self, host: str, step: str, attempt: int, *, keep: bool) -> NoReturn:
        raise AssertionError("a look shows no output")
