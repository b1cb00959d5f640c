"""IBM DisplayWrite documents (revisable-form text, RFT-DCA) to PDF: the words line by line, as a typewriter has them.

A file is a chain of structured fields, and its text EBCDIC with controls in it. What is known to be only form (bold,
underline, tabs, margins, fonts) leaves no trace in the text; any control that could add, hide, strike or raise a
character sends the file away, since nothing else here reads it and a letter must not be lost.

Sources: IBM SC23-0758, Revisable-Form-Text Reference, as summed up in the appendices C to E of Quicksoft, PC-Write DCA
Conversion Guide (1987); IBM CDRA, code pages 256, 277, 278, 500 and 037.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from archive.ebcdic import BASE, DIFFERENCES
from archive.normalise.contract import Limits, Made
from archive.normalise.plaintext import plaintext
from archive.reasons import DocumentProblem, Flag, Reason
from archive.record import FlagNote

ROUTE = "displaywrite"

_Others = Mapping[int, str]
_PREFIXES = (0xE103, 0xE104, 0xE106)
_PARAMETERS, _TEXT = 0xE205, 0xE807
_FORMATS = (0xE201, 0xE202, 0xE204)
_FORM = (0xE301, 0xE302, 0xE303, 0xE402, 0xE501, 0xE504, 0xE507, 0xE508, 0xE602, 0xE603, *range(0xE901, 0xE906))
_LINES = 0xE601
_HEADS, _FEET = (0xE801, 0xE802, 0xE803), (0xE804, 0xE805, 0xE806)

_CONTROL = 0x2B
_SET_LINES = 0xD405
_SET_CHARACTERS = 0xD101
_SILENT = frozenset(
    (
        *(0xD105, 0xD415, 0xD413, 0xD18A, 0xD18E),  # fonts, bold
        *(0xD20B, 0xD201, 0xD402, 0xD404, 0xD406),  # margins, tabs, line formats
        *(0xD40B, 0xD40F, 0xD462, 0xD466, 0xD40A, 0xD40E),  # alignment, keeping together, underline
        *(0xD47A, 0xD47E, 0xD882, 0xD235, 0xD86A, 0xD86E, 0xD894),  # language marks, spelling, screen, formatting
    )
)
_SHOWN = frozenset((0xD105, 0xD18A, 0xD40A))
_UNDERLINED = 0x23
_ONE_BYTE = {
    **dict.fromkeys((0x06, 0x15, 0x25, 0x33), "\n"),
    **dict.fromkeys((0x05, 0x39), "\t"),
    **dict.fromkeys((0x0C, 0x3A), "\f"),
    0x00: "",
    _UNDERLINED: "",
    0x41: "\u00a0",
    0xCA: "\u00ad",
}
_NUMERIC_SPACE = 0xE1
_NUMBER = "#"
"""Stands in a header or footer where the page's number was printed."""
_PAGE_NUMBER = 0xD447


def displaywrite(source: Path, out: Path, limits: Limits) -> Made:
    """Typeset a DisplayWrite document as plain text. Headers stand before the first line, footers after the last.

    Raises DocumentProblem: TRUNCATED, CORRUPT, UNSUPPORTED_FORMAT for a construct or code page that is not read here,
    and what `archive.normalise.plaintext` raises.
    """
    document = read(source.read_bytes())
    copy = out.with_suffix(".utf8")
    copy.write_text(document.whole(), encoding="utf-8-sig", newline="\n")
    made = plaintext(copy, out, limits)
    form = FlagNote(Flag.DECODED_LENIENTLY, "Bold and underlined words and fonts are not shown; all characters are.")
    return replace(made, flags=(*made.flags, form)) if document.formed else made


@dataclass(slots=True)
class Document:
    """What a document says: text of its headers, its body (form feeds between pages) and its footers. `formed`: some of
    it was bold, underlined or in a font of its own."""

    heads: list[str] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    feet: list[str] = field(default_factory=list)
    formed: bool = False

    def whole(self) -> str:
        """All of it, in the order of reading."""
        parts = (*self.heads, "".join(self.body).rstrip("\f"), *self.feet)
        return "\n\n".join(part.strip("\n") for part in parts if part.strip())


def read(content: bytes) -> Document:
    """Read a document; raises DocumentProblem as `displaywrite`."""
    reader = _Reader()
    reader.fields(content)
    if not reader.ended:
        raise DocumentProblem(Reason.TRUNCATED, "The document has no end unit.")
    return reader.document


class _Reader:
    def __init__(self) -> None:
        self.document = Document()
        self.ended = False
        self._page: _Others | None = None

    def fields(self, content: bytes, *, within: bool = False) -> None:
        """A chain of structured fields: length with itself, class and type, a byte of format, then what it says."""
        at = 0
        while at < len(content):
            if self.ended and not content[at:].strip(b"\0\x1a"):
                return  # padding of the old disk's sectors
            if at + 5 > len(content):
                raise self._cut(within)
            length, kind = struct.unpack_from(">HH", content, at)
            if length < 5:
                raise DocumentProblem(Reason.CORRUPT, "A structured field is shorter than its own head.")
            if at + length > len(content):
                raise self._cut(within)
            self._field(kind, content[at + 5 : at + length])
            at += length

    def _cut(self, within: bool) -> DocumentProblem:
        reason = Reason.CORRUPT if within else Reason.TRUNCATED
        return DocumentProblem(reason, "A structured field goes on after what holds it ends.")

    def _field(self, kind: int, said: bytes) -> None:
        if kind in _PREFIXES:
            self.ended = kind == _PREFIXES[-1]
        elif kind == _PARAMETERS:
            self._characters(said[:4])
        elif kind in _FORMATS:
            self.fields(said, within=True)
        elif kind == _LINES:
            self._characters(said[7:11])
        elif kind == _TEXT:
            self.document.body.append(self._text(said, margin=False))
        elif kind in (*_HEADS, *_FEET):
            where = self.document.heads if kind in _HEADS else self.document.feet
            where.append(self._text(said, margin=True))
        elif kind not in _FORM:
            raise _unread(f"structured field {kind:04X}")

    def _characters(self, named: bytes) -> None:
        """The code page from here on: number of the character set, then of the page."""
        if len(named) < 4:
            raise DocumentProblem(Reason.CORRUPT, "A field that names the code page is too short.")
        (page,) = struct.unpack_from(">H", named, 2)
        if page not in DIFFERENCES:
            raise _unread(f"code page {page}")
        self._page = DIFFERENCES[page]

    def _text(self, said: bytes, *, margin: bool) -> str:
        parts: list[str] = []
        at = 0
        while at < len(said):
            code = said[at]
            if code != _CONTROL:
                parts.append(self._character(code))
                at += 1
                continue
            # 2B, class, how many bytes follow with this one, type, what it says
            end = at + 2 + (said[at + 2] if at + 2 < len(said) else 0)
            if end < at + 4 or end > len(said):
                raise DocumentProblem(Reason.CORRUPT, "A control goes on after the text that holds it ends.")
            parts.append(self._control(said[at + 1] << 8 | said[at + 3], said[at + 4 : end], margin=margin))
            at = end
        return "".join(parts)

    def _character(self, code: int) -> str:
        if (plain := _ONE_BYTE.get(code)) is not None:
            self.document.formed |= code == _UNDERLINED
            return plain
        if code < 0x40 or code == 0xFF:
            raise _unread(f"control {code:02X}")
        if self._page is None:
            raise DocumentProblem(Reason.CORRUPT, "There is text before its code page is named.")
        character = self._page.get(code) or bytes((code,)).decode(BASE)
        if code == _NUMERIC_SPACE and not character.isspace():
            raise _unread(f"{code:02X}, which is a space or {character}")
        return character

    def _control(self, kind: int, said: bytes, *, margin: bool) -> str:
        if kind == _SET_LINES:
            self._characters(said[7:11])
        elif kind == _SET_CHARACTERS:
            self._characters(said[:4])
        elif kind == _PAGE_NUMBER and margin:
            return _NUMBER
        elif kind not in _SILENT:
            raise _unread(f"control {kind:04X}")
        self.document.formed |= kind in _SHOWN
        return ""


def _unread(construct: str) -> DocumentProblem:
    return DocumentProblem(Reason.UNSUPPORTED_FORMAT, f"DisplayWrite document with {construct}.")
