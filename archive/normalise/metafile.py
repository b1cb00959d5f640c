"""Windows metafiles (EMF, WMF): LibreOffice draws them, and what they say is read here, to know whether all was drawn.

A metafile is a list of records, each a call of Windows' drawing functions. Where one is damaged LibreOffice stops there
and says nothing; and text given as numbers of a font's glyphs it draws as if they were letters.

Sources: [MS-EMF] 2.3 (records; 2.3.4.2 the header, 2.3.5.7 EMR_EXTTEXTOUTA, 2.3.5.8 EMR_EXTTEXTOUTW, 2.3.5.37
EMR_SMALLTEXTOUT, 2.2.5 EmrText), [MS-WMF] 2.3 (2.3.2.2 META_HEADER, 2.3.2.3 META_PLACEABLE, 2.3.3.5 META_EXTTEXTOUT,
2.3.3.20 META_TEXTOUT).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pypdfium2

from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import FlagNote

FAMILIES = frozenset(("emf", "wmf"))
"""Families of `archive.identify` that are metafiles."""
CUT = "The picture's records do not reach its end."
"""What is said of one that is cut or damaged, where nothing is drawn of it."""

_EMF_EOF, _EMF_TEXTS = 14, (83, 84)
_EMF_POLYTEXTS, _EMF_SMALLTEXT = (96, 97), 108
_EMF_HEADER_LEAST = 88
_WMF_PLACEABLE = b"\xd7\xcd\xc6\x9a"
_WMF_HEADER = 18
_WMF_EOF, _WMF_TEXT, _WMF_EXTTEXT = 0, 0x0521, 0x0A32
_GLYPH_NUMBERS, _SMALL_LETTERS, _NO_RECTANGLE, _RECTANGLE = 0x10, 0x200, 0x100, 0x06
_SIDE = 200
"""Pixels of the longer side of a page that is looked at for anything drawn."""


@dataclass(frozen=True, slots=True)
class Metafile:
    """What a metafile says of itself.

    Attributes:
        whole: its records follow one another to the one that ends it.
        records: their number, without the first (EMF's header) and the last.
        texts: what it writes, one for each call.
        by_glyphs: some of what it writes is given by numbers of a font's glyphs.
    """

    whole: bool
    records: int
    texts: tuple[str, ...]
    by_glyphs: bool


def read(content: bytes) -> Metafile:
    """Read a metafile; never raises, since how far it can be read is what is asked."""
    emf = content[40:44] == b" EMF"
    walked = _emf_records(content) if emf else _wmf_records(content)
    ends = _EMF_EOF if emf else _WMF_EOF
    records, texts, by_glyphs, whole = 0, [], False, False
    for kind, record in walked:
        if kind == ends:
            whole = True
            break
        records += 1
        try:
            for text, options in _emf_texts(kind, record) if emf else _wmf_texts(kind, record):
                texts.append(text)
                by_glyphs |= bool(options & _GLYPH_NUMBERS and text)
        except struct.error:
            break  # a record that is shorter than what it says it holds
    return Metafile(whole, records, tuple(t for t in texts if t), by_glyphs)


def look(source: Path, pdf: Path) -> tuple[FlagNote, ...]:
    """What is remarkable about a metafile and the page that was drawn of it.

    Raises:
        DocumentProblem: EMPTY where there is nothing to draw; CONVERSION_FAILED where its letters cannot be known, or
            nothing is seen on the page; TRUNCATED where that is so because it is cut.
    """
    found = read(source.read_bytes())
    if found.whole and not found.records:
        raise DocumentProblem(Reason.EMPTY, "The picture has nothing in it.")
    if found.by_glyphs:
        raise DocumentProblem(Reason.CONVERSION_FAILED, "Its text is given as numbers of a font that is not in it.")
    if _blank(pdf):
        if not found.whole:
            raise DocumentProblem(Reason.TRUNCATED, CUT)
        raise DocumentProblem(Reason.CONVERSION_FAILED, "LibreOffice draws nothing of the picture.")
    if not found.whole:
        return (FlagNote(Flag.DECODED_LENIENTLY, "The picture is damaged; what could be read of it is shown."),)
    return ()


def _emf_records(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 0
    while at + 8 <= len(content):
        kind, size = struct.unpack_from("<II", content, at)
        least = 8 if at else _EMF_HEADER_LEAST
        if size < least or size % 4 or at + size > len(content):
            return
        if at:
            yield kind, content[at : at + size]
        elif kind != 1:
            return
        at += size


def _emf_texts(kind: int, record: bytes) -> Iterator[tuple[str, int]]:
    if kind in _EMF_TEXTS:
        yield _emf_text(record, 36, wide=kind == _EMF_TEXTS[1])
    elif kind in _EMF_POLYTEXTS:
        (count,) = struct.unpack_from("<I", record, 36)
        for i in range(min(count, len(record) // 40)):
            yield _emf_text(record, 40 + 40 * i, wide=kind == _EMF_POLYTEXTS[1])
    elif kind == _EMF_SMALLTEXT:
        count, options = struct.unpack_from("<II", record, 16)
        start = 36 if options & _NO_RECTANGLE else 52
        yield _letters(record, start, count, wide=not options & _SMALL_LETTERS), options


def _emf_text(record: bytes, at: int, *, wide: bool) -> tuple[str, int]:
    count, start, options = struct.unpack_from("<III", record, at + 8)
    return _letters(record, start, count, wide=wide), options


def _letters(record: bytes, start: int, count: int, *, wide: bool) -> str:
    end = start + count * (2 if wide else 1)
    if end > len(record):
        raise struct.error
    return record[start:end].decode("utf-16-le" if wide else "cp1252", "replace").rstrip("\0")


def _wmf_records(content: bytes) -> Iterator[tuple[int, bytes]]:
    at = 22 if content.startswith(_WMF_PLACEABLE) else 0
    if len(content) < at + _WMF_HEADER:
        return
    at += _WMF_HEADER
    while at + 6 <= len(content):
        words, function = struct.unpack_from("<IH", content, at)
        if words < 3 or at + 2 * words > len(content):
            return
        yield function, content[at : at + 2 * words]
        at += 2 * words


def _wmf_texts(function: int, record: bytes) -> Iterator[tuple[str, int]]:
    if function == _WMF_TEXT:
        (count,) = struct.unpack_from("<H", record, 6)
        yield _letters(record, 8, count, wide=False), 0
    elif function == _WMF_EXTTEXT:
        _, _, count, options = struct.unpack_from("<hhHH", record, 6)
        yield _letters(record, 22 if options & _RECTANGLE else 14, count, wide=False), options


def _blank(pdf: Path) -> bool:
    """Whether every page is of one colour."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        for page in document:
            drawn = page.render(scale=_SIDE / max(page.get_size())).to_pil().convert("L")
            lightest, darkest = drawn.getextrema()
            if lightest != darkest:
                return False
        return True
    finally:
        document.close()
