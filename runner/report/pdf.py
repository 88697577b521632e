"""The HTML page on paper. WeasyPrint draws it: the extra `rawat[pdf]`."""

from __future__ import annotations

import logging
import re
from typing import Any

from runner.errors import InvalidInput

_PAGE = "@page { size: A4; margin: 16mm 14mm 18mm; @bottom-right { content: counter(page) ' / ' counter(pages); } }"


def pdf(page: str) -> bytes:
    """
    PDF 1.7 of one of our own pages, which need nothing from elsewhere: whatever they would fetch is refused.

    Raises InvalidInput where WeasyPrint, or a library of the system that it needs, is not installed.
    """
    try:
        import weasyprint
        import weasyprint.urls
    except ImportError as error:
        raise InvalidInput(
            "a PDF needs WeasyPrint, which is not installed here", hint="pip install 'rawat[pdf]'"
        ) from error
    except OSError as error:
        raise InvalidInput(
            f"WeasyPrint lacks a library of the system: {error}",
            hint="apt install libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0",
        ) from error
    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    library: Any = weasyprint  # it has no types
    nothing = library.urls.URLFetcher(allowed_protocols=())
    paper = [library.CSS(string=_PAGE)]
    return bytes(library.HTML(string=_painted(page), url_fetcher=nothing).write_pdf(stylesheets=paper))


def _painted(page: str) -> str:
    """With their colours inside the pictures: those of WeasyPrint see neither the page's style nor its variables."""
    css = page.partition("<style>")[2].partition("</style>")[0]
    colours = dict(re.findall(r"(--[a-z-]+): ([^;]+);", css.partition("}")[0]))
    rules = [
        (selector, re.sub(r"var\((--[a-z-]+)\)", lambda found: colours.get(found[1], "none"), inside))
        for selector, inside in re.findall(
            r"((?:[a-z]*\.[a-z-]+(?: text)?(?:, )?)+) \{([^}]*(?:fill|stroke):[^}]*)\}", css
        )
    ]
    # patterns of another picture are not found: plain grey instead of hatched
    style = "".join(f"{selector}{{{inside}}}" for selector, inside in rules)
    style = re.sub(r"fill: url\(#[a-z-]+\)", f"fill: {colours.get('--gap', 'grey')}; fill-opacity: 0.6", style)
    return re.sub(r"(<svg[^>]*>)", lambda found: f"{found[1]}<style>{style}</style>", page)
