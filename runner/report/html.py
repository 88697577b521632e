"""
A run as one page that is read like a document: no script, nothing loaded from anywhere, one style sheet in it.

Every value goes through `harmless`, by Jinja's `finalize`: there is no way around it in a template, and no filter
that would lift it. The policy in the page allows its own style sheet by digest, and nothing else.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup, escape

from runner import __version__
from runner.hygiene import visible
from runner.record import RunRecord, checklist, completion
from runner.report import html_hosts, html_parts, html_proof, svg
from runner.report.language import Language, language
from runner.report.language_verdict import good_hosts, sentences
from runner.report.language_words import CAUSE_WORDS, MARKS, Words
from runner.seams import Reading

HERE = Path(__file__).parent
SHOWN_FAILURES = 20
PRINTED_STEPS = 120
"""Up to this many steps a printed page shows all that is folded."""


class Html:
    """A runner.seams.Reporter."""

    name: ClassVar[str] = "html"

    def write(self, record: RunRecord, reading: Reading) -> str:
        t = language(reading.language)
        return _template().render(**_head(), **_page(record, reading, t)) + "\n"


def harmless(value: object) -> object:
    """
    Text for the page: control characters and direction marks visible, HTML escaped, what a macro made left as it is.

    `::` and `##[` begin commands in the logs of pipelines; as references they look the same on the page.
    """
    if isinstance(value, Markup):
        return value
    text = str(escape(visible(str(value))))
    return Markup(text.replace("::", "&#58;&#58;").replace("##[", "&#35;#["))


@cache
def _template() -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=harmless, trim_blocks=True, lstrip_blocks=True
    )
    return environment.from_string((HERE / "html.jinja").read_text(encoding="utf-8"))


@cache
def _style() -> str:
    return (HERE / "html.css").read_text(encoding="utf-8")


def _head() -> dict[str, Any]:
    digest = base64.b64encode(hashlib.sha256(_style().encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return {"style": Markup(_style()), "policy": policy, "version": __version__}


def _page(record: RunRecord, reading: Reading, t: Language) -> dict[str, Any]:
    done, required = completion(checklist(record))
    parts = html_parts.times(record, t)
    failures = html_hosts.failures(record, t)
    return {
        "t": t,
        "_": t.text,
        "words": Words(t),
        "record": record,
        "reading": reading,
        "verdict": sentences(record, reading, t),
        "good": good_hosts(record),
        "done": done,
        "required": required,
        "glance": html_parts.glance(record, reading, t),
        "sittings": html_parts.sittings(record, reading, t),
        "failures": failures[:SHOWN_FAILURES],
        "more_failed": sum(1 + len(failure.others) for failure in failures[SHOWN_FAILURES:]),
        "items": html_parts.items(record, reading, t),
        "timeline": svg.timeline(record),
        "times": parts,
        "bar": svg.whole({part.cause: part.run_ms for part in parts}, tuple(CAUSE_WORDS)),
        "restored": html_proof.restored(record, reading, t),
        "departures": html_parts.departures(record, reading, t),
        "left_out": html_parts.left_out(record, t),
        "answers": html_parts.answers(record, reading, t),
        "machines": html_hosts.machines(record, reading, t),
        "print_all": sum(len(host.steps) for host in record.hosts.values()) <= PRINTED_STEPS,
        "marks": {
            "ok": MARKS["pass"],
            "failed": MARKS["fail"],
            "cancelled": "■",
            "unknown": "?",
            "unreachable": "✗",
            "skipped": "–",
        },
    }
