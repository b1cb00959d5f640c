"""Windows metafiles for tests, made here record by record ([MS-EMF], [MS-WMF])."""

from __future__ import annotations

import struct

_FONT_HEIGHT = -40
_WIDTHS = {"l": 222, "t": 278, " ": 278, "r": 333, **dict.fromkeys("ykvs", 500), **dict.fromkeys("BP", 667), "m": 833}
"""Of Arial, in thousandths; all others 556."""


def emf_record(kind: int, data: bytes = b"") -> bytes:
    """A record of an EMF, padded to four bytes."""
    data += bytes(-len(data) % 4)
    return struct.pack("<II", kind, 8 + len(data)) + data


def emf_text(text: str, y: int = 100, *, options: int = 0) -> bytes:
    """EMR_EXTTEXTOUTW at the left."""
    coded = text.encode("utf-16-le")
    dx = struct.pack(f"<{len(text)}I", *(round(0.04 * _WIDTHS.get(c, 556)) for c in text))
    coded += bytes(-len(coded) % 4)
    head = struct.pack("<4iIff", 0, 0, 900, 600, 1, 1.0, 1.0)
    words = struct.pack("<iiIII4iI", 40, y, len(text), 76, options, 0, 0, -1, -1, 76 + len(coded))
    return emf_record(84, head + words + coded + dx)


def emf_small_text(text: str, y: int = 200) -> bytes:
    """EMR_SMALLTEXTOUT in letters of one byte, without a rectangle."""
    return emf_record(108, struct.pack("<iiIIIff", 40, y, len(text), 0x300, 1, 1.0, 1.0) + text.encode("cp1252"))


def emf_line(y: int = 300) -> bytes:
    """A line from left to right."""
    return emf_record(27, struct.pack("<ii", 40, y)) + emf_record(54, struct.pack("<ii", 800, y))


def emf(*records: bytes, whole: bool = True) -> bytes:
    """An EMF of 900 by 600 device units; without its last record where it is not to be whole."""
    face = "Arial".encode("utf-16-le").ljust(64, b"\0")
    font = struct.pack("<IiiiiiBBBBBBBB", 1, _FONT_HEIGHT, 0, 0, 0, 400, 0, 0, 0, 0, 0, 0, 0, 0) + face
    start = emf_record(18, struct.pack("<I", 1)) + emf_record(82, font.ljust(324, b"\0"))
    start += emf_record(37, struct.pack("<I", 1))
    body = (start if records else b"") + b"".join(records)
    end = emf_record(14, struct.pack("<III", 0, 16, 20))
    count = 2 + len(records) + (3 if records else 0)
    bounds, frame = (0, 0, 900, 600), (0, 0, 24_000, 16_000)
    header = struct.pack("<8i", *bounds, *frame) + b" EMF"
    header += struct.pack("<IIIHHIII", 0x10000, 108 + len(body) + len(end), count, 2, 0, 0, 0, 0)
    header += struct.pack("<iiii3Iii", 1200, 900, 320, 240, 0, 0, 0, 320_000, 240_000)
    return emf_record(1, header) + body + (end if whole else b"")


def wmf_record(function: int, data: bytes = b"") -> bytes:
    """A record of a WMF, padded to two bytes."""
    data += bytes(len(data) % 2)
    return struct.pack("<IH", 3 + len(data) // 2, function) + data


def wmf_text(text: str, y: int = 100) -> bytes:
    """META_TEXTOUT at the left."""
    coded = text.encode("cp1252")
    return wmf_record(0x0521, struct.pack("<H", len(coded)) + coded + bytes(len(coded) % 2) + struct.pack("<hh", y, 40))


def wmf_long_text(text: str, y: int = 200) -> bytes:
    """META_EXTTEXTOUT at the left, with a rectangle that does not clip."""
    coded = text.encode("cp1252")
    return wmf_record(0x0A32, struct.pack("<hhHH4h", y, 40, len(coded), 4, 0, 0, 900, 600) + coded)


def wmf_line(y: int = 300) -> bytes:
    """A line from left to right."""
    return wmf_record(0x0214, struct.pack("<hh", y, 40)) + wmf_record(0x0213, struct.pack("<hh", y, 800))


def wmf(*records: bytes, placeable: bool = True, whole: bool = True) -> bytes:
    """A WMF of 900 by 600 units."""
    font = struct.pack("<hhhhhBBBBBBBB", _FONT_HEIGHT, 0, 0, 0, 400, 0, 0, 0, 0, 0, 0, 0, 0) + b"Arial\0"
    start = wmf_record(0x0103, struct.pack("<H", 8)) + wmf_record(0x020B, struct.pack("<hh", 0, 0))
    start += wmf_record(0x020C, struct.pack("<hh", 600, 900)) + wmf_record(0x02FB, font)
    start += wmf_record(0x012D, struct.pack("<H", 0))
    body = (start if records else b"") + b"".join(records)
    end = wmf_record(0)
    header = struct.pack("<HHHIHIH", 1, 9, 0x300, (18 + len(body) + len(end)) // 2, 1, 200, 0)
    first = b""
    if placeable:
        first = struct.pack("<IH4hHI", 0x9AC6CDD7, 0, 0, 0, 900, 600, 96, 0)
        check = 0
        for (word,) in struct.iter_unpack("<H", first):
            check ^= word
        first += struct.pack("<H", check)
    return first + header + body + (end if whole else b"")
