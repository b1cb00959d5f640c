"""Writes a Word 97 document (.doc): an OLE compound file with the text, its characters' and its paragraphs' looks.

Only what a plain letter needs: one section, one piece of cp1252 text, bold and sizes. Sources: [MS-DOC] 2.5 (FIB),
2.8 and 2.9 (piece table, FKPs, style sheet, font table), [MS-CFB] (compound file, version 3).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass

_SECTOR = 512
_PAGE = 512
_TEXT_AT = 1024  # the first sector boundary behind the FIB
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_MINIMUM_STREAM = 4096  # smaller ones would live in the mini stream, which we do not write
_RUNS_PER_PAGE, _PARAGRAPHS_PER_PAGE = 60, 25
_FC_LCB_AT = 154
_STSHF, _PLCF_SED, _BTE_CHPX, _BTE_PAPX, _STTBF_FFN, _DOP, _CLX = 1, 6, 12, 13, 15, 31, 33


@dataclass(frozen=True, slots=True)
class Line:
    """A paragraph. `size` is in half points."""

    text: str
    bold: bool = False
    size: int = 22


def word97(lines: Sequence[Line]) -> bytes:
    """The document. Characters outside cp1252 become question marks, as they did in the systems of the time."""
    encoded = [line.text.replace("\n", "\x0b").encode("cp1252", "replace") + b"\r" for line in lines]
    text = b"".join(encoded)
    bounds = [_TEXT_AT]
    for part in encoded:
        bounds.append(bounds[-1] + len(part))

    main = bytearray(_TEXT_AT) + text
    main += bytes(-len(main) % _PAGE)
    table = bytearray(4)  # an offset of 0 would read as "absent" to some readers
    places: dict[int, tuple[int, int]] = {}

    def put(index: int, content: bytes) -> None:
        places[index] = (len(table), len(content))
        table.extend(content)
        table.extend(bytes(len(table) % 2))

    put(_STSHF, _style_sheet())
    put(_PLCF_SED, struct.pack("<II", 0, len(text)) + struct.pack("<HIHI", 0, 0xFFFFFFFF, 0, 0xFFFFFFFF))
    put(_BTE_CHPX, _pages(main, bounds, lines, _RUNS_PER_PAGE, _character_page))
    put(_BTE_PAPX, _pages(main, bounds, lines, _PARAGRAPHS_PER_PAGE, _paragraph_page))
    put(_STTBF_FFN, _fonts())
    put(_DOP, bytes(10) + struct.pack("<H", 720) + bytes(488))
    piece = struct.pack("<II", 0, len(text)) + struct.pack("<HIH", 0, (_TEXT_AT * 2) | 0x40000000, 0)
    put(_CLX, b"\x02" + struct.pack("<I", len(piece)) + piece)
    main[: _FC_LCB_AT + 744 + 2] = _fib(len(text), bounds[-1], len(main), places)
    return _compound((("WordDocument", bytes(main)), ("1Table", bytes(table))))


def _fib(characters: int, end: int, size: int, places: dict[int, tuple[int, int]]) -> bytes:
    flags = 0x0200 | 0x1000  # the table stream is 1Table; extended characters
    base = struct.pack("<HHHHHHHIBBHHII", 0xA5EC, 0x00C1, 0, 0x0414, 0, flags, 0x00BF, 0, 0, 0, 0, 0, _TEXT_AT, end)
    words = struct.pack("<H", 14) + bytes(26) + struct.pack("<H", 0x0414)
    longs = struct.pack("<H", 22) + struct.pack("<IIII", size, 0, 0, characters) + bytes(72)
    pairs = b"".join(struct.pack("<II", *places.get(i, (0, 0))) for i in range(93))
    return base + words + longs + struct.pack("<H", 93) + pairs + struct.pack("<H", 0)


def _pages(
    main: bytearray,
    bounds: list[int],
    lines: Sequence[Line],
    per_page: int,
    make: Callable[[list[int], Sequence[Line]], bytes],
) -> bytes:
    """Append the formatted disk pages to the main stream; the PlcfBte that finds them."""
    starts, numbers = [], []
    for at in range(0, len(lines), per_page):
        chunk = lines[at : at + per_page]
        starts.append(bounds[at])
        numbers.append(len(main) // _PAGE)
        main += make(bounds[at : at + len(chunk) + 1], chunk)
    starts.append(bounds[-1])
    return struct.pack(f"<{len(starts)}I", *starts) + struct.pack(f"<{len(numbers)}I", *numbers)


def _character_page(bounds: list[int], lines: Sequence[Line]) -> bytes:
    page = bytearray(_PAGE)
    struct.pack_into(f"<{len(bounds)}I", page, 0, *bounds)
    page[-1] = len(lines)
    where: dict[bytes, int] = {}
    free = _PAGE - 1
    for i, line in enumerate(lines):
        properties = struct.pack("<HH", 0x4A43, line.size)  # sprmCHps
        if line.bold:
            properties += struct.pack("<HB", 0x0835, 1)  # sprmCFBold
        if properties not in where:
            free = (free - len(properties) - 1) & ~1
            page[free : free + len(properties) + 1] = bytes((len(properties),)) + properties
            where[properties] = free
        page[4 * len(bounds) + i] = where[properties] // 2
    return bytes(page)


def _paragraph_page(bounds: list[int], lines: Sequence[Line]) -> bytes:
    page = bytearray(_PAGE)
    struct.pack_into(f"<{len(bounds)}I", page, 0, *bounds)
    page[-1] = len(lines)
    papx = struct.pack("<BHHHB", 4, 0, 0xA414, 60, 0)  # Normal, with sprmPDyaAfter of 3 points
    at = (_PAGE - 1 - len(papx)) & ~1
    page[at : at + len(papx)] = papx
    for i in range(len(lines)):
        page[4 * len(bounds) + 13 * i] = at // 2
    return bytes(page)


def _style_sheet() -> bytes:
    header = struct.pack("<HHHHHHHHH", 15, 10, 1, 0x5B, 15, 0, 0, 0, 0)
    name = "Normal"
    style = struct.pack("<HHHHH", 0, 0xFFF1, 2, 0, 0)
    style += struct.pack("<H", len(name)) + name.encode("utf-16-le") + bytes(2)
    style += struct.pack("<HH", 2, 0)  # paragraph properties: none but the style itself
    style += struct.pack("<H", 0)
    return struct.pack("<H", len(header)) + header + struct.pack("<H", len(style)) + style + bytes(2 * 14)


def _fonts() -> bytes:
    name = "Times New Roman".encode("utf-16-le") + bytes(2)
    font = struct.pack("<BhBB", 0x16, 400, 0, 0) + bytes(10) + bytes(24) + name
    return struct.pack("<HHB", 1, 0, len(font)) + font


def _compound(streams: Sequence[tuple[str, bytes]]) -> bytes:
    """An OLE compound file: FAT, directory, then the streams."""
    padded = [(n, s + bytes(max(_MINIMUM_STREAM - len(s), -len(s) % _SECTOR))) for n, s in streams]
    counts = [len(s) // _SECTOR for _, s in padded]
    total = 1 + sum(counts)
    fat_sectors = 1
    while fat_sectors * (_SECTOR // 4) < total + fat_sectors:
        fat_sectors += 1
    if fat_sectors > 109:
        raise ValueError("the document is too large for a header without further FAT lists")
    fat = [_FAT] * fat_sectors + [_END]
    starts = []
    for count in counts:
        starts.append(len(fat))
        fat += [*range(len(fat) + 1, len(fat) + count), _END]
    fat += [_FREE] * (fat_sectors * (_SECTOR // 4) - len(fat))

    header = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(16)
    header += struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6) + bytes(6)
    header += struct.pack("<IIIIIIIII", 0, fat_sectors, fat_sectors, 0, _MINIMUM_STREAM, _END, 0, _END, 0)
    header += struct.pack("<109I", *range(fat_sectors), *[_FREE] * (109 - fat_sectors))
    # The tree of entries: shorter names sort first, so the first stream's left sibling is the second.
    directory = _entry("Root Entry", 5, child=1, start=_END, size=0)
    directory += _entry(padded[0][0], 2, left=2, start=starts[0], size=len(padded[0][1]))
    directory += _entry(padded[1][0], 2, start=starts[1], size=len(padded[1][1]))
    directory += _entry("", 0, start=0, size=0)
    return header + struct.pack(f"<{len(fat)}I", *fat) + directory + b"".join(s for _, s in padded)


def _entry(name: str, kind: int, *, left: int = _FREE, child: int = _FREE, start: int, size: int) -> bytes:
    encoded = name.encode("utf-16-le") + bytes(2) if name else b""
    word = bytes.fromhex("0609020000000000c000000000000046") if kind == 5 else bytes(16)  # the class id of Word 97
    head = encoded.ljust(64, b"\0") + struct.pack("<HBBIII", len(encoded), kind, 1, left, _FREE, child)
    return head + word + struct.pack("<IQQIQ", 0, 0, 0, start, size)
