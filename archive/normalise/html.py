"""HTML to tagged-free PDF through WeasyPrint: no scripts, nothing loaded but `data:` URLs, every word kept on the page.

Plain pages are laid out in this process. Large ones, and those whose style sheets use what can grow without bound
(variables, grids, generated content), go to a contained process of their own.
"""

from __future__ import annotations

import codecs
import contextlib
import logging
import re
import tempfile
import warnings
from pathlib import Path
from typing import Any

from archive.normalise import child as process
from archive.normalise.contract import Limits, Made
from archive.normalise.encodings import decode
from archive.normalise.typeset import drawable, glyph_flags
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import FlagNote

ROUTE = "html"

_PLAIN_BYTES = 400_000
_MOST_BYTES = 32 << 20
_MOST_DEPTH = 400
_MOST_SPAN = 200
_GROWS = re.compile(
    r"var\s*\(|grid|column-|columns|content\s*:|counter|@font-face|@page|@import|@property|:has\(|calc\s*\(|"
    r"flex|position\s*:|repeat\s*\(|<svg|data:font|data:application",
    re.IGNORECASE,
)
_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w:.-]+)|<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w:.-]+)""",
    re.IGNORECASE,
)
# What HTML means by these names (WHATWG Encoding, 4.2).
_CP1252_NAMES = frozenset(("iso8859-1", "ascii", "cp1252"))
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")
_REMOVED = frozenset(("script", "iframe", "frame", "object", "embed", "applet", "base", "audio", "video"))
_STYLE = """
@page { size: A4; margin: 18mm 16mm }
html { font-family: "Liberation Sans", "DejaVu Sans", sans-serif; font-size: 10.5pt }
pre, code, tt, kbd, samp { font-family: "Liberation Mono", "DejaVu Sans Mono", monospace; white-space: pre-wrap }
body, p, td, th, li, div, pre { overflow-wrap: anywhere }
img, svg, table { max-width: 100% }
"""


def html(source: Path, out: Path, limits: Limits) -> Made:
    """Lay out an HTML file. Scripts and references to other files are dropped (and flagged).

    Raises DocumentProblem: RESOURCE_LIMIT, CONVERSION_TIMEOUT, or CONVERSION_FAILED where WeasyPrint gives up.
    """
    content = source.read_bytes()
    if len(content) > _MOST_BYTES:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The HTML has {len(content)} bytes.")
    text, notes = _decoded(content)
    if len(content) > _PLAIN_BYTES or _GROWS.search(text):
        notes += _elsewhere(text, out, limits)
    else:
        notes += _laid_out(text, out)
    return Made(out, ("2u", "2b"), tuple(notes))


def _decoded(content: bytes) -> tuple[str, list[FlagNote]]:
    """The text by its declared encoding where that fits the bytes, else by detection."""
    if not content.startswith(_BOMS) and (found := _CHARSET.search(content[:8192])):
        with contextlib.suppress(LookupError, UnicodeError):
            name = codecs.lookup((found[1] or found[2]).decode("ascii")).name
            if not name.startswith("utf-16"):
                return content.decode("cp1252" if name in _CP1252_NAMES else name), []
    read = decode(content)
    if not read.lossless:
        return read.text, [FlagNote(Flag.DECODED_LENIENTLY, f"Read as {read.encoding}; some bytes are not of it.")]
    return read.text, [] if read.certain else [FlagNote(Flag.ENCODING_GUESSED, f"Read as {read.encoding}.")]


def _elsewhere(text: str, out: Path, limits: Limits) -> list[FlagNote]:
    with tempfile.TemporaryDirectory(dir=out.parent, prefix="html-") as name:
        folder = Path(name)
        (folder / "in").write_text(text, encoding="utf-8", errors="replace", newline="")
        flags = process.call("archive.normalise.html:alone", ("in", "out"), folder=folder, limits=limits)
        (folder / "out").replace(out)
    return [FlagNote(Flag(code), detail) for code, detail in flags]


def alone(source: str, out: str) -> list[tuple[str, str]]:
    """What the contained process runs: lays the text in `source` out and gives back the flags."""
    flags = _laid_out(Path(source).read_text(encoding="utf-8"), Path(out))
    return [(note.code.value, note.detail) for note in flags]


def _laid_out(text: str, out: Path) -> list[FlagNote]:
    import weasyprint

    # WeasyPrint's remarks quote the document.
    for name in ("weasyprint", "weasyprint.progress", "fontTools"):
        logging.getLogger(name).disabled = True
    logging.getLogger("fontTools").setLevel(logging.CRITICAL)
    fetcher = _fetcher()
    try:
        page = weasyprint.HTML(string=text, base_url=None, url_fetcher=fetcher)
        removed, notes = _made_harmless(page.etree_element)
        style = weasyprint.CSS(string=_STYLE, url_fetcher=fetcher)
        with warnings.catch_warnings():
            # WeasyPrint leaves its colour profile open, and what it warns of quotes the document.
            warnings.simplefilter("ignore")
            page.write_pdf(out, stylesheets=[style], pdf_variant="pdf/a-2u", presentational_hints=True, pdf_forms=False)
    except (DocumentProblem, MemoryError, OSError):
        raise
    except RecursionError:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, "The HTML is nested too deeply.") from None
    except Exception as e:
        raise DocumentProblem(Reason.CONVERSION_FAILED, f"WeasyPrint gave up ({type(e).__name__}).") from None
    if removed:
        detail = f"{removed} scripts, frames or references to other files are not in the copy."
        return [*notes, FlagNote(Flag.ACTIVE_CONTENT_REMOVED, detail)]
    return [*notes]


def _fetcher() -> Any:
    from weasyprint.urls import URLFetcher, URLFetcherResponse

    class DataOnly(URLFetcher):  # type: ignore[misc]
        """Opens `data:` URLs and nothing else, whatever handlers its parent installs."""

        def __init__(self) -> None:
            super().__init__(timeout=1, allowed_protocols=("data",), allow_redirects=False)

        def fetch(self, url: str, headers: dict[str, str] | None = None) -> URLFetcherResponse:
            if not url.lower().startswith("data:"):
                raise ValueError("only data: URLs are opened")
            return super().fetch(url, headers)

    return DataOnly()


def _made_harmless(root: Any) -> tuple[int, tuple[FlagNote, ...]]:
    """Take out what acts or embeds, bound what repeats, make every character drawable; the number taken out."""
    removed = 0
    texts: list[str] = []
    stack = [(root, 0)]
    elements = []
    while stack:
        element, depth = stack.pop()
        if depth > _MOST_DEPTH:
            raise DocumentProblem(Reason.RESOURCE_LIMIT, "The HTML is nested too deeply.")
        elements.append(element)
        for child in list(element):
            if child.tag in _REMOVED or (child.tag == "link" and "stylesheet" not in child.get("rel", "").lower()):
                removed += child.tag in _REMOVED and child.tag != "base"
                _take_out(element, child)
            else:
                stack.append((child, depth + 1))
    for element in elements:
        reference = element.get("src", element.get("href", "")).lower()
        removed += element.tag in ("img", "link") and not reference.startswith("data:")
        for name, value in list(element.attrib.items()):
            if name.lower().startswith("on") or "javascript:" in value.lower().replace("\n", ""):
                removed += 1
                del element.attrib[name]
            elif name in ("rowspan", "colspan", "span") and value.strip().isdigit():
                element.set(name, str(min(int(value), _MOST_SPAN)))
        if element.tag not in ("style", "title"):
            texts += filter(None, (element.text, element.tail))
    table = drawable(texts)
    if table:
        for element in elements:
            if element.tag != "style":
                element.text = element.text and element.text.translate(table)
            element.tail = element.tail and element.tail.translate(table)
    return removed, glyph_flags(table)


def _take_out(parent: Any, child: Any) -> None:
    """Remove an element but keep the text behind it."""
    at = list(parent).index(child)
    if child.tail:
        if at:
            before = parent[at - 1]
            before.tail = (before.tail or "") + child.tail
        else:
            parent.text = (parent.text or "") + child.tail
    parent.remove(child)
