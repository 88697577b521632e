"""The page on paper, read back by another library."""

from __future__ import annotations

import io
import socket
import sys

import pytest
from pypdf import PdfReader

from runner.errors import InvalidInput
from runner.report.html import Html
from runner.report.pdf import _painted, pdf
from tests.unit.report.samples import bad_night, reading


def test_a_pdf_says_what_the_page_says() -> None:
    page = Html().write(bad_night(), reading())
    pages = PdfReader(io.BytesIO(pdf(page))).pages
    text = " ".join(" ".join(page.extract_text().split()) for page in pages)
    assert len(pages) > 1
    for word in ("Maintenance record", "Checklist", "Where the time went", "Departures from the plan", bad_night().run):
        assert word in text, word


def test_its_pictures_have_their_colours() -> None:
    painted = _painted(Html().write(bad_night(), reading()))
    svg = painted[painted.index("<svg") :]
    for selector in (".p-implement", ".c-overhead", ".fault"):
        assert selector in svg.partition("</style>")[0]
    assert "var(" not in svg.partition("</style>")[0] and "url(" not in svg.partition("</style>")[0]


def test_it_fetches_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        at = f"http://127.0.0.1:{server.getsockname()[1]}/x"
        page = f'<style>p {{ background: url({at}) }}</style><img src="{at}"><img src="file:///etc/hostname"><p>on</p>'
        assert "on" in PdfReader(io.BytesIO(pdf(page))).pages[0].extract_text()
        with pytest.raises(TimeoutError):
            server.accept()


def test_without_the_library_it_says_which(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(InvalidInput, match="needs WeasyPrint") as caught:
        pdf("<p>x</p>")
    assert "rawat[pdf]" in caught.value.hint
