"""Answers to questions of a run that waits, while it looks for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.app import answers
from runner.app.answers import AnswerFiles, give_answer
from runner.errors import InvalidInput
from runner.journal.append import write_new
from runner.seams import Question


def test_an_answer_is_there_as_a_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run looks for it all the time; half of one ended it."""
    files = AnswerFiles(tmp_path)
    question = Question(host="h1", step="ask", text="Ready?", who=(), limit_s=1, default=None)
    seen: list[object] = []

    def slowly(path: Path, data: bytes) -> None:
        path.write_bytes(data[:5])
        seen.append(files.given(question))
        path.unlink()
        write_new(path, data)
        seen.append(files.given(question))

    monkeypatch.setattr(answers, "write_new", slowly)
    path = give_answer(tmp_path, host="h1", step="ask", yes=True, by="ani", at="now")
    assert seen == [None, None]
    given = files.given(question)
    assert given is not None and given.yes and given.by == "ani"
    with pytest.raises(InvalidInput, match="ask on h1 was answered already"):
        give_answer(tmp_path, host="h1", step="ask", yes=False, by="budi", at="now")
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    assert path.stat().st_mode & 0o777 == 0o600
