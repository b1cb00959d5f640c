"""Small TrueType fonts put together from glyphs of fonts at hand, each as wide as a PDF says its code is."""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fontTools.fontBuilder import FontBuilder
from fontTools.pens.cu2quPen import Cu2QuPen
from fontTools.pens.recordingPen import DecomposingRecordingPen
from fontTools.pens.transformPen import TransformPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont, TTLibError
from fontTools.ttLib.tables._c_m_a_p import CmapSubtable

from archive.normalise.typeset import fonts

UNITS = 1000
_ASCENT, _DESCENT = 900, -300


@dataclass(frozen=True, slots=True)
class Shape:
    """A glyph of a font file."""

    path: str
    number: int
    name: str

    @property
    def advance(self) -> float:
        """Its own width, of 1000."""
        font = _font(self.path, self.number)
        return float(font["hmtx"][self.name][0]) * UNITS / float(font["head"].unitsPerEm)


def shape(path: Path | str, number: int, character: int) -> Shape | None:
    """The glyph of a character in a font file; None where it has none."""
    name = _cmap(str(path), number).get(character)
    return None if name is None else Shape(str(path), number, name)


def shape_in(character: int, family: str) -> Shape | None:
    """The glyph of a character in an installed family; None where it has none, or is not installed."""
    path, number = _face(family, bold=False, italic=False)
    return shape(path, number, character) if path else None


def shape_at_hand(character: int, families: Sequence[str], *, bold: bool = False, italic: bool = False) -> Shape | None:
    """The glyph of a character in the first of the families that has it, else in any installed font."""
    for path, number in (*(_face(f, bold=bold, italic=italic) for f in families), *_all_faces()):
        if path and (found := shape(path, number, character)) is not None:
            return found
    return None


def program(shapes: Sequence[Shape | None], widths: Sequence[float], codes: Mapping[int, int] | None = None) -> bytes:
    """A TrueType font; the same for the same arguments.

    Args:
        shapes: of each glyph but the first, which is `.notdef`; None for one that shows nothing.
        widths: of each of them, of 1000. A shape that is wider is made smaller, a narrower one stands in the middle.
        codes: for a symbolic font, code (0 to 255) to number of the glyph.
    """
    builder = FontBuilder(UNITS, isTTF=True)
    names = [".notdef", *(f"g{i}" for i in range(1, len(shapes) + 1))]
    builder.setupGlyphOrder(names)
    glyphs = {".notdef": TTGlyphPen(None).glyph()}
    for name, found, width in zip(names[1:], shapes, widths, strict=True):
        pen = TTGlyphPen(None)
        if found is not None:
            _draw(found, width, pen)
        glyphs[name] = pen.glyph()
    builder.setupCharacterMap({})
    builder.setupGlyf(glyphs)
    metrics = {".notdef": (500, 0)}
    for name, width in zip(names[1:], widths, strict=True):
        glyph = builder.font["glyf"][name]
        metrics[name] = (round(width), getattr(glyph, "xMin", 0) if glyph.numberOfContours else 0)
    builder.setupHorizontalMetrics(metrics)
    builder.setupHorizontalHeader(ascent=_ASCENT, descent=_DESCENT)
    builder.setupNameTable({"familyName": "Signs", "styleName": "Regular", "psName": "Signs"})
    builder.setupOS2()
    builder.setupPost(keepGlyphNames=False)
    if codes is not None:
        table = CmapSubtable.newSubtable(4)
        table.platformID, table.platEncID, table.language = 3, 0, 0
        table.cmap = {0xF000 + code: names[glyph] for code, glyph in codes.items()}
        builder.font["cmap"].tables = [table]
    builder.font["head"].created = builder.font["head"].modified = 0
    builder.font.recalcTimestamp = False
    data = io.BytesIO()
    builder.save(data)
    return data.getvalue()


def _draw(found: Shape, width: float, pen: TTGlyphPen) -> None:
    font = _font(found.path, found.number)
    scale = UNITS / float(font["head"].unitsPerEm)
    advance = found.advance
    fit = width / advance if advance > width > 0 else 1.0
    shift = max(0.0, (width - advance * fit) / 2) if width else 0.0
    outline = pen if "glyf" in font else Cu2QuPen(pen, max_err=1.0, reverse_direction=True)
    glyphs = font.getGlyphSet()
    recorded = DecomposingRecordingPen(glyphs)
    glyphs[found.name].draw(recorded)
    recorded.replay(TransformPen(outline, (scale * fit, 0, 0, scale * fit, shift, 0)))


@functools.lru_cache(maxsize=16)
def _font(path: str, number: int) -> TTFont:
    # from memory: a file would stay open until the font is collected
    return TTFont(io.BytesIO(Path(path).read_bytes()), fontNumber=number, lazy=True)


@functools.lru_cache(maxsize=512)
def _cmap(path: str, number: int) -> Mapping[int, str]:
    try:
        font = _font(path, number)
        symbols = font["cmap"].getcmap(3, 0)
        return dict(font.getBestCmap() or (symbols.cmap if symbols is not None else {}))
    except (TTLibError, OSError, ValueError, KeyError, AssertionError):
        return {}


@functools.cache
def _face(family: str, *, bold: bool, italic: bool) -> tuple[str, int]:
    """File and number of a face; an empty path where the family is not installed."""
    found = [
        (abs(i.weight - (700 if bold else 400)), (i.style != "normal") != italic, i.stretch != 1.0, i.path, i.index)
        for i in fonts().fonts()
        if i.family == family and i.path
    ]
    return (best[3], best[4]) if found and (best := min(found)) else ("", 0)


@functools.cache
def _all_faces() -> tuple[tuple[str, int], ...]:
    return tuple(
        sorted({(i.path, i.index) for i in fonts().fonts() if i.path and i.weight == 400 and i.style == "normal"})
    )
