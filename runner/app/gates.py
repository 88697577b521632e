"""Gates that look beyond the run: what an earlier run proved by restoring a copy, and what a person opens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from runner.app.hole import Hole
from runner.app.prepare import Prepared
from runner.app.request import Reason
from runner.app.wiring import KINDS, records_of
from runner.engine.bus import moment
from runner.engine.naming import host_names, render_params
from runner.engine.plan import Plan
from runner.errors import DamagedRecord, GateClosed, InvalidInput
from runner.events import Deviated, GateOpened
from runner.frozen import frozen
from runner.journal.folder import Records, begun
from runner.model import Host, Requirement, Step
from runner.playbook.template import TemplateFailed, render
from runner.redact import Secret
from runner.units import text_of_duration

if TYPE_CHECKING:
    from runner.record import RunRecord
    from runner.record.values import HostRecord

_LONGEST_RUN = timedelta(days=2)
"""Runs that began longer before the time in question are not looked at."""
_WHOLE = "*"


@frozen
class Gate:
    """A step on a host that may be opened by an earlier run; `proof` is what opens it, None where nothing does."""

    host: str
    step: str
    item: str
    within_s: float
    engine: str
    database: str
    proof: GateOpened | None
    here: bool
    """Whether this run itself can open it."""

    @property
    def text(self) -> str:
        """How it stands, for people."""
        if self.proof:
            run, at = self.proof.run, self.proof.copied_at
            return f"open on {self.host}: run {run} restored a copy of {self.database} made at {at}"
        within = text_of_duration(self.within_s)
        return f"closed on {self.host}: no run restored a copy of {self.database} younger than {within}"


@frozen
class Opening:
    """What is open before the run begins, with its evidence: as gates of the engine, events, deviations."""

    opened: frozenset[tuple[str, str, str]] = frozenset()
    proofs: tuple[GateOpened, ...] = ()
    deviations: tuple[Deviated, ...] = ()


def check_gates(prepared: Prepared, reason: Reason, now: datetime) -> Opening:
    """
    Raises GateClosed where a step is locked that nothing in this run can open, and InvalidInput for an override
    without a reason or of nothing.
    """
    override = prepared.selection.override
    steps = [step for step in prepared.plan.playbook.walk() if step.requires and step.id not in prepared.plan.skip]
    known = {requirement.item for step in steps for requirement in step.requires}
    if strange := [item for item in override if item not in known]:
        raise InvalidInput(f"--override {strange[0]}: no step requires it")
    if override and not reason.reason:
        raise InvalidInput("--override needs a --reason; it goes into the record")
    gates = gates_of(prepared, now)
    closed = [gate for gate in gates if not gate.proof and not gate.here and gate.item not in override]
    if closed:
        raise GateClosed(
            "; ".join(f"{gate.step}: {gate.text}" for gate in closed),
            hint="prove a restore first (playbooks/backup.yml does), or say --override "
            f"{closed[0].item} with --reason: a deviation on record",
        )
    by_hand = {
        (host.name, step.id, requirement.item)
        for host in prepared.plan.hosts
        for step in steps
        for requirement in step.requires
        if requirement.item in override
    }
    proofs = tuple(gate.proof for gate in gates if gate.proof and gate.item not in override)
    opened = {(proof.host, proof.step, proof.gate) for proof in proofs}
    words = tuple(Deviated(what="gate overridden", detail=item, reason=reason.reason) for item in override)
    return Opening(opened=frozenset(by_hand | opened), proofs=proofs, deviations=words)


def gates_of(prepared: Prepared, now: datetime) -> tuple[Gate, ...]:
    """Every gate that accepts an earlier run, on every host; reads the records, and no host."""
    asked = [
        (host, step, requirement)
        for step in prepared.plan.playbook.walk()
        if step.id not in prepared.plan.skip
        for requirement in step.requires
        if requirement.within_s is not None
        for host in prepared.plan.hosts
    ]
    if not asked:
        return ()
    longest = max(requirement.within_s or 0 for _, _, requirement in asked)
    proofs = list(_proofs(records_of(prepared.settings), now, longest))
    own = {item.id for item in prepared.plan.playbook.checklist}
    return tuple(_gate(prepared.plan, *one, proofs, own, now) for one in asked)


def _gate(
    plan: Plan,
    host: Host,
    step: Step,
    asked: Requirement,
    proofs: list[Mapping[str, Any]],
    own: set[str],
    now: datetime,
) -> Gate:
    engine, database, server = _wanted(plan, host, step, asked)
    found = None
    for proof in proofs:
        source = proof["source"]
        same = source.get("host") == host.name and source.get("database") in (database, _WHOLE)
        same = same and engine in ("", _engine(source.get("engine"))) and server in (None, source.get("server", ""))
        young = now - proof["at"] <= timedelta(seconds=asked.within_s or 0)
        if same and young and asked.item in proof["items"]:
            found = GateOpened(
                host=host.name, step=step.id, gate=asked.item, database=database, run=proof["run"],
                copied_at=moment(proof["at"]), sha256=proof["sha256"],
            )  # fmt: skip
            break
    return Gate(
        host=host.name, step=step.id, item=asked.item, within_s=asked.within_s or 0, engine=engine, database=database,
        proof=found, here=asked.item in own or step.when is not None,
    )  # fmt: skip


def _wanted(plan: Plan, host: Host, step: Step, asked: Requirement) -> tuple[str, str, str | None]:
    """Engine ("" for any), database and server (None for any) that the step works on."""
    secrets = {name: Secret(name, "") for name in (*plan.playbook.secrets, *plan.playbook.optional)}
    names = host_names(host, plan.variables[host.name], secrets, run_id="")
    try:
        if asked.database:
            return "", str(render(asked.database, _filled(names, asked.database))), None
        params = render_params(KINDS.get(step.kind)(), step.params, _filled(names, str(step.params)))
    except (TemplateFailed, InvalidInput):
        return "", "{unknown}", None
    return _engine(params.get("engine")), str(params.get("database")), str(params.get("host") or "")


def _filled(names: Mapping[str, Any], text: str) -> dict[str, Any]:
    """With a hole for each name that the text uses and nobody knows yet."""
    from runner.playbook.evaluation import names_in

    return {**names, **{name: Hole(name) for name in names_in(text) if name not in names}}


def _engine(name: object) -> str:
    return "mariadb" if name == "mysql" else str(name or "")


def _proofs(records: Records, now: datetime, longest_s: float) -> Iterator[Mapping[str, Any]]:
    """What earlier runs restored, the newest run first; a record that is damaged proves nothing."""
    for run in reversed(records.runs()):
        if now - begun(run) > timedelta(seconds=longest_s) + _LONGEST_RUN:
            return
        try:
            record = records.record(run)
        except (DamagedRecord, InvalidInput):
            continue
        for host in record.hosts.values():
            yield from _proven(record, host)


def _proven(record: RunRecord, host: HostRecord) -> Iterator[Mapping[str, Any]]:
    """Restores of a host that prove a checklist item there; `at` is the moment of the copy that was restored."""
    outcomes: dict[str, set[str]] = {}
    for step in host.steps.values():
        outcomes.setdefault(step.base, set()).add(step.outcome)
    items = [item for item in record.items if item.get("proof")]
    passed = [item for item in items if all(outcomes.get(name) == {"ok"} for name in item["proof"])]
    for step in host.steps.values():
        values = step.attempts[-1].values if step.attempts and step.kind == "restore_test" else {}
        proves = [str(item["id"]) for item in passed if step.base in item["proof"]]
        if proves and isinstance(values.get("source"), Mapping) and isinstance(values.get("age_s"), int):
            at = datetime.fromisoformat(step.attempts[-1].started_at) - timedelta(seconds=values["age_s"])
            sha256 = str(values.get("sha256", ""))
            yield {"run": record.run, "source": values["source"], "items": proves, "at": at, "sha256": sha256}
