"""One host looked at for `plan --live`: its steps in order, each with a word on what a run would find."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from runner.app.known import check_params
from runner.app.later import holds_whatever, later_names, missing_for
from runner.app.wiring import KINDS
from runner.engine.items import SKIPPED, by_item, items_of, wanted
from runner.engine.link import Link
from runner.engine.naming import render_params, user_of
from runner.engine.plan import Plan
from runner.engine.result import hushed, judged
from runner.errors import InvalidInput, RawatError, TransportError
from runner.model import Exit, Host, Outcome, Step
from runner.playbook.template import TemplateFailed, render
from runner.seams import Answer, Completed, Launch, Question, Script, StepKind, Verdict, Wish, unheard

FAIL, WILL, CANNOT, NOTHING = "would fail", "will change", "cannot know", "nothing to do"
"""What can be said of a step, the weightiest first."""

LONGEST_S = 120.0
"""A look takes so long at most."""
MOST_ITEMS = 20
"""So many items of a `with` are looked at; of a longer list the first ones."""

Said = tuple[str, Mapping[str, Any] | None]
"""The word with its reason, and what the step's name would stand for where that is known."""


class Nobody:
    """A runner.seams.People: while looking nobody is asked, and what the answer would be cannot be known."""

    def ask(self, question: Question, stop: threading.Event) -> Answer:
        raise RawatError("asks a person")


class Looker:
    """What a step that only reads finds is known to those after it."""

    def __init__(self, plan: Plan, host: Host, names: Mapping[str, Any], link: Link, run_id: str) -> None:
        self.plan = plan
        self.host = host
        self.run_id = run_id
        self.session = link.connect()
        facts = self.session.facts
        self.names = {**names, "facts": asdict(facts), "run": {**names["run"], "began": facts.clock}}
        self._never: set[str] = set()
        self._later = later_names(plan, self._never)

    def all(self) -> dict[str, str]:
        """Step id -> what is said of it. Raises TransportError."""
        playbook = self.plan.playbook
        steps = [step for steps in (*playbook.phases.values(), playbook.finally_) for step in steps]
        undo = [inner for step in playbook.walk() for first in step.undo for inner in first.walk()]
        waits = {step.id: f"{NOTHING}: waits for a rollback" for step in undo if step.kind != "group"}
        return {name: text for step in steps for name, text in self._step(step).items()} | waits

    def _step(self, step: Step) -> dict[str, str]:
        if step.id in self.plan.skip:
            return _all_of(step, f"{NOTHING}: left out by {self.plan.skip[step.id]}")
        held: bool | None = True
        try:
            if step.when is not None and not by_item(step):
                held = holds_whatever(step.when, self.names, self._later)
        except TemplateFailed as error:
            return self._cannot(step, error.message)
        if held is False:
            self._never |= {inner.id for inner in step.walk()}
            self._later = later_names(self.plan, self._never)
            return _all_of(step, f"{NOTHING}: not when {step.when}")
        waits = missing_for(self.plan, step, self.names, self._later, when=held is None)
        if waits:
            return self._cannot(step, f"depends on {', '.join(waits)}")
        if step.kind == "group":
            return {name: text for inner in step.steps for name, text in self._step(inner).items()}
        if step.loop is not None:
            return {step.id: self._each(step)}
        said, values = self._said(step, self.names)
        self._register(step, values)
        return {step.id: said}

    def _cannot(self, step: Step, why: str) -> dict[str, str]:
        for inner in step.walk():
            self._register(inner, None)
        return _all_of(step, f"{CANNOT}: {why}")

    def _register(self, step: Step, values: Any) -> None:
        """What a name stood for before holds no more where nobody knows what the step would make of it."""
        self.names.pop(step.register or "", None)
        if step.register and values is not None:
            self.names[step.register] = values

    def _each(self, step: Step) -> str:
        try:
            items, asked = items_of(step, self.names), wanted(step, self.names)
        except TemplateFailed as error:
            self._register(step, None)
            return f"{CANNOT}: with: {error.message}"
        if not items:
            return f"{NOTHING}: with: the list is empty"
        skipped = f"{NOTHING}: not when {step.when}", SKIPPED
        looked = [
            self._said(step, {**self.names, "item": item}) if want else skipped
            for item, want in zip(items[:MOST_ITEMS], asked, strict=False)
        ]
        known = [values for _, values in looked if values is not None]
        self._register(step, known if len(known) == len(items) else None)
        return _together([said for said, _ in looked], len(items))

    def _said(self, step: Step, names: Mapping[str, Any]) -> Said:
        try:
            return self._look(step, names)
        except TransportError:
            raise
        except InvalidInput as error:
            return f"{FAIL}: {error.message}", None
        except RawatError as error:
            return f"{CANNOT}: {error.message}", None

    def _look(self, step: Step, names: Mapping[str, Any]) -> Said:
        kind: Any = KINDS.get(step.kind)()
        on_host = isinstance(kind, StepKind)
        if step.local:
            return f"{CANNOT}: runs on the controller", None
        wish = Wish(
            params=render_params(kind, step.params, names),
            host=self.host,
            facts=self.session.facts,
            run_id=self.run_id,
            step=step.id,
            user=user_of(step, self.plan.playbook, names),
            root=self.plan.playbook.root,
            folder=self.plan.playbook.folder_of(step),
            names=names,
        )
        check_params(kind, wish.params)
        if not on_host:
            return self._judged(step, wish, kind.decide(wish, Nobody()), Completed(exit=Exit(code=0)))
        if step.check is not None:
            done = self._run(step, wish, Script(text=str(render(step.check, names, shell=True))))
            said = {0: f"{NOTHING}: its check says done", 1: f"{WILL}: its check says not done"}
            return said.get(-1 if done.exit.code is None else done.exit.code, f"{CANNOT}: its check: {done.exit}"), None
        if hasattr(kind, "peek"):
            done = self._run(step, wish, kind.peek(wish))
            return self._judged(step, wish, kind.peeked(wish, done), done)
        if kind.reads_only(wish.params):
            done = self._run(step, wish, kind.act(wish, None))
            return self._judged(step, wish, kind.read(wish, done, None), done)
        script = kind.look(wish)
        if script is None:
            return f"{CANNOT}: {step.kind} changes things and cannot be looked at beforehand", None
        found = kind.judge(wish, self._run(step, wish, script))
        if found.needed is False:
            verdict = Verdict(ok=True, changed=False, values=found.values, summary=found.why)
            return self._judged(step, wish, verdict, Completed(exit=Exit(code=0)))
        word = WILL if found.needed else CANNOT
        return f"{word}: {found.why}" if found.why else word, None

    def _judged(self, step: Step, wish: Wish, verdict: Verdict, done: Completed) -> Said:
        """The verdict with `expect` and `until` on top, as a run would judge it."""
        result = hushed(step, judged(step, wish.names, verdict, done))
        if result.outcome is not Outcome.OK:
            return f"{FAIL}: {result.problem}", result.values
        if verdict.changed:
            return f"{WILL}: {result.summary}" if result.summary else WILL, None
        return f"{NOTHING}: {result.summary or 'it is as it should be'}", result.values

    def _run(self, step: Step, wish: Wish, script: Script) -> Completed:
        launch = Launch(
            run_id=self.run_id,
            step=step.id,
            attempt=1,
            script=script,
            user=wish.user,
            deadline_s=min(step.timeout_s or LONGEST_S, LONGEST_S),
            read_only=True,
        )
        return self.session.run(launch, unheard)


def _all_of(step: Step, said: str) -> dict[str, str]:
    """The same word for a step, and for all that is in a group."""
    if step.kind != "group":
        return {step.id: said}
    return {name: text for inner in step.steps for name, text in _all_of(inner, said).items()}


def _together(said: Sequence[str], items: int) -> str:
    """What is said of the items of a list, as one word with the reasons for it."""
    word = next(word for word in (FAIL, WILL, CANNOT, NOTHING) if any(text.startswith(word) for text in said))
    if len(said) < items and word == NOTHING:
        word = CANNOT
        return f"{word}: {items} items; the first {len(said)} of them: {NOTHING}"
    its = [text.removeprefix(word).removeprefix(": ") for text in said if text.startswith(word)]
    why = "; ".join(dict.fromkeys(filter(None, its[:3])))
    more = f"; and {len(its) - 3} more" if len(its) > 3 else ""
    looked = f"the first {len(said)} of {items}" if len(said) < items else str(items)
    count = f"all of {looked} items" if len(its) == len(said) else f"{len(its)} of {looked} items"
    return f"{word}: {count}" + (f": {why}{more}" if why else "")
