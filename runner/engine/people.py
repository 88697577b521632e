"""Asking a person, with the question, the answer and the time it took on record."""

from __future__ import annotations

import threading

from runner.engine.surroundings import Surroundings
from runner.events import PersonAnswered, PersonAsked, Waited
from runner.frozen import replace
from runner.seams import Answer, Question

STOPPED = "the run was asked to stop before anybody answered"


class Stopped(Exception):
    """Nobody answered, and nobody is waited for any more: what counts where time is over does not count."""


class RecordingPeople:
    """People as a step sees them. Raises Stopped."""

    def __init__(self, around: Surroundings, host: str, step: str) -> None:
        self._around = around
        self._host = host
        self._step = step

    def ask(self, question: Question, stop: threading.Event) -> Answer:
        bus, clock = self._around.bus, self._around.clock
        bus.emit(PersonAsked(host=self._host, step=self._step, question=question.text))
        began = clock.monotonic()
        question = replace(question, host=self._host, step=self._step)
        answer = self._around.people.ask(question, stop)
        took_ms = int((clock.monotonic() - began) * 1000)
        stopped = stop.is_set() and not answer.by and not answer.refused
        if stopped:
            answer = Answer(yes=None, how=STOPPED)
        said = {True: "yes", False: "no", None: "nobody answered"}[answer.yes]
        how = answer.how or answer.refused
        bus.emit(PersonAnswered(host=self._host, step=self._step, answer=said, by=answer.by, how=how))
        bus.emit(Waited(host=self._host, step=self._step, cause="person", took_ms=took_ms))
        if stopped:
            raise Stopped
        return answer
