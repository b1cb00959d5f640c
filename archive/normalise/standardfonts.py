"""Embeds the fonts that PDF once took for granted: Helvetica, Times and Courier, and their Windows twins.

PDF/A wants every font within the file (ISO 19005-2, 6.2.11.4.1), and a standard font that is not is the commonest
reason why an ordinary PDF fails. The Liberation fonts have the same widths and the same shapes of letters, so that no
letter moves; where a width of the PDF says otherwise, or an encoding is not fully known, the font is left alone and
Ghostscript is asked. Sources: ISO 32000-1, 9.6 and annex D; ISO 19005-2, 6.2.11.5 and 6.2.11.6.
"""

from __future__ import annotations

import functools
import io
import re
from collections.abc import Mapping
from dataclasses import dataclass

import pikepdf
from fontTools import subset
from fontTools.agl import AGL2UV, LEGACY_AGL2UV
from fontTools.encodings.MacRoman import MacRoman
from fontTools.encodings.StandardEncoding import StandardEncoding
from fontTools.ttLib import TTFont
from pikepdf import Array, Dictionary, Name

from archive.normalise.fontuse import make_indirect
from archive.normalise.typeset import fonts

_FAMILIES = {
    "timesnewroman": "Serif",
    "times": "Serif",
    "couriernew": "Mono",
    "courier": "Mono",
    "arial": "Sans",
    "helvetica": "Sans",
}
_STYLES = {
    "": "Regular", "roman": "Regular", "regular": "Regular", "normal": "Regular", "bold": "Bold",
    "italic": "Italic", "oblique": "Italic", "bolditalic": "BoldItalic", "boldoblique": "BoldItalic",
}  # fmt: skip
_NO_STYLE = re.compile(r"[-, ]|psmt|ps|mt")
_SUBSET_TAG = re.compile(r"^[A-Z]{6}\+")
_SYMBOLIC = 4
_DINGBATS = (Name.ZapfDingbats, Name.Symbol)
_NOT_DEFINED = ".notdef"
_TOLERANCE = 1.5  # of 1000; the standard allows 1, and both sides were rounded


# Glyph names and their characters; fontTools' shorter list leaves some names of the old one out.
_LETTERS = {**{n: u[0] for n, u in LEGACY_AGL2UV.items() if len(u) == 1}, **AGL2UV}


def _windows() -> dict[int, str]:
    names = {v: k for k, v in sorted(AGL2UV.items(), reverse=True)}
    table = {}
    for code in range(32, 256):
        try:
            found = names.get(ord(bytes([code]).decode("cp1252")))
        except UnicodeDecodeError:
            found = "bullet"  # annex D: codes that Windows leaves out show a bullet
        if found is not None:
            table[code] = found
    table.update({39: "quotesingle", 127: "bullet", 160: "space", 173: "hyphen"})
    table.update({178: "twosuperior", 179: "threesuperior", 185: "onesuperior"})
    return table


def _named(names: list[str]) -> dict[int, str]:
    return {code: name for code, name in enumerate(names) if code >= 32 and name in _LETTERS}


_WINDOWS = _windows()
_BASES: dict[str, Mapping[int, str]] = {
    "/WinAnsiEncoding": _WINDOWS,
    "/MacRomanEncoding": _named(list(MacRoman)[:256]),
    "/StandardEncoding": _named(StandardEncoding),
}


def embed(pdf: pikepdf.Pdf) -> bool:
    """Embed them all. False where there are none, or some cannot be: then the document is not to be used, since pages
    of which only some fonts are embedded come out worse of Ghostscript than before."""
    made: dict[tuple[str, frozenset[str]], pikepdf.Object] = {}
    count = 0
    make_indirect(pdf)
    for value in list(pdf.objects):
        if not isinstance(value, Dictionary) or isinstance(value, pikepdf.Stream) or not _is_missing(value):
            continue
        if value.get("/BaseFont") in _DINGBATS:
            continue  # forms name it for their ticks, drawn or not: the validator will say
        try:
            if not _embedded(pdf, value, made):
                return False
        except (pikepdf.PdfError, RuntimeError, ValueError, KeyError, TypeError, AttributeError):
            return False
        count += 1
    return count > 0


def _is_missing(font: Dictionary) -> bool:
    kinds = (Name.Type1, Name.TrueType, Name.MMType1, Name.CIDFontType0, Name.CIDFontType2)
    if font.get("/Type") != Name.Font or font.get("/Subtype") not in kinds:
        return False
    descriptor = font.get("/FontDescriptor")
    if not isinstance(descriptor, Dictionary):
        return descriptor is None
    return not any(key in descriptor for key in ("/FontFile", "/FontFile2", "/FontFile3"))


def _embedded(pdf: pikepdf.Pdf, font: Dictionary, made: dict[tuple[str, frozenset[str]], pikepdf.Object]) -> bool:
    if font.Subtype not in (Name.Type1, Name.TrueType):
        return False
    face = _face(str(font.get("/BaseFont", "")).lstrip("/"))
    table = _encoding(font)
    if face is None or table is None:
        return False
    key = (face, frozenset(table.values()))
    program = _program(*key)
    if program is None or not _differing(font, table) <= program.widths.keys():
        return False
    table = {code: name for code, name in table.items() if name in program.widths}
    widths = _widths(font, table, program)
    if widths is None:
        return False
    if key not in made:
        stream = pdf.make_stream(program.data)
        stream.Length1 = len(program.data)
        made[key] = stream
    name = Name(f"/{program.tag}+Liberation{face.replace('-Regular', '')}")
    # Keys of the old font that no longer hold go: the name of a resource is not one of them.
    for gone in ("/FirstChar", "/LastChar", "/Widths", "/FontDescriptor", "/Encoding"):
        if gone in font:
            del font[gone]
    font.Subtype, font.BaseFont = Name.TrueType, name
    font.FirstChar, font.LastChar, font.Widths = 0, 255, Array(widths)
    font.Encoding = _written(table)
    font.FontDescriptor = pdf.make_indirect(
        Dictionary(
            Type=Name.FontDescriptor, FontName=name, Flags=program.flags, FontBBox=Array(list(program.box)),
            ItalicAngle=program.angle, Ascent=program.ascent, Descent=program.descent, CapHeight=729,
            StemV=140 if "Bold" in face else 80, FontFile2=made[key],
        )
    )  # fmt: skip
    return True


def _face(base: str) -> str | None:
    """`Sans-Bold` and the like; None for a font that is none of these."""
    name = _SUBSET_TAG.sub("", base).lower().replace(" ", "")
    for stem, family in _FAMILIES.items():
        if name.startswith(stem):
            style = _STYLES.get(_NO_STYLE.sub("", name[len(stem) :]))
            return f"{family}-{style}" if style else None
    return None


def _encoding(font: Dictionary) -> dict[int, str] | None:
    """Code to glyph name, for every code; None where that is not fully known."""
    encoding = font.get("/Encoding")
    descriptor = font.get("/FontDescriptor")
    flags = descriptor.get("/Flags", 0) if isinstance(descriptor, Dictionary) else 0
    if font.get("/Subtype") == Name.TrueType and (encoding is None or (isinstance(flags, int) and flags & _SYMBOLIC)):
        return None
    base = encoding.get("/BaseEncoding") if isinstance(encoding, Dictionary) else encoding
    known = _BASES.get(str(base) if base is not None else "/StandardEncoding")
    if known is None:
        return None
    table = dict(known)
    differences = encoding.get("/Differences") if isinstance(encoding, Dictionary) else None
    code = 0
    for entry in differences if isinstance(differences, Array) else ():
        if not isinstance(entry, Name):
            code = int(entry)
        else:
            name = str(entry)[1:]
            if name == _NOT_DEFINED:
                table.pop(code, None)
            elif name in _LETTERS and 0 <= code < 256:
                table[code] = name
            else:
                return None
            code += 1
    return table


def _differing(font: Dictionary, table: Mapping[int, str]) -> set[str]:
    """The glyphs that the PDF names one by one."""
    encoding = font.get("/Encoding")
    differences = encoding.get("/Differences") if isinstance(encoding, Dictionary) else None
    named = {str(entry)[1:] for entry in differences if isinstance(entry, Name)} if differences is not None else set()
    return named & set(table.values())


def _written(table: Mapping[int, str]) -> pikepdf.Object:
    """As TrueType fonts of PDF/A must say it: by Windows' encoding, and what differs (6.2.11.6)."""
    differences: list[object] = []
    last = -2
    for code in sorted(table):
        if _WINDOWS.get(code) != table[code]:
            if code != last + 1:
                differences.append(code)
            differences.append(Name(f"/{table[code]}"))
            last = code
    if not differences:
        return Name.WinAnsiEncoding
    return Dictionary(Type=Name.Encoding, BaseEncoding=Name.WinAnsiEncoding, Differences=Array(differences))


def _widths(font: Dictionary, table: Mapping[int, str], program: _Program) -> list[int] | None:
    """The widths of all codes; None where the PDF's own are others."""
    own = font.get("/Widths")
    result = [round(program.widths.get(table.get(code, ""), 0.0)) for code in range(256)]
    if own is None:
        return result
    first = font.get("/FirstChar", 0)
    if not isinstance(own, Array) or not isinstance(first, int):
        return None
    for code, width in enumerate(own, first):
        given = float(width)
        # A width of nothing stands for a code that is not used.
        if given and code in table and abs(given - program.widths[table[code]]) > _TOLERANCE:
            return None
    return result


@dataclass(frozen=True, slots=True)
class _Program:
    data: bytes
    tag: str
    widths: Mapping[str, float]
    """Of 1000, by glyph name of the encoding."""
    box: tuple[int, int, int, int]
    ascent: int
    descent: int
    angle: float
    flags: int


@functools.lru_cache(maxsize=32)
def _program(face: str, names: frozenset[str]) -> _Program | None:
    """A subset of a face with those of the glyphs that it has, the same for the same names."""
    found = _installed().get(face)
    if found is None:
        return None
    font = TTFont(found[0], fontNumber=found[1], recalcTimestamp=False)
    best = font.getBestCmap()
    letters = {name: _LETTERS[name] for name in names if _LETTERS[name] in best}
    options = subset.Options(hinting=False, notdef_outline=True, layout_features=[], name_IDs=[], glyph_names=False)
    options.drop_tables += ["GSUB", "GPOS", "GDEF", "kern", "FFTM", "DSIG", "meta", "post"]
    options.recalc_timestamp = False
    cutter = subset.Subsetter(options)
    cutter.populate(unicodes=set(letters.values()))
    cutter.subset(font)
    out = io.BytesIO()
    font.save(out)
    scale = 1000 / font["head"].unitsPerEm
    best, metrics, head = font.getBestCmap(), font["hmtx"].metrics, font["head"]
    flags = 32 | ("Mono" in face) | (2 * ("Serif" in face)) | (64 * ("Italic" in face))
    return _Program(
        data=out.getvalue(),
        tag=_tag(names),
        widths={name: metrics[best[letter]][0] * scale for name, letter in letters.items()},
        box=tuple(round(v * scale) for v in (head.xMin, head.yMin, head.xMax, head.yMax)),
        ascent=round(font["hhea"].ascent * scale),
        descent=round(font["hhea"].descent * scale),
        angle=float(font["post"].italicAngle) if "post" in font else (-12.0 if "Italic" in face else 0.0),
        flags=flags,
    )


@functools.cache
def _installed() -> dict[str, tuple[str, int]]:
    """File and number within it of each face that is here."""
    result: dict[str, tuple[str, int]] = {}
    for info in sorted(fonts().fonts(), key=lambda i: (i.path or "", i.index)):
        family = info.family.removeprefix("Liberation ")
        if info.path and family in ("Sans", "Serif", "Mono") and family != info.family and info.stretch == 1.0:
            style = ("Bold" if info.weight == 700 else "") + ("Italic" if info.style != "normal" else "")
            result.setdefault(f"{family}-{style or 'Regular'}", (info.path, info.index))
    return result


def _tag(names: frozenset[str]) -> str:
    """Six letters that stand for a set of glyphs."""
    number = 0
    for name in sorted(names):
        for c in name.encode("ascii"):
            number = (number * 257 + c) % 26**6
    return "".join(chr(65 + number // 26**i % 26) for i in range(6))
