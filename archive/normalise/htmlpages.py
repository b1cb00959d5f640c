"""HTML laid out by WeasyPrint so that nothing is cut off: the page turns or the layout shrinks where it is too wide.

What the author placed outside the page altogether is laid out again in the order of the source.
"""

from __future__ import annotations

import functools
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from archive.reasons import DocumentProblem, Reason

# A4 in CSS pixels, 96 to the inch.
_SHORT, _LONG = 793.7, 1122.5
_MARGIN_X, _MARGIN_Y = 60.5, 68.0
_MOST_SHRUNK = 0.5
_SMALLEST = 0.3
_TOLERANCE = 2.0
_STYLE = """
@page {{ size: {width:.1f}px {height:.1f}px !important; margin: {y:.1f}px {x:.1f}px !important }}
html {{ font-family: "Liberation Sans", "DejaVu Sans", sans-serif; font-size: 10.5pt }}
pre, code, tt, kbd, samp {{ font-family: "Liberation Mono", "DejaVu Sans Mono", monospace; white-space: pre-wrap }}
body, p, td, th, li, div, pre {{ overflow-wrap: {wrap} }}
img, svg, table {{ max-width: 100% }}
input[type=hidden] {{ display: none !important }}
"""
_UNPOSITIONED = """
* { position: static !important; float: none !important; text-indent: 0 !important; transform: none !important;
    columns: auto !important }
"""


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A page to lay out on, in pixels, and how much smaller it is printed."""

    width: float
    height: float
    zoom: float = 1.0
    wrap: str = "break-word"
    unpositioned: bool = False


_PORTRAIT = _Sheet(_SHORT, _LONG)


@dataclass(frozen=True, slots=True)
class _Reach:
    """How far the layout goes: the right edge of its content, and whether some of it lies outside otherwise."""

    right: float
    outside: bool


def lay_out(page: Any, fetcher: Any, out: Path, *, pages: int) -> None:
    """Write `page` (a `weasyprint.HTML`) to `out`.

    Raises:
        DocumentProblem: RESOURCE_LIMIT, or CONVERSION_FAILED where WeasyPrint gives up.
        RecursionError: it is nested too deeply for this process.
    """
    try:
        with warnings.catch_warnings():
            # WeasyPrint leaves its colour profile open, and what it warns of quotes the document.
            warnings.simplefilter("ignore")
            document, sheet = _fitted(page, fetcher)
            if len(document.pages) > pages:
                raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The HTML fills {len(document.pages)} pages.")
            document.write_pdf(out, zoom=sheet.zoom, pdf_variant="pdf/a-2u", pdf_forms=False)
    except (DocumentProblem, MemoryError, OSError, RecursionError):
        raise
    except Exception as e:
        raise DocumentProblem(Reason.CONVERSION_FAILED, f"WeasyPrint gave up ({type(e).__name__}).") from None


def _fitted(page: Any, fetcher: Any) -> tuple[Any, _Sheet]:
    """The layout on the first sheet that holds it: portrait, landscape and shrunk, broken within words, large."""
    document, reach = _rendered(page, fetcher, _PORTRAIT)
    unpositioned = reach.outside
    if unpositioned:
        document, reach = _rendered(page, fetcher, _Sheet(_SHORT, _LONG, unpositioned=True))
    if _holds(_PORTRAIT, reach):
        return document, _PORTRAIT
    sheet = _landscape(reach, _MOST_SHRUNK, "break-word", unpositioned)
    document, reach = _rendered(page, fetcher, sheet)
    if _holds(sheet, reach):
        return document, sheet
    if sheet.zoom < 1.0:
        sheet = _Sheet(_LONG, _SHORT, wrap="anywhere", unpositioned=unpositioned)
        document, reach = _rendered(page, fetcher, sheet)
        if _holds(sheet, reach):
            return document, sheet
    sheet = _landscape(reach, _SMALLEST, "anywhere", unpositioned)
    document, _ = _rendered(page, fetcher, sheet)
    return document, sheet


def _landscape(reach: _Reach, smallest: float, wrap: str, unpositioned: bool) -> _Sheet:
    """A turned A4 page that is as wide as the layout, printed smaller; larger than A4 where that would be too small."""
    width = max(_LONG, min(reach.right + _MARGIN_X + 1, 14_000.0))  # ISO 32000-1 annex C: 14,400 units at most
    return _Sheet(width, width * _SHORT / _LONG, max(_LONG / width, smallest), wrap, unpositioned)


def _holds(sheet: _Sheet, reach: _Reach) -> bool:
    return reach.right <= sheet.width - _MARGIN_X / 2 + _TOLERANCE


def _rendered(page: Any, fetcher: Any, sheet: _Sheet) -> tuple[Any, _Reach]:
    document = page.render(
        font_config=_fonts(),
        stylesheets=_styles(sheet, fetcher),
        presentational_hints=True,
        pdf_variant="pdf/a-2u",
        pdf_forms=False,
    )
    return document, _reach(document)


def _styles(sheet: _Sheet, fetcher: Any) -> list[Any]:
    if sheet == _PORTRAIT:
        return [_portrait_style()]
    import weasyprint

    texts = [_style_of(sheet), *([_UNPOSITIONED] if sheet.unpositioned else [])]
    return [weasyprint.CSS(string=text, url_fetcher=fetcher) for text in texts]


def _style_of(sheet: _Sheet) -> str:
    return _STYLE.format(width=sheet.width, height=sheet.height, x=_MARGIN_X, y=_MARGIN_Y, wrap=sheet.wrap)


@functools.cache
def _portrait_style() -> Any:
    import weasyprint

    return weasyprint.CSS(string=_style_of(_PORTRAIT))


@functools.cache
def _fonts() -> Any:
    """The process's fonts. Documents with fonts of their own are laid out elsewhere, so that this never changes."""
    from weasyprint.text.fonts import FontConfiguration

    for name in ("weasyprint", "weasyprint.progress", "fontTools"):
        logging.getLogger(name).disabled = True  # their remarks quote the document
    logging.getLogger("fontTools").setLevel(logging.CRITICAL)
    return FontConfiguration()


def _reach(document: Any) -> _Reach:
    """How far words and pictures go on the pages; blank text and what is invisible do not count."""
    from weasyprint.formatting_structure import boxes

    right, outside = 0.0, False
    for page in document.pages:
        box = page._page_box
        height = box.margin_height()
        for inner in box.descendants(placeholders=True):
            if isinstance(inner, boxes.TextBox):
                if not inner.text.strip() or inner.style["visibility"] != "visible":
                    continue
            elif not isinstance(inner, boxes.ReplacedBox):
                continue
            left, top = inner.position_x, inner.position_y
            right = max(right, left + inner.width)
            outside = outside or left + inner.width < _TOLERANCE or left < -_TOLERANCE * 4
            outside = outside or top + inner.height < _TOLERANCE or top + inner.height > height + _TOLERANCE * 4
    return _Reach(right, outside)
