"""Signs of symbol fonts in what LibreOffice makes: drawn by fonts of ours, and said in Unicode.

Word processors of the time wrote µ, ≥, → or a ticked box as a letter in Symbol or Wingdings. Where these are not
installed, LibreOffice draws the letter, a box or nothing. So it is given fonts of these names (`signfonts`, made by
`tools/sign_fonts.py` from Symbola): it draws what is meant in every format that it reads, bullets included. Its PDF
still says U+F06D for the µ, which no search finds; here it gets the sign's own code point.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from xml.sax.saxutils import escape

import pikepdf
from pikepdf import Dictionary, Name, Stream

from archive.symbolfonts import Encoding, encoding_of, recode

FONT_CONFIGURATION = "fonts.conf"
_FONTS = Path(__file__).with_name("signfonts")
_CONFIGURATION = "/etc/fonts/fonts.conf"
_ONE_OF_THEM = re.compile(
    rb"/[A-Z]{6}\+(?:Symbol|Wingdings|Webdings|ZapfDingbats|ITCZapfDingbats|MonotypeSorts|Marlett|MTExtra|BookshelfSymbol|"
    rb"MSOutlook|MSReference)"
)
_SAID = re.compile(rb"(/ActualText\s*<FEFF)((?:[0-9A-Fa-f]{4})+)(>\s*>>\s*BDC.*?EMC)", re.DOTALL)
_FONT_OF_WORDS = re.compile(rb"(/F\d+) [\d.-]+ Tf")
_MAPPED = re.compile(rb"(<[0-9A-Fa-f]{2,4}>\s*<)((?:[0-9A-Fa-f]{4})+)(>)")


def write_font_configuration(folder: Path) -> None:
    """Write `FONT_CONFIGURATION` into a folder: the fonts of this machine and ours, for fontconfig."""
    before = os.environ.get("FONTCONFIG_FILE") or _CONFIGURATION
    (folder / FONT_CONFIGURATION).write_text(
        '<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig>'
        f'<include ignore_missing="yes">{escape(before)}</include><dir>{escape(str(_FONTS))}</dir></fontconfig>',
        encoding="utf-8",
    )


def say_signs(pdf: Path) -> None:
    """Make the characters of symbol fonts in a PDF of LibreOffice say which signs they are, in place.

    Raises pikepdf.PdfError: the PDF cannot be read.
    """
    if _ONE_OF_THEM.search(pdf.read_bytes()) is None:
        return
    with pikepdf.open(pdf, allow_overwriting_input=True) as document:
        for page in document.pages:
            _in_words(document, page.obj)
        for value in document.objects:
            if isinstance(value, Stream):
                if value.get("/Subtype") == Name.Form:
                    _in_words(document, value)
            elif isinstance(value, Dictionary) and isinstance(value.get("/ToUnicode"), Stream):
                _in_font(value)
        document.save(pdf)


def _in_font(font: Dictionary) -> None:
    encoding = _encoding(font)
    if encoding is not None:
        says = font.ToUnicode
        says.write(_MAPPED.sub(lambda m: m[1] + _signs(m[2], encoding) + m[3], says.read_bytes()))


def _in_words(document: pikepdf.Pdf, holder: pikepdf.Object) -> None:
    """LibreOffice says `ActualText` where one glyph stands for two characters: the m of a font and its U+F06D."""
    resources = holder.get("/Resources")
    fonts = resources.get("/Font") if isinstance(resources, Dictionary) else None
    if not isinstance(fonts, Dictionary):
        return
    encodings = {name.encode(): found for name, font in fonts.items() if (found := _encoding(font)) is not None}
    stream = holder if isinstance(holder, Stream) else holder.get("/Contents")
    if not encodings or not isinstance(stream, Stream):
        return

    def said(found: re.Match[bytes]) -> bytes:
        used = _FONT_OF_WORDS.findall(found[0])
        encoding = encodings.get(used[0]) if used else None
        return found[0] if encoding is None else found[1] + _signs(found[2], encoding) + found[3]

    content = stream.read_bytes()
    changed = _SAID.sub(said, content)
    if changed != content:
        stream.write(changed)


def _encoding(font: pikepdf.Object) -> Encoding | None:
    return encoding_of(str(font.get("/BaseFont", "")).lstrip("/")) if isinstance(font, Dictionary) else None


def _signs(letters: bytes, encoding: Encoding) -> bytes:
    """UTF-16 written as hexadecimal, recoded."""
    text = bytes.fromhex(letters.decode("ascii")).decode("utf-16-be", "replace")
    return recode(text, encoding)[0].encode("utf-16-be").hex().upper().encode("ascii")
