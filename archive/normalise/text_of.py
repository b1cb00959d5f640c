"""The text of a PDF, read once for search and text view."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path

import pypdfium2

from archive.reasons import DocumentProblem, Reason

PAGE_BREAK = "\f"
"""Stands between the pages of a text."""

_MOST_ANNOTATIONS = 10_000
_DROPPED = dict.fromkeys([*range(0x20), 0x7F, *range(0x80, 0xA0), 0xFEFF, 0xFFFE, 0xFFFF, *range(0xD800, 0xE000)])
for _kept in "\t\n":
    del _DROPPED[ord(_kept)]
# PDFium gives a hyphen at a line's end as one of these: the word goes on in the next line.
_LINE_END_HYPHENS = re.compile("[\x02\ufffe\xad]\n?")


def text_of(pdf: Path, *, most_pages: int) -> tuple[str, int]:
    """Text and number of pages. Lines end with LF, pages are parted by form feeds; words hyphenated at a line end are
    joined.

    Raises:
        DocumentProblem: RESOURCE_LIMIT with more than `most_pages`, CORRUPT where there is no page to read.
    """
    with _opened(pdf, most_pages) as document:
        count = len(document)
        return PAGE_BREAK.join(_page(document, i) for i in range(count)), count


def count_pages(pdf: Path, *, most_pages: int) -> int:
    """Number of pages. Raises as `text_of`, which takes several times as long."""
    with _opened(pdf, most_pages) as document:
        return len(document)


@contextlib.contextmanager
def _opened(pdf: Path, most_pages: int) -> Iterator[pypdfium2.PdfDocument]:
    try:
        document = pypdfium2.PdfDocument(pdf)
    except pypdfium2.PdfiumError:
        raise DocumentProblem(Reason.CORRUPT, "The PDF's pages cannot be read.") from None
    try:
        count = len(document)
        if count > most_pages:
            raise DocumentProblem(Reason.RESOURCE_LIMIT, f"The file has {count} pages.")
        if count == 0:
            raise DocumentProblem(Reason.CORRUPT, "The PDF has no page.")
        yield document
    finally:
        document.close()


def clean(text: str) -> str:
    """Text as it is stored: LF, no control characters but tab and line end, no lone surrogates."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _LINE_END_HYPHENS.sub("", text).translate(_DROPPED)


def words(text: str) -> list[str]:
    """The words of a text, for comparing what two versions of a page say."""
    return text.casefold().split()


def _page(document: pypdfium2.PdfDocument, number: int) -> str:
    try:
        page = flattened(document, number)
        try:
            text = page.get_textpage()
            try:
                return clean(text.get_text_range()).rstrip()
            finally:
                text.close()
        finally:
            page.close()
    except pypdfium2.PdfiumError:
        return ""


def flattened(document: pypdfium2.PdfDocument, number: int) -> pypdfium2.PdfPage:
    """A page with its annotations and form fields made part of it, in memory only; raises PdfiumError."""
    page = document[number]
    raw = pypdfium2.raw
    for index in range(min(raw.FPDFPage_GetAnnotCount(page), _MOST_ANNOTATIONS)):
        annotation = raw.FPDFPage_GetAnnot(page, index)
        kind = raw.FPDFAnnot_GetSubtype(annotation)
        raw.FPDFPage_CloseAnnot(annotation)
        if kind not in (raw.FPDF_ANNOT_LINK, raw.FPDF_ANNOT_POPUP):
            break
    else:
        return page
    if raw.FPDFPage_Flatten(page, raw.FLAT_NORMALDISPLAY) != raw.FLATTEN_SUCCESS:
        return page
    page.close()
    return document[number]
