"""Whatever a host or a person wrote: in no report does it act."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
from jinja2 import Environment, nodes

from runner.record import to_json
from runner.report.data import Data
from runner.report.html import HERE, Html
from runner.report.junit import Junit
from runner.report.markdown import Markdown
from runner.report.table import Csv
from runner.report.text import summary
from tests.unit.report.hostile import CORPUS, night_of, reading_of
from tests.unit.report.samples import bad_night, reading

TEXT = pytest.mark.parametrize("text", CORPUS.values(), ids=CORPUS.keys())
VOID = {"meta", "link", "br", "hr", "img", "input", "base"}
ACTING = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


class Page(HTMLParser):
    """Elements with their attributes, the tree's balance, and the text."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text: list[str] = []
        self.odd: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, (tag, self.open[-3:])
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.text.append(data)

    def handle_comment(self, data: str) -> None:
        self.odd.append(data)

    def unknown_decl(self, data: str) -> None:
        self.odd.append(data)

    def handle_pi(self, data: str) -> None:
        self.odd.append(data)


def shape(page: Page) -> list[tuple[str, tuple[str, ...]]]:
    return [(tag, tuple(attributes)) for tag, attributes in page.elements]


def test_the_page_of_the_template_is_whole_and_has_no_script() -> None:
    page = Page(Html().write(bad_night(), reading()))
    assert page.open == [] and page.odd == []
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "iframe", "object", "embed", "link", "img", "base", "form", "input", "video", "audio"}
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on") or name in ("style", "src", "srcdoc")], tag
        if tag == "a":
            assert re.fullmatch(r"#h\d+(s\d+)?", attributes["href"] or ""), attributes


@TEXT
@pytest.mark.parametrize("language", ["en", "id"])
def test_html_has_the_elements_of_the_template_and_no_others(text: str, language: str) -> None:
    """The same run with plain words gives the same elements with the same attributes, in the same order."""
    html = Html().write(night_of(text), reading_of(text, language))
    page = Page(html)
    plain = Page(Html().write(night_of("word"), reading_of("word", language)))
    assert shape(page) == shape(plain)
    assert page.open == [] and page.odd == []
    for tag, attributes in page.elements:
        if tag == "a":
            assert re.fullmatch(r"#h\d+(s\d+)?", attributes["href"] or "")
        assert not [name for name in attributes if name.startswith("on")]
    assert not ACTING.search(html)
    assert "::" not in re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    assert "##[" not in html


@TEXT
def test_html_shows_what_was_written(text: str) -> None:
    from runner.hygiene import visible

    page = Page(Html().write(night_of(text), reading_of(text)))
    assert visible(text) in "".join(page.text)


def test_the_template_lifts_no_escape() -> None:
    source = (HERE / "html.jinja").read_text(encoding="utf-8")
    tree = Environment(autoescape=True).parse(source)
    assert not [found.name for found in tree.find_all(nodes.Filter) if found.name in ("safe", "xmlattr", "tojson")]
    assert not list(tree.find_all((nodes.ScopedEvalContextModifier, nodes.EvalContextModifier)))
    assert not re.search(r"=\s*{{", source), "every attribute's value stands in quotes"


def test_the_policy_allows_its_own_style_and_nothing_else() -> None:
    import base64
    import hashlib

    html = Html().write(bad_night(), reading())
    (policy,) = [a["content"] for tag, a in Page(html).elements if a.get("http-equiv") == "Content-Security-Policy"]
    (style,) = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    assert not re.search(r"@import|https?:|url\((?!#)", style)
    assert html.index("Content-Security-Policy") < html.index("<style>")


@TEXT
def test_junit_can_be_read_and_no_line_is_a_command(text: str) -> None:
    xml = Junit().write(night_of(text), reading_of(text))
    root = ElementTree.fromstring(xml)
    assert {element.tag for element in root.iter()} <= {
        "testsuites", "testsuite", "testcase", "properties", "property", "failure", "error", "skipped", "system-out",
    }  # fmt: skip
    assert len(root.findall("testsuite")) == 7
    assert not ACTING.search(xml)
    assert "::" not in xml and "##[" not in xml


@TEXT
def test_what_is_said_at_the_end_has_no_line_that_is_a_command(text: str) -> None:
    written = summary(night_of(text))
    assert not [line for line in written.splitlines() if line.lstrip().startswith("::") or "##[" in line]
    assert not ACTING.search(written)


@TEXT
def test_csv_has_no_formula_and_one_line_for_each_row(text: str) -> None:
    written = Csv().write(night_of(text), reading_of(text))
    rows = list(csv.reader(io.StringIO(written, newline="")))
    assert {len(row) for row in rows} == {len(rows[0])}
    assert len(written.splitlines()) == len(rows)
    for row in rows:
        assert not [cell for cell in row if re.match(r"[\s\"]*[=+\-@＝＋－＠\t\r]", cell)]
    for line in written.splitlines():  # as a spreadsheet reads it where `;` divides
        assert not [cell for cell in line.split(";")[1:] if re.match(r"[\s\"]*[=+\-@＝＋－＠]", cell)]
    assert not ACTING.search(written.replace("\r\n", "\n"))
    assert "##[" not in written


@TEXT
def test_json_loses_nothing(text: str) -> None:
    record = night_of(text)
    written = Data().write(record, reading())
    assert json.loads(written) == json.loads(json.dumps(to_json(record) | {"seals": reading().seals, "running": False}))
    assert not ACTING.search(written)
    assert not [line for line in written.splitlines() if line.lstrip().startswith("::")]
    assert "##[" not in written


@TEXT
@pytest.mark.parametrize("language", ["en", "id"])
def test_markdown_is_text_and_code_only(text: str, language: str) -> None:
    """Rendered by CommonMark with GitHub's tables: no HTML, link or image but the hidden marker."""
    from markdown_it import MarkdownIt

    written = Markdown().write(night_of(text), reading(language))
    assert not ACTING.search(written)
    assert "##[" not in written
    assert not [line for line in written.splitlines() if line.lstrip().startswith(("::", "/close"))]
    tokens = MarkdownIt("commonmark", {"html": True}).enable("table").parse(written)
    inner = [child for token in tokens for child in token.children or ()]
    blocks = [token for token in tokens if token.type == "html_block"]
    assert [token.content.strip() for token in blocks] == ["<!-- rawat:run:01M861NJBS9SHGAHTRMN17ZQKT -->"]
    assert not [t.type for t in inner if t.type in ("html_inline", "link_open", "image")]
    for token in inner:
        if token.type == "text":
            assert not re.search(r"@\w|https?://|\bwww\.", token.content), token.content
    assert len([token for token in tokens if token.type == "table_open"]) == 2
    for row in re.findall(r"^\|.*\|$", written, re.MULTILINE):
        assert "\n" not in row
