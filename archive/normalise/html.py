"""HTML to PDF through WeasyPrint: no scripts, nothing loaded but `data:` URLs, every word kept on the page.

Plain pages are laid out in this process. Large ones, and those whose style sheets use what can grow without bound
(variables, grids, flexible boxes, own fonts), go to a contained process of their own. What a style sheet hides stays
hidden, as on a printed page; the text copy has it.
"""

from __future__ import annotations

import codecs
import contextlib
import functools
import re
import sys
import tempfile
import threading
from collections import Counter
from pathlib import Path
from typing import Any

from archive.normalise import child as process
from archive.normalise.contract import Limits, Made
from archive.normalise.encodings import decode
from archive.normalise.htmllegible import made_legible
from archive.normalise.htmlpages import lay_out
from archive.normalise.htmlsigns import recode_signs
from archive.normalise.htmltree import Harmless, made_harmless
from archive.normalise.text_of import text_of
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import FlagNote

ROUTE = "html"

_PLAIN_BYTES = 400_000
_MOST_BYTES = 32 << 20
_GROWS = re.compile(
    r"var\s*\(|grid|column-count|column-width|columns\s*:|counter-style|symbols\s*\(|@font-face[^{}]{0,200}\{[^{}]{0,5000}src|@property|:has\(|"
    r"flex|repeat\s*\(|data:font|data:application",
    re.IGNORECASE,
)
_DEEP = 60_000
_DEEP_STACK = 512 << 20
_MOST_LOOKED_FOR = 5_000
_WORD = re.compile(r"\w+")
_HIDDEN = "Tekst i kilden som ikke vises på siden:"
_CHARSET = re.compile(
    rb"""<meta[^>]{0,200}?charset\s*=\s*["']?\s*([\w:.-]+)|<\?xml[^>]{0,100}?encoding\s*=\s*["']([\w:.-]+)""",
    re.IGNORECASE,
)
# What HTML means by these names (WHATWG Encoding, 4.2).
_CP1252_NAMES = frozenset(("iso8859-1", "ascii", "cp1252"))
_BOMS = (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")


def html(source: Path, out: Path, limits: Limits) -> Made:
    """Lay out an HTML file. Scripts and references to other files are dropped (and flagged).

    Raises DocumentProblem: RESOURCE_LIMIT, CONVERSION_TIMEOUT, or CONVERSION_FAILED where WeasyPrint gives up.
    """
    content = source.read_bytes()
    if len(content) > _MOST_BYTES:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The HTML has {len(content)} bytes.")
    text, notes = _decoded(content)
    page, harmless = _parsed(text)
    grows = harmless.has_drawings or _GROWS.search(harmless.style) is not None
    if len(content) > _PLAIN_BYTES or grows:
        _elsewhere(text, out, limits)
    else:
        try:
            lay_out(page, _fetcher(), out, pages=limits.pages)
        except RecursionError:
            _elsewhere(text, out, limits)  # where it may nest deeper
    notes += harmless.flags
    if harmless.removed:
        detail = f"{harmless.removed} scripts, frames or references to other files are not in the copy."
        notes.append(FlagNote(Flag.ACTIVE_CONTENT_REMOVED, detail))
    shown, _ = text_of(out, most_pages=limits.pages)
    hidden = [*_not_shown(harmless.texts, shown), *harmless.unseen]
    if hidden:
        notes.append(FlagNote(Flag.HIDDEN_TEXT, f"{len(hidden)} passages."))
    if more := list(dict.fromkeys([*hidden, *_not_shown(harmless.apart, shown)])):
        shown = "\n".join((shown.rstrip("\n"), "", _HIDDEN, *more, ""))
    return Made(out, ("2u", "2b"), tuple(notes), shown)


def _decoded(content: bytes) -> tuple[str, list[FlagNote]]:
    """The text by its declared encoding where that fits the bytes, else by detection."""
    if not content.startswith(_BOMS) and (found := _CHARSET.search(content[:8192])):
        with contextlib.suppress(LookupError, UnicodeError):
            name = codecs.lookup((found[1] or found[2]).decode("ascii")).name
            if not name.startswith("utf-16"):
                return content.decode("cp1252" if name in _CP1252_NAMES else name), []
    read = decode(content)
    if read.certain and read.lossless:
        return read.text, []
    flag = Flag.ENCODING_GUESSED if read.lossless else Flag.DECODED_LENIENTLY
    return read.text, [FlagNote(flag, read.detail or f"Read as {read.encoding}.")]


def _parsed(text: str) -> tuple[Any, Harmless]:
    import weasyprint

    try:
        page = weasyprint.HTML(string=text, base_url=None, url_fetcher=_fetcher())
        signs = recode_signs(page.etree_element, text)
        legible = made_legible(page.etree_element, text)
        harmless = made_harmless(page.etree_element)
        harmless.flags += signs
        harmless.unseen, harmless.apart = legible.unseen, legible.apart
        return page, harmless
    except (DocumentProblem, MemoryError, OSError):
        raise
    except RecursionError:
        raise DocumentProblem(Reason.RESOURCE_LIMIT, "The HTML is nested too deeply.") from None
    except Exception as e:
        raise DocumentProblem(Reason.CONVERSION_FAILED, f"WeasyPrint gave up ({type(e).__name__}).") from None


def _not_shown(texts: list[str], shown: str) -> list[str]:
    """Passages of the source that have a word more often than the page has it."""
    left = Counter(_WORD.findall(shown))
    squashed = "".join(shown.split())
    found: list[str] = []
    looked = 0
    for text in texts:
        words = Counter(_WORD.findall(text))
        short = [word for word, count in words.items() if left[word] < count]
        left.subtract(words)
        looked += len(short)
        # A word that a line break parts is on the page all the same.
        if short and (looked > _MOST_LOOKED_FOR or not all(word in squashed for word in short)):
            found.append(" ".join(text.split()))
    return found


def _elsewhere(text: str, out: Path, limits: Limits) -> None:
    with tempfile.TemporaryDirectory(dir=out.parent, prefix="html-") as name:
        folder = Path(name)
        (folder / "in").write_text(text, encoding="utf-8", errors="replace", newline="")
        arguments = ("in", "out", str(limits.pages))
        process.call("archive.normalise.html:alone", arguments, folder=folder, limits=limits)
        (folder / "out").replace(out)


def alone(source: str, out: str, pages: str) -> None:
    """What the contained process runs: lays the text in `source` out, with room for deep nesting."""
    problems: list[BaseException] = []

    def work() -> None:
        try:
            page, _ = _parsed(Path(source).read_text(encoding="utf-8"))
            lay_out(page, _fetcher(), Path(out), pages=int(pages))
        except BaseException as e:
            problems.append(e)

    sys.setrecursionlimit(_DEEP)
    threading.stack_size(_DEEP_STACK)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    if problems and isinstance(problems[0], RecursionError):
        raise DocumentProblem(Reason.RESOURCE_LIMIT, "The HTML is nested too deeply.")
    if problems:
        raise problems[0]


@functools.cache
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
