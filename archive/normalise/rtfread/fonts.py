"""Fonts: which installed one stands for a name, how wide its characters are and how high its lines.

The stand-ins are those that LibreOffice takes, since its pages are what ours are compared with. Line heights follow
its rule: ascent and descent of the `hhea` table together, and the line gap, each rounded to a twip.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from itertools import pairwise

from fontTools.ttLib import TTFont

from archive.normalise.contract import PassedOn
from archive.normalise.rtfread.model import Look
from archive.normalise.typeset import fonts

_STAND_INS = {
    "arial": "Liberation Sans",
    "liberation sans": "Liberation Sans",
    "times new roman": "Liberation Serif",
    "liberation serif": "Liberation Serif",
    "courier new": "Liberation Mono",
    "liberation mono": "Liberation Mono",
    "calibri": "Carlito",
    "carlito": "Carlito",
    "cambria": "Caladea",
    "caladea": "Caladea",
    "helvetica": "Nimbus Sans",
    "times": "Nimbus Roman",
    "courier": "Nimbus Mono PS",
    "verdana": "DejaVu Sans",
    "tahoma": "DejaVu Sans",
    "ms sans serif": "DejaVu Sans",
    "microsoft sans serif": "DejaVu Sans",
    "segoe ui": "DejaVu Sans",
    "trebuchet ms": "DejaVu Sans",
    "dejavu sans": "DejaVu Sans",
    "georgia": "DejaVu Serif",
    "ms serif": "DejaVu Serif",
    "opensymbol": "OpenSymbol",
}
_UP, _GAP_UP = 0.55, 0.58
"""What is added before a height in twips is cut to a whole number; measured on nine fonts at 37 sizes."""

_SUFFIXES = (" ce", " cyr", " greek", " tur", " baltic")
"""What Windows adds to a font's name for another character set of the same font."""


def stand_in(name: str) -> str:
    """The family that is installed for a font's name. Raises PassedOn where there is none that is proven."""
    plain = name.strip().strip('"').lower()
    for suffix in _SUFFIXES:
        plain = plain.removesuffix(suffix)
    family = _STAND_INS.get(plain)
    if family is None or (family, False, False) not in _files():
        raise PassedOn("a font without a proven stand-in")
    return family


@dataclass(frozen=True, slots=True)
class Face:
    """A font file. Widths by character, in em; ascent, descent and gap in em. `kerns` is None where the font has
    kerning that is not known here."""

    widths: dict[int, float]
    kerns: dict[tuple[str, str], float] | None
    ascent: float
    descent: float
    gap: float

    def width(self, text: str, size: float) -> float:
        """Points a text takes at a size in points; PassedOn where a character has no glyph."""
        widths = self.widths
        try:
            total = sum([widths[ord(c)] for c in text])
        except KeyError:
            raise PassedOn("a character without a glyph in its font") from None
        if self.kerns:
            kerns = self.kerns
            total += sum([kerns.get(pair, 0.0) for pair in pairwise(text)])
        return total * size

    def has(self, text: str) -> bool:
        """Whether there is a glyph for each character."""
        return all(ord(c) in self.widths for c in set(text))

    def line(self, size: float) -> tuple[float, float]:
        """How far a line reaches above and below its baseline, in points, at a size in points."""
        twips = size * 20
        gap = math.floor(self.gap * twips + _GAP_UP)
        height = math.floor((self.ascent + self.descent) * twips + _UP) + gap
        above = math.floor(self.ascent * twips + _UP) + gap
        return above / 20, (height - above) / 20


def face(look: Look) -> Face:
    """The font file for a look. Raises PassedOn where the family lacks the style."""
    return _face(look.family, look.bold, look.italic)


@functools.cache
def _face(family: str, bold: bool, italic: bool) -> Face:
    if (family, bold, italic) not in _files():
        raise PassedOn("a font without a proven stand-in in this style")
    path, number = _files()[family, bold, italic]
    with TTFont(path, fontNumber=number, lazy=True) as font:
        em = font["head"].unitsPerEm
        metrics = font["hmtx"].metrics
        widths = {code: metrics[name][0] / em for code, name in (font.getBestCmap() or {}).items()}
        head = font["hhea"]
        return Face(widths, _kerns(font), head.ascent / em, -head.descent / em, head.lineGap / em)


def _kerns(font: TTFont) -> dict[tuple[str, str], float] | None:
    if len({width for width, _ in font["hmtx"].metrics.values() if width}) == 1:
        return {}
    if "kern" not in font or len(font["kern"].kernTables) != 1:
        return None
    em = font["head"].unitsPerEm
    names: dict[str, list[str]] = {}
    for code, name in font.getBestCmap().items():
        names.setdefault(name, []).append(chr(code))
    pairs = font["kern"].kernTables[0].kernTable
    return {
        (left, right): value / em
        for (one, other), value in pairs.items()
        for left in names.get(one, ())
        for right in names.get(other, ())
    }


@functools.cache
def _files() -> dict[tuple[str, bool, bool], tuple[str, int]]:
    """Where the faces of the stand-ins are: (family, bold, italic) -> (path, number in a collection)."""
    wanted = frozenset(_STAND_INS.values())
    found: dict[tuple[str, bool, bool], tuple[str, int]] = {}
    for info in sorted(fonts().fonts(), key=lambda i: (i.path or "", i.index)):
        if info.family in wanted and info.path and info.weight in (400, 700) and info.stretch == 1.0:
            found.setdefault((info.family, info.weight == 700, info.style != "normal"), (info.path, info.index))
    return found
