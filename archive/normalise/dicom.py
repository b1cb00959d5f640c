"""DICOM files that hold a document: a page with what their header says; the PDF, CDA or other document is a file of its
own. Pictures are not shown: a radiology archive keeps them.

Sources: DICOM PS3.5 (data sets), PS3.10 (files), PS3.3 A.45 (encapsulated documents).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from archive.normalise.contract import Limits, Made
from archive.normalise.encodings import decode
from archive.normalise.letter import Letter
from archive.reasons import DocumentProblem, Reason

ROUTE = "dicom"

_ENCAPSULATED = "1.2.840.10008.5.1.4.1.1.104."
_SYNTAX, _CLASS, _DOCUMENT, _LENGTH, _MEDIA_TYPE, _CHARACTERS = (
    (0x0002, 0x0010), (0x0002, 0x0002), (0x0042, 0x0011), (0x0042, 0x0015), (0x0042, 0x0012), (0x0008, 0x0005),
)  # fmt: skip
_IMPLICIT, _EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
_LONG = (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
_TEXTS = (b"AE", b"AS", b"CS", b"DA", b"DS", b"DT", b"IS", b"LO", b"LT", b"PN", b"SH", b"ST", b"TM", b"UC", b"UI",
          b"UR", b"UT")  # fmt: skip
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = (0xFFFE, 0xE000), (0xFFFE, 0xE00D), (0xFFFE, 0xE0DD)
_MOST_DEEP = 16
_NAMES = {
    (0x0008, 0x0020): "Undersøkelsens dato", (0x0008, 0x0023): "Innholdets dato", (0x0008, 0x0050): "Henvisningsnummer",
    (0x0008, 0x0060): "Modalitet", (0x0008, 0x0080): "Institusjon", (0x0008, 0x0090): "Henvisende lege",
    (0x0008, 0x1030): "Undersøkelse", (0x0008, 0x103E): "Serie", (0x0010, 0x0010): "Pasient",
    (0x0010, 0x0020): "Pasientens ID", (0x0010, 0x0030): "Fødselsdato", (0x0010, 0x0040): "Kjønn",
    (0x0042, 0x0010): "Dokumentets tittel",
}  # fmt: skip
_ENDINGS = {"application/pdf": "pdf", "text/xml": "xml"}
_CHARSETS = {"ISO_IR 192": "utf-8", "ISO_IR 100": "latin-1", "": "ascii", "ISO_IR 6": "ascii"}
_BROKEN = (ValueError, LookupError, struct.error)


@dataclass(frozen=True, slots=True)
class _Element:
    """An element of a data set; `kind` is its value representation, empty where the file leaves it out."""

    tag: tuple[int, int]
    kind: bytes
    value: bytes


def dicom(source: Path, out: Path, limits: Limits) -> Made:
    """Show the header of a DICOM file that holds a document, which is its part.

    Raises DocumentProblem: UNSUPPORTED_FORMAT where it holds something else, CORRUPT.
    """
    try:
        elements = {e.tag: e for e in _data_set(source.read_bytes())}
    except _BROKEN:
        raise DocumentProblem(Reason.CORRUPT, "The DICOM file is broken.") from None
    document = elements.get(_DOCUMENT)
    if document is None or not _plain(elements.get(_CLASS)).startswith(_ENCAPSULATED):
        raise DocumentProblem(Reason.UNSUPPORTED_FORMAT, "DICOM: what it holds is no document.")
    letter = Letter(out, limits)
    charset = _CHARSETS.get(_plain(elements.get(_CHARACTERS)).rpartition("\\")[2])
    for e in elements.values():
        if e.kind in _TEXTS or (not e.kind and e.tag in _NAMES):
            name = _NAMES.get(e.tag, f"({e.tag[0]:04X},{e.tag[1]:04X})")
            letter.field(name, _said(e.value, charset), important=e.tag in _NAMES)
    length = elements.get(_LENGTH)
    content = document.value[: int.from_bytes(length.value, "little")] if length else document.value
    media_type = _plain(elements.get(_MEDIA_TYPE)).lower()
    letter.carry(f"dokument.{_ENDINGS.get(media_type, 'bin')}", content)
    return letter.made()


def _plain(element: _Element | None) -> str:
    return element.value.decode("ascii", "replace").strip("\0 ") if element else ""


def _said(value: bytes, charset: str | None) -> str:
    try:
        text = value.decode(charset or "")
    except (LookupError, ValueError):
        text = decode(value).text if value.strip(b"\0 ") else ""
    return " ".join(text.strip("\0 ").split())


def _data_set(content: bytes) -> Iterator[_Element]:
    """The elements of the file's own level, those of the file's meta information first."""
    if content[128:132] != b"DICM":
        raise ValueError("no DICOM")
    at, syntax = 132, _EXPLICIT
    while content[at : at + 2] == b"\2\0":
        element, at = _element(content, at, explicit=True)
        if element.tag == _SYNTAX:
            syntax = _plain(element)
        yield element
    if syntax not in (_IMPLICIT, _EXPLICIT):
        return  # compressed pictures, or a data set that is deflated
    while at < len(content):
        element, at = _element(content, at, explicit=syntax == _EXPLICIT)
        yield element


def _element(content: bytes, at: int, *, explicit: bool, deep: int = 0) -> tuple[_Element, int]:
    """The element that begins here, and where the next begins."""
    if deep > _MOST_DEEP:
        raise ValueError("nested too deeply")
    group, number = struct.unpack_from("<HH", content, at)
    tag, kind = (group, number), b""
    if explicit and tag[0] != _ITEM[0]:
        kind = content[at + 4 : at + 6]
        if kind in _LONG:
            (size,) = struct.unpack_from("<I", content, at + 8)
            start = at + 12
        else:
            (size,) = struct.unpack_from("<H", content, at + 6)
            start = at + 8
    else:
        (size,) = struct.unpack_from("<I", content, at + 4)
        start = at + 8
    if size != _UNDEFINED:
        if start + size > len(content):
            raise ValueError("cut short")
        return _Element(tag, kind, content[start : start + size]), start + size
    at = start
    while True:  # a sequence, or an item of one, up to its delimiter
        inner, at = _element(content, at, explicit=explicit and kind != b"UN", deep=deep + 1)
        if inner.tag in (_ITEM_END, _SEQUENCE_END):
            return _Element(tag, kind, b""), at
