"""The text of a PDF's pages as PDFium reads it, with the signs of symbol fonts as what they mean."""

from __future__ import annotations

import ctypes
import re
from pathlib import Path

import pypdfium2

from archive.symbolfonts import Encoding, encoding_of, recode

_raw = pypdfium2.raw
_OWN = "°±×÷µ¬©"
"""Signs of Symbol itself: read as such they were known, though as codes they would be others."""
_MOST_OBJECTS = 100_000
_LONGEST_NAME = 256


def pdf_text(path: Path) -> str:
    """The text of a PDF's pages; raises pypdfium2.PdfiumError where it is none."""
    return _text(path, drawn=False)


def drawn_text(path: Path) -> str:
    """The text of a PDF's pages with that of its fields and annotations, as they are drawn; raises as `pdf_text`."""
    return _text(path, drawn=True)


def _text(path: Path, *, drawn: bool) -> str:
    document = pypdfium2.PdfDocument(path)
    try:
        if drawn and document.get_formtype() == _raw.FORMTYPE_ACRO_FORM:
            document.init_forms()
        return "\n".join(_page_text(document, n, drawn=drawn) for n in range(len(document)))
    finally:
        document.close()


def _page_text(document: pypdfium2.PdfDocument, number: int, *, drawn: bool) -> str:
    page = document[number]
    if drawn and _raw.FPDFPage_GetAnnotCount(page.raw):
        changed = _raw.FPDFPage_Flatten(page.raw, _raw.FLAT_NORMALDISPLAY)
        if changed == _raw.FLATTEN_SUCCESS:
            page.close()
            page = document[number]
    try:
        text = page.get_textpage()
        try:
            said = _with_signs(text) if _has_signs(page) else text.get_text_range()
            # PDFium gives a hyphen at a line's end as U+0002 or U+FFFE: the word goes on
            return re.sub("[\x02\ufffe]\\s*", "", said)
        finally:
            text.close()
    finally:
        page.close()


def _has_signs(page: pypdfium2.PdfPage) -> bool:
    """Whether a text of the page is in a font of signs."""
    name = ctypes.create_string_buffer(_LONGEST_NAME)
    seen: set[bytes] = set()
    for count, found in enumerate(page.get_objects(filter=[_raw.FPDF_PAGEOBJ_TEXT])):
        font = _raw.FPDFTextObj_GetFont(found.raw)
        if font and _raw.FPDFFont_GetBaseFontName(font, name, _LONGEST_NAME) and name.value not in seen:
            seen.add(name.value)
            if encoding_of(name.value.decode("latin-1")) is not None:
                return True
        if count > _MOST_OBJECTS:
            break
    return False


def _with_signs(text: pypdfium2.PdfTextPage) -> str:
    name, flags = ctypes.create_string_buffer(_LONGEST_NAME), ctypes.c_int()
    said = []
    for index in range(text.count_chars()):
        code = _raw.FPDFText_GetUnicode(text, index)
        character = chr(code) if 0 < code < 0x110000 else ""
        if character.strip() and not 0xD800 <= code < 0xE000:
            length = _raw.FPDFText_GetFontInfo(text, index, name, _LONGEST_NAME, ctypes.byref(flags))
            encoding = encoding_of(name.value.decode("latin-1")) if 0 < length <= _LONGEST_NAME else None
            if encoding is not None and (encoding is not Encoding.SYMBOL or character not in _OWN):
                character = recode(character, encoding)[0]
        said.append(character)
    return "".join(said).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
