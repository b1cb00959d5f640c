"""What appearance streams say, and what of it lies within their box and so is seen."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Sequence

import pikepdf
import pypdfium2
from pikepdf import Array, Dictionary

from archive.normalise.annotations import canvas
from archive.normalise.annotations.fields import BROKEN

_BLANKS = re.compile(r"\s+")
_MOST = 5_000


def said(pdf: pikepdf.Pdf, appearances: Sequence[pikepdf.Stream]) -> list[tuple[str, str]]:
    """All words of each appearance, and those that are seen; both empty for one that cannot be read."""
    appearances = appearances[:_MOST]
    if not appearances:
        return []
    with pikepdf.new() as pages:
        for appearance in appearances:
            _page(pages, pdf, appearance)
        data = io.BytesIO()
        pages.save(data)
    try:
        document = pypdfium2.PdfDocument(data.getvalue())
    except pypdfium2.PdfiumError:
        return [("", "")] * len(appearances)
    try:
        return [_read(document, number) for number in range(len(appearances))]
    finally:
        document.close()


def _page(pages: pikepdf.Pdf, pdf: pikepdf.Pdf, appearance: pikepdf.Stream) -> None:
    box = canvas.numbers(appearance.get("/BBox"))
    pages.add_blank_page(page_size=(10, 10))
    if box is None or len(box) != 4:
        return
    try:
        resources = pdf.make_indirect(appearance.get("/Resources", Dictionary()))
        page = pages.pages[-1].obj
        page.Resources = pages.copy_foreign(resources)
        page.Contents = pages.make_stream(appearance.read_bytes())
        page.MediaBox = Array([min(box[0], box[2]), min(box[1], box[3]), max(box[0], box[2]), max(box[1], box[3])])
    except BROKEN:
        return


def _read(document: pypdfium2.PdfDocument, number: int) -> tuple[str, str]:
    try:
        page = document[number]
        text = page.get_textpage()
        return text.get_text_range(), text.get_text_bounded(*page.get_mediabox())
    except pypdfium2.PdfiumError:
        return "", ""


def squeezed(text: str) -> str:
    """A text as appearances are compared with values: composed, without blanks and soft hyphens."""
    return _BLANKS.sub(
        "", unicodedata.normalize("NFKC", text).replace("\xad", "").replace("\x02", "-").replace("\ufffe", "-")
    )
