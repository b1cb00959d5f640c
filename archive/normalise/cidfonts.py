"""Fonts with two-byte codes that a PDF names and does not hold: drawn by what the file says its codes are.

Identity-H makes the codes glyph numbers of a font that is not there, so that viewers show letters at random. Where
/ToUnicode says which characters they are, a font at hand draws them, as wide as the file says.
Source: ISO 32000-1, 9.7.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

from archive.normalise import fontprogram
from archive.normalise.annotations.canvas import number
from archive.normalise.annotations.fields import BROKEN, integer, name, raw_name
from archive.normalise.fontuse import Used, fonts_named, fonts_used
from archive.normalise.tounicode import mapping
from archive.reasons import Flag
from archive.record import FlagNote

_PROGRAMS = ("/FontFile", "/FontFile2", "/FontFile3")
_IDENTITY = ("/Identity-H", "/Identity-V")
_LIGATURES = {"ff": "ﬀ", "fi": "ﬁ", "fl": "ﬂ", "ffi": "ﬃ", "ffl": "ﬄ"}
_FAMILIES = {
    "serif": ("Liberation Serif", "DejaVu Serif", "DejaVu Sans", "Symbola"),
    "mono": ("Liberation Mono", "DejaVu Sans Mono", "DejaVu Sans", "Symbola"),
    "sans": ("Liberation Sans", "DejaVu Sans", "Symbola"),
}
_FIXED, _SERIF = 1, 2
_MOST_CODES = 20_000


def settle(pdf: pikepdf.Pdf) -> tuple[FlagNote, ...]:
    """Embed them, in place.

    Returns:
        Flags: fonts that were replaced, and those of which not every code that is used has a known character.
    """
    if not any(_is_missing(font) for font in fonts_named(pdf)):
        return ()
    replaced = unknown = 0
    for used in fonts_used(pdf):
        if not _is_missing(used.font):
            continue
        try:
            whole = _embed(pdf, used)
        except BROKEN:
            whole = False
        replaced += whole
        unknown += not whole
    told = [FlagNote(Flag.FONT_SUBSTITUTED, f"{replaced} fonts with two-byte codes.")] if replaced else []
    if unknown:
        detail = f"{unknown} fonts are not in the file, and it does not say which characters their codes are."
        told.append(FlagNote(Flag.GLYPHS_MISSING, detail))
    return tuple(told)


def _is_missing(font: Dictionary) -> bool:
    if raw_name(font.get("/Subtype")) != "/Type0" or raw_name(font.get("/Encoding")) not in _IDENTITY:
        return False
    descendant = _descendant(font)
    descriptor = descendant.get("/FontDescriptor") if descendant is not None else None
    return descendant is not None and not (
        isinstance(descriptor, Dictionary) and any(key in descriptor for key in _PROGRAMS)
    )


def _descendant(font: Dictionary) -> Dictionary | None:
    found = font.get("/DescendantFonts")
    first = found[0] if isinstance(found, Array) and len(found) else None
    return first if isinstance(first, Dictionary) else None


def _embed(pdf: pikepdf.Pdf, used: Used) -> bool:
    """Embed what can be drawn of a font; False, and nothing changed, where that is not every code that is used."""
    font, descendant, says = used.font, _descendant(used.font), used.font.get("/ToUnicode")
    codes = sorted(used.codes(2))
    if descendant is None or not isinstance(says, Stream) or len(codes) > _MOST_CODES:
        return False
    table = mapping(says.read_bytes())
    base = name(descendant.get("/BaseFont")) or name(font.get("/BaseFont"))
    descriptor = descendant.get("/FontDescriptor")
    flags = integer(descriptor.get("/Flags")) if isinstance(descriptor, Dictionary) else 0
    shapes = []
    for code in codes:
        shape = _shape(table.get(code, ""), base, flags)
        if shape is None and table.get(code, "").strip():
            return False
        if code not in table:
            return False
        shapes.append(shape)
    widths = _widths(descendant, codes)
    data = fontprogram.program(shapes, [widths[code] for code in codes])
    stream = pdf.make_stream(data)
    stream.Length1 = len(data)
    new = Name(f"/{_tag(codes)}+Substitute")
    glyphs = bytearray(2 * (max(codes, default=0) + 1))
    for glyph, code in enumerate(codes, 1):
        glyphs[2 * code : 2 * code + 2] = glyph.to_bytes(2, "big")
    descendant.Subtype, descendant.BaseFont, font.BaseFont = Name.CIDFontType2, new, new
    descendant.CIDToGIDMap = pdf.make_stream(bytes(glyphs))
    descendant.CIDSystemInfo = Dictionary(Registry=b"Adobe", Ordering=b"Identity", Supplement=0)
    descendant.W = Array([item for code in codes for item in (code, Array([round(widths[code])]))])
    descendant.FontDescriptor = pdf.make_indirect(
        Dictionary(
            Type=Name.FontDescriptor, FontName=new, Flags=4, FontBBox=Array([-300, -300, 1300, 1000]), ItalicAngle=0,
            Ascent=900, Descent=-300, CapHeight=700, StemV=80, FontFile2=stream,
        )
    )  # fmt: skip
    return True


def _shape(text: str, base: str, flags: int) -> fontprogram.Shape | None:
    character = _LIGATURES.get(text, text)
    if len(character) != 1 or not character.strip():
        return None
    lower = base.lower()
    kind = "mono" if flags & _FIXED or "cour" in lower or "mono" in lower else (
        "serif" if flags & _SERIF or "times" in lower or "roman" in lower else "sans"
    )  # fmt: skip
    italic = "ital" in lower or "obli" in lower
    return fontprogram.shape_at_hand(ord(character), _FAMILIES[kind], bold="bold" in lower, italic=italic)


def _widths(descendant: Dictionary, codes: list[int]) -> Mapping[int, float]:
    """The widths of these codes (9.7.4.3), of 1000."""
    usual = number(descendant.get("/DW"), 1000.0)
    found: dict[int, float] = {}
    wanted = set(codes)
    items = list(descendant.W) if isinstance(descendant.get("/W"), Array) else []
    at = 0
    while at + 1 < len(items):
        first = integer(items[at])
        if isinstance(items[at + 1], Array):
            found.update({first + i: number(w, usual) for i, w in enumerate(items[at + 1])})
            at += 2
        elif at + 2 < len(items):
            width = number(items[at + 2], usual)
            found.update({c: width for c in wanted if first <= c <= integer(items[at + 1])})
            at += 3
        else:
            break
    return {code: found.get(code, usual) for code in codes}


def _tag(codes: list[int]) -> str:
    value = functools.reduce(lambda a, b: (a * 257 + b) % 26**6, codes, 0)
    return "".join(chr(65 + value // 26**i % 26) for i in range(6))
