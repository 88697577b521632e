"""Texts that would do something if a report let them; every one goes into every place of a record."""

from __future__ import annotations

from dataclasses import replace

from runner.record import RunRecord
from runner.seams import Reading
from tests.unit.report.samples import STEPS, at, bad_night, digest, reading

CORPUS = {
    "script": "<script>alert(1)</script>",
    "attribute": "\" onmouseover=\"alert(1)\" x='\" autofocus onfocus=alert(1)",
    "image": "<img src=x onerror=alert(1)><svg/onload=alert(1)>",
    "link": "<a href=\"javascript:alert(1)\">x</a> javascript:alert(1)",
    "closing": "</pre></td></table></style></title></script><style>*{display:none}</style><iframe src=//evil.example>",
    "comment": "--><!-- <b>x</b> --> <![CDATA[ x ]]> ]]>",
    "template": "{{ 7*7 }} {% include '/etc/passwd' %} {record.__class__} %(x)s ${x}",
    "meta": "<meta http-equiv=refresh content=0;url=//evil.example><base href=//evil.example>",
    "ansi": "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x1b]8;;http://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "ansi that types": "\x1b]52;c;ZXZpbA==\x07\x9b2J\x1b[5n",
    "bidi": "user\u202e gnp.exe \u2066x\u2069 \u200e\u200f",
    "controls": "a\x00b\x08c\x0bd\x7fe\ufffe\uffff\ud800 z",
    "formula": "=cmd|' /C calc'!A0",
    "formulas": "@SUM(1+1);=HYPERLINK(\"http://evil.example\")\n+1+1\n-2+3\n\t=1\r=2;\"=3\"",
    "wide formula": "＝1+1",
    "workflow": "::set-output name=x::y\n ::add-mask::z\n##[error]x\nsection_start:1:x\r\x1b[0K",
    "markdown": "| a | b |\n```\n# big\n[x](javascript:alert(1)) ![x](http://evil.example/x.png) @all #1\n~~~\n/close",
    "ticks": "`` ` ``` |x| \\| `",
    "long": "x" * 5000,
}  # fmt: skip


def night_of(text: str) -> RunRecord:
    """A run in which names, titles, reasons, outputs, versions and digests all say `text`; gone on with once."""
    hosts = tuple(f"{text} {letter}" for letter in "abcdef")
    steps = tuple((phase, f"{step}", kind, f"{text} {title}", took) for phase, step, kind, title, took in STEPS)
    night = bad_night(
        hosts=hosts,
        steps=steps,
        text=text,
        tail=f"{text}\n{text}",
        title=text,
        playbook=text,
        kind=text,
        who={"user": text, "person": text, "person_from": text},
        controller={"hostname": text, "pipeline": text},
        why={"ticket": text, "reason": text, "impact": text, text: text},
        peer={"address": text, "user": text, "jump": [text], "key_type": text, "fingerprint": text, "notes": [text]},
        facts={"hostname": text, "os_id": text, "kernel": text, "boot_id": text, "machine_id": text},
        left_out=({"host": text, "why": text}, {"step": text, "why": text}),
        items=(
            {"id": text, "phase": "test", "text": text, "proof": ["restore"], "by_hand": False, "required": True},
            {"id": "informed", "phase": "plan", "text": text, "proof": [], "by_hand": True, "required": True},
        ),
    )
    (sitting,) = night.sittings
    return replace(night, sittings=(replace(sitting, stopped_by=text), replace(sitting, number=2)))


def reading_of(text: str, language: str = "en") -> Reading:
    """What lies beside the events: names of files that were sealed, and the place of an anchor, say `text` too."""
    plain = reading(language, signed=True)
    seals = tuple({**seal, "sources": {text: digest("playbook")}} for seal in plain.seals)
    return replace(plain, seals=seals, anchor={"kind": text, "where": text, "at": at(900_000)})
