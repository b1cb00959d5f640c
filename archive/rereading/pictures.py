"""How many pages an original has, and how much its pages and the copy's differ as pictures.

Both are drawn small and in grey, and compared by their ink (darkness): the share of it that is not in the same place,
0 for the same picture, 1 for two that share nothing (the Bray-Curtis dissimilarity). Letters of another font in the
same places give some tenths; a lost picture, a turned page or a lost line give more on that page.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pypdfium2
from PIL import Image, ImageChops, ImageFilter, ImageOps, ImageStat, UnidentifiedImageError

PICTURES = frozenset({"jpeg", "png", "tiff", "gif", "bmp", "jp2", "webp"})
_SIDE = 480
"""Longest side of a page as it is compared, in pixels: about 40 dpi of A4."""
_LEAST_INK = 0.002
"""Of a page all black: with less ink than this, what differs is measured against this."""
_MOST_PAGES = 20
_TURNS = tuple(range(2, 9))
_UNREADABLE = (
    *(pypdfium2.PdfiumError, UnidentifiedImageError, Image.DecompressionBombError, OSError, ValueError, SyntaxError),
    *(ArithmeticError, AssertionError, AttributeError, EOFError, LookupError, TypeError, RuntimeError, struct.error),
)
"""What the readers raise of a file they cannot read."""


def page_count(path: Path, family: str) -> int | None:
    """Pages of an original; None where its format has none of its own, or it cannot be read."""
    try:
        if family == "pdf":
            document = pypdfium2.PdfDocument(path)
            try:
                return len(document)
            finally:
                document.close()
        if family in PICTURES:
            with Image.open(path) as picture:
                return int(getattr(picture, "n_frames", 1))
    except _UNREADABLE:
        return None
    return None


def picture_difference(source: Path, family: str, copy: Path) -> float | None:
    """The largest difference of a page of the original (the first 20) and of the copy, 0 to 1; None where the
    original has no pages to draw or cannot be drawn."""
    if family != "pdf" and family not in PICTURES:
        return None
    worst: float | None = None
    pictures = family in PICTURES
    drawn = _frames(source) if pictures else _pdf_pages(source)
    try:
        for number, (one, other) in enumerate(zip(drawn, _pdf_pages(copy, pictures=pictures), strict=False)):
            if number == _MOST_PAGES:
                break
            worst = max(worst or 0.0, ink_difference(one, other))
    except _UNREADABLE:
        return None
    return worst


def ink_difference(one: Image.Image, other: Image.Image) -> float:
    """The difference of two grey pictures; the second is brought to the first one's size."""
    first = ImageOps.invert(one).filter(ImageFilter.BoxBlur(1))
    second = ImageOps.invert(other.resize(one.size, Image.Resampling.BOX) if other.size != one.size else other)
    second = second.filter(ImageFilter.BoxBlur(1))
    ink = (ImageStat.Stat(first).sum[0] + ImageStat.Stat(second).sum[0]) or 0.0
    floor = 2 * _LEAST_INK * 255 * one.width * one.height
    return min(1.0, ImageStat.Stat(ImageChops.difference(first, second)).sum[0] / max(ink, floor))


def _pdf_pages(path: Path, *, pictures: bool = False) -> Iterator[Image.Image]:
    """The pages of a PDF with their annotations and form fields; with `pictures`, only what their pictures cover."""
    document = pypdfium2.PdfDocument(path)
    try:
        if document.get_formtype() == pypdfium2.raw.FORMTYPE_ACRO_FORM:
            document.init_forms()
        for number in range(len(document)):
            page = document[number]
            try:
                crop = _covered(page) if pictures else (0, 0, 0, 0)
                width, height = page.get_size()
                across, up = width - crop[0] - crop[2], height - crop[1] - crop[3]
                # PDFium leaves out lines of a picture that it draws much smaller
                finer = 4 if pictures else 2
                scale = finer * _SIDE / max(1.0, across, up)
                drawn = page.render(scale=scale, crop=crop, grayscale=True, may_draw_forms=True)
                yield drawn.to_pil().convert("L").reduce(finer)
            finally:
                page.close()
    finally:
        document.close()


def _covered(page: pypdfium2.PdfPage) -> tuple[float, float, float, float]:
    """The margins (left, bottom, right, top) around a page's pictures; none where it is turned or has no picture."""
    places = [o.get_bounds() for o in page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE])]
    if not places or page.get_rotation():
        return 0, 0, 0, 0
    left, bottom, right, top = page.get_bbox()
    lefts, bottoms, rights, tops = zip(*places, strict=True)
    margins = (min(lefts) - left, min(bottoms) - bottom, right - max(rights), top - max(tops))
    return cast(tuple[float, float, float, float], tuple(max(0.0, m) for m in margins))


def _frames(path: Path) -> Iterator[Image.Image]:
    with Image.open(path) as picture:
        for number in range(int(getattr(picture, "n_frames", 1))):
            picture.seek(number)
            yield _grey(picture)


def _grey(picture: Image.Image) -> Image.Image:
    """A frame upright, on white, small, with its pixels as square as it says they are."""
    across, down = _resolution(picture)
    picture.load()  # which turns a TIFF upright by itself
    turn = picture.getexif().get(274)
    if turn in _TURNS:
        frame = ImageOps.exif_transpose(picture)
        if turn >= 5:
            across, down = down, across
    else:
        frame = picture.copy()  # text, bytes and fractions where the number should be turn nothing
    if frame.mode.startswith("I;16"):
        frame = frame.convert("I").point(lambda v: v * (1 / 257.0)).convert("L")
    elif frame.mode in ("I", "F"):
        frame = frame.convert("F")
        low, high = cast(tuple[float, float], frame.getextrema())
        scale = 255.0 / ((high - low) or 1.0)
        frame = frame.point(lambda v: v * scale - low * scale).convert("L")
    if "A" in frame.getbands() or "transparency" in frame.info:
        frame = frame.convert("RGBA")
        white = Image.new("RGBA", frame.size, "white")
        frame = Image.alpha_composite(white, frame)
    frame = frame.convert("L")
    width, height = frame.width / across, frame.height / down
    scale = _SIDE / max(width, height)
    return frame.resize((max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.BOX)


def _resolution(picture: Image.Image) -> tuple[float, float]:
    dpi = picture.info.get("dpi", (1, 1))
    try:
        across, down = float(dpi[0]), float(dpi[1])
    except (TypeError, ValueError, IndexError):
        return 1.0, 1.0
    return (across, down) if across > 0 and down > 0 and 0.25 < across / down < 4 else (1.0, 1.0)
