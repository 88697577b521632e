"""Steps that touch no host: a claim that must hold, a note for the record, a question to a person."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from runner.errors import InvalidInput, RawatError
from runner.seams import People, Question, Verdict, Wish
from runner.steps.parts import schema as part
from runner.units import duration_s, text_of_duration


class ControllerStep:
    shell: ClassVar[tuple[str, ...]] = ()
    secret: ClassVar[tuple[str, ...]] = ()

    def reads_only(self, params: Any) -> bool:
        return True


class Assert(ControllerStep):
    name: ClassVar[str] = "assert"
    expressions: ClassVar[tuple[str, ...]] = ("that",)
    family: ClassVar[str] = "plain"
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "Make sure that something holds",
        "Expressions as under `when`, over variables, facts and registered results. All are looked at, and "
        "every one that "
        "does not hold is named.",
        {
            "that": part.one_or_more(
                {"type": "string", "minLength": 1},
                "One expression, or a list of them; each must be true. Without `{{ }}`.",
                least=1,
                examples=["size.row.loans > 0", ["facts.cpus >= 2", "engine in ['postgresql', 'mariadb']"]],
            ),
            "message": part.text("What to tell people where one does not hold."),
        },
        required=["that"],
        examples=[{"that": "size.row.loans > 0", "message": "The loans are gone: do not back up an empty table"}],
    )

    def decide(self, wish: Wish, people: People, stop: threading.Event | None = None) -> Verdict:
        broken = [text for claim in part.as_list(wish.params["that"]) if (text := _broken(claim, wish.names))]
        if not broken:
            return Verdict(ok=True, changed=False, summary="holds")
        message = wish.params.get("message")
        problem = "; ".join(broken)
        return Verdict(ok=False, changed=False, problem=f"{message} ({problem})" if message else problem)

    def preview(self, wish: Wish) -> Sequence[str]:
        return [f"make sure that {claim}" for claim in part.as_list(wish.params["that"])]


class Note(ControllerStep):
    name: ClassVar[str] = "note"
    family: ClassVar[str] = "plain"
    schema: ClassVar[Mapping[str, Any]] = {
        "$schema": part.DIALECT,
        "title": "Write a note into the record",
        "description": "A text for the people who read the run record. It does nothing else.",
        "examples": ["Customer service was told at {{ told_at }}", {"text": "Old size: {{ before.row.bytes }} bytes"}],
        "anyOf": [
            {"type": "string", "minLength": 1, "description": "The text."},
            {
                "type": "object",
                "additionalProperties": False,
                "properties": {"text": part.text("The text.")},
                "required": ["text"],
            },
        ],
    }

    def decide(self, wish: Wish, people: People, stop: threading.Event | None = None) -> Verdict:
        return Verdict(ok=True, changed=False, summary=_note(wish), values={"text": _note(wish)})

    def preview(self, wish: Wish) -> Sequence[str]:
        return _note(wish).splitlines()


class Confirm(ControllerStep):
    name: ClassVar[str] = "confirm"
    family: ClassVar[str] = "people"
    waits: ClassVar[bool] = True
    schema: ClassVar[Mapping[str, Any]] = part.record(
        "Ask a person",
        "The run waits at this step until a person says yes or no, at the terminal or by another command where "
        "there is "
        "none. No, and nobody in time without a `default`, fail the step. The answer is the person's word, and is "
        "recorded as such.",
        {
            "question": part.text("What to ask; a question that yes or no answers."),
            "who": part.one_or_more(
                {"type": "string", "minLength": 1}, "Who may answer, by name. Anybody where it is left out."
            ),
            "limit": part.duration("How long to wait for an answer; a shorter `timeout` of the step counts.", "1h"),
            "default": part.choice("What counts where nobody answers in time.", ["yes", "no"]),
        },
        required=["question"],
        examples=[
            {"question": "Is customer service ready?", "who": ["dewi@example.com"], "limit": "30m", "default": "no"}
        ],
    )

    def decide(self, wish: Wish, people: People, stop: threading.Event | None = None) -> Verdict:
        params = wish.params
        limit_s = min(duration_s(params.get("limit", "1h")), wish.limit_s)
        question = Question(
            text=params["question"],
            who=tuple(part.as_list(params.get("who"))),
            limit_s=limit_s,
            default=params.get("default"),
        )
        answer = people.ask(question, stop or threading.Event())
        values = {"yes": answer.yes, "by": answer.by, "how": answer.how}
        if answer.yes:
            return Verdict(ok=True, changed=False, values=values, summary=f"yes, says {answer.by or 'the default'}")
        if answer.refused:
            problem = f"nobody was asked {question.text!r}: {answer.refused}"
        elif answer.yes is None:
            problem = f"nobody answered {question.text!r} within {text_of_duration(limit_s)}"
        else:
            problem = f"{answer.by or 'the default'} said no to {question.text!r}"
        return Verdict(ok=False, changed=False, values=values, problem=problem)

    def preview(self, wish: Wish) -> Sequence[str]:
        params = wish.params
        who = ", ".join(part.as_list(params.get("who"))) or "anybody"
        fallback = f", then {params['default']}" if "default" in params else ""
        return [f"ask {who}: {params['question']} (waits {_waits(wish)}{fallback})"]


def _waits(wish: Wish) -> str:
    """For how long, as it is written where that counts; a limit that is not known yet is a name in braces."""
    limit = wish.params.get("limit", "1h")
    try:
        short = wish.limit_s < duration_s(limit)
    except InvalidInput:
        short = False
    return text_of_duration(wish.limit_s) if short else str(limit)


def _broken(claim: str, names: Mapping[str, Any]) -> str:
    """What is wrong with a claim, or an empty text where it holds."""
    from runner.playbook.evaluation import holds

    try:
        value = holds(claim, names)
    except RawatError as error:
        return error.message
    return "" if value else f"{claim} does not hold"


def _note(wish: Wish) -> str:
    return str(wish.params if isinstance(wish.params, str) else wish.params["text"])
