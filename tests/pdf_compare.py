"""Two PDFs of one document compared as a reader would: the words, where they stand, and how much ink a page has."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from pathlib import Path

import pypdfium2
import pypdfium2.raw as raw
from PIL import Image

_ALIKE = str.maketrans({"\x02": "-", "\u2010": "-", "\u2011": "-", "\u00b7": "\u2022"})
"""Pdfium reads a hyphen at a line's end as U+0002."""

_BETWEEN = frozenset(" \r\n\t\xa0\0\u2002\u2003\u2005\u2006")
_SAME_LINE = 1.0
"""Points by which the baselines of one line's words may differ."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a page: its left edge and baseline, in points from the page's upper left corner."""

    text: str
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class Sheet:
    """A page: its size in points, its words in the order in which they are drawn."""

    width: float
    height: float
    words: tuple[Word, ...]

    def lines(self) -> list[list[Word]]:
        """The words by line, from top to bottom and left to right."""
        found: list[list[Word]] = []
        for word in sorted(self.words, key=lambda w: (w.y, w.x)):
            if found and word.y - found[-1][0].y <= _SAME_LINE:
                found[-1].append(word)
            else:
                found.append([word])
        return [sorted(line, key=lambda w: w.x) for line in found]


def sheets(path: Path) -> list[Sheet]:
    """The pages of a PDF with their words. Characters that only separate words are not words."""
    with pypdfium2.PdfDocument(path) as document:
        return [_sheet(document[number]) for number in range(len(document))]


def _sheet(page: pypdfium2.PdfPage) -> Sheet:
    width, height = page.get_size()
    text = page.get_textpage()
    x, y = ctypes.c_double(), ctypes.c_double()
    words: list[Word] = []
    letters: list[str] = []
    start = (0.0, 0.0)
    last_x = 0.0
    for at in range(raw.FPDFText_CountChars(text.raw)):
        letter = chr(raw.FPDFText_GetUnicode(text.raw, at))
        if letter in _BETWEEN or raw.FPDFText_IsGenerated(text.raw, at) == 1:
            if letters and letter != "\0":
                words.append(Word("".join(letters), *start))
                letters = []
            continue
        raw.FPDFText_GetCharOrigin(text.raw, at, x, y)
        here = (x.value, height - y.value)
        # A reader's own guess at spaces differs with the way a PDF positions its text; a new line is sure.
        if letters and (abs(here[1] - start[1]) > 6 or here[0] < last_x - 1):
            words.append(Word("".join(letters), *start))
            letters = []
        if not letters:
            start = here
        letters.append(letter)
        last_x = here[0]
    if letters:
        words.append(Word("".join(letters), *start))
    text.close()
    page.close()
    return Sheet(width, height, tuple(words))


def reading_order(pages: list[Sheet]) -> list[str]:
    """All words of a document as they are read: page by page, line by line."""
    return [word.text for page in pages for line in page.lines() for word in line]


def picture(path: Path, number: int, scale: float = 1.0) -> Image.Image:
    """A page in shades of grey; `scale` in pixels per point."""
    with pypdfium2.PdfDocument(path) as document:
        page: Image.Image = document[number].render(scale=scale).to_pil()
        return page.convert("L")


def ink(image: Image.Image) -> float:
    """How much is printed: the darkness of all pixels, in black pixels."""
    return sum((255 - shade) * count for shade, count in enumerate(image.histogram())) / 255


def box(image: Image.Image, darkness: int = 40) -> tuple[int, int, int, int]:
    """Left, top, right, bottom of what is printed, in pixels; zeros on an empty page."""
    return image.point([255 if shade < 255 - darkness else 0 for shade in range(256)]).getbbox() or (0, 0, 0, 0)


def plain(word: str) -> str:
    """A word without what makers of PDFs write differently: the kind of hyphen and bullet, invisible characters."""
    return re.sub("[\u00ad\u200b-\u200f\u2006\u2060\ufeff\ufffe]", "", word).translate(_ALIKE)
