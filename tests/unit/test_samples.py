from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image, ImageChops

from archive.normalise import samples, strips
from archive.normalise.samples import decode


def gradient(size: tuple[int, int] = (37, 21)) -> Image.Image:
    red = Image.linear_gradient("L").resize(size)
    return Image.merge("RGB", (red, red.rotate(90).resize(size), Image.radial_gradient("L").resize(size)))


def tiff(order: str, planes: list[bytes], size: tuple[int, int], **tags: tuple[int, ...] | int) -> bytes:
    """A TIFF of one strip a plane."""
    entries: dict[int, tuple[int, ...]] = {int(k[1:]): v if isinstance(v, tuple) else (v,) for k, v in tags.items()}
    entries |= {256: (size[0],), 257: (size[1],), 278: (size[1],), 279: tuple(map(len, planes))}
    at = 8
    offsets = []
    for plane in planes:
        offsets.append(at)
        at += len(plane)
    entries[273] = tuple(offsets)
    directory, extra = struct.pack(order + "H", len(entries)), b""
    after = at + 2 + 12 * len(entries) + 4
    for tag, values in sorted(entries.items()):
        packed = struct.pack(f"{order}{len(values)}I", *values)
        if len(packed) > 4:
            directory += struct.pack(order + "HHII", tag, 4, len(values), after + len(extra))
            extra += packed
        else:
            directory += struct.pack(order + "HHI", tag, 4, len(values)) + packed
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", at)
    return head + b"".join(planes) + directory + struct.pack(order + "I", 0) + extra


def same(a: Image.Image | None, b: Image.Image) -> bool:
    return a is not None and a.mode == b.mode and ImageChops.difference(a, b).getbbox() is None


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bit_planes(order: str) -> None:
    expected = gradient()
    planes = [struct.pack(f"{order}{37 * 21}H", *(v << 8 | 7 for v in band.tobytes())) for band in expected.split()]
    content = tiff(order, planes, (37, 21), t258=(16, 16, 16), t262=2, t277=3, t284=2)
    assert samples.unusual((strips.pages(content, 2) or [])[0])
    assert same(decode(content, 0), expected)


@pytest.mark.parametrize("bits", [3, 5, 12, 14, 24])
def test_packed_samples(bits: int) -> None:
    values = [(i * 37) % (1 << bits) for i in range(40 * 10)]
    values[5] = (1 << bits) - 1
    rows = []
    for y in range(10):
        number = 0
        for v in values[y * 40 : y * 40 + 40]:
            number = number << bits | v
        width = -(-40 * bits // 8)
        rows.append((number << (width * 8 - 40 * bits)).to_bytes(width, "big"))
    found = decode(tiff("<", [b"".join(rows)], (40, 10), t258=bits, t262=1), 0)
    assert found is not None
    most = (1 << bits) - 1
    assert all(abs(got - v * 255 / most) <= 1 for got, v in zip(found.tobytes(), values, strict=True))


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "packbits", "tiff_adobe_deflate"])
@pytest.mark.parametrize("predictor", [1, 2])
def test_as_pillow_decodes_what_libtiff_wrote(compression: str, predictor: int) -> None:
    expected = gradient((300, 200))
    buffer = io.BytesIO()
    info = {317: predictor} if predictor > 1 and compression in ("tiff_lzw", "tiff_adobe_deflate") else {}
    expected.save(buffer, "TIFF", compression=compression, tiffinfo=info)
    assert same(decode(buffer.getvalue(), 0), expected)


def test_dark_modalities_are_scaled_by_their_brightest() -> None:
    content = tiff("<", [struct.pack("<4H", 0, 1000, 2000, 4095)], (4, 1), t258=16, t262=1)
    found = decode(content, 0)
    assert found is not None
    assert found.tobytes() == bytes([0, 62, 125, 255])


def test_white_is_zero() -> None:
    found = decode(tiff("<", [struct.pack("<2H", 0, 65535)], (2, 1), t258=16, t262=0), 0)
    assert found is not None
    assert found.tobytes() == b"\xff\0"


def test_floats() -> None:
    found = decode(tiff(">", [struct.pack(">4d", 0, 0.5, 1, float("nan"))], (4, 1), t258=64, t262=1, t339=3), 0)
    assert found is not None
    assert found.tobytes() == bytes([0, 128, 255, 0])


def test_deflated_with_predictor_of_16_bits() -> None:
    rows = b"".join(struct.pack("<3H", 1000 * y, 500, 65535) for y in range(5))
    found = decode(tiff("<", [zlib.compress(rows)], (3, 5), t258=16, t262=1, t259=8, t317=2), 0)
    assert found is not None
    # The brightest value, 4500, has 13 bits: five go.
    assert found.tobytes()[3:6] == bytes([1000 >> 5, 1500 >> 5, (1500 + 65535) % 65536 >> 5])


def test_old_style_jpeg_that_is_a_whole_file() -> None:
    expected = gradient((64, 48)).convert("L")
    buffer = io.BytesIO()
    expected.save(buffer, "JPEG", quality=95)
    coded = buffer.getvalue()
    content = tiff("<", [coded], (64, 48), t258=8, t262=1, t259=6, t513=8, t514=len(coded))
    found = decode(content, 0)
    assert found is not None
    assert found.size == (64, 48)


@pytest.mark.parametrize("tags", [{"t258": 16, "t262": 1, "t259": 7}, {"t258": (8, 16), "t262": 2, "t277": 3}])
def test_what_is_not_known_here(tags: dict[str, int | tuple[int, ...]]) -> None:
    assert decode(tiff("<", [b"\0" * 100], (3, 3), **tags), 0) is None


def test_a_short_strip_is_no_picture() -> None:
    with pytest.raises(ValueError, match="too short"):
        decode(tiff("<", [b"\0\0"], (30, 3), t258=16, t262=1), 0)
