from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from pathlib import Path

import pikepdf
import pytest
from PIL import Image, ImageChops

from archive.normalise import jpegs, strips
from archive.normalise.contract import Limits, Made
from archive.normalise.image import image
from archive.reasons import Flag
from tests.pixels import raster
from tests.unit.test_image import alike, coded, fax, picture, rendered, same

LIMITS = Limits()
SIZE = (240, 320)


def made(tmp_path: Path, content: bytes) -> Made:
    (tmp_path / "source.tif").write_bytes(content)
    return image(tmp_path / "source.tif", tmp_path / "out.pdf", LIMITS)


def filters(pdf: Path) -> set[str]:
    with pikepdf.open(pdf) as opened:
        return {str(o.Filter) for page in opened.pages for o in page.Resources.XObject.values()}


def tiff(
    segments: list[bytes],
    tags: Mapping[int, tuple[int, ...]],
    *,
    order: str = "<",
    big: bool = False,
    tiled: bool = False,
) -> bytes:
    """A TIFF of one page put together by hand, classic or BigTIFF."""
    places, counts = (324, 325) if tiled else (273, 279)
    head = (16 if big else 8) if segments else 0
    content = bytearray(head)
    offsets = []
    for segment in segments:
        offsets.append(len(content))
        content += segment
    content += b"\0" * (-len(content) % 8)
    every = {**tags, places: tuple(offsets), counts: tuple(len(s) for s in segments)}
    directory = len(content)
    entry, room = (20, 8) if big else (12, 4)
    extra = directory + (8 if big else 2) + entry * len(every) + room
    body, tail = bytearray(struct.pack(order + ("Q" if big else "H"), len(every))), bytearray()
    for tag, values in sorted(every.items()):
        kind, code = (7, "B") if tag == 347 else (4, "I")
        data = struct.pack(f"{order}{len(values)}{code}", *values)
        body += struct.pack(order + ("HHQ" if big else "HHI"), tag, kind, len(values))
        if len(data) > room:
            body += struct.pack(order + ("Q" if big else "I"), extra + len(tail))
            tail += data
        else:
            body += data.ljust(room, b"\0")
    content += body + b"\0" * room + tail
    mark = b"II" if order == "<" else b"MM"
    version = struct.pack(order + "HHHQ", 43, 8, 0, directory) if big else struct.pack(order + "HI", 42, directory)
    content[: len(mark + version)] = mark + version
    return bytes(content)


def plain(mode: str, compression: int, photometric: int, **more: tuple[int, ...]) -> dict[int, tuple[int, ...]]:
    samples = len(Image.new(mode, (1, 1)).getbands())
    return {
        256: (SIZE[0],), 257: (SIZE[1],), 258: (8,) * samples, 259: (compression,), 262: (photometric,),
        277: (samples,), **{int(k[1:]): v for k, v in more.items()},
    }  # fmt: skip


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("big", [False, True])
def test_fax_in_every_byte_order_and_size_of_tiff(tmp_path: Path, order: str, big: bool) -> None:
    content = fax(picture("1"), t278=64)
    (page,) = strips.pages(content, 9) or []
    parts = [strips.coded(content, s, page) for s in page.segments or ()]
    tags = {256: (240,), 257: (320,), 258: (1,), 259: (4,), 262: (page.photometric,), 277: (1,), 278: (64,)}
    result = made(tmp_path, tiff(parts, tags, order=order, big=big))
    assert same(raster(result.pdf), picture("1"))
    assert filters(result.pdf) == {"/CCITTFaxDecode"}


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("rows", [320, 48])
def test_jpeg_strips_are_copied(tmp_path: Path, mode: str, rows: int) -> None:
    """What libtiff writes: tables apart, RGB or YCbCr with chrominance at half the resolution."""
    content = coded(picture(mode), "TIFF", compression="jpeg", quality=80, tiffinfo={278: rows})
    expected = Image.open(io.BytesIO(content))
    result = made(tmp_path, content)
    assert filters(result.pdf) == {"/DCTDecode"}
    assert not result.flags
    assert same(raster(result.pdf), expected)
    (page,) = strips.pages(content, 9) or []
    with pikepdf.open(result.pdf) as pdf:
        found = pdf.pages[0].Resources.XObject
        for i, s in enumerate(page.segments or ()):
            segment = content[s.offset : s.offset + s.size]
            scan = segment[segment.index(b"\xff\xda") :]
            assert found[f"/I{i}"].read_raw_bytes().endswith(scan)


def test_jpeg_tiles_are_copied_and_what_reaches_over_the_edge_is_not_shown(tmp_path: Path) -> None:
    whole = picture("RGB", (256, 384)).crop((0, 0, 256, 384))
    tiles = [
        coded(whole.crop((x, y, x + 128, y + 128)), "JPEG", quality=90, subsampling=2)
        for y in range(0, 384, 128)
        for x in range(0, 256, 128)
    ]
    tags = plain("RGB", 7, 6, t322=(128,), t323=(128,), t530=(2, 2))
    result = made(tmp_path, tiff(tiles, tags, tiled=True))
    assert filters(result.pdf) == {"/DCTDecode"}
    shown = raster(result.pdf)
    assert shown.size == SIZE
    expected = Image.new("RGB", (256, 384))
    for i, tile in enumerate(tiles):
        expected.paste(Image.open(io.BytesIO(tile)), (i % 2 * 128, i // 2 * 128))
    assert same(shown, expected.crop((0, 0, *SIZE)))


def test_colours_of_jpeg_are_what_the_tiff_says(tmp_path: Path) -> None:
    """RGB kept as RGB in a JPEG without any mark: a mark is added, the coded pixels stay."""
    jpeg = coded(picture("RGB"), "JPEG", quality=95, keep_rgb=True)
    at = jpeg.index(b"\xff\xee")
    bare = jpeg[:at] + jpeg[at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big") :]
    bare = bare.replace(b"\x03R\x11\x00G\x11\x00B\x11\x00", b"\x03\x01\x11\x00\x02\x11\x00\x03\x11\x00")
    scan = bare.index(b"\xff\xda")
    bare = bare[:scan] + bare[scan:].replace(b"\x03R\x00G\x00B\x00", b"\x03\x01\x00\x02\x00\x03\x00", 1)
    result = made(tmp_path, tiff([bare], plain("RGB", 7, 2, t278=(320,))))
    assert filters(result.pdf) == {"/DCTDecode"}
    assert same(raster(result.pdf), Image.open(io.BytesIO(jpeg)))
    contrary = coded(picture("RGB"), "JPEG", quality=95, subsampling=0)
    result = made(tmp_path, tiff([contrary], plain("RGB", 7, 2, t278=(320,))))
    assert filters(result.pdf) == {"/FlateDecode"}  # its own mark says YCbCr: left to a decoder that knows TIFF


@pytest.mark.parametrize("place", ["interchange", "strip"])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_old_style_jpeg_is_copied_whole(tmp_path: Path, place: str, mode: str) -> None:
    jpeg = coded(picture(mode), "JPEG", quality=85)
    tags = plain(mode, 6, 1 if mode == "L" else 6, t278=(320,))
    tags |= {513: (8,), 514: (len(jpeg),)} if place == "interchange" else {513: (14,), 514: (len(jpeg),)}
    result = made(tmp_path, tiff([jpeg], tags))
    with pikepdf.open(result.pdf) as pdf:
        assert pdf.pages[0].Resources.XObject.I0.read_raw_bytes() == jpeg


@pytest.mark.parametrize("mode", ["L", "RGB", "P"])
@pytest.mark.parametrize("predictor", [1, 2])
def test_deflate_is_copied(tmp_path: Path, mode: str, predictor: int) -> None:
    content = coded(picture(mode), "TIFF", compression="tiff_adobe_deflate", tiffinfo={317: predictor, 278: 64})
    (page,) = strips.pages(content, 9) or []
    first = (page.segments or ())[0]
    result = made(tmp_path, content)
    with pikepdf.open(result.pdf) as pdf:
        found = pdf.pages[0].Resources.XObject.I0.read_raw_bytes()
    assert found == content[first.offset : first.offset + first.size]
    assert same(raster(result.pdf).convert("RGB"), picture(mode).convert("RGB"))


@pytest.mark.parametrize("compression", ["tiff_lzw", "packbits", "raw", "group3", "tiff_ccitt"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_other_codings_keep_every_pixel(tmp_path: Path, compression: str, mode: str) -> None:
    if compression in ("group3", "tiff_ccitt") and mode != "1":
        pytest.skip("fax is of one bit")
    content = coded(picture(mode), "TIFF", compression=compression)
    result = made(tmp_path, content)
    assert not result.flags
    assert same(raster(result.pdf).convert("RGB"), picture(mode).convert("RGB"))


@pytest.mark.parametrize("photometric", [0, 1])
def test_grey_with_white_as_zero(tmp_path: Path, photometric: int) -> None:
    grey = picture("L")
    stored = ImageChops.invert(grey) if photometric == 0 else grey
    jpeg = coded(stored, "JPEG", quality=100)
    result = made(tmp_path, tiff([jpeg], plain("L", 7, photometric, t278=(320,))))
    assert filters(result.pdf) == {"/DCTDecode"}
    shown = rendered(result.pdf, SIZE).convert("L")
    assert alike(shown, grey)


@pytest.mark.parametrize(("across", "down"), [(1, 1), (2, 1), (2, 2), (4, 4)])
def test_chrominance_in_planes_of_its_own(tmp_path: Path, across: int, down: int) -> None:
    luma, blue, red = picture("RGB").convert("YCbCr").split()
    small = (-(-SIZE[0] // across), -(-SIZE[1] // down))
    planes = [luma, blue.resize(small), red.resize(small)]
    tags = plain("RGB", 1, 6, t284=(2,), t278=(320,), t530=(across, down))
    result = made(tmp_path, tiff([p.tobytes() for p in planes], tags))
    difference = ImageChops.difference(raster(result.pdf), picture("RGB")).convert("L").histogram()
    assert sum(i * n for i, n in enumerate(difference)) / sum(difference) < 3


def test_grey_with_transparency(tmp_path: Path) -> None:
    grey = picture("L")
    pixels = Image.merge("LA", (grey, Image.new("L", SIZE, 255)))
    result = made(tmp_path, tiff([pixels.tobytes()], plain("LA", 1, 1, t278=(320,), t338=(2,))))
    assert same(raster(result.pdf), grey)


def test_a_lost_sector_in_a_fax_is_flagged(tmp_path: Path) -> None:
    noise = Image.effect_noise((600, 800), 90).convert("1")
    content = bytearray(fax(noise, t278=800))
    (page,) = strips.pages(bytes(content), 9) or []
    (strip,) = page.segments or ()
    assert not made(tmp_path, bytes(content)).flags
    at = strip.offset + strip.size // 2
    content[at : at + 512] = bytes(512)
    assert [f.code for f in made(tmp_path, bytes(content)).flags] == [Flag.DECODED_LENIENTLY]


def test_a_fax_without_end_mark_is_whole_where_its_rows_are(tmp_path: Path) -> None:
    content = bytearray(fax(picture("1"), t278=320))
    (page,) = strips.pages(bytes(content), 9) or []
    (strip,) = page.segments or ()
    data = bytes(content[strip.offset : strip.offset + strip.size])
    assert strips.fax_has_end(data)
    number = int.from_bytes(data, "big")
    shift = next(i for i in range(8) if number >> i & 0xFFFFFF == 0x001001)
    without = (number >> shift + 24 << shift + 24).to_bytes(len(data), "big")
    assert not strips.fax_has_end(without)
    tags = {256: (240,), 257: (320,), 258: (1,), 259: (4,), 262: (page.photometric,), 277: (1,), 278: (320,)}
    result = made(tmp_path, tiff([without], tags))
    assert same(raster(result.pdf), picture("1"))


def test_a_page_of_many_strips_is_one_picture_of_the_same_pixels(tmp_path: Path) -> None:
    tall = Image.new("1", (16, 700), 1)
    tall.paste(0, (3, 5, 9, 690))
    result = made(tmp_path, fax(tall, t278=1))
    with pikepdf.open(result.pdf) as pdf:
        assert len(pdf.pages[0].Resources.XObject) == 1
    assert same(raster(result.pdf), tall)


def test_fax_pixels_that_are_not_square_stay_so(tmp_path: Path) -> None:
    content = coded(Image.new("1", (1728, 1143), 1), "TIFF", compression="group4", dpi=(20, 10))
    with pikepdf.open(made(tmp_path, content).pdf) as pdf:
        _, _, width, height = (float(v) for v in pdf.pages[0].MediaBox)
    assert height / width == pytest.approx(1143 * 2 / 1728, rel=0.001)


@pytest.mark.parametrize("damage", ["no end", "no tables", "arithmetic", "lost sector", "stray marker"])
def test_streams_that_must_not_be_copied(damage: str) -> None:
    jpeg = bytearray(coded(Image.effect_noise((200, 200), 80), "JPEG"))
    whole = jpegs.stream(bytes(jpeg))
    assert whole is not None
    assert whole.whole
    scan = jpeg.index(b"\xff\xda") + 40
    if damage == "no end":
        del jpeg[-2:]
    elif damage == "no tables":
        jpeg[:] = jpeg.replace(b"\xff\xc4", b"\xff\xfe")
    elif damage == "arithmetic":
        jpeg[:] = jpeg.replace(b"\xff\xc0", b"\xff\xc9")
    elif damage == "lost sector":
        jpeg[scan : scan + 512] = bytes(512)
    else:
        jpeg[scan : scan + 2] = b"\xff\xc0"
    found = jpegs.stream(bytes(jpeg))
    assert found is None or not found.whole
