"""TIFF directories, read as they lie in the file: what each page is, and where its strips or tiles are.

PDF knows several of TIFF's codings (fax Group 4, JPEG, Deflate), so such pages need not be decoded: each strip or tile
becomes an image of its own, laid beside the others, and no pixel can change. Source: TIFF 6.0, its technical notes 1
and 2, the BigTIFF design.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

Tags = dict[int, tuple[float, ...]]

_SIZES = {1: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 13: 4, 16: 8, 18: 8}
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 7: "B", 13: "I", 16: "Q", 18: "Q"}
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_OFFSETS, _ORIENTATION, _SAMPLES, _ROWS, _COUNTS, _PLANAR = 273, 274, 277, 278, 279, 284
_X_DPI, _Y_DPI, _T6, _UNIT = 282, 283, 293, 296
_SUBFILE, _TILE_WIDTH, _TILE_LENGTH, _TILE_OFFSETS, _TILE_COUNTS = 254, 322, 323, 324, 325
_REDUCED_OR_MASK = 0b101
_GROUP_4 = 4
_CENTIMETRE = 3
_MOST_VALUES = 1 << 20
_REVERSED = bytes(int(f"{b:08b}"[::-1], 2) for b in range(256))
_END_OF_BLOCK = 0x001001  # T.6: two end-of-line codes
# No two codes of T.6 side by side have as many zeros.
_NO_FAX_CODE = b"\0" * 4


@dataclass(frozen=True, slots=True)
class Segment:
    """A strip or tile: where its bytes are, where its pixels belong and how many it codes (a tile may reach over the
    page's edge)."""

    offset: int
    size: int
    left: int
    top: int
    columns: int
    rows: int


@dataclass(frozen=True, slots=True)
class TiffPage:
    """What a TIFF directory says of a page."""

    width: int
    height: int
    bits: int
    samples: int
    compression: int
    photometric: int
    orientation: int
    dpi: tuple[float, float] | None
    subordinate: bool
    """A reduced copy or mask of another page, not a page."""
    segments: tuple[Segment, ...] | None
    """Row by row; None where they do not cover the page exactly, lie outside the file, or hold a plane each."""
    plain_fax: bool
    """Group 4 of one bit, nothing unusual."""
    reverse_bits: bool
    tags: Tags

    @property
    def white_is_zero(self) -> bool:
        """Whether the least value is white."""
        return self.photometric == 0


def pages(content: bytes, most: int) -> list[TiffPage] | None:
    """The pages of a TIFF, or None where its directories are broken (a decoder may still cope).

    Stops after `most` + 1 pages.
    """
    try:
        result = []
        for found in _directories(content):
            result.append(_page(found, len(content)))
            if len(result) > most:
                break
        return result or None
    except (struct.error, ValueError, IndexError, ZeroDivisionError, OverflowError):
        return None


def tags(content: bytes, number: int) -> Tags:
    """The numeric tags of a page. Raises ValueError, IndexError or struct.error where there is no such page."""
    for i, found in enumerate(_directories(content)):
        if i == number:
            return found
    raise IndexError("no such page")


def coded(content: bytes, segment: Segment, page: TiffPage) -> bytes:
    """The bytes of a segment, in the bit order PDF wants (most significant first)."""
    found = content[segment.offset : segment.offset + segment.size]
    return found.translate(_REVERSED) if page.reverse_bits else found


def ends_early(content: bytes) -> bool:
    """Whether a directory, or a strip that one names, lies behind the end of the file."""
    try:
        for found in _directories(content):
            for places, counts in ((_OFFSETS, _COUNTS), (_TILE_OFFSETS, _TILE_COUNTS)):
                ends = (a + b for a, b in zip(found.get(places, ()), found.get(counts, ()), strict=False))
                if any(end > len(content) for end in ends):
                    return True
    except struct.error:
        return True
    except (ValueError, IndexError, ZeroDivisionError, OverflowError) as e:
        return "outside" in str(e)
    return False


def fax_has_end(data: bytes) -> bool:
    """Whether Group 4 bytes end with the mark that most encoders write."""
    tail = int.from_bytes(data.rstrip(b"\0")[-4:], "big")
    return any(tail >> shift & 0xFFFFFF == _END_OF_BLOCK for shift in range(8))


def fax_has_hole(data: bytes) -> bool:
    """Whether Group 4 bytes hold a stretch that is no code, as where a disk lost a sector; libtiff says nothing of it.

    Damage that happens to be codes again is not found without decoding.
    """
    return _NO_FAX_CODE in data.rstrip(b"\0")


def _directories(content: bytes) -> Iterator[Tags]:
    order = {b"II": "<", b"MM": ">"}.get(content[:2], "<")
    (version,) = struct.unpack_from(order + "H", content, 2)
    if content[:2] not in (b"II", b"MM") or version not in (42, 43):
        raise ValueError("not a TIFF")
    big = version == 43
    at: int
    (at,) = struct.unpack_from(order + ("Q" if big else "I"), content, 8 if big else 4)
    seen: set[int] = set()
    entry, count_code = (20, "Q") if big else (12, "H")
    while at and at not in seen:
        seen.add(at)
        (count,) = struct.unpack_from(order + count_code, content, at)
        if count > 0xFFFF:
            raise ValueError("too many tags")
        first = at + (8 if big else 2)
        yield {tag: values for i in range(count) for tag, values in _entry(content, order, first + entry * i, big=big)}
        (at,) = struct.unpack_from(order + ("Q" if big else "I"), content, first + entry * count)


def _entry(content: bytes, order: str, at: int, *, big: bool) -> Iterator[tuple[int, tuple[float, ...]]]:
    tag, kind, count = struct.unpack_from(order + ("HHQ" if big else "HHI"), content, at)
    size = _SIZES.get(kind, 0) * count
    if not size or count > _MOST_VALUES:
        return
    place = at + (12 if big else 8)
    if size > (8 if big else 4):
        (place,) = struct.unpack_from(order + ("Q" if big else "I"), content, place)
    if place + size > len(content):
        if tag in (_OFFSETS, _COUNTS, _TILE_OFFSETS, _TILE_COUNTS):
            raise ValueError("a list of strips lies outside the file")
        return
    if kind == 5:
        numbers = struct.unpack_from(f"{order}{2 * count}I", content, place)
        yield tag, tuple(n / d if d else 0.0 for n, d in zip(numbers[::2], numbers[1::2], strict=True))
    else:
        yield tag, struct.unpack_from(f"{order}{count}{_CODES[kind]}", content, place)


def _page(found: Tags, size: int) -> TiffPage:
    def one(tag: int, default: int) -> int:
        return int(found.get(tag, (default,))[0])

    width, height, photometric = one(_WIDTH, 0), one(_HEIGHT, 0), one(_PHOTOMETRIC, 0)
    samples = one(_SAMPLES, 3 if photometric in (2, 6) else 1)
    scale = 2.54 if one(_UNIT, 2) == _CENTIMETRE else 1.0
    dpi = (found[_X_DPI][0] * scale, found[_Y_DPI][0] * scale) if _X_DPI in found and _Y_DPI in found else None
    bits = max(map(int, found.get(_BITS, (1,))))
    one_plane = one(_PLANAR, 1) == 1 or samples == 1
    compression, fill = one(_COMPRESSION, 1), one(_FILL_ORDER, 1)
    return TiffPage(
        width=width,
        height=height,
        bits=bits,
        samples=samples,
        compression=compression,
        photometric=photometric,
        orientation=one(_ORIENTATION, 1),
        dpi=dpi,
        subordinate=bool(one(_SUBFILE, 0) & _REDUCED_OR_MASK),
        segments=_segments(found, width, height, size) if one_plane and width > 0 and height > 0 else None,
        plain_fax=compression == _GROUP_4
        and (bits, samples) == (1, 1)
        and photometric in (0, 1)
        and fill in (1, 2)
        and one(_T6, 0) == 0,
        reverse_bits=fill == 2,
        tags=found,
    )


def _segments(found: Tags, width: int, height: int, size: int) -> tuple[Segment, ...] | None:
    """The strips from top to bottom, or the tiles row by row."""
    tiled = _TILE_WIDTH in found
    offsets = found.get(_TILE_OFFSETS if tiled else _OFFSETS, found.get(_OFFSETS, ()))
    counts = found.get(_TILE_COUNTS if tiled else _COUNTS, found.get(_COUNTS, ()))
    columns = int(found[_TILE_WIDTH][0]) if tiled else width
    rows = int(found.get(_TILE_LENGTH, (0,))[0]) if tiled else min(int(found.get(_ROWS, (height,))[0]), height)
    if rows < 1 or columns < 1:
        return None
    across, down = -(-width // columns), -(-height // rows)
    if len(offsets) != len(counts) or len(offsets) != across * down:
        return None
    result = tuple(
        Segment(
            int(offset),
            int(count),
            i % across * columns,
            i // across * rows,
            columns,
            rows if tiled else min(rows, height - i * rows),
        )
        for i, (offset, count) in enumerate(zip(offsets, counts, strict=True))
    )
    return result if all(s.size > 0 and s.offset + s.size <= size for s in result) else None
