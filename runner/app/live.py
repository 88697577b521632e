"""`rawat plan --live`: connect, look, change nothing; and say per step what a run would find to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from runner.app.known import check_params
from runner.app.prepare import Prepared
from runner.app.request import Context
from runner.app.secrets import Ask, SudoPasswords, find_secrets, find_sudo_password
from runner.app.wiring import KINDS, Transports
from runner.engine.items import by_item, wanted
from runner.engine.naming import host_names, render_params, result_values, user_of
from runner.engine.pool import for_each
from runner.engine.surroundings import Stop
from runner.errors import RawatError, TransportError
from runner.frozen import frozen
from runner.journal.folder import new_run_id
from runner.model import Host, Step
from runner.playbook.evaluation import holds, names_in
from runner.playbook.template import TemplateFailed, render
from runner.seams import Launch, Passwords, Script, Session, StepKind, Stream, Wish

WILL, NOTHING, CANNOT = "will change", "nothing to do", "cannot know"


@frozen
class Looks:
    """`said[host][step]` is one of the three answers, with the reason; `refused` says why a host was not looked at."""

    said: Mapping[str, Mapping[str, str]]
    refused: Mapping[str, str]

    def exit_code(self, *, detailed: bool) -> int:
        """4 where a host was refused; 3 where there is work and `detailed` was asked for."""
        if self.refused:
            return 4
        work = any(not said.startswith(NOTHING) for looks in self.said.values() for said in looks.values())
        return 3 if detailed and work else 0


def look(prepared: Prepared, context: Context, *, ask: Ask | None = None) -> Looks:
    """Connects to every host of the plan. Raises InvalidInput where a secret is missing."""
    plan = prepared.plan
    secrets = find_secrets(plan.playbook.secrets, context.environment, ask)
    passwords = SudoPasswords(find_sudo_password(context.environment, ask))
    transports = Transports(prepared.settings, inventories=prepared.selection.inventories)
    run_id = new_run_id()
    said: dict[str, dict[str, str]] = {}
    refused: dict[str, str] = {}

    def one(host: Host) -> None:
        names = host_names(host, plan.variables[host.name], secrets, run_id=run_id)
        try:
            looker = _Looker(prepared, host, names, transports, run_id, passwords)
            said[host.name] = looker.all()
        except TransportError as error:
            refused[host.name] = error.message

    try:
        for_each(plan.hosts, one, at_once=16, stop=Stop())
    finally:
        transports.close()
    return Looks(said=said, refused=dict(sorted(refused.items())))


class _Looker:
    """One host's steps, looked at in order; what a read-only step finds is known to those after it."""

    def __init__(
        self,
        prepared: Prepared,
        host: Host,
        names: Mapping[str, Any],
        transports: Transports,
        run_id: str,
        passwords: Passwords,
    ) -> None:
        self.plan = prepared.plan
        self.host = host
        self.run_id = run_id
        self.session: Session = transports.connect(host, run_id=run_id, passwords=passwords)
        self.names: dict[str, Any] = {**names, "facts": asdict(self.session.facts)}

    def all(self) -> dict[str, str]:
        try:
            steps = [step for steps in self.plan.playbook.phases.values() for step in steps]
            return {name: text for step in steps for name, text in self._step(step).items()}
        finally:
            self.session.close()

    def _step(self, step: Step) -> dict[str, str]:
        if step.id in self.plan.skip:
            return {step.id: f"{NOTHING}: left out by {self.plan.skip[step.id]}"}
        try:
            if step.when is not None and not by_item(step) and not holds(step.when, self.names):
                return {inner.id: f"{NOTHING}: not when {step.when}" for inner in step.walk() if inner.kind != "group"}
        except TemplateFailed:
            return {inner.id: f"{CANNOT}: depends on {self._waits(step.when or '')}" for inner in step.steps or (step,)}
        if step.kind == "group":
            return {name: text for inner in step.steps for name, text in self._step(inner).items()}
        if step.loop is not None:
            return {step.id: self._list(step)}
        try:
            return {step.id: self._look(step)}
        except TemplateFailed as error:
            return {step.id: f"{CANNOT}: {error.message}"}
        except TransportError:
            raise
        except RawatError as error:
            return {step.id: f"{CANNOT}: {error.message}"}

    def _list(self, step: Step) -> str:
        """Which items of a list are wanted, where that is known."""
        try:
            asked = wanted(step, self.names)
        except TemplateFailed:
            return f"{CANNOT}: one step per item of a list"
        if not any(asked):
            return f"{NOTHING}: {f'no item when {step.when}' if asked else 'the list is empty'}"
        some = "" if all(asked) else f", {sum(asked)} of {len(asked)} when {step.when}"
        return f"{CANNOT}: one step per item of a list{some}"

    def _look(self, step: Step) -> str:
        kind = KINDS.get(step.kind)()
        if not isinstance(kind, StepKind):
            return f"{NOTHING}: touches no host" if kind.reads_only(step.params) else f"{CANNOT}: asks a person"
        if step.local:
            return f"{CANNOT}: runs on the controller"
        wish = Wish(
            params=render_params(kind, step.params, self.names),
            host=self.host,
            facts=self.session.facts,
            run_id=self.run_id,
            step=step.id,
            user=user_of(step, self.plan.playbook, self.names),
            root=self.plan.playbook.root,
            folder=self.plan.playbook.folder_of(step),
            names=self.names,
        )
        check_params(kind, wish.params)
        if step.check is not None:
            done = self._run(step, wish, Script(text=str(render(step.check, self.names, shell=True))))
            return {0: f"{NOTHING}: its check says done", 1: f"{WILL}: its check says not done"}.get(
                -1 if done.exit.code is None else done.exit.code, f"{CANNOT}: its check ended with {done.exit}"
            )
        if kind.reads_only(wish.params):
            return self._probe(step, wish, kind)
        script = kind.look(wish)
        if script is None:
            return f"{CANNOT}: {step.kind} changes things and cannot be looked at beforehand"
        check = kind.judge(wish, self._run(step, wish, script))
        word = {True: WILL, False: NOTHING, None: CANNOT}[check.needed]
        if step.register and check.needed is False:
            self.names[step.register] = dict(check.values)
        return f"{word}: {check.why}" if check.why else word

    def _probe(self, step: Step, wish: Wish, kind: StepKind) -> str:
        """A step that only reads is asked now, so that later steps know its values."""
        done = self._run(step, wish, kind.act(wish, None))
        verdict = kind.read(wish, done, None)
        if step.register:
            self.names[step.register] = result_values(verdict, done)
        return (
            f"{NOTHING}: {verdict.summary or 'it is as it should be'}"
            if verdict.ok
            else f"would fail: {verdict.problem}"
        )

    def _run(self, step: Step, wish: Wish, script: Script) -> Any:
        launch = Launch(
            run_id=self.run_id,
            step=step.id,
            attempt=1,
            script=script,
            user=wish.user,
            deadline_s=min(step.timeout_s or 120.0, 120.0),
            read_only=True,
        )
        return self.session.run(launch, _nothing)

    def _waits(self, expression: str) -> str:
        return ", ".join(sorted(name for name in names_in(expression, expression=True) if name not in self.names))


def _nothing(stream: Stream, data: bytes) -> None:
    """What a look prints is for the kind, not for people."""
