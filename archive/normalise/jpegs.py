"""JPEG streams, looked through without decoding: may their bytes go into a PDF as they are?

Also puts whole streams together of what TIFF keeps in pieces. Sources: ITU-T T.81 annex B; TIFF 6.0 section 22 and
technical note 2; Adobe technical note 5116 (the APP14 marker); ISO 32000-1, 7.4.8.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from archive.normalise.strips import Segment, TiffPage

OLD, NEW = 6, 7
"""TIFF's two ways with JPEG, as values of its tag Compression."""

_ADOBE_RGB = b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00\x00"
_TABLES = 347
_INTERCHANGE, _INTERCHANGE_LENGTH = 513, 514
_SHOWN = (0xC0, 0xC1, 0xC2)
"""Frames that PDF shows: sequential and progressive with Huffman codes."""
_ALL_FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_SOI, _EOI, _SOS, _DHT, _DQT, _APP0, _APP14 = 0xD8, 0xD9, 0xDA, 0xC4, 0xDB, 0xE0, 0xEE
_BETWEEN_SCANS = frozenset((_SOS, _DHT, _DQT, 0xDC, 0xDD, 0xFE))
_LOST = b"\0" * 64


@dataclass(frozen=True, slots=True)
class Stream:
    """What a JPEG stream says of itself. `components` are the ids of its colours."""

    width: int
    height: int
    bits: int
    components: bytes
    jfif: bool
    adobe: int | None
    """The colour transform that an Adobe marker declares."""
    whole: bool
    """It runs to its end marker without a stretch as where a disk lost a sector."""

    @property
    def rgb(self) -> bool:
        """Whether three colours are red, green and blue by its own marks, not luminance and chrominance; as libjpeg
        judges."""
        if len(self.components) != 3 or self.jfif:
            return False
        return self.components == b"RGB" if self.adobe is None else self.adobe == 0


def stream(data: bytes) -> Stream | None:
    """Look through a stream; None where it is none that PDF can show, or its structure is broken."""
    try:
        return _looked(data)
    except (struct.error, IndexError):
        return None


def _looked(data: bytes) -> Stream | None:
    frame: tuple[int, int, int, int, bytes] | None = None
    jfif, adobe, tables, start = False, None, set[int](), 0
    for marker, at, body in _headers(data):
        if marker in _ALL_FRAMES:
            if frame is not None or marker not in _SHOWN:
                return None
            bits, height, width, count = struct.unpack_from(">BHHB", body)
            frame = (marker, bits, width, height, body[6 : 6 + 3 * count : 3])
        elif marker == _APP0 and body.startswith(b"JFIF\0"):
            jfif = True
        elif marker == _APP14 and body.startswith(b"Adobe") and len(body) >= 12:
            adobe = body[11]
        elif marker == _SOS:
            start = at
        elif (marker == _DHT and not _huffman_tables(body)) or (marker == _DQT and not _quantisation_tables(body)):
            return None
        tables.add(marker)
    if frame is None or not start or not {_DHT, _DQT} <= tables or not frame[2] or not frame[3]:
        return None
    return Stream(frame[2], frame[3], frame[1], frame[4], jfif, adobe, _runs_to_its_end(data, start))


def _huffman_tables(body: bytes) -> bool:
    at = 0
    while at < len(body):
        at += 17 + sum(body[at + 1 : at + 17])
    return at == len(body) > 0


def _quantisation_tables(body: bytes) -> bool:
    at = 0
    while at < len(body):
        at += 129 if body[at] >> 4 else 65
    return at == len(body) > 0


def _headers(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Marker segments up to the first scan: marker, place behind it, content."""
    at = 2
    while True:
        while data[at] == 0xFF and data[at + 1] == 0xFF:
            at += 1
        if data[at] != 0xFF or data[at + 1] in (0x00, _SOI, _EOI):
            raise IndexError("no marker")
        marker = data[at + 1]
        (size,) = struct.unpack_from(">H", data, at + 2)
        if size < 2 or at + 2 + size > len(data):
            raise IndexError("a marker segment is too long")
        yield marker, at + 2 + size, data[at + 4 : at + 2 + size]
        at += 2 + size
        if marker == _SOS:
            return


def end(data: bytes) -> int | None:
    """Where a stream ends: behind its end marker, or before the next stream; None where it does neither.

    Raises IndexError or struct.error: its structure is broken.
    """
    *_, (_, at, _) = _headers(data)
    while (at := data.find(b"\xff", at)) >= 0:
        marker = data[at + 1]
        if marker == _EOI:
            return at + 2
        if marker == _SOI:
            return at
        if marker in _BETWEEN_SCANS:
            (size,) = struct.unpack_from(">H", data, at + 2)
            at += 2 + size
        else:
            at += 1 if marker == 0xFF else 2
    return None


def _runs_to_its_end(data: bytes, at: int) -> bool:
    begun, find = at, data.find
    while (at := find(b"\xff", at)) >= 0:
        marker = data[at + 1]
        if marker == 0 or 0xD0 <= marker <= 0xD7:
            at += 2
        elif marker == 0xFF:
            at += 1
        elif marker == _EOI:
            return find(_LOST, begun, at) < 0
        elif marker in _BETWEEN_SCANS:
            (size,) = struct.unpack_from(">H", data, at + 2)
            at += 2 + size
        else:
            return False
    return False


def of_tiff(content: bytes, page: TiffPage) -> list[tuple[Segment, bytes]] | None:
    """The strips or tiles of a TIFF page, each with a whole JPEG stream whose coded pixels are those of the file; None
    where a decoder must be asked."""
    colours = {(1, 0): 1, (1, 1): 1, (3, 2): 3, (3, 6): 3}.get((page.samples, page.photometric))
    if colours is None or page.bits != 8 or page.segments is None or page.reverse_bits:
        return None
    if page.compression == OLD:
        return _old(content, page, colours)
    tables = bytes(int(v) for v in page.tags.get(_TABLES, ()))
    result = []
    for segment in page.segments:
        data = content[segment.offset : segment.offset + segment.size]
        if tables:
            head = tables[:-2] if tables.endswith(b"\xff\xd9") else tables
            if not head.startswith(b"\xff\xd8") or not data.startswith(b"\xff\xd8"):
                return None
            data = head + data[2:]
        if (made := _fitting(data, segment, page, colours)) is None:
            return None
        result.append((segment, made))
    return result


def _fitting(data: bytes, segment: Segment, page: TiffPage, colours: int) -> bytes | None:
    found = stream(data)
    if found is None or not found.whole or found.bits != 8 or len(found.components) != colours:
        return None
    if (found.width, found.height) != (segment.columns, segment.rows):
        return None
    rgb = page.photometric == 2
    if colours == 3 and rgb != found.rgb:
        # TIFF's word counts, not the stream's marks; where there are none, one is added.
        if found.jfif or found.adobe is not None or not rgb:
            return None
        data = data[:2] + _ADOBE_RGB + data[2:]
    return data


def _old(content: bytes, page: TiffPage, colours: int) -> list[tuple[Segment, bytes]] | None:
    """Old-style JPEG where a whole stream of the page's size lies in the file; writers differ in where they say so."""
    starts = [int(page.tags[_INTERCHANGE][0])] if _INTERCHANGE in page.tags else []
    ends = {start + int(page.tags[_INTERCHANGE_LENGTH][0]) for start in starts if _INTERCHANGE_LENGTH in page.tags}
    for segment in page.segments or ():
        starts.append(segment.offset)
        ends.add(segment.offset + segment.size)
    whole = Segment(0, 0, 0, 0, page.width, page.height)
    for start in starts[:2]:
        for end in sorted(e for e in ends if e > start)[:2]:
            data = content[start:end].rstrip(b"\0")
            if data.startswith(b"\xff\xd8") and (made := _fitting(data, whole, page, colours)) is not None:
                return [(whole, made)]
    return None
