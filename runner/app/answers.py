"""Answers to questions of a run that waits, given by another command: files in the run's folder."""

from __future__ import annotations

import json
import os
import threading
import time
from os import urandom
from pathlib import Path

from runner.errors import DamagedRecord, InvalidInput, JournalError
from runner.journal.append import write_new
from runner.journal.sitting import file_name
from runner.seams import Answer, Question


def may_answer(question: Question, name: str) -> bool:
    return not question.who or name in question.who


class AnswerFiles:
    """
    A runner.seams.People that waits for `rawat answer`; `tell` is called once per question with what to type.

    Works without a terminal. After the question's limit its default counts.
    """

    def __init__(self, folder: Path, tell: object = None) -> None:
        self._folder = folder
        self._tell = tell

    def ask(self, question: Question, stop: threading.Event) -> Answer:
        if callable(self._tell):
            self._tell(question)
        end = time.monotonic() + question.limit_s
        while time.monotonic() < end and not stop.wait(0.3):
            given = self.given(question)
            if given is not None:
                return given
        default = question.default
        return Answer(yes=None if default is None else default == "yes", how="nobody answered in time")

    def given(self, question: Question) -> Answer | None:
        """The answer that lies there, where there is one by somebody who may give it."""
        path = answer_file(self._folder, question.host, question.step)
        if not path.is_file():
            return None
        try:
            said = json.loads(path.read_bytes())
        except (OSError, ValueError) as error:
            raise DamagedRecord("this answer cannot be read", where=str(path)) from error
        if not may_answer(question, str(said.get("by"))):
            return None
        return Answer(yes=bool(said["yes"]), by=str(said["by"]), how="rawat answer")


def answer_file(folder: Path, host: str, step: str) -> Path:
    return folder / "answers" / f"{file_name(host)}.{file_name(step)}.json"


def give_answer(folder: Path, *, host: str, step: str, yes: bool, by: str, at: str) -> Path:
    """Write an answer; raises InvalidInput where one was given already."""
    path = answer_file(folder, host, step)
    path.parent.mkdir(mode=0o700, exist_ok=True)
    fresh = path.with_name(f".{urandom(8).hex()}")
    write_new(fresh, json.dumps({"yes": yes, "by": by, "at": at}).encode())
    try:
        os.link(fresh, path)  # there as a whole or not at all: a run looks for it all the time
    except FileExistsError as error:
        raise InvalidInput(f"{step} on {host} was answered already") from error
    except OSError as error:
        raise JournalError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        fresh.unlink()
    return path
