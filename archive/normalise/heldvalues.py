"""A value of a record (XML, JSON, HL7 v2) that is itself a document: RTF as it was typed, or a file in base64 or
hexadecimal.

Old systems keep notes as RTF in a field of text, and reports as base64 of any length without a word on it. Such a value
is known by its first bytes alone; what only might be one stays the text it is.
"""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from archive.normalise.contract import PassedOn
from archive.normalise.rtfread.model import Document, Mark, Paragraph, Run, Table
from archive.normalise.rtfread.reader import read
from archive.normalise.rtfread.write import plain_text

_MOST_RTF = 4 << 20
_LEAST_CODED = 24
_RTF = re.compile(r"\s*\{\\rtf\d?(?![a-z])")
_BASE64 = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_HEXADECIMAL = re.compile(r"(?:0x)?((?:[0-9a-fA-F]{2})+)")
_MAGICS = (
    (b"%PDF-", "pdf"),
    (b"{\\rtf", "rtf"),
    (b"\xff\xd8\xff", "jpg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"II*\0", "tif"),
    (b"MM\0*", "tif"),
    (b"PK\x03\x04", "zip"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "doc"),
    (b"\xef\xbb\xbf<", "xml"),
    (b"<?xml ", "xml"),
    (b"<html", "html"),
    (b"<HTML", "html"),
    (b"<!DOCTYPE html", "html"),
)


@dataclass(frozen=True, slots=True)
class Held:
    """What a value holds: `text` that says all of it, to be shown in its place; or else the bytes of a file of its own,
    with the extension of its kind."""

    text: str | None
    content: bytes
    extension: str


def held(value: str) -> Held | None:
    """What a value is, where it is RTF or a coded file of a known kind; None for every other value."""
    if _RTF.match(value):
        content = rtf_bytes(value)
        return Held(_words(content), content, "rtf")
    coded = "".join(value.split())
    if coded.startswith("data:"):
        coded = coded.partition(";base64,")[2]
    if len(coded) < _LEAST_CODED:
        return None
    for decoded in (_hexadecimal(coded), _base64(coded)):
        if decoded is None:
            continue
        for magic, extension in _MAGICS:
            if decoded.startswith(magic):
                return Held(_words(decoded) if extension == "rtf" else None, decoded, extension)
    return None


def coded_file(value: str, encoding: str) -> bytes | None:
    """The bytes of a value that is said to be `Base64` or `Hex` (HL7 table 0299); None where it is not."""
    coded = "".join(value.split())
    if encoding.lower() == "hex":
        return _hexadecimal(coded)
    return _base64(coded) if encoding.lower() == "base64" else None


def rtf_bytes(value: str) -> bytes:
    """RTF that was kept as characters, as the bytes of a file: those beyond ASCII as `\\u` (RTF 1.9, Unicode text)."""
    value = value.strip()
    if value.isascii():
        return value.encode("ascii")
    units = memoryview(value.encode("utf-16-le", "surrogatepass")).cast("H")
    return "".join(chr(u) if u < 0x80 else f"\\u{u - 0x10000 if u > 0x7FFF else u}?" for u in units).encode("ascii")


def _base64(coded: str) -> bytes | None:
    if not _BASE64.fullmatch(coded):
        return None
    try:
        return base64.b64decode(coded + "=" * (-len(coded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def _hexadecimal(coded: str) -> bytes | None:
    found = _HEXADECIMAL.fullmatch(coded)
    return bytes.fromhex(found[1]) if found else None


def _words(content: bytes) -> str | None:
    """The text of RTF that is nothing but text: None where a picture, a struck or raised character or anything that our
    reader does not prove would be lost."""
    if len(content) > _MOST_RTF:
        return None
    try:
        document = read(content)
    except PassedOn:
        return None
    if not document.body or not all(map(_plain, _paragraphs(document))):
        return None
    return plain_text(document).strip("\n")


def _paragraphs(document: Document) -> list[Paragraph]:
    found: list[Paragraph] = []
    for block in (*document.header, *document.body, *document.footer):
        if isinstance(block, Paragraph):
            found.append(block)
        elif isinstance(block, Table):
            found += [p for row in block.rows for cell in row.cells for p in cell.content]
    return found


def _plain(paragraph: Paragraph) -> bool:
    return all(
        isinstance(inline, (Run, Mark)) and not (inline.look.strike or inline.look.raised)
        for inline in paragraph.inlines
    )
