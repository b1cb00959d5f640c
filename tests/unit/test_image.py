from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pikepdf
import pypdfium2
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageChops, ImageDraw, ImageFile, ImageOps

from archive.normalise import strips
from archive.normalise.contract import Limits, Made
from archive.normalise.image import image
from archive.reasons import DocumentProblem, Flag, Reason

LIMITS = Limits()


def picture(mode: str = "RGB", size: tuple[int, int] = (240, 320)) -> Image.Image:
    """Something without any symmetry."""
    made = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(made)
    draw.rectangle((2, 2, size[0] // 2, size[1] // 4), fill="red")
    draw.ellipse((size[0] // 2, size[1] // 2, size[0] - 5, size[1] - 5), fill="blue")
    draw.text((20, size[1] // 2), "Journal", fill="black")
    return made.convert(mode)


def coded(im: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    im.save(buffer, kind, **options)  # type: ignore[arg-type]
    return buffer.getvalue()


def made(tmp_path: Path, content: bytes, limits: Limits = LIMITS) -> Made:
    source = tmp_path / "source"
    source.write_bytes(content)
    out = tmp_path / "out.pdf"
    out.unlink(missing_ok=True)
    return image(source, out, limits)


def rendered(pdf: Path, size: tuple[int, int], page: int = 0) -> Image.Image:
    with pypdfium2.PdfDocument(pdf) as document:
        shown = document[page]
        return shown.render(scale=size[0] / shown.get_width()).to_pil().convert("RGB").resize(size)


def alike(a: Image.Image, b: Image.Image, tolerance: float = 4.0) -> bool:
    difference = ImageChops.difference(a.convert("RGB"), b.convert("RGB")).convert("L")
    histogram = difference.histogram()
    return sum(i * n for i, n in enumerate(histogram)) / sum(histogram) < tolerance


def same(a: Image.Image, b: Image.Image) -> bool:
    return a.size == b.size and ImageChops.difference(a.convert("RGB"), b.convert("RGB")).getbbox() is None


@contextmanager
def only_image(pdf: Path) -> Iterator[pikepdf.Object]:
    with pikepdf.open(pdf) as opened:
        (found,) = [o for page in opened.pages for o in page.Resources.XObject.values()]
        yield found


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("progressive", [False, True])
def test_jpeg_bytes_are_unchanged(tmp_path: Path, mode: str, progressive: bool) -> None:
    content = coded(picture(mode), "JPEG", quality=80, progressive=progressive, dpi=(150, 150))
    result = made(tmp_path, content)
    with only_image(result.pdf) as found:
        assert found.read_raw_bytes() == content
    assert alike(rendered(result.pdf, (240, 320)), picture(mode))
    assert not result.flags


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_png_pixels_are_unchanged(tmp_path: Path, mode: str) -> None:
    content = coded(picture(mode), "PNG")
    with only_image(made(tmp_path, content).pdf) as found:
        shown = pikepdf.PdfImage(found).as_pil_image()
    assert ImageChops.difference(shown.convert("RGB"), picture(mode).convert("RGB")).getbbox() is None


def test_sixteen_bit_png_keeps_its_depth(tmp_path: Path) -> None:
    content = coded(Image.new("I;16", (80, 80), 40000), "PNG")
    with only_image(made(tmp_path, content).pdf) as found:
        assert found.BitsPerComponent == 16


def test_interlaced_and_transparent_png(tmp_path: Path) -> None:
    transparent = picture("RGBA")
    transparent.putalpha(Image.linear_gradient("L").resize(transparent.size))
    result = made(tmp_path, coded(transparent, "PNG"))
    with pikepdf.open(result.pdf) as pdf:
        (found,) = pdf.pages[0].Resources.XObject.values()
        assert "/SMask" in found
    white = Image.new("RGB", transparent.size, "white")
    white.paste(transparent, mask=transparent.getchannel("A"))
    assert alike(rendered(result.pdf, white.size), white)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_orientation_is_honoured(tmp_path: Path, orientation: int, kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = coded(picture(), kind, exif=exif.tobytes() if kind != "TIFF" else exif)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(content)))
    assert alike(rendered(made(tmp_path, content).pdf, upright.size), upright)


def fax(im: Image.Image, **tags: int) -> bytes:
    return coded(im, "TIFF", compression="group4", dpi=(144, 144), tiffinfo={int(k[1:]): v for k, v in tags.items()})


def rows_of(pdf: Path) -> Image.Image:
    """The strips of the first page, decoded by the PDF library and put together."""
    with pikepdf.open(pdf) as opened:
        found = opened.pages[0].Resources.XObject
        parts = [pikepdf.PdfImage(found[f"/I{i}"]).as_pil_image().convert("1") for i in range(len(found))]
    whole = Image.new("1", (parts[0].width, sum(p.height for p in parts)))
    top = 0
    for part in parts:
        whole.paste(part, (0, top))
        top += part.height
    return whole


@pytest.mark.parametrize("rows", [320, 64, 33, 1])
def test_group4_strips_are_copied_and_decode_alike(tmp_path: Path, rows: int) -> None:
    content = fax(picture("1"), t278=rows)
    result = made(tmp_path, content)
    (page,) = strips.pages(content, 9) or []
    assert page.segments is not None
    assert len(page.segments) == -(-320 // rows)
    with pikepdf.open(result.pdf) as pdf:
        found = pdf.pages[0].Resources.XObject
        for i, strip in enumerate(page.segments):
            assert found[f"/I{i}"].read_raw_bytes() == content[strip.offset : strip.offset + strip.size]
    assert ImageChops.logical_xor(rows_of(result.pdf), picture("1")).getbbox() is None
    # 144 dpi: half a point a pixel, which single precision knows exactly.
    assert same(rendered(result.pdf, (240, 320)), picture("1"))


@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("fill_order", [1, 2])
def test_group4_photometry_and_bit_order(tmp_path: Path, photometric: int, fill_order: int) -> None:
    content = bytearray(fax(picture("1"), t278=320))
    (page,) = strips.pages(bytes(content), 9) or []
    assert page.segments is not None
    (strip,) = page.segments
    if fill_order == 2:
        area = slice(strip.offset, strip.offset + strip.size)
        content[area] = bytes(int(f"{b:08b}"[::-1], 2) for b in content[area])
    _set_tag(content, 262, photometric)
    _set_tag(content, 266, fill_order)
    expected = Image.open(io.BytesIO(bytes(content))).convert("1")
    result = made(tmp_path, bytes(content))
    assert not result.flags
    assert ImageChops.logical_xor(rows_of(result.pdf), expected).getbbox() is None


def _set_tag(content: bytearray, tag: int, value: int) -> None:
    (at,) = struct.unpack_from("<I", content, 4)
    (count,) = struct.unpack_from("<H", content, at)
    for i in range(count):
        place = at + 2 + 12 * i
        (found,) = struct.unpack_from("<H", content, place)
        if found == tag:
            struct.pack_into("<HII", content, place + 2, 3, 1, value)
            return
        if found in (266, 254, 274) or found > tag:
            continue
    # Not there: take the place of the software or date tag, keeping the rest sorted is not needed by readers of tags.
    for i in range(count):
        place = at + 2 + 12 * i
        if struct.unpack_from("<H", content, place)[0] in (282, 283, 296, 317, 305):
            struct.pack_into("<HHII", content, place, tag, 3, 1, value)
            return
    raise AssertionError("no room for the tag")


def test_every_page_of_a_tiff(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    pages = [picture("1"), picture("RGB", (100, 50)), picture("L")]
    pages[0].save(buffer, "TIFF", save_all=True, append_images=pages[1:])
    result = made(tmp_path, buffer.getvalue())
    with pypdfium2.PdfDocument(result.pdf) as document:
        assert len(document) == 3
    for i, page in enumerate(pages):
        if i != 1:
            assert alike(rendered(result.pdf, page.size, i), page, 12)


def test_page_size_follows_resolution_within_reason(tmp_path: Path) -> None:
    def size(dpi: tuple[int, int] | None, pixels: tuple[int, int]) -> tuple[float, float]:
        content = coded(Image.new("L", pixels), "PNG", **({"dpi": dpi} if dpi else {}))
        with pypdfium2.PdfDocument(made(tmp_path, content).pdf) as document:
            return document[0].get_size()

    assert size((200, 200), (1654, 2339)) == pytest.approx((595.4, 842.0), abs=0.5)
    assert size((204, 102), (1728, 1143)) == pytest.approx((609.9, 806.8), abs=0.5)
    assert size(None, (2480, 3508)) == pytest.approx((595.2, 841.9), abs=0.5)
    assert size((1, 1), (1, 1)) == (72, 72)
    assert max(size((100, 100), (30_000, 10))) <= 14_400


def test_cmyk_is_shown_in_rgb(tmp_path: Path) -> None:
    result = made(tmp_path, coded(picture("CMYK"), "JPEG", quality=95))
    assert [f.code for f in result.flags] == [Flag.PICTURE_REDUCED]
    with only_image(result.pdf) as found:
        assert found.ColorSpace == "/DeviceRGB"
    assert alike(rendered(result.pdf, (240, 320)), picture("CMYK").convert("RGB"), 8)


def test_sixteen_bits_are_reduced(tmp_path: Path) -> None:
    deep = Image.linear_gradient("L").convert("I").point(lambda v: v * 257).convert("I;16")
    result = made(tmp_path, coded(deep, "TIFF"))
    assert [f.code for f in result.flags] == [Flag.PICTURE_REDUCED]
    assert alike(rendered(result.pdf, (256, 256)), Image.linear_gradient("L"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_half_a_picture_is_shown_and_flagged(tmp_path: Path, kind: str) -> None:
    noise = Image.effect_noise((400, 400), 80).convert("RGB")
    content = coded(noise, kind)
    before = ImageFile.LOAD_TRUNCATED_IMAGES
    result = made(tmp_path, content[: len(content) * 2 // 3])
    assert [f.code for f in result.flags] == [Flag.DECODED_LENIENTLY]
    shown = rendered(result.pdf, (400, 400)).crop((0, 0, 400, 180))
    assert alike(shown, noise.crop((0, 0, 400, 180)), 12)
    assert ImageFile.LOAD_TRUNCATED_IMAGES is before


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 40_000, 40_000, 8, 2, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 1000)), (b"IEND", b""))
    )
    with pytest.raises(DocumentProblem) as problem:
        made(tmp_path, content)
    assert problem.value.reason is Reason.RESOURCE_LIMIT
    assert Image.MAX_IMAGE_PIXELS is not None


def test_a_tiff_with_endless_pages(tmp_path: Path) -> None:
    content = fax(picture("1"))
    with pytest.raises(DocumentProblem) as problem:
        buffer = io.BytesIO()
        Image.open(io.BytesIO(content)).save(buffer, "TIFF", save_all=True, append_images=[picture("1")] * 4)
        made(tmp_path, buffer.getvalue(), Limits(pages=3))
    assert problem.value.reason is Reason.RESOURCE_LIMIT


@pytest.mark.parametrize("content", [b"\xff\xd8\xff", b"II*\0\x08\0\0\0\x01\0", b"\x89PNG\r\n\x1a\n", b"GIF89a"])
def test_only_a_header_is_corrupt(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(DocumentProblem) as problem:
        made(tmp_path, content)
    assert problem.value.reason in (Reason.CORRUPT, Reason.TRUNCATED)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
@pytest.mark.parametrize("share", [0.02, 0.3])
def test_what_is_cut_before_anything_can_be_shown_is_truncated(tmp_path: Path, kind: str, share: float) -> None:
    content = coded(picture(), kind)
    try:
        flags = made(tmp_path, content[: max(20, int(len(content) * share))]).flags
    except DocumentProblem as problem:
        assert problem.reason is Reason.TRUNCATED
    else:
        assert [f.code for f in flags] == [Flag.DECODED_LENIENTLY]


def test_the_same_bytes_give_the_same_pdf(tmp_path: Path) -> None:
    content = fax(picture("1"))
    first = made(tmp_path, content).pdf.read_bytes()
    assert made(tmp_path, content).pdf.read_bytes() == first


def test_a_page_that_cannot_be_decoded_is_not_shown_as_black(tmp_path: Path) -> None:
    noise = Image.effect_noise((300, 300), 80).convert("RGB")
    content = bytearray(coded(noise, "TIFF", compression="jpeg"))
    for at in range(8, len(content) - 400):
        content[at] = 0
    with pytest.raises(DocumentProblem) as problem:
        made(tmp_path, bytes(content))
    assert problem.value.reason in (Reason.CORRUPT, Reason.TRUNCATED)


SEEDS = [
    coded(picture("RGB", (40, 30)), "JPEG"),
    coded(picture("P", (40, 30)), "PNG"),
    coded(picture("RGB", (40, 30)), "TIFF"),
    coded(picture("1", (40, 30)), "TIFF", compression="group4"),
    coded(picture("P", (40, 30)), "GIF"),
]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damage_is_a_problem_or_a_picture(tmp_path: Path, data: st.DataObject) -> None:
    content = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(2, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        result = made(tmp_path, bytes(content[: data.draw(st.integers(4, len(content)))]), Limits(pixels=10_000_000))
    except DocumentProblem:
        return
    with pypdfium2.PdfDocument(result.pdf) as document:
        assert len(document) >= 1
