"""What one attempt sends to the host and says of itself to the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from runner.document.schema import check_value
from runner.engine.link import Link
from runner.engine.naming import PLAIN, kept_values, render_params, secrets_in, user_of
from runner.engine.recovery import NeverStarted, launch_through
from runner.engine.result import StepResult
from runner.engine.surroundings import Surroundings
from runner.errors import InvalidInput
from runner.events import CommandSent, StepFinished, StepRecalled, StepStarted
from runner.frozen import frozen, replace
from runner.model import Facts, Host, Step
from runner.playbook.template import TemplateFailed
from runner.redact import Secret
from runner.seams import Completed, Launch, OutputFile, Script, Stream, Wish, unheard
from runner.units import text_of_duration

DEFAULT_TIMEOUT_S = 3600.0
NO_ROOM = "the disk of the records is full"


@frozen
class Task:
    """
    A step on a host, under the instance id it has there, with the names that its templates may use.

    `until` is when the run has no time left for it, by the clock's monotonic time; steps that clean up have all theirs.
    """

    host: Host
    link: Link
    step: Step
    instance: str
    names: Mapping[str, Any]
    until: float = float("inf")


class Errand:
    """
    One attempt of a task, `number` counting from 1: its kind, its output, its clock.

    `started` is whether its first event is on record; `notes` what a person should know of how it was carried out.
    """

    def __init__(self, around: Surroundings, task: Task, number: int) -> None:
        self.around = around
        self.host, self.link, self.step = task.host, task.link, task.step
        self.instance, self.names = task.instance, task.names
        self.number = number
        self._until = task.until
        self.kind: Any = around.kinds.get(task.step.kind)()
        self._output: OutputFile | None = None
        self.began = around.clock.monotonic()
        self.started = False
        self.notes: list[str] = []

    @property
    def output(self) -> OutputFile:
        """Made when there is something to keep; most steps print nothing."""
        if self._output is None:
            keep = not self.step.no_output
            self._output = self.around.journal.output(self.host.name, self.instance, self.number, keep=keep)
        return self._output

    @property
    def reboots(self) -> bool:
        return self.step.expects_reboot or bool(self.kind.reboots)

    @property
    def limit_s(self) -> float:
        """Seconds that a launch may take now: the step's time, or what is left of the run's."""
        return min(self.step.timeout_s or DEFAULT_TIMEOUT_S, self.left_s)

    @property
    def left_s(self) -> float:
        """What is left of the run's time, enough to end at least."""
        return max(1.0, self._until - self.around.clock.monotonic())

    def late(self, wait_s: float = 0.0) -> str:
        """Why nothing new begins after a wait, where the time of the run is over then; else empty."""
        return self.around.over if self._until <= self.around.clock.monotonic() + wait_s else ""

    def wish(self, facts: Facts | None) -> Wish:
        """The step with its names filled in. Raises TemplateFailed, and InvalidInput where the schema says no."""
        params = render_params(self.kind, self.step.params, self.names)
        if params is not self.step.params:
            for secret in secrets_in(params):
                self.around.bus.redactor.learn(secret)
            if wrong := check_value(params, self.kind.schema):
                raise InvalidInput(f"{self.step.kind}: " + "; ".join(wrong))
        return Wish(
            params=params,
            host=self.host,
            facts=facts,
            run_id=self.around.run_id,
            step=self.instance,
            user=user_of(self.step, self.around.playbook, self.names),
            root=self.around.playbook.root,
            folder=self.around.playbook.folder_of(self.step),
            names=self.names,
            limit_s=min(self.step.timeout_s or float("inf"), self.left_s),
        )

    def start(self, command: str = "", digest: str = "") -> None:
        """Put the attempt's begin on record, once."""
        if self.started:
            return
        self.started = True
        self.around.bus.emit(
            StepStarted(
                host=self.host.name,
                step=self.instance,
                phase=self.step.phase,
                kind=self.step.kind,
                title=self.step.title,
                attempt=self.number,
                user=self._user(),
                read_only=self.kind.reads_only(self.step.params),
                command=command,
                sha256=digest,
            )
        )

    def _user(self) -> str:
        """Whom it works as; empty where that has no value, which is then why it fails."""
        try:
            return user_of(self.step, self.around.playbook, self.names) or ""
        except TemplateFailed:
            return ""

    def recalled(self) -> None:
        """Put on record that an attempt of an earlier sitting is looked into."""
        self.started = True
        self.around.bus.emit(
            StepRecalled(host=self.host.name, step=self.instance, phase=self.step.phase, attempt=self.number)
        )

    def send(self, wish: Wish, script: Script) -> Completed:
        """The act itself: first the record of what goes out, then the launch."""
        redact = self.around.bus.redactor.text
        command = redact("\n".join(self.kind.preview(wish)))
        digest = self.around.journal.script(redact(script.text))
        if self.started:
            self.around.bus.emit(
                CommandSent(
                    host=self.host.name, step=self.instance, attempt=self.number, command=command, sha256=digest
                )
            )
        else:
            self.start(command, digest)
        return self.launch(wish, script, read_only=self.kind.reads_only(wish.params))

    def launch(self, wish: Wish, script: Script, *, read_only: bool, quiet: bool = False) -> Completed:
        """
        Run it to its end; `quiet` where what it prints is no output of the step. Raises NeverStarted where the record
        has no room for it.
        """
        if self.around.stop.full:
            raise NeverStarted(f"it did not start on the host: {NO_ROOM}")
        done = launch_through(
            self.around,
            self.link,
            self.made(wish, script, read_only=read_only),
            unheard if quiet else self.show,
            instance=self.instance,
            local=self.step.local,
            reboots=self.reboots,
        )
        return self.noted(done)

    def noted(self, done: Completed) -> Completed:
        """Keep its notes for the record."""
        for note in done.notes:
            self.note(note)
        return done

    def note(self, note: str) -> None:
        if note not in self.notes:
            self.notes.append(note)

    def made(self, wish: Wish, script: Script, *, read_only: bool) -> Launch:
        """The launch as the host gets it, with its deadline there."""
        for what, value in (("the script", script.text), *((f"'{key}'", value) for key, value in script.env.items())):
            if "\0" in (value.reveal() if isinstance(value, Secret) else value):
                raise InvalidInput(f"{what} holds a NUL character, which no shell can carry")
        if script.save_to is not None:
            try:
                script.save_to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise InvalidInput(f"the folder {error.filename} cannot be made: {error.strerror}") from error
        limit_s = self.limit_s
        if limit_s < (self.step.timeout_s or DEFAULT_TIMEOUT_S):
            self.note(f"its time was cut to the {text_of_duration(limit_s)} that were left of the whole run's")
        launch = Launch(
            run_id=self.around.run_id,
            step=self.instance,
            attempt=self.number,
            script=script,
            user=wish.user,
            deadline_s=limit_s,
            read_only=read_only,
        )
        limit = self.step.output_limit
        return launch if limit is None else replace(launch, output_limit=limit)

    def show(self, stream: Stream, data: bytes) -> None:
        text = self.output.write(stream, data)
        self.around.bus.output(self.host.name, self.instance, stream, text)

    def finished(self, result: StepResult, *, last: bool) -> StepFinished:
        """The attempt's end, as an event; closes its output."""
        kept = {} if self._output is None else self._output.close()
        good = result.outcome.good
        return StepFinished(
            host=self.host.name,
            step=self.instance,
            phase=self.step.phase,
            attempt=self.number,
            outcome=str(result.outcome),
            took_ms=int((self.around.clock.monotonic() - self.began) * 1000),
            host_ms=result.host_ms,
            exit=None if result.exit is None else result.exit.to_json(),
            changed=result.changed,
            problem=result.problem,
            summary=result.summary,
            notes=tuple(self.notes),
            tail="" if good or self.step.no_output or self._output is None else self._output.tail(),
            values=self._kept(result),
            register=self.step.register or "",
            output=kept,
            last=last,
        )

    def _kept(self, result: StepResult) -> dict[str, Any]:
        """What the record keeps of a result: what is registered, else the kind's own values where they are proof."""
        if self.step.no_output:
            return {}
        if self.step.register:
            return kept_values(result.values)
        proof = getattr(self.kind, "evidence", False)
        return kept_values({key: result.values[key] for key in result.values if key not in PLAIN}) if proof else {}
