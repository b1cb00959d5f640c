"""The words of a Word file from before XML, read apart from LibreOffice: text only, no layout.

Word 97 to 2003, and Word 6 and 95 where they were saved whole. Sources: [MS-DOC] 2.4.1 (retrieving text), 2.5.1 to
2.5.6 (the file information block), 2.8.35 (pieces), 2.8.5 and 2.9.33 (runs of characters), 2.6.1 (sprmCFVanish); for
Word 6 the format's description of 1996.
"""

from __future__ import annotations

import bisect
import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from archive.compound import Compound

_WORD_97, _WORD_6 = 0xA5EC, 0xA5DC
_COMPLEX, _ENCRYPTED, _SECOND_TABLE = 0x0004, 0x0100, 0x0200
_CLX, _CHARACTER_RUNS = 0x1A2, 0xFA
_STORIES_97, _STORIES_6 = 0x4C, 0x34
_STORIES = 8
"""Main text, footnotes, headers and footers, macros, comments, endnotes, text boxes, text boxes of headers."""
_MARGINS = (2, 7)
_COMPRESSED = 1 << 30
_PAGE = 512
_VANISH, _TABLE_DEFINITION, _TAB_STOPS = 0x083C, 0xD608, 0xC615
_OPERANDS = (1, 1, 2, 4, 2, 2, 0, 3)
_FIELD, _RESULT, _FIELD_END = "\x13", "\x14", "\x15"
_SPECIAL = dict.fromkeys((*range(32), 160), " ") | {0x1E: "-", 0x1F: "", 0x0B: "\n", 0x0C: "\n", 0x0D: "\n"}


@dataclass(frozen=True, slots=True)
class _Piece:
    """`letters` from character `first` on are at `at` in the stream, one or two bytes each."""

    first: int
    letters: int
    at: int
    wide: bool


@dataclass(frozen=True, slots=True)
class WordText:
    """What a Word file says, fields as they show.

    Attributes:
        body: main text, notes, comments and text boxes.
        margins: headers and footers, also of pages there are none of.
        hidden: what runs of characters say is hidden, wherever it is.
    """

    body: str
    margins: str
    hidden: str


def doc_text(path: Path) -> WordText:
    """The text of a Word file.

    Raises:
        ValueError, LookupError, struct.error: it is none, is encrypted, or is of a version this does not know.
        OSError: it cannot be read.
    """
    container = Compound(path.read_bytes())
    main = container.read(("WordDocument",))
    mark, version, flags = struct.unpack_from("<HH6xH", main)
    if flags & _ENCRYPTED:
        raise ValueError("encrypted")
    if mark == _WORD_97:
        table = container.read(("1Table" if flags & _SECOND_TABLE else "0Table",))
        stories = struct.unpack_from(f"<{_STORIES}i", main, _STORIES_97)
        pieces = _pieces(table, *struct.unpack_from("<II", main, _CLX))
        hidden = _hidden(main, table, *struct.unpack_from("<II", main, _CHARACTER_RUNS))
    elif mark == _WORD_6 and not flags & _COMPLEX and version >= 101:
        stories = struct.unpack_from(f"<{_STORIES}i", main, _STORIES_6)
        (start,) = struct.unpack_from("<I", main, 24)
        pieces, hidden = [_Piece(0, max(0, sum(stories)), start, wide=False)], []
    else:
        raise ValueError("of an unknown version")
    if min(stories) < 0 or sum(stories) > len(main):
        raise ValueError("no such length")
    body: list[str] = []
    margins: list[str] = []
    unseen: list[str] = []
    for number, first in enumerate(itertools.accumulate((0, *stories[:-1]))):
        parts = list(_parts(main, pieces, hidden, first, first + stories[number]))
        seen = margins if number in _MARGINS else body
        seen.append(_shown("".join(text for text, vanishes in parts if not vanishes)))
        unseen.append(_shown("".join(text for text, vanishes in parts if vanishes)))
    return WordText("\n".join(body), "\n".join(margins), "\n".join(unseen).strip())


def _pieces(table: bytes, at: int, length: int) -> list[_Piece]:
    """The piece table: which letters are where ([MS-DOC] 2.9.38 Clx, 2.8.35 PlcPcd, 2.9.73 FcCompressed)."""
    end = at + length
    while at < end and table[at] == 1:  # properties of paragraphs that came by quick saving
        at += 3 + int(struct.unpack_from("<H", table, at + 1)[0])
    if table[at] != 2:
        raise ValueError("no pieces")
    (size,) = struct.unpack_from("<I", table, at + 1)
    count = (size - 4) // 12
    starts = struct.unpack_from(f"<{count + 1}I", table, at + 5)
    pieces = []
    for i, (first, after) in enumerate(itertools.pairwise(starts)):
        if after < first:
            raise ValueError("pieces out of order")
        (place,) = struct.unpack_from("<I", table, at + 5 + 4 * (count + 1) + 8 * i + 2)
        narrow = bool(place & _COMPRESSED)
        place &= _COMPRESSED - 1
        pieces.append(_Piece(first, after - first, place // 2 if narrow else place, not narrow))
    return pieces


def _hidden(main: bytes, table: bytes, at: int, length: int) -> list[tuple[int, int]]:
    """Where in the stream hidden letters are, by the runs that say so themselves; styles are not asked."""
    count = (length - 4) // 8
    if count < 1:
        return []
    if count > len(main) // _PAGE:
        raise ValueError("more pages of runs than there is room for")
    found = []
    for number in struct.unpack_from(f"<{count}I", table, at + 4 * (count + 1)):
        page = main[(number & 0x3FFFFF) * _PAGE :][:_PAGE]
        runs = page[_PAGE - 1]
        edges = struct.unpack_from(f"<{runs + 1}I", page)
        for i, (start, end) in enumerate(itertools.pairwise(edges)):
            place = 2 * page[4 * (runs + 1) + i]
            if place and end > start and _vanishes(page[place + 1 : place + 1 + page[place]]):
                found.append((start, end))
    return sorted(found)


def _vanishes(properties: bytes) -> bool:
    at, vanishes = 0, False
    while at + 3 <= len(properties):
        (code,) = struct.unpack_from("<H", properties, at)
        at += 2
        if code == _VANISH:
            vanishes = properties[at] in (1, 0x81)
        size = _OPERANDS[code >> 13]
        if not size:
            size = 1 + properties[at]
            if code == _TABLE_DEFINITION:
                size = 1 + int.from_bytes(properties[at : at + 2], "little")
            elif code == _TAB_STOPS and properties[at] == 0xFF:
                return vanishes  # its length must be reckoned, and no letters have it
        at += size
    return vanishes


def _parts(
    main: bytes, pieces: list[_Piece], hidden: list[tuple[int, int]], first: int, after: int
) -> Iterator[tuple[str, bool]]:
    """The letters from one to another, in stretches that are all seen or all hidden."""
    for piece in pieces:
        begin, end = max(first, piece.first), min(after, piece.first + piece.letters)
        if begin >= end:
            continue
        width = 2 if piece.wide else 1
        at, stop = (piece.at + width * (n - piece.first) for n in (begin, end))
        if stop > len(main):
            raise ValueError("a piece lies outside the file")
        number = max(0, bisect.bisect_left(hidden, (at, 0)) - 1)
        while at < stop:
            while number < len(hidden) and hidden[number][1] <= at:
                number += 1
            start, over = hidden[number] if number < len(hidden) else (stop, stop)
            vanishes = start <= at
            edge = min(stop, over if vanishes else start)
            edge += (edge - at) % width
            yield main[at:edge].decode("utf-16-le" if piece.wide else "cp1252", "replace"), vanishes
            at = edge


def _shown(text: str) -> str:
    """A story without the instructions of its fields."""
    if _FIELD not in text:
        return text.translate(_SPECIAL)
    out, codes = [], []
    for letter in text:
        if letter == _FIELD:
            codes.append(True)
        elif letter == _RESULT and codes:
            codes[-1] = False
        elif letter == _FIELD_END and codes:
            codes.pop()
        elif not any(codes):
            out.append(letter)
    return "".join(out).translate(_SPECIAL)
