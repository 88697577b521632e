"""JUnit XML for pipelines: a suite for each host and one for the checklist."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import ClassVar
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from runner.hygiene import one_line, visible
from runner.model import Outcome
from runner.record import HostRecord, ItemRecord, RunRecord, StepRecord, checklist
from runner.report.table import exit_text
from runner.report.words import signed_word
from runner.seams import Reading

_NOT_XML = re.compile("[\\ufffe\\uffff]")


class Junit:
    """
    A runner.seams.Reporter. A step in doubt is an `error`, never a `failure`: nobody knows.

    A checklist item that is required and open is a `failure` of type `open`, as the run's exit code 9 is no success.
    """

    name: ClassVar[str] = "junit"

    def write(self, record: RunRecord, reading: Reading) -> str:
        root = Element("testsuites", name=_line(record.title or record.playbook), time=_seconds(record.took_ms))
        for host in record.hosts.values():
            root.append(_host(record, host, reading))
        root.append(_checklist(record))
        _count(root)
        indent(root)
        # `::` may begin a command in the log of a pipeline, `##[` anywhere; as references they are the same to XML.
        text = tostring(root, encoding="unicode").replace("::", "&#58;&#58;").replace("##[", "&#35;#[")
        return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def _host(record: RunRecord, host: HostRecord, reading: Reading) -> Element:
    suite = Element("testsuite", name=_line(host.name), hostname=_line(host.name), time=_seconds(host.took_ms))
    suite.set("timestamp", record.started_at.partition(".")[0])
    properties = SubElement(suite, "properties")
    named = {"run": record.run, "playbook": record.playbook, "ticket": record.ticket, "plan": record.plan}
    named["record"] = signed_word(record.sealed, reading.seals)
    for name, value in named.items():
        SubElement(properties, "property", name=name, value=_line(value))
    if host.refused or host.outcome == Outcome.UNREACHABLE:
        case = SubElement(suite, "testcase", name="connect", classname=_line(host.name), time=_seconds(host.connect_ms))
        _add(case, "error", host.refused or host.outcome, host.because)
    for step in host.steps.values():
        suite.append(_step(host, step))
    if host.name in record.not_started:
        case = SubElement(suite, "testcase", name="start", classname=_line(host.name), time="0.000")
        SubElement(case, "skipped", message="not started")
    return suite


def _step(host: HostRecord, step: StepRecord) -> Element:
    case = Element("testcase", name=_line(step.id), classname=_line(f"{host.name}.{step.phase}"))
    case.set("time", _seconds(step.took_ms))
    last = step.attempts[-1] if step.attempts else None
    problem = "\n".join(text for text in (last.problem, exit_text(last.exit)) if text) if last else ""
    match step.ended:
        case Outcome.OK:
            pass
        case Outcome.SKIPPED:
            SubElement(case, "skipped", message=_line(step.why))
        case Outcome.FAILED:
            _add(case, "failure", "failed", problem)
        case Outcome.UNKNOWN | "":
            _add(case, "error", "in-doubt", problem or "nobody saw how it ended; it may have taken effect")
        case other:
            _add(case, "error", other, problem)
    if last and last.tail:
        SubElement(case, "system-out").text = _text(last.tail)
    return case


def _checklist(record: RunRecord) -> Element:
    suite = Element("testsuite", name="checklist", time="0.000")
    for item in checklist(record):
        case = SubElement(suite, "testcase", name=_line(item.id), classname="checklist", time="0.000")
        said = "; ".join((item.text, *item.proof))
        match item.state:
            case "fail":
                _add(case, "failure", "failed", said)
            case "open" if item.required:
                _add(case, "failure", "open", f"open: {item.text}")
            case "pass":
                SubElement(case, "system-out").text = _text(said)
            case _:
                SubElement(case, "skipped", message=_line(_why(item)))
    return suite


def _why(item: ItemRecord) -> str:
    by = f" by {item.by}" if item.by else ""
    note = item.note or (item.proof[0] if item.state == "na" and item.proof else "")
    return f"{item.state}{by}{f': {note}' if note else ''}"


def _add(case: Element, tag: str, kind: str, text: str) -> None:
    lines = text.strip().splitlines()
    made = SubElement(case, tag, type=_line(str(kind)), message=_line(lines[0] if lines else str(kind)))
    made.text = _text(text)


def _count(root: Element) -> None:
    """The sums that readers expect on every level."""
    for suite in root:
        _sums(suite, suite.iter("testcase"))
    _sums(root, root.iter("testcase"))
    del root.attrib["skipped"]  # not an attribute of `testsuites`


def _sums(element: Element, cases: Iterable[Element]) -> None:
    tags = [{child.tag for child in case} for case in cases]
    element.set("tests", str(len(tags)))
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(name, str(sum(tag in found for found in tags)))


def _seconds(ms: int) -> str:
    return f"{ms / 1000:.3f}"


def _line(text: str) -> str:
    return _NOT_XML.sub("\ufffd", one_line(text))


def _text(text: str) -> str:
    return _NOT_XML.sub("\ufffd", visible(text))
