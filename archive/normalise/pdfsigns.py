"""Fonts of signs in PDFs (Symbol, Wingdings, ZapfDingbats): drawn where they are not embedded, and said in Unicode.

A viewer without the font draws the letter of the same code: "m" for µ, "þ" for a ticked box. Most PDFs that embed it
say in their text U+F0FE or the letter. What each code means is in `archive.symbolfonts`; the signs are drawn by the
fonts shipped with it (`signfonts`). Sources: ISO 32000-1, 9.6.6 and 9.10; ISO 19005-2, 6.2.11.
"""

from __future__ import annotations

import functools
from pathlib import Path

import pikepdf
from pikepdf import Array, Dictionary, Name, Stream

from archive.normalise import fontprogram
from archive.normalise.annotations.fields import BROKEN, integer, name
from archive.normalise.fontuse import Used, fonts_named, fonts_used
from archive.normalise.tounicode import mapping, written
from archive.reasons import Flag
from archive.record import FlagNote
from archive.symbolfonts import UNKNOWN, Encoding, encoding_of, recode, sign

_FONTS = Path(__file__).with_name("signfonts")
_STANDARD = {Encoding.SYMBOL: "Standard Symbols PS", Encoding.DINGBATS: "D050000L"}
_PRIVATE = 0xF000
_OWN = "°±×÷µ¬©"
"""Signs of Symbol that as codes would be others of its signs."""
_PROGRAMS = ("/FontFile", "/FontFile2", "/FontFile3")


def settle(pdf: pikepdf.Pdf) -> tuple[FlagNote, ...]:
    """Embed fonts of signs that are not, and make all of them say their signs; in place.

    Returns:
        A flag where such a font is used whose codes are written down nowhere.
    """
    replaced = unknown = 0
    if not _fonts_of_signs(pdf):
        return ()
    for used in fonts_used(pdf):
        encoding = _encoding(used.font)
        if encoding is None:
            continue
        try:
            if used.font.get("/Subtype") in (Name.Type1, Name.TrueType, Name.MMType1) and not _is_embedded(used.font):
                known = _embed(pdf, used, encoding)
                replaced += known
                unknown += not known
            else:
                say_signs(pdf, used.font, encoding)
        except BROKEN:
            continue
    told = [FlagNote(Flag.FONT_SUBSTITUTED, f"{replaced} fonts of signs.")] if replaced else []
    if unknown:
        detail = f"{unknown} fonts of signs are not in the file, and of some of their codes no meaning is known."
        told.append(FlagNote(Flag.GLYPHS_MISSING, detail))
    return tuple(told)


def says_signs(pdf: pikepdf.Pdf) -> bool:
    """Make embedded fonts of signs say their signs, for a text copy; whether there was any that did not."""
    changed = False
    for font, encoding in _fonts_of_signs(pdf):
        try:
            changed |= say_signs(pdf, font, encoding)
        except BROKEN:
            continue
    return changed


def _fonts_of_signs(pdf: pikepdf.Pdf) -> list[tuple[Dictionary, Encoding]]:
    return [(font, encoding) for font in fonts_named(pdf) if (encoding := _encoding(font)) is not None]


def _encoding(font: Dictionary) -> Encoding | None:
    return encoding_of(name(font.get("/BaseFont")).replace("#20", " "))


def _is_embedded(font: Dictionary) -> bool:
    descriptor = font.get("/FontDescriptor")
    return isinstance(descriptor, Dictionary) and any(key in descriptor for key in _PROGRAMS)


def _embed(pdf: pikepdf.Pdf, used: Used, encoding: Encoding) -> bool:
    """Embed the signs of the codes that are used; False where the meaning of one is not known."""
    font = used.font
    codes = sorted(used.codes(1))
    signs = {code: sign(encoding, code) if code > 0x20 else " " for code in codes}
    file = _FONTS / f"{encoding.value.replace(' ', '')}.ttf"
    shapes = [fontprogram.shape(file, 0, _PRIVATE + code) if code > 0x20 else None for code in codes]
    given = _given_widths(font)
    widths = [given.get(code) or _own_width(encoding, code, found) for code, found in zip(codes, shapes, strict=True)]
    data = fontprogram.program(shapes, widths, {code: i for i, code in enumerate(codes, 1)})
    stream = pdf.make_stream(data)
    stream.Length1 = len(data)
    base = Name(f"/{_tag(codes)}+{encoding.value.title().replace(' ', '')}")
    for key in ("/Encoding", "/DescendantFonts"):
        if key in font:
            del font[key]
    by_code = dict(zip(codes, widths, strict=True))
    font.Subtype, font.BaseFont, font.FirstChar, font.LastChar = Name.TrueType, base, 0, 255
    font.Widths = Array([round(by_code.get(code, 0)) for code in range(256)])
    font.FontDescriptor = pdf.make_indirect(
        Dictionary(
            Type=Name.FontDescriptor, FontName=base, Flags=4, FontBBox=Array([-200, -300, 1200, 1000]), ItalicAngle=0,
            Ascent=900, Descent=-300, CapHeight=700, StemV=80, FontFile2=stream,
        )
    )  # fmt: skip
    font.ToUnicode = pdf.make_stream(written({code: found or UNKNOWN for code, found in signs.items()}, 1))
    return None not in signs.values()


def _given_widths(font: Dictionary) -> dict[int, float]:
    found, first = font.get("/Widths"), integer(font.get("/FirstChar"))
    return {code: float(w) for code, w in enumerate(found, first)} if isinstance(found, Array) else {}


def _own_width(encoding: Encoding, code: int, found: fontprogram.Shape | None) -> float:
    """The width that a standard font has at a code, by the free font that was made to measure; else the sign's own."""
    standard = _standard(encoding)
    known = standard.get(code)
    return known if known else round(found.advance) if found is not None else 250.0


@functools.cache
def _standard(encoding: Encoding) -> dict[int, float]:
    family = _STANDARD.get(encoding)
    if family is None:
        return {}
    result = {}
    for code in range(0x21, 0x100):
        character = sign(encoding, code)
        shape = fontprogram.shape_in(ord(character), family) if character else None
        if shape is not None:
            result[code] = shape.advance
    return result


def say_signs(pdf: pikepdf.Pdf, font: Dictionary, encoding: Encoding) -> bool:
    """Make a font's /ToUnicode name its signs; whether it did not.

    A letter stands for a code only where the map says of all its letters that they are their codes: a map that knows
    that a glyph of Symbol is a × is right about it, though × is also what another of its codes would be as a letter.
    """
    says = font.get("/ToUnicode")
    length = 2 if font.get("/Subtype") == Name.Type0 else 1
    if not isinstance(says, Stream):
        if length == 2 or "/Encoding" in font or not _is_embedded(font):
            return False
        table = {code: found for code in range(0x21, 0x100) if (found := sign(encoding, code))} | {0x20: " "}
        font.ToUnicode = pdf.make_stream(written(table, 1))
        return True
    before = mapping(says.read_bytes())
    if not before:
        return False
    codes = length == 1 and all(
        ord(text) == code for code, text in before.items() if len(text) == 1 and text < "\u0100"
    )
    after = {code: _said(text, encoding, codes) for code, text in before.items()}
    if after == before:
        return False
    font.ToUnicode = pdf.make_stream(written(after, length))
    return True


def _said(text: str, encoding: Encoding, codes: bool) -> str:
    return "".join(recode(c, encoding)[0] if codes or _cannot_be_meant(c, encoding) else c for c in text)


def _cannot_be_meant(character: str, encoding: Encoding) -> bool:
    """Whether a character is no sign of that font, so that it must stand for a code."""
    if "\uf020" <= character <= "\uf0ff":
        return True
    return "!" <= character <= "\xff" and (encoding is not Encoding.SYMBOL or character not in _OWN)


def _tag(codes: list[int]) -> str:
    number = functools.reduce(lambda a, b: (a * 257 + b) % 26**6, codes, 0)
    return "".join(chr(65 + number // 26**i % 26) for i in range(6))
