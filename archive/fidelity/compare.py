"""One original beside its archive copy: words kept, pages, difference as pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pypdfium2

from archive.rereading.pdftext import pdf_text
from archive.rereading.pictures import page_count, picture_difference
from archive.rereading.readers import source_text
from archive.rereading.words import Kept, words_kept


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was measured. None: the original cannot tell (a picture has no words, a letter no pages of its own).

    Attributes:
        on_pages: words of the original that are on the copy's pages, as PDFium reads them.
        in_text: words of the original that are in the stored text.
        pages, copy_pages: of the original and of the copy.
        difference: of the pages as pictures, 0 to 1, the worst page.
    """

    on_pages: Kept | None
    in_text: Kept | None
    pages: int | None
    copy_pages: int
    difference: float | None


def compare(source: Path, family: str, pdf: Path, text: str, *, source_words: str | None = None) -> Comparison:
    """Compare an original of a family with its copy and stored text.

    Args:
        source: the original.
        family: as `archive.identify` found it.
        pdf: the archive copy.
        text: the stored text.
        source_words: the original's text by other means, for where there is no reader for it.

    Raises:
        pypdfium2.PdfiumError: the copy is no PDF.
    """
    words = source_text(source, family)
    if words is None:
        words = source_words
    copy_pages = page_count(pdf, "pdf")
    if copy_pages is None:
        raise pypdfium2.PdfiumError("the copy cannot be opened")
    return Comparison(
        on_pages=None if words is None else words_kept(words, pdf_text(pdf)),
        in_text=None if words is None else words_kept(words, text),
        pages=page_count(source, family),
        copy_pages=copy_pages,
        difference=picture_difference(source, family, pdf),
    )
