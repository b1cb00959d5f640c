"""TIFF pages of unusual samples (3 to 64 bits, signed, floating, planar), decoded here since Pillow refuses most of
them and misreads some: 16-bit colour in separate planes comes out of it as noise.

Scanners and X-ray modalities of 12 and 14 bits write such files. Source: TIFF 6.0 sections 4, 8, 9, 13, 14, 19; Adobe
Photoshop TIFF technical note 3 (floating point predictor). Results are reduced to 8 bits for the view.
"""

from __future__ import annotations

import io
import struct
import sys
import zlib
from array import array
from collections.abc import Sequence
from itertools import accumulate

from PIL import Image

from archive.normalise import strips

_OLD_JPEG = 6
_NONE, _LZW, _DEFLATE, _PACKBITS = (1,), (5,), (8, 32946), (32773,)
_BT601 = (0.299, 0.587, 0.114)
_MOST_SAMPLES = 64_000_000
_FLOATS = {16: "e", 32: "f", 64: "d"}
_INTEGERS = {8: "B", 16: "H", 32: "I", 64: "Q"}
_MODES = {(0, 1): "L", (1, 1): "L", (1, 2): "LA", (2, 3): "RGB", (2, 4): "RGBA", (5, 4): "CMYK", (6, 3): "YCbCr"}

Numbers = Sequence[float]


def unusual(page: strips.TiffPage) -> bool:
    """Whether the page should be decoded here first, and not only where Pillow fails."""
    return page.bits not in (1, 2, 4, 8, 16, 32) or (page.bits > 8 and page.samples > 1)


def decode(content: bytes, number: int) -> Image.Image | None:
    """The picture of a page, 8 bits a sample and not yet turned upright; None where its coding is not known here.

    Raises ValueError, IndexError, struct.error or zlib.error where the page is broken.
    """
    tags = strips.tags(content, number)

    def one(tag: int, default: int) -> int:
        return int(tags.get(tag, (default,))[0])

    width, height, samples = one(256, 0), one(257, 0), one(277, 1)
    if one(259, 1) == _OLD_JPEG:
        return _whole_jpeg(content[one(513, 0) : one(513, 0) + one(514, 0)], (width, height))
    depths = {int(v) for v in tags.get(258, (1,))}
    kinds = {int(v) for v in tags.get(339, (1,))}
    if one(262, 0) == 6 and one(284, 1) == 2 and samples == 3:
        return _subsampled_planes(content, tags)
    mode = _MODES.get((one(262, 0), samples))
    if mode is None or len(depths) != 1 or len(kinds) != 1 or one(266, 1) != 1 or (530 in tags and one(530, 1) != 1):
        return None
    bits, kind = depths.pop(), kinds.pop()
    if not 1 <= bits <= 64 or (kind == 3 and bits not in _FLOATS) or kind not in (1, 2, 3):
        return None
    if width * height * samples > _MOST_SAMPLES or not width or not height:
        raise ValueError("too many samples")
    order = ">" if content[:2] == b"MM" else "<"
    planar = one(284, 1) == 2 and samples > 1
    within = 1 if planar else samples
    tile = (one(322, 0), one(323, 0)) if 322 in tags else (width, min(one(278, height), height))
    if tile[0] < 1 or tile[1] < 1:
        raise ValueError("no tile size")
    offsets, counts = tags.get(324, tags.get(273, ())), tags.get(325, tags.get(279, ()))
    across, down = -(-width // tile[0]), -(-height // tile[1])
    planes = [bytearray(width * height * within) for _ in range(samples if planar else 1)]
    span = _span(bits, kind)
    grey = array("H") if samples == 1 and kind == 1 and 8 < bits <= 16 and tile[0] == width else None
    for index in range(across * down * len(planes)):
        plane, at = divmod(index, across * down)
        left, top = at % across * tile[0], at // across * tile[1]
        coded = content[int(offsets[index]) : int(offsets[index]) + int(counts[index])]
        row_bytes = -(-tile[0] * within * bits // 8)
        rows = min(tile[1], height - top)
        data = _expanded(coded, one(259, 1), row_bytes * rows)
        if data is None:
            return None
        for y in range(rows):
            row = data[y * row_bytes : (y + 1) * row_bytes]
            if len(row) < row_bytes:
                raise ValueError("a strip is too short")
            numbers = _numbers(row, tile[0] * within, bits, kind, order, one(317, 1), within)
            if grey is not None:
                grey.extend(numbers)  # type: ignore[arg-type]
                continue
            shown = _to_bytes(numbers[: min(tile[0], width - left) * within], bits, kind, span)
            start = ((top + y) * width + left) * within
            planes[plane][start : start + len(shown)] = shown
    if grey is not None:
        # Modalities use less than the range they declare: the brightest value there is sets the scale.
        shift = max(0, max(grey).bit_length() - 8)
        planes = [bytearray(v >> shift for v in grey)]
    pictures = [Image.frombytes("L" if planar else mode, (width, height), bytes(p)) for p in planes]
    picture = Image.merge(mode, pictures) if planar else pictures[0]
    return Image.eval(picture, lambda v: 255 - v) if one(262, 0) == 0 else picture


def _subsampled_planes(content: bytes, tags: strips.Tags) -> Image.Image | None:
    """Luminance and chrominance in planes of their own, the latter of less resolution (TIFF 6.0 section 21)."""

    def one(tag: int, default: int) -> int:
        return int(tags.get(tag, (default,))[0])

    across, down = (int(v) for v in tags.get(530, (2, 2)))
    offsets, counts = tags.get(273, ()), tags.get(279, ())
    if one(259, 1) == _OLD_JPEG or set(tags.get(258, (8,))) != {8} or 322 in tags or not 0 < across * down <= 16:
        return None
    if any(abs(a - b) > 0.001 for a, b in zip(tags.get(529, _BT601), _BT601, strict=False)):
        return None
    whole = (one(256, 0), one(257, 0))
    if whole[0] * whole[1] > _MOST_SAMPLES:
        raise ValueError("too many samples")
    rows = min(one(278, whole[1]), whole[1])
    strips_each = -(-whole[1] // rows)
    if len(offsets) != 3 * strips_each or len(counts) != len(offsets):
        raise ValueError("strips are missing")
    reference = tags.get(532, (0.0, 255.0, 128.0, 255.0, 128.0, 255.0))
    planes = []
    for plane in range(3):
        sub = (across, down) if plane else (1, 1)
        width, height = -(-whole[0] // sub[0]), -(-whole[1] // sub[1])
        data = bytearray()
        for i in range(plane * strips_each, (plane + 1) * strips_each):
            left = width * min(-(-rows // sub[1]), height - len(data) // width)
            part = _expanded(content[int(offsets[i]) : int(offsets[i]) + int(counts[i])], one(259, 1), left)
            if part is None or len(part) < left:
                raise ValueError("a strip is too short")
            data += part[:left]
        if one(317, 1) == 2:
            for y in range(0, len(data), width):
                data[y : y + width] = bytes(v & 255 for v in accumulate(data[y : y + width]))
        black, white = reference[2 * plane], reference[2 * plane + 1]
        picture = Image.frombytes("L", (width, height), bytes(data))
        if (black, white) not in ((0.0, 255.0), (128.0, 255.0)) and white > black:
            base, span = (128, 127) if plane else (0, 255)
            table = [min(255, max(0, round((v - black) * span / (white - black) + base))) for v in range(256)]
            picture = picture.point(table)
        planes.append(picture.resize(whole, Image.Resampling.BILINEAR) if picture.size != whole else picture)
    return Image.merge("YCbCr", planes).convert("RGB")


def _whole_jpeg(coded: bytes, size: tuple[int, int]) -> Image.Image | None:
    """Old-style JPEG whose tables and pixels lie together as a whole file (JPEGInterchangeFormat)."""
    if not coded.startswith(b"\xff\xd8"):
        return None
    picture = Image.open(io.BytesIO(coded))
    picture.load()
    return picture if picture.size == size else None


def _span(bits: int, kind: int) -> tuple[float, float]:
    """The least and the most value there may be; floating samples go from 0 to 1."""
    if kind == 3:
        return 0.0, 1.0
    most = float((1 << bits) - 1)
    return (-(most + 1) / 2, (most - 1) / 2) if kind == 2 else (0.0, most)


def _expanded(coded: bytes, compression: int, size: int) -> bytes | None:
    if compression in _NONE:
        return coded
    if compression in _DEFLATE:
        return zlib.decompressobj().decompress(coded, size)
    if compression in _PACKBITS:
        return _packbits(coded, size)
    return _lzw(coded, size) if compression in _LZW else None


def _packbits(coded: bytes, size: int) -> bytes:
    out, at = bytearray(), 0
    while at < len(coded) and len(out) < size:
        count = coded[at]
        if count < 128:
            out += coded[at + 1 : at + 2 + count]
            at += 2 + count
        else:
            out += coded[at + 1 : at + 2] * (257 - count if count > 128 else 0)
            at += 2 if count > 128 else 1
    return bytes(out)


def _lzw(coded: bytes, size: int) -> bytes:
    table = [bytes((i,)) for i in range(256)] + [b"", b""]
    out = bytearray()
    width, held, bits, previous = 9, 0, 0, b""
    for byte in coded:
        held, bits = held << 8 | byte, bits + 8
        if bits < width:
            continue
        bits -= width
        code = held >> bits
        held &= (1 << bits) - 1
        if code == 257 or len(out) >= size:
            break
        if code == 256:
            del table[258:]
            width, previous = 9, b""
            continue
        entry = table[code] if code < len(table) else previous + previous[:1]
        out += entry
        if previous:
            table.append(previous + entry[:1])
        previous = entry
        if len(table) + 1 >= 1 << width and width < 12:
            width += 1
    return bytes(out)


def _numbers(row: bytes, count: int, bits: int, kind: int, order: str, predictor: int, samples: int) -> Numbers:
    """The values of a row of samples, the predictor undone."""
    if predictor == 3 and kind == 3:
        size = bits // 8
        summed = [0] * len(row)
        for channel in range(samples):
            summed[channel::samples] = [v & 255 for v in accumulate(row[channel::samples])]
        planes = bytes(summed)
        row = b"".join(planes[i::count] for i in range(count)) if size > 1 else planes
        return struct.unpack(f">{count}{_FLOATS[bits]}", row)
    if kind == 3:
        return struct.unpack(f"{order}{count}{_FLOATS[bits]}", row)
    values: Sequence[int]
    if bits in _INTEGERS:
        packed = array(_INTEGERS[bits], row)
        if bits > 8 and (order == ">") != (sys.byteorder == "big"):
            packed.byteswap()
        values = packed
    else:
        values = _unpacked(row, count, bits)
    mask = (1 << bits) - 1
    if predictor == 2:
        summed = [0] * count
        for channel in range(samples):
            summed[channel::samples] = [v & mask for v in accumulate(values[channel::samples])]
        values = summed
    if kind == 2:
        half = 1 << (bits - 1)
        return [v - (v & half) * 2 for v in values]
    return values


def _unpacked(row: bytes, count: int, bits: int) -> list[int]:
    values, held, have, at = [], 0, 0, 0
    for _ in range(count):
        while have < bits:
            held, have, at = held << 8 | row[at], have + 8, at + 1
        have -= bits
        values.append(held >> have)
        held &= (1 << have) - 1
    return values


def _to_bytes(numbers: Numbers, bits: int, kind: int, span: tuple[float, float]) -> bytes:
    if kind == 1 and bits == 8:
        return bytes(numbers)  # type: ignore[arg-type]
    if kind == 1 and bits > 8:
        shift = bits - 8
        return bytes([v >> shift for v in numbers])  # type: ignore[operator]
    least, most = span
    scale = 255.0 / (most - least)
    return bytes([min(255, max(0, round((v - least) * scale))) if v == v else 0 for v in numbers])
