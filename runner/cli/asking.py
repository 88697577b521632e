"""How people are asked: at the terminal, or through `rawat answer` where there is none."""

from __future__ import annotations

import select
import sys
import threading
import time
from typing import TYPE_CHECKING

import click

from runner.app.answers import AnswerFiles, may_answer
from runner.hygiene import visible
from runner.seams import Answer, Question

if TYPE_CHECKING:
    from runner.cli.live import LiveProgress


def ask_hidden(prompt: str) -> str:
    """A secret, typed without being shown."""
    return str(click.prompt(prompt.rstrip(": "), hide_input=True, err=True))


class TerminalPeople:
    """
    A runner.seams.People that asks on the terminal; one question at a time, and within its limit.

    An answer by `rawat answer` from elsewhere counts as well: whoever comes first.
    """

    def __init__(self, name: str, progress: LiveProgress | None, files: AnswerFiles) -> None:
        self._name = name
        self._progress = progress
        self._files = files
        self._lock = threading.Lock()

    def ask(self, question: Question, stop: threading.Event) -> Answer:
        if not may_answer(question, self._name):
            return self._files.ask(question, stop)
        with self._lock:
            if self._progress is not None:
                self._progress.pause()
            try:
                return self._ask(question, stop)
            finally:
                if self._progress is not None:
                    self._progress.go_on()

    def _ask(self, question: Question, stop: threading.Event) -> Answer:
        hint = {"yes": "[Y/n]", "no": "[y/N]", None: "[y/n]"}[question.default]
        end = time.monotonic() + question.limit_s
        click.echo(f"{question.host} {question.step}: {visible(question.text)} {hint} ", nl=False, err=True)
        while time.monotonic() < end and not stop.is_set():
            given = self._files.given(question)
            if given is not None:
                click.echo("(answered elsewhere)", err=True)
                return given
            if not select.select([sys.stdin], [], [], 0.3)[0]:
                continue
            word = sys.stdin.readline().strip().lower()
            if word in ("y", "yes", "n", "no"):
                return Answer(yes=word.startswith("y"), by=self._name, how="terminal")
            if not word and question.default is not None:
                return Answer(yes=question.default == "yes", by=self._name, how="terminal, by pressing enter")
            click.echo("please answer y or n: ", nl=False, err=True)
        default = question.default
        return Answer(yes=None if default is None else default == "yes", how="nobody answered in time")


class YesPeople:
    """--yes: every question is answered with yes, by whoever started the run, and the record says so."""

    def __init__(self, name: str) -> None:
        self._name = name

    def ask(self, question: Question, stop: threading.Event) -> Answer:
        if not may_answer(question, self._name):
            return Answer(yes=None, refused=f"{self._name}, who said --yes, may not answer it")
        return Answer(yes=True, by=self._name, how="--yes on the command line")
